// The run queue of a CPU: order, removal from anywhere, growth.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RunQueue } from '../../src/kernel/run-queue.js';
import { CpuSet } from '../../src/kernel/cpu-set.js';
import { KernelPanic } from '../../src/kernel/panic.js';
import { Process } from '../../src/kernel/process.js';
import { Thread } from '../../src/kernel/thread.js';
import { ArrayMemory } from './array-memory.js';

const PROCESS = new Process(1, new ArrayMemory(0));
const EVERYWHERE = CpuSet.firstCpus(1);

function newThreads(count: number): Thread[] {
  return Array.from({ length: count }, (_, n) => new Thread(n + 1, PROCESS, 0, {}, EVERYWHERE, 0));
}

function queueOf(threads: readonly Thread[]): RunQueue<Thread> {
  const queue = new RunQueue<Thread>();
  for (const thread of threads) queue.push(thread);
  return queue;
}

function tidsOf(queue: RunQueue<Thread>): number[] {
  return Array.from({ length: queue.length }, (_, index) => queue.at(index).tid);
}

describe('run queue', () => {
  test('starts empty', () => {
    expect(new RunQueue().length).toBe(0);
  });

  test.each([1, 7, 8, 9, 100])('keeps %i threads in the order they came', (count) => {
    const queue = queueOf(newThreads(count));

    expect(tidsOf(queue)).toEqual(Array.from({ length: count }, (_, index) => index + 1));
  });

  test('taking the head keeps the order of the rest', () => {
    const threads = newThreads(4);
    const queue = queueOf(threads);

    queue.remove(queue.at(0));

    expect(tidsOf(queue)).toEqual([2, 3, 4]);
  });

  test('taking another moves the head into its place', () => {
    const threads = newThreads(4);
    const queue = queueOf(threads);

    queue.remove(queue.at(2));

    expect(tidsOf(queue)).toEqual([2, 1, 4]);
  });

  test('a thread knows its place, and that it has none', () => {
    const [first, second] = newThreads(2) as [Thread, Thread];
    const queue = queueOf([first, second]);
    expect([first.queueSlot, second.queueSlot]).toEqual([0, 1]);

    queue.remove(first);

    expect(first.queueSlot).toBe(-1);
  });

  test('is first in, first out around the end of its ring', () => {
    const threads = newThreads(6);
    const queue = queueOf(threads);

    const order: number[] = [];
    for (let turn = 0; turn < 30; turn++) {
      const head = queue.at(0);
      order.push(head.tid);
      queue.remove(head);
      queue.push(head);
    }

    expect(order).toEqual(Array.from({ length: 30 }, (_, turn) => (turn % 6) + 1));
  });

  test('grows in the middle of its ring without changing the order', () => {
    const threads = newThreads(20);
    const queue = queueOf(threads.slice(0, 8));
    for (const thread of threads.slice(0, 5)) queue.remove(thread);

    for (const thread of threads.slice(8)) queue.push(thread);

    expect(tidsOf(queue)).toEqual([6, 7, 8, ...threads.slice(8).map(({ tid }) => tid)]);
  });

  test('pushing a queued thread is a panic', () => {
    const [thread] = newThreads(1) as [Thread];
    queueOf([thread]);

    expect(() => new RunQueue().push(thread)).toThrow(KernelPanic);
  });

  test('removing a thread of another queue is a panic', () => {
    const [mine, theirs] = newThreads(2) as [Thread, Thread];
    const queue = queueOf([mine]);
    queueOf([theirs]);

    expect(() => queue.remove(theirs)).toThrow(KernelPanic);
  });

  test.each([0, 1, 8])('reading place %i of an empty queue is a panic', (index) => {
    expect(() => new RunQueue().at(index)).toThrow(KernelPanic);
  });

  test('holds whatever was pushed and not removed, after any history', () => {
    const history = fc.array(fc.nat({ max: 30 }), { maxLength: 200 });

    fc.assert(
      fc.property(history, (moves) => {
        const threads = newThreads(31);
        const queue = new RunQueue<Thread>();
        const model = new Set<number>();
        for (const move of moves) {
          const thread = threads[move] as Thread;
          if (model.delete(thread.tid)) {
            queue.remove(thread);
          } else {
            queue.push(thread);
            model.add(thread.tid);
          }
        }
        expect(tidsOf(queue).sort((a, b) => a - b)).toEqual([...model].sort((a, b) => a - b));
      }),
    );
  });
});
