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

import { ARCH_SET_PERCPU, Sysno } from '../src/abi/syscall';
import { registerProcess, registerThread } from './registration';
import { syscall } from './sys';
import { ensureThreadPointer } from './tcb';

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
   * One load from the words that the thread shares with the kernel; with ras, 0.
   * Preconditions: the thread has registered.
   */
  // @ts-ignore: decorator
  @external("rseq", "cpu_id")
  export declare function cpuId(): i32;

  /**
   * Address of this CPU's part of the per-CPU area, from a register that the kernel keeps true: no
   * thread pointer, no load, no multiplication. As cpuId, inside a section and outside.
   * Preconditions: setPercpuArea.
   */
  // @ts-ignore: decorator
  @external("rseq", "gs")
  export declare function percpuBase(): usize;

  /** The per-CPU area of the process: CPU n has `stride` bytes at base + n * stride. Returns 0. */
  export function setPercpuArea(base: usize, stride: usize): i32 {
    return syscall(Sysno.ArchPrctl, ARCH_SET_PERCPU, <i32>base, <i32>stride, 0, 0, 0);
  }

  /**
   * Register the process's sections and this thread's words. The main thread calls it once, before
   * it spawns; threads spawned afterwards are registered when they start.
   * Returns 0, also when the thread is registered already, or a negative errno: -EBUSY when another
   * has registered what there can be one of; -ENOSYS when the kernel speaks another ABI.
   */
  export function register(): i32 {
    ensureThreadPointer();
    const result = registerProcess();
    return result < 0 ? result : registerThread();
  }
}
