// Futexes: words in user memory that threads sleep on until another wakes them. What a word means is
// the guest's affair; the kernel compares it once, before a thread goes to sleep.
//
// Invariant: a waiter is in the queue of the futex it sleeps on, first come first; a queue that is
// empty is forgotten.

import { Errno } from '../abi/errno.js';
import {
  FUTEX_BITSET_MATCH_ANY,
  FUTEX_CLOCK_REALTIME,
  FUTEX_PRIVATE_FLAG,
  FutexOp,
} from '../abi/futex.js';
import { TASK_SIZE } from '../abi/module.js';
import { panic } from './panic.js';
import { THREAD_FUEL } from './prices.js';
import type { Thread } from './thread.js';
import { momentAfter, readTimespec } from './time.js';
import { type FutexWait, type Wait, waiting } from './wait.js';

/** What this call needs of the kernel. */
export interface Waking {
  readonly futexes: FutexTable;
  readonly now: number;
  charge(fuel: number): void;
  block(thread: Thread, wait: Wait): number | undefined;
  wake(thread: Thread, result: number): void;
}

/**
 * Which futex: its address, and 1 when it may be shared between processes, for which the aligned
 * address leaves room.
 */
export type FutexKey = number;

/** A list out of which any waiter can be taken in O(1). */
class Queue {
  first: FutexWait | undefined;
  #last: FutexWait | undefined;

  push(waiter: FutexWait): void {
    waiter.previous = this.#last;
    waiter.next = undefined;
    if (this.#last === undefined) this.first = waiter;
    else this.#last.next = waiter;
    this.#last = waiter;
  }

  remove(waiter: FutexWait): void {
    const { previous, next } = waiter;
    if (previous === undefined) this.first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
  }
}

export class FutexTable {
  readonly #queues = new Map<FutexKey, Queue>();

  /** Futexes that threads sleep on. */
  get size(): number {
    return this.#queues.size;
  }

  add(key: FutexKey, waiter: FutexWait): void {
    const queue = this.#queues.get(key) ?? new Queue();
    this.#queues.set(key, queue);
    waiter.key = key;
    queue.push(waiter);
  }

  /** Preconditions: the waiter is in the queue of its key. */
  remove(waiter: FutexWait): void {
    const queue = this.#queues.get(waiter.key) ?? panic('FutexTable.remove', 'nobody waits there');
    queue.remove(waiter);
    if (queue.first === undefined) this.#queues.delete(waiter.key);
  }

  /** The futexes that threads sleep on, in the order of their keys. */
  keys(): FutexKey[] {
    return [...this.#queues.keys()].sort((a, b) => a - b);
  }

  clear(): void {
    this.#queues.clear();
  }

  /** The waiters, first come first; the one it stands at may be removed meanwhile. */
  *waiters(key: FutexKey): Generator<FutexWait> {
    let waiter = this.#queues.get(key)?.first;
    while (waiter !== undefined) {
      const { next } = waiter;
      yield waiter;
      waiter = next;
    }
  }
}

/**
 * futex. Errors, in this order: EFAULT, EINVAL for the timeout; ENOSYS for another operation, or a
 * clock with one that takes none; those of the operation.
 */
export function futex(kernel: Waking, thread: Thread, args: Int32Array): number | undefined {
  const [address = 0, op = 0, value = 0, timeout = 0, address2 = 0, value3 = 0] = args;
  const command = op & ~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);
  const deadline = deadlineOf(kernel, thread, command, timeout >>> 0);
  if (deadline < 0) return deadline;
  const hasClock = (op & FUTEX_CLOCK_REALTIME) !== 0;
  if (hasClock && command !== FutexOp.WaitBitset) return -Errno.ENOSYS;
  const isShared = (op & FUTEX_PRIVATE_FLAG) === 0;
  const place: Place = { kernel, thread, address: address >>> 0, isShared };
  switch (command) {
    case FutexOp.Wait:
      return wait(place, value, deadline, FUTEX_BITSET_MATCH_ANY);
    case FutexOp.WaitBitset:
      return wait(place, value, deadline, value3);
    case FutexOp.Wake:
      return wake(place, value, FUTEX_BITSET_MATCH_ANY);
    case FutexOp.WakeBitset:
      return wake(place, value, value3);
    case FutexOp.Requeue:
      return requeue(place, address2 >>> 0, value, timeout, undefined);
    case FutexOp.CmpRequeue:
      return requeue(place, address2 >>> 0, value, timeout, value3);
    default:
      return -Errno.ENOSYS;
  }
}

/** Infinity without a timeout. Errors: EFAULT; EINVAL. */
function deadlineOf(kernel: Waking, thread: Thread, command: number, timeout: number): number {
  const isRelative = command === FutexOp.Wait;
  if (timeout === 0 || !(isRelative || command === FutexOp.WaitBitset)) {
    return Number.POSITIVE_INFINITY;
  }
  const time = readTimespec(thread.process.memory, timeout);
  return isRelative && time >= 0 ? momentAfter(kernel, time) : time;
}

/** A word, and who asks. */
interface Place {
  readonly kernel: Waking;
  readonly thread: Thread;
  readonly address: number;
  readonly isShared: boolean;
}

/**
 * Errors, in this order: EINVAL misaligned; EFAULT outside user space, or, of a futex that may be
 * shared, outside the memory. For the others the address is a name, and need not be mapped.
 */
function keyOf({ thread, isShared }: Place, address: number): FutexKey {
  if (address % 4 !== 0) return -Errno.EINVAL;
  if (address > TASK_SIZE - 4) return -Errno.EFAULT;
  if (!isShared) return address;
  return thread.process.memory.loadI32(address) === undefined ? -Errno.EFAULT : address + 1;
}

/** Errors: EFAULT; EAGAIN the word is another. */
function compareWord({ thread, address }: Place, value: number): Errno | 0 {
  const word = thread.process.memory.loadI32(address);
  if (word === undefined) return Errno.EFAULT;
  return word === value ? 0 : Errno.EAGAIN;
}

/**
 * Sleep until woken: 0. Errors, in this order: EINVAL no bits; those of the key; those of the
 * comparison; ETIMEDOUT; EINTR.
 */
function wait(place: Place, value: number, deadline: number, bitset: number): number | undefined {
  const { kernel, thread } = place;
  if (bitset === 0) return -Errno.EINVAL;
  const key = keyOf(place, place.address);
  if (key < 0) return key;
  const errno = compareWord(place, value);
  if (errno !== 0) return -errno;
  const waiter: FutexWait = {
    kind: 'futex',
    ...waiting(thread, deadline),
    bitset,
    key,
    previous: undefined,
    next: undefined,
  };
  kernel.futexes.add(key, waiter);
  return kernel.block(thread, waiter);
}

function wakeUp(kernel: Waking, waiter: FutexWait): void {
  kernel.futexes.remove(waiter);
  kernel.wake(waiter.thread, 0);
}

/**
 * Wake up to `count` threads, but one at least, as Linux does; returns how many. Errors, in this
 * order: EINVAL no bits; those of the key.
 */
function wake(place: Place, count: number, bitset: number): number {
  const { kernel } = place;
  if (bitset === 0) return -Errno.EINVAL;
  const key = keyOf(place, place.address);
  if (key < 0) return key;
  let woken = 0;
  for (const waiter of kernel.futexes.waiters(key)) {
    kernel.charge(THREAD_FUEL);
    if ((waiter.bitset & bitset) === 0) continue;
    wakeUp(kernel, waiter);
    if (++woken >= count) break;
  }
  return woken;
}

/**
 * Wake `wakeCount` threads and let up to `moveCount` more sleep on `target` from now on, behind those
 * that do; returns how many of both. Errors, in this order: EINVAL a negative count; those of the
 * keys, and of the comparison if there is one.
 */
function requeue(
  place: Place,
  target: number,
  wakeCount: number,
  moveCount: number,
  compare: number | undefined,
): number {
  const { kernel } = place;
  if (wakeCount < 0 || moveCount < 0) return -Errno.EINVAL;
  const from = keyOf(place, place.address);
  if (from < 0) return from;
  const to = keyOf(place, target);
  if (to < 0) return to;
  const errno = compare === undefined ? 0 : compareWord(place, compare);
  if (errno !== 0) return -errno;
  let count = 0;
  for (const waiter of kernel.futexes.waiters(from)) {
    if (count >= wakeCount + moveCount) break;
    kernel.charge(THREAD_FUEL);
    if (count++ < wakeCount) wakeUp(kernel, waiter);
    else move(kernel.futexes, waiter, from, to);
  }
  return count;
}

/** One that moves to where it is keeps its place. */
function move(futexes: FutexTable, waiter: FutexWait, from: FutexKey, to: FutexKey): void {
  if (from === to) return;
  futexes.remove(waiter);
  futexes.add(to, waiter);
}
