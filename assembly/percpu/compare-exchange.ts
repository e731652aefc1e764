// === percpu/compare-exchange: a word of a CPU, if it is what the caller has seen =================
//
//   p ──► a word that belongs to CPU `cpu`; the caller finds it by the number
//
// compareExchange:      S: cpu id != cpu: R: -1 | *p != expected: R: -1 | C: *p = value | R: 0
// compareExchangeCheck: S: cpu id != cpu: R: -1 | *p != expected: R: -1 | *check != checked: R: -1
//                       | C: *p = value | R: 0
//                       both retry when aborted
//
// -1: nothing was stored, for the thread was on another CPU, or a word has changed; the caller reads the CPU
// and the words again, and computes what he wants to store again. An abort alone is no reason: the section
// looks again by itself. Between reading a word and 0 it may have changed and changed back: compareExchangeCheck
// keeps a list's pop from that, with the next node as the second word. `check` is read only when *p is expected.
//
// For any thread and any handler, of any CPU: on another one it does nothing.
//
// Source: rseq_percpu_cmpxchg and rseq_percpu_cmpxchgcheck of Dave Watson's tests for the RFC.

import { rseq } from '../rseq';

/** *p = value, if this runs on `cpu` and *p is `expected`. Returns 0, or -1: nothing was done. */
// @ts-ignore: decorator
@inline
export function compareExchange(cpu: i32, p: usize, expected: usize, value: usize): i32 {
  rseq.restart();
  rseq.start();
  if (rseq.cpuId() != cpu) return -1;
  if (load<usize>(p) != expected) return -1;
  store<usize>(p, value);
  rseq.end();
  return 0;
}

/** The same, if the word at `check` is `checked` besides. */
// @ts-ignore: decorator
@inline
export function compareExchangeCheck(
  cpu: i32,
  p: usize,
  expected: usize,
  value: usize,
  check: usize,
  checked: usize,
): i32 {
  rseq.restart();
  rseq.start();
  if (rseq.cpuId() != cpu) return -1;
  if (load<usize>(p) != expected) return -1;
  if (load<usize>(check) != checked) return -1;
  store<usize>(p, value);
  rseq.end();
  return 0;
}
