// === percpu/list: a linked list per CPU, last in, first out ======================================
//
//   list ──► ┌ cpu 0: head ┐┌ cpu 1: head ┐ ...     64 bytes apart, a cache line each
//                  └──► ┌ next │ the user's data ┐
//                           └──► ┌ 0 │ ... ┐        a node begins with the address of the next; 0: the last
//
// push:   S: head = list + cpu id * 64 | node.next = *head | C: *head = node        | R: -
// pop:    S: head = list + cpu id * 64 | node = *head; 0: R: 0 | next = node.next | C: *head = next | R: node
// popAll: S: head = list + cpu id * 64 | node = *head | C: *head = 0                | R: node, and all behind it
//         all retry when aborted
//
// A pop cannot mistake a node that has left and come back for one that has stayed (ABA): whoever takes it away
// runs on this CPU, and that sends the pop back. What an aborted push leaves behind is in node.next, which is
// the caller's until the commit. An aborted pop may have read the next of a node that somebody else has by then.
//
// For any thread and any handler, on the CPU it runs on: a node popped here may be pushed there. Nodes are the
// caller's, and aligned to 4. A node is in one list at most.
//
// Source: percpu_list of Dave Watson's tests for the RFC, with the check of next replaced by the section.

import { rseq } from '../rseq';
import { nrCpus } from '../sys';

/** Bytes from one CPU's head to the next. */
export const LIST_STRIDE: usize = 64;

/** An empty list for every CPU. Returns its address. Call it in one thread, before the others start. */
export function listCreate(): usize {
  const bytes = <usize>nrCpus() * LIST_STRIDE;
  const list = heap.alloc(bytes);
  memory.fill(list, 0, bytes);
  return list;
}

/** Put `node` in front of the list of the CPU this runs on. */
// @ts-ignore: decorator
@inline
export function listPush(list: usize, node: usize): void {
  rseq.restart();
  rseq.start();
  const head = list + <usize>rseq.cpuId() * LIST_STRIDE;
  store<usize>(node, load<usize>(head));
  store<usize>(head, node);
  rseq.end();
}

/** Take the first node of the list of the CPU this runs on. Returns 0 when there is none. */
// @ts-ignore: decorator
@inline
export function listPop(list: usize): usize {
  rseq.restart();
  rseq.start();
  const head = list + <usize>rseq.cpuId() * LIST_STRIDE;
  const node = load<usize>(head);
  if (node == 0) return 0;
  store<usize>(head, load<usize>(node));
  rseq.end();
  return node;
}

/** Take all nodes of the list of the CPU this runs on, linked as they were. Returns the first, or 0. */
// @ts-ignore: decorator
@inline
export function listPopAll(list: usize): usize {
  rseq.restart();
  rseq.start();
  const head = list + <usize>rseq.cpuId() * LIST_STRIDE;
  const node = load<usize>(head);
  store<usize>(head, 0);
  rseq.end();
  return node;
}
