// @ts-nocheck AssemblyScript
/* oxlint-disable typescript/no-extraneous-class -- TypeScript knows @inline in front of methods only */
// librseq's operations on per-CPU words, named after their steps. Each tries once: 0 committed, 1 the
// comparison says no, -1 interrupted, or not on `cpu`.
//
// librseq's relaxed and release forms order the last store in different ways. Here threads take turns on
// one memory and see every store in program order, so the two are one: `release` chooses an atomic
// store, another instruction with the same effect.
//
// After compareTwice(), sections look again at what they have compared, and trap if it is not what it was:
// what the kernel promises, seen from inside.

import { rseq } from 'wasm-rseq/assembly';
import { threadPointer } from 'wasm-rseq/assembly/tcb';
import { RSEQ_MM_CID } from 'wasm-rseq/src/abi/linux-rseq';

/** What `cpu` is: the number of a CPU, or linux's concurrency id. */
export const CPU_ID: i32 = 0;
export const MM_CID: i32 = 1;

let isTwice: bool = false;

export function compareTwice(): void {
  isTwice = true;
}

export class op {
  /** *v != expect: 1 | *v = newv */
  @inline
  static loadCbneStore(mode: i32, v: usize, expect: usize, newv: usize, cpu: i32): i32 {
    if (rseq.restart()) return -1;
    rseq.start();
    if (op.index(mode) != cpu) return -1;
    if (load<usize>(v) != expect) return 1;
    if (isTwice) {
      if (op.index(mode) != cpu) unreachable();
      if (load<usize>(v) != expect) unreachable();
    }
    store<usize>(v, newv);
    rseq.end();
    return 0;
  }

  /** r = *v | r == expectnot: 1 | *found = r | *v = *(r + offset). Pops a list; an aborted try may store *found. */
  @inline
  static loadCbeqStoreAddLoadStore(
    mode: i32,
    v: usize,
    expectnot: usize,
    offset: usize,
    found: usize,
    cpu: i32,
  ): i32 {
    if (rseq.restart()) return -1;
    rseq.start();
    if (op.index(mode) != cpu) return -1;
    const r = load<usize>(v);
    if (r == expectnot) return 1;
    if (isTwice) {
      if (op.index(mode) != cpu) unreachable();
      if (load<usize>(v) != r) unreachable();
    }
    store<usize>(found, r);
    store<usize>(v, load<usize>(r + offset));
    rseq.end();
    return 0;
  }

  /** *v += count */
  @inline
  static loadAddStore(mode: i32, v: usize, count: usize, cpu: i32): i32 {
    if (rseq.restart()) return -1;
    rseq.start();
    if (op.index(mode) != cpu) return -1;
    if (isTwice) {
      if (op.index(mode) != cpu) unreachable();
    }
    store<usize>(v, load<usize>(v) + count);
    rseq.end();
    return 0;
  }

  /** q = *(*v + offset) | *q += count */
  @inline
  static loadAddLoadLoadAddStore(mode: i32, v: usize, offset: usize, count: usize, cpu: i32): i32 {
    if (rseq.restart()) return -1;
    rseq.start();
    if (op.index(mode) != cpu) return -1;
    if (isTwice) {
      if (op.index(mode) != cpu) unreachable();
    }
    const q = load<usize>(load<usize>(v) + offset);
    store<usize>(q, load<usize>(q) + count);
    rseq.end();
    return 0;
  }

  /** *v != expect: 1 | *v2 != expect2: 1 | *v = newv */
  @inline
  static loadCbneLoadCbneStore(
    mode: i32,
    v: usize,
    expect: usize,
    v2: usize,
    expect2: usize,
    newv: usize,
    cpu: i32,
  ): i32 {
    if (rseq.restart()) return -1;
    rseq.start();
    if (op.index(mode) != cpu) return -1;
    if (load<usize>(v) != expect) return 1;
    if (load<usize>(v2) != expect2) return 1;
    if (isTwice) {
      if (op.index(mode) != cpu) unreachable();
      if (load<usize>(v) != expect) unreachable();
      if (load<usize>(v2) != expect2) unreachable();
    }
    store<usize>(v, newv);
    rseq.end();
    return 0;
  }

  /** *v != expect: 1 | *v2 = newv2, which an aborted try may do too | *v = newv */
  @inline
  static loadCbneStoreStore(
    release: bool,
    mode: i32,
    v: usize,
    expect: usize,
    v2: usize,
    newv2: usize,
    newv: usize,
    cpu: i32,
  ): i32 {
    if (rseq.restart()) return -1;
    rseq.start();
    if (op.index(mode) != cpu) return -1;
    if (load<usize>(v) != expect) return 1;
    if (isTwice) {
      if (op.index(mode) != cpu) unreachable();
      if (load<usize>(v) != expect) unreachable();
    }
    store<usize>(v2, newv2);
    if (release) atomic.store<usize>(v, newv);
    else store<usize>(v, newv);
    rseq.end();
    return 0;
  }

  /** *v != expect: 1 | copy `bytes`, a multiple of 4, which an aborted try may do too | *v = newv */
  @inline
  static loadCbneMemcpyStore(
    release: bool,
    mode: i32,
    v: usize,
    expect: usize,
    to: usize,
    from: usize,
    bytes: usize,
    newv: usize,
    cpu: i32,
  ): i32 {
    if (rseq.restart()) return -1;
    rseq.start();
    if (op.index(mode) != cpu) return -1;
    if (load<usize>(v) != expect) return 1;
    if (isTwice) {
      if (op.index(mode) != cpu) unreachable();
      if (load<usize>(v) != expect) unreachable();
    }
    // Not memory.copy, which is one instruction: a copy that can be interrupted in the middle.
    for (let at: usize = 0; at < bytes; at += 4) store<u32>(to + at, load<u32>(from + at));
    if (release) atomic.store<usize>(v, newv);
    else store<usize>(v, newv);
    rseq.end();
    return 0;
  }

  /** The CPU or concurrency id of this thread; may be called inside a section. */
  @inline
  static index(mode: i32): i32 {
    return mode == MM_CID ? load<i32>(threadPointer(), RSEQ_MM_CID) : rseq.cpuId();
  }
}
