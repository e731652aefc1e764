// === registration: what a process and its threads tell the kernel before their first section =======
//
// Sections are compiled for one ABI, and so is this file: abi() is a constant, the branches of the
// other ABIs are gone from the program.
//
//   abi            process                             thread
//   turner google  SET_CRITICAL, one range             SET_CPU_POINTER, the word in the area
//   event-counter  -                                   rseq(area, 0)
//   percpu-signal  rt_sigaction, a handler             percpu(area, 0)
//   linux          the table of descriptors            rseq(area, 32, 0, signature), linux-v2: 64
//   ras            rasctl, once a section              -

import { Errno } from '../src/abi/errno';
import {
  RSEQ_CS_ABORT,
  RSEQ_CS_BYTES,
  RSEQ_CS_LENGTH,
  RSEQ_CS_START,
  RSEQ_LEGACY_BYTES,
  RSEQ_SIG,
  RSEQ_V2_ALIGN,
} from '../src/abi/linux-rseq';
import {
  PERCPU_GENERATION,
  PERCPU_SIGNAL,
  PERCPU_SIGNAL_SENT,
  PERCPU_SIGNO,
} from '../src/abi/percpu-signal';
import { Abi } from '../src/abi/personality';
import { RasOp } from '../src/abi/ras';
import { RseqOp } from '../src/abi/rseq';
import {
  SIGACTION_BYTES,
  SIGACTION_FLAGS,
  SIGACTION_HANDLER,
  SIGACTION_MASK,
} from '../src/abi/signal';
import { Sysno } from '../src/abi/syscall';
import { TCB_AREA, TCB_CPU_ID } from '../src/abi/thread';
import { abi } from './abi';
import { nrCpus, rtSigaction, syscall } from './sys';
import { threadPointer } from './tcb';

// @ts-ignore: decorator
@external("rseq", "critical_start")
declare function criticalStart(): i32;
// @ts-ignore: decorator
@external("rseq", "critical_end")
declare function criticalEnd(): i32;
// @ts-ignore: decorator
@external("rseq", "critical_restart")
declare function criticalRestart(): i32;
/** Sections of this module, copies included. */
// @ts-ignore: decorator
@external("rseq", "section_count")
declare function sectionCount(): i32;
/** Copy the descriptors of all sections to `table`, which the sections use from then on. */
// @ts-ignore: decorator
@external("rseq", "init_descriptors")
declare function initDescriptors(table: usize): void;
/** What the module's code addresses were moved by. */
// @ts-ignore: decorator
@external("rseq", "load_bias")
declare function loadBias(): i32;

/** Set by the first thread that registers: threads spawned from then on register by themselves. */
let isProcessRegistered: bool = false;

/** Once for the process. Returns 0 or a negative errno. */
export function registerProcess(): i32 {
  if (isProcessRegistered) return 0;
  let result = 0;
  if (abi() == Abi.Turner || abi() == Abi.Google) result = setCritical();
  else if (abi() == Abi.PercpuSignal) result = handlePreemption();
  else if (abi() == Abi.Linux || abi() == Abi.LinuxV2) makeDescriptors();
  else if (abi() == Abi.Ras) result = installSequences();
  if (result == 0) isProcessRegistered = true;
  return result;
}

/** For the calling thread, which has its control block. Returns 0 or a negative errno. */
export function registerThread(): i32 {
  const area = <i32>threadPointer() + TCB_AREA;
  switch (abi()) {
    case Abi.Turner:
    case Abi.Google:
      return restartableSequences(RseqOp.SetCpuPointer, <i32>threadPointer() + TCB_CPU_ID, 0, 0);
    case Abi.EventCounter:
      return syscall(Sysno.RestartableSequences, area, 0, 0, 0, 0, 0);
    case Abi.PercpuSignal:
      store<i32>(area, PERCPU_SIGNAL, PERCPU_SIGNO);
      return syscall(Sysno.RestartableSequences, area, 0, 0, 0, 0, 0);
    case Abi.Linux:
      return registerArea(area, RSEQ_LEGACY_BYTES);
    case Abi.LinuxV2:
      return registerArea(area, RSEQ_V2_ALIGN);
    default:
      return 0;
  }
}

/** What a new thread does first. */
export function registerNewThread(): void {
  if (isProcessRegistered) registerThread();
}

function setCritical(): i32 {
  if (criticalStart() == criticalEnd()) return 0;
  return restartableSequences(
    RseqOp.SetCritical,
    criticalStart(),
    criticalEnd(),
    criticalRestart(),
  );
}

function restartableSequences(op: i32, val1: i32, val2: i32, val3: i32): i32 {
  return syscall(Sysno.RestartableSequences, op, 0, val1, val2, val3, 0);
}

/** EBUSY: this very area is registered, so all is well. */
function registerArea(area: i32, length: i32): i32 {
  const result = syscall(Sysno.Rseq, area, length, 0, RSEQ_SIG, 0, 0);
  return result == -Errno.EBUSY ? 0 : result;
}

/** The kernel reads descriptors at any time from now on: they are never freed. */
function makeDescriptors(): usize {
  const bytes = <usize>sectionCount() * RSEQ_CS_BYTES;
  const table = (heap.alloc(bytes + RSEQ_CS_BYTES) + RSEQ_CS_BYTES - 1) & ~(RSEQ_CS_BYTES - 1);
  initDescriptors(table);
  for (let at = table; at < table + bytes; at += RSEQ_CS_BYTES) {
    store<u64>(at, load<u64>(at, RSEQ_CS_START) + loadBias(), RSEQ_CS_START);
    store<u64>(at, load<u64>(at, RSEQ_CS_ABORT) + loadBias(), RSEQ_CS_ABORT);
  }
  return table;
}

/** Sequences work on one CPU, and the kernel takes 16 of them at most. */
function installSequences(): i32 {
  if (nrCpus() > 1) return -Errno.EOPNOTSUPP;
  const table = makeDescriptors();
  for (let index = 0; index < sectionCount(); index++) {
    const descriptor = table + <usize>index * RSEQ_CS_BYTES;
    const start = load<i32>(descriptor, RSEQ_CS_START);
    const length = load<i32>(descriptor, RSEQ_CS_LENGTH);
    const result = syscall(Sysno.Rasctl, start, length, RasOp.Install, 0, 0, 0);
    if (result < 0) return result;
  }
  return 0;
}

function handlePreemption(): i32 {
  const handler: (signo: i32) => void = onPreemption;
  const action = heap.alloc(SIGACTION_BYTES);
  store<u32>(action, handler.index, SIGACTION_HANDLER);
  store<u32>(action, 0, SIGACTION_FLAGS);
  store<u64>(action, 0, SIGACTION_MASK);
  const result = rtSigaction(PERCPU_SIGNAL, action, 0);
  heap.free(action);
  return result;
}

/** The thread was switched out in a section: a new generation restarts every section it is in. */
function onPreemption(_signo: i32): void {
  const area = threadPointer() + TCB_AREA;
  store<i32>(area, load<i32>(area, PERCPU_GENERATION) + 1, PERCPU_GENERATION);
  // Last: another signal would change nothing until here.
  store<i32>(area, 0, PERCPU_SIGNAL_SENT);
}
