// @ts-nocheck AssemblyScript
/* oxlint-disable typescript/no-extraneous-class -- TypeScript knows @inline in front of methods only */
// The primitives of the RFC's tests. They try again by themselves when they are interrupted.

import { rseq } from 'wasm-rseq/assembly';
import { STRIDE } from './memory';
import { op } from './ops';

export class percpu {
  /** Take the lock of the CPU this runs on, and return which. A thread that is moved while it spins goes for another. */
  @inline
  static lock(mode: i32, locks: usize): i32 {
    rseq.restart();
    rseq.start();
    const index = op.index(mode);
    const word = locks + <usize>index * STRIDE;
    while (load<i32>(word) != 0) {}
    store<i32>(word, 1);
    rseq.end();
    return index;
  }

  /** -1: elsewhere, or *p is not `expected`. 0: *p = `value`. */
  @inline
  static compareExchange(mode: i32, index: i32, p: usize, expected: usize, value: usize): i32 {
    rseq.restart();
    rseq.start();
    if (op.index(mode) != index) return -1;
    if (load<usize>(p) != expected) return -1;
    store<usize>(p, value);
    rseq.end();
    return 0;
  }

  /** The same, and -1 when *check is not `checked`; looks there only if *p is `expected`. */
  @inline
  static compareExchangeCheck(
    mode: i32,
    index: i32,
    p: usize,
    expected: usize,
    value: usize,
    check: usize,
    checked: usize,
  ): i32 {
    rseq.restart();
    rseq.start();
    if (op.index(mode) != index) return -1;
    if (load<usize>(p) != expected) return -1;
    if (load<usize>(check) != checked) return -1;
    store<usize>(p, value);
    rseq.end();
    return 0;
  }
}
