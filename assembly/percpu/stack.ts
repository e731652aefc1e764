// === percpu/stack: a stack of pointers per CPU, in an array ======================================
//
//              ┌ stride │ capacity ┐          never changes
//   stack ──►  ┌ cpu 0: count │ item 0 │ item 1 │ ... ┐
//              ┌ cpu 1: count │ item 0 │ item 1 │ ... ┐     stride bytes apart, a multiple of 64
//
// push: P: stride, capacity | S: part = stack + cpu id * stride | n = part.count; capacity: R: false
//       | part.item[n] = item | C: part.count = n + 1 | R: true
// pop:  P: stride | S: part = stack + cpu id * stride | n = part.count; 0: R: 0
//       | item = part.item[n - 1] | C: part.count = n - 1 | R: item
//       both retry when aborted
//
// What an aborted push leaves behind is in a free place, where nobody looks: the count says how far one looks.
//
// For any thread and any handler, on the CPU it runs on. An item is any word but 0, which says that there was
// none. Full and empty are those of one CPU: others may have room, or items.
//
// Source: percpu_buffer of linux' param_test, with the CPU read in the section.

import { rseq } from '../rseq';
import { nrCpus } from '../sys';

const HEADER: usize = 64;
const STRIDE: usize = 0;
const CAPACITY: usize = 4;
const ITEMS: usize = 4;
const LINE: usize = 64;

/**
 * A stack of up to `capacity` items for every CPU, all empty. Returns its address. Call it in one thread,
 * before the others start.
 */
export function stackCreate(capacity: usize): usize {
  const stride = (ITEMS + capacity * sizeof<usize>() + LINE - 1) & ~(LINE - 1);
  const bytes = HEADER + <usize>nrCpus() * stride;
  const header = heap.alloc(bytes);
  memory.fill(header, 0, bytes);
  store<usize>(header, stride, STRIDE);
  store<usize>(header, capacity, CAPACITY);
  return header + HEADER;
}

/** Put `item`, not 0, onto the stack of the CPU this runs on. Returns false when that is full. */
// @ts-ignore: decorator
@inline
export function stackPush(stack: usize, item: usize): bool {
  const stride = load<usize>(stack - HEADER, STRIDE);
  const capacity = load<usize>(stack - HEADER, CAPACITY);
  rseq.restart();
  rseq.start();
  const part = stack + <usize>rseq.cpuId() * stride;
  const count = load<usize>(part);
  if (count == capacity) return false;
  store<usize>(part + count * sizeof<usize>(), item, ITEMS);
  store<usize>(part, count + 1);
  rseq.end();
  return true;
}

/** Take the last item off the stack of the CPU this runs on. Returns 0 when there is none. */
// @ts-ignore: decorator
@inline
export function stackPop(stack: usize): usize {
  const stride = load<usize>(stack - HEADER, STRIDE);
  rseq.restart();
  rseq.start();
  const part = stack + <usize>rseq.cpuId() * stride;
  const count = load<usize>(part);
  if (count == 0) return 0;
  const item = load<usize>(part + (count - 1) * sizeof<usize>(), ITEMS);
  store<usize>(part, count - 1);
  rseq.end();
  return item;
}
