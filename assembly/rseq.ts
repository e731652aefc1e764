// === rseq: restartable sequences =================================================================
//
// A section is code between start() and end() whose last store commits it. When the thread is
// preempted, migrated or signalled before that store, the kernel sends it back to restart().
//
//     rseq.restart();              // from here again: prepare
//     rseq.start();                // ┐ interrupted in here: back to restart()
//     const cpu = rseq.cpuId();    // │
//     ...                          // │ loads and arithmetic; no calls
//     store<i32>(slot, value);     // ┘ the commit
//     rseq.end();                  // done; never restarted
//
// The labels compile to nothing: the toolchain removes the calls and keeps the addresses.

import { RseqOp } from '../src/abi/rseq';
import { Sysno } from '../src/abi/syscall';
import { TCB_CPU_ID } from '../src/abi/thread';
import { ensureThreadPointer, threadPointer } from './tcb';
import { syscall } from './sys';

// @ts-ignore: decorator
@external("rseq", "critical_start")
declare function criticalStart(): i32;
// @ts-ignore: decorator
@external("rseq", "critical_end")
declare function criticalEnd(): i32;
// @ts-ignore: decorator
@external("rseq", "critical_restart")
declare function criticalRestart(): i32;

/** Set by the first thread that registers: threads spawned from then on register by themselves. */
let isProcessRegistered: i32 = 0;

export namespace rseq {
  /**
   * Where an interrupted section starts again. Returns 0 when fallen into, and the interrupted ip
   * when the kernel came here: ignore the value to retry, test it to give up.
   */
  // @ts-ignore: decorator
  @external("rseq", "restart")
  export declare function restart(): i32;

  /** First instruction of the section. */
  // @ts-ignore: decorator
  @external("rseq", "start")
  export declare function start(): void;

  /** Just behind the commit. */
  // @ts-ignore: decorator
  @external("rseq", "end")
  export declare function end(): void;

  /**
   * CPU this thread runs on. Inside a section it stays true until the commit; outside it is a hint.
   * Preconditions: the thread has registered.
   */
  // @ts-ignore: decorator
  @inline
  export function cpuId(): i32 {
    return load<i32>(threadPointer(), TCB_CPU_ID);
  }

  /**
   * Register the process's sections and this thread's cpu word. The main thread calls it once, before
   * it spawns; threads spawned afterwards are registered when they start.
   * Returns 0, also when the thread is registered already, or a negative errno: -EBUSY when the
   * system call has been used before by other means.
   */
  export function register(): i32 {
    if (!isProcessRegistered) {
      if (criticalStart() != criticalEnd()) {
        const result = restartableSequences(
          RseqOp.SetCritical,
          criticalStart(),
          criticalEnd(),
          criticalRestart(),
        );
        if (result < 0) return result;
      }
      isProcessRegistered = 1;
    }
    return restartableSequences(RseqOp.SetCpuPointer, <i32>ensureThreadPointer() + TCB_CPU_ID, 0, 0);
  }

  /** Register a thread whose process is registered; what a new thread does first. */
  export function registerThread(): void {
    if (isProcessRegistered) register();
  }
}

function restartableSequences(op: i32, val1: i32, val2: i32, val3: i32): i32 {
  return syscall(Sysno.RestartableSequences, op, 0, val1, val2, val3, 0);
}
