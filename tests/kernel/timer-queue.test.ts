// The timer queue against an array that is kept sorted.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { KernelPanic } from '../../src/kernel/panic.js';
import { type Timed, TimerQueue } from '../../src/kernel/timer-queue.js';

class Sleeper implements Timed {
  timerSlot = -1;
  timerSequence = 0;

  constructor(
    readonly name: number,
    readonly deadline: number,
  ) {}
}

/** First by deadline, then by arrival: Array.prototype.sort is stable. */
function inOrder(sleepers: readonly Sleeper[]): Sleeper[] {
  return [...sleepers].sort((a, b) => a.deadline - b.deadline);
}

function drain(queue: TimerQueue<Sleeper>): Sleeper[] {
  const drained: Sleeper[] = [];
  for (let first = queue.first; first !== undefined; first = queue.first) {
    queue.remove(first);
    drained.push(first);
  }
  return drained;
}

function queueOf(sleepers: readonly Sleeper[]): TimerQueue<Sleeper> {
  const queue = new TimerQueue<Sleeper>();
  for (const sleeper of sleepers) queue.add(sleeper);
  return queue;
}

describe('the timer queue', () => {
  // Few deadlines, so that many are equal.
  const deadlines = fc.array(fc.nat({ max: 20 }), { maxLength: 60 });

  test('gives the earliest deadline first, and of equal ones the first that came', () => {
    fc.assert(
      fc.property(deadlines, (times) => {
        const sleepers = times.map((time, name) => new Sleeper(name, time));

        expect(drain(queueOf(sleepers))).toEqual(inOrder(sleepers));
      }),
    );
  });

  test('is the sorted array after any additions and removals', () => {
    const operation = fc.oneof(
      // More come than go: a heap of few levels has no wrong places.
      { weight: 6, arbitrary: fc.record({ add: fc.nat({ max: 60 }) }) },
      { weight: 3, arbitrary: fc.record({ remove: fc.nat() }) },
      { weight: 1, arbitrary: fc.constant('again' as const) },
    );

    fc.assert(
      fc.property(fc.array(operation, { maxLength: 200, size: 'max' }), (operations) => {
        const queue = new TimerQueue<Sleeper>();
        const model: Sleeper[] = [];
        operations.forEach((each, name) => {
          const victim = each === 'again' ? model.at(-1) : undefined;
          if (each === 'again' && victim !== undefined) {
            // Taken out and put in anew it comes behind its equals.
            queue.remove(victim);
            queue.add(victim);
          } else if (each !== 'again' && 'add' in each) {
            const sleeper = new Sleeper(name, each.add);
            queue.add(sleeper);
            model.push(sleeper);
          } else if (each !== 'again' && model.length > 0) {
            const [sleeper] = model.splice(each.remove % model.length, 1);
            queue.remove(sleeper as Sleeper);
          }

          expect(queue.first).toBe(inOrder(model)[0]);
        });
        expect(drain(queue)).toEqual(inOrder(model));
      }),
    );
  });

  test('knows the place of every wait it holds, and -1 is the place of no other', () => {
    fc.assert(
      fc.property(deadlines, fc.nat(), (times, at) => {
        const sleepers = times.map((time, name) => new Sleeper(name, time));
        const queue = queueOf(sleepers);
        const [removed] = sleepers.splice(at % (times.length + 1), 1);
        if (removed !== undefined) queue.remove(removed);

        const slots = sleepers.map(({ timerSlot }) => timerSlot).sort((a, b) => a - b);

        expect(slots).toEqual(sleepers.map((_, slot) => slot));
        expect(removed?.timerSlot ?? -1).toBe(-1);
      }),
    );
  });

  test('is empty at first, and again when all are out', () => {
    const queue = new TimerQueue<Sleeper>();
    const sleeper = new Sleeper(0, 5);

    expect(queue.first).toBeUndefined();
    queue.add(sleeper);
    queue.remove(sleeper);
    expect(queue.first).toBeUndefined();
  });

  test('does not mind the removal of a wait that is not in it', () => {
    const [inside, outside] = [new Sleeper(0, 5), new Sleeper(1, 1)];
    const queue = queueOf([inside]);

    queue.remove(outside);

    expect(queue.first).toBe(inside);
  });

  test('panics when a wait comes twice', () => {
    const sleeper = new Sleeper(0, 5);
    const queue = queueOf([sleeper]);

    expect(() => queue.add(sleeper)).toThrow(KernelPanic);
  });
});
