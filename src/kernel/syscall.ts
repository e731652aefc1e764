// The system call table. A handler decodes its arguments, calls the subsystem that knows, and
// returns the result: 0 or more, or a negative errno. Pointers are unsigned 32-bit.

import { Errno } from '../abi/errno.js';
import {
  ARCH_SET_PERCPU,
  CLONE_CHILD_SETTID,
  CLONE_THREAD_FLAGS,
  PATH_MAX,
  SysconfName,
  Sysno,
} from '../abi/syscall.js';
import { getAffinity, getCpu, type Placement, setAffinity } from './affinity.js';
import { archPrctl } from './arch-prctl.js';
import { type Files, isOutput } from './files.js';
import { futex, type Waking } from './futex.js';
import { type Fencing, membarrier } from './membarrier.js';
import type { Memory } from './memory.js';
import { copyPrice, randomPrice, THREAD_FUEL } from './prices.js';
import { getRandom, type RandomBytes } from './random-bytes.js';
import { isSignal, setAction, setMask, signalContext } from './signal.js';
import type { Thread } from './thread.js';
import { clockGettime, clockNanosleep, nanosleep, type Timekeeping } from './time.js';

/** What a program can ask about its boot. */
export interface BootParameters {
  readonly threads: number;
  readonly args: readonly Uint8Array[];
}

/** The services of the kernel that system calls are made of. */
export interface Services extends Placement, Timekeeping, Waking, Fencing {
  readonly files: Files;
  readonly random: RandomBytes;
  readonly boot: BootParameters;
  /** Have the run pay for what a call does besides being made. */
  charge(fuel: number): void;
  clone(parent: Thread, entry: number, argument: number, tls: number): number;
  yield(thread: Thread): number;
  setOnline(cpu: number, isOnline: boolean): number;
  join(thread: Thread, tid: number, status: number): number | undefined;
  exitThread(thread: Thread, status: number): undefined;
  exitGroup(thread: Thread, status: number): undefined;
  signal(target: Thread, signo: number): void;
  returnFromSignal(thread: Thread): undefined;
  abort(thread: Thread, args: Int32Array): undefined;
}

/** The result, or undefined when the thread does not return from the call now: it blocks or ends. */
export type SyscallHandler = (
  thread: Thread,
  args: Int32Array,
  kernel: Services,
) => number | undefined;

/** Most bytes of one read or write, as in Linux. */
const MAX_TRANSFER = 0x7ffff000;
/** Bytes that a write copies at a time: no length makes the host allocate more. */
const CHUNK_BYTES = 65536;

export const SYSCALLS: ReadonlyMap<number, SyscallHandler> = new Map<number, SyscallHandler>([
  [
    Sysno.Read,
    (thread, [fd = 0, buffer = 0, length = 0], kernel) => {
      const bytes = kernel.files.peek(fd, Math.min(length >>> 0, MAX_TRANSFER));
      if (bytes === undefined) return -Errno.EBADF;
      kernel.charge(copyPrice(bytes.length));
      if (!thread.process.memory.copyOut(buffer >>> 0, bytes)) return -Errno.EFAULT;
      return kernel.files.advance(fd, bytes.length);
    },
  ],
  [
    Sysno.Write,
    (thread, [fd = 0, buffer = 0, length = 0], kernel) => {
      if (!isOutput(fd)) return -Errno.EBADF;
      return write(kernel, thread.process.memory, fd, buffer >>> 0, length >>> 0);
    },
  ],
  [
    Sysno.Open,
    (thread, [path = 0, flags = 0], kernel) =>
      openFile(kernel.files, thread.process.memory, path >>> 0, flags),
  ],
  [Sysno.Close, (_thread, [fd = 0], kernel) => kernel.files.close(fd)],
  [
    Sysno.RtSigaction,
    (thread, [signo = 0, action = 0, old = 0, bytes = 0], kernel) => {
      if (action !== 0) chargeThreads(kernel, thread);
      return setAction(thread, signo, action >>> 0, old >>> 0, bytes);
    },
  ],
  [
    Sysno.RtSigprocmask,
    (thread, [how = 0, set = 0, old = 0, bytes = 0]) =>
      setMask(thread, how, set >>> 0, old >>> 0, bytes),
  ],
  [Sysno.RtSigreturn, (thread, _args, kernel) => kernel.returnFromSignal(thread)],
  [Sysno.SchedYield, (thread, _args, kernel) => kernel.yield(thread)],
  [
    Sysno.Nanosleep,
    (thread, [request = 0, remaining = 0], kernel) =>
      nanosleep(kernel, thread, request >>> 0, remaining >>> 0),
  ],
  [Sysno.Getpid, (thread) => thread.process.pid],
  [
    Sysno.Clone,
    (thread, [flags = 0, entry = 0, argument = 0, tls = 0, childTid = 0], kernel) => {
      const isThread = (flags & ~CLONE_CHILD_SETTID) === CLONE_THREAD_FLAGS;
      if (!isThread || entry === 0) return -Errno.EINVAL;
      const tid = kernel.clone(thread, entry, argument, tls);
      // As in Linux, an address that cannot be written is nobody's error.
      const isTold = tid > 0 && (flags & CLONE_CHILD_SETTID) !== 0;
      if (isTold) thread.process.memory.storeI32(childTid >>> 0, tid);
      return tid;
    },
  ],
  [Sysno.Exit, (thread, [status = 0], kernel) => kernel.exitThread(thread, status)],
  [
    Sysno.ArchPrctl,
    (thread, [code = 0, address = 0, stride = 0], kernel) => {
      if (code === ARCH_SET_PERCPU) chargeThreads(kernel, thread);
      return archPrctl(thread, code, address, stride);
    },
  ],
  [Sysno.Gettid, (thread) => thread.tid],
  [Sysno.Futex, (thread, args, kernel) => futex(kernel, thread, args)],
  [
    Sysno.SchedSetaffinity,
    (thread, [tid = 0, length = 0, mask = 0], kernel) =>
      setAffinity(kernel, thread, tid, length >>> 0, mask >>> 0),
  ],
  [
    Sysno.SchedGetaffinity,
    (thread, [tid = 0, length = 0, mask = 0], kernel) =>
      getAffinity(kernel, thread, tid, length >>> 0, mask >>> 0),
  ],
  [
    Sysno.ClockGettime,
    (thread, [clock = 0, time = 0], kernel) => clockGettime(kernel, thread, clock, time >>> 0),
  ],
  [
    Sysno.ClockNanosleep,
    (thread, [clock = 0, flags = 0, request = 0, remaining = 0], kernel) =>
      clockNanosleep(kernel, thread, clock, flags, request >>> 0, remaining >>> 0),
  ],
  [Sysno.ExitGroup, (thread, [status = 0], kernel) => kernel.exitGroup(thread, status)],
  [
    Sysno.Tgkill,
    (thread, [pid = 0, tid = 0, signo = 0], kernel) => {
      if (pid <= 0 || tid <= 0) return -Errno.EINVAL;
      const target = pid === thread.process.pid ? thread.process.threads.get(tid) : undefined;
      if (target === undefined || target.state === 'dead') return -Errno.ESRCH;
      if (signo === 0) return 0;
      if (!isSignal(signo)) return -Errno.EINVAL;
      kernel.signal(target, signo);
      return 0;
    },
  ],
  [Sysno.Getcpu, (thread, [cpu = 0, node = 0]) => getCpu(thread, cpu >>> 0, node >>> 0)],
  [
    Sysno.Getrandom,
    (thread, [buffer = 0, length = 0, flags = 0], kernel) => {
      const { memory } = thread.process;
      const made = getRandom(kernel.random, memory, buffer >>> 0, length >>> 0, flags);
      if (made > 0) kernel.charge(randomPrice(made));
      return made;
    },
  ],
  [
    Sysno.Membarrier,
    (thread, [command = 0, flags = 0, cpu = 0], kernel) =>
      membarrier(kernel, thread, command, flags, cpu),
  ],
  [Sysno.Join, (thread, [tid = 0, status = 0], kernel) => kernel.join(thread, tid, status >>> 0)],
  [Sysno.Abort, (thread, args, kernel) => kernel.abort(thread, args)],
  [
    Sysno.Sysconf,
    (_thread, [name = 0], kernel) => {
      if (name === SysconfName.NrCpus) return kernel.cpus.length;
      if (name === SysconfName.Threads) return kernel.boot.threads;
      return name === SysconfName.Arguments ? kernel.boot.args.length : -Errno.EINVAL;
    },
  ],
  [
    Sysno.Argument,
    (thread, [index = 0, buffer = 0, size = 0], kernel) => {
      const bytes = kernel.boot.args[index];
      if (bytes === undefined) return -Errno.ENOENT;
      const part = bytes.subarray(0, size >>> 0);
      kernel.charge(copyPrice(part.length));
      return thread.process.memory.copyOut(buffer >>> 0, part) ? bytes.length : -Errno.EFAULT;
    },
  ],
  [
    Sysno.SignalContext,
    (thread, [op = 0, depth = 0, register = 0, value = 0]) =>
      signalContext(thread, op, depth, register, value),
  ],
  [
    Sysno.SetCpuOnline,
    (_thread, [cpu = 0, online = 0], kernel) => {
      if (online !== 0 && online !== 1) return -Errno.EINVAL;
      return kernel.setOnline(cpu, online === 1);
    },
  ],
]);

/** For a call that goes through all threads there have been. */
function chargeThreads(kernel: Services, { process }: Thread): void {
  kernel.charge(THREAD_FUEL * process.threads.size);
}

/** The path ends with a zero. Errors: EFAULT, ENAMETOOLONG, and those of Files.open. */
function openFile(files: Files, memory: Memory, address: number, flags: number): number {
  const most = Math.min(PATH_MAX, memory.sizeBytes - address);
  const bytes = most > 0 ? memory.copyIn(address, most) : undefined;
  const length = bytes?.indexOf(0) ?? -1;
  if (bytes !== undefined && length >= 0) return files.open(bytes.subarray(0, length), flags);
  return most < PATH_MAX ? -Errno.EFAULT : -Errno.ENAMETOOLONG;
}

/** All of it or nothing. Errors: EFAULT some of it is not mapped; EFBIG more than the run may write. */
function write(
  kernel: Services,
  memory: Memory,
  fd: number,
  address: number,
  length: number,
): number {
  const { files } = kernel;
  const count = Math.min(length, MAX_TRANSFER);
  if (address + count > memory.sizeBytes) return -Errno.EFAULT;
  if (count > files.outputLeft) return -Errno.EFBIG;
  kernel.charge(copyPrice(count));
  for (let at = 0; at < count; at += CHUNK_BYTES) {
    const bytes = memory.copyIn(address + at, Math.min(CHUNK_BYTES, count - at));
    if (bytes !== undefined) files.write(fd, bytes);
  }
  return count;
}
