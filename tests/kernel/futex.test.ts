// futex: results and errors as probed on Linux 6.18, the order in which threads wake, and a lock.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Errno } from '../../src/abi/errno.js';
import {
  FUTEX_BITSET_MATCH_ANY,
  FUTEX_CLOCK_REALTIME,
  FUTEX_PRIVATE_FLAG,
  FutexOp,
} from '../../src/abi/futex.js';
import { TASK_SIZE } from '../../src/abi/module.js';
import { Sysno } from '../../src/abi/syscall.js';
import { CpuSet } from '../../src/kernel/cpu-set.js';
import { futex, FutexTable, type Waking } from '../../src/kernel/futex.js';
import { Process } from '../../src/kernel/process.js';
import { RandomScheduler } from '../../src/kernel/schedulers/random.js';
import { Thread } from '../../src/kernel/thread.js';
import { leave } from '../../src/kernel/wait-end.js';
import type { Wait } from '../../src/kernel/wait.js';
import { ArrayMemory } from './array-memory.js';
import { boot, MEMORY_BYTES, resultsOf, spawn, tracked, WILD } from './boot.js';
import { storeTime, storeTimespec, timespec } from './guest-time.js';
import { act, jump, type Script, type Step, syscall, type Word } from './scripted-machine.js';

const WORD = 0x100;
const OTHER = 0x200;
const TIME = 0x300;
const PRIVATE = FUTEX_PRIVATE_FLAG;
const ANY = FUTEX_BITSET_MATCH_ANY;
const { Wait, Wake, Requeue, CmpRequeue, WaitBitset, WakeBitset } = FutexOp;

/** An address that is no address of user space. */
const KERNEL = TASK_SIZE | 0;

type Call = readonly [number, ...Word[]];

const call = (address: number, op: number, ...rest: Word[]): Call => [
  Sysno.Futex,
  address,
  op,
  ...rest,
];

describe('futex, with a word that is 0,', () => {
  test.each([
    ['wait for 1', call(WORD, Wait, 1), -Errno.EAGAIN],
    ['wait for 1, private', call(WORD, Wait | PRIVATE, 1), -Errno.EAGAIN],
    ['wait, misaligned', call(WORD + 1, Wait, 1), -Errno.EINVAL],
    ['wait, misaligned and unmapped', call(WILD + 2, Wait, 0), -Errno.EINVAL],
    ['wait, misaligned and no user address', call(KERNEL + 1, Wait, 0), -Errno.EINVAL],
    ['wait, unmapped', call(WILD, Wait, 0), -Errno.EFAULT],
    ['wait, unmapped and private', call(WILD, Wait | PRIVATE, 0), -Errno.EFAULT],
    ['wait at the end of memory', call(MEMORY_BYTES, Wait, 0), -Errno.EFAULT],
    ['wait, no user address', call(KERNEL, Wait | PRIVATE, 0), -Errno.EFAULT],
    ['wait at the last address', call(-4, Wait | PRIVATE, 0), -Errno.EFAULT],
    ['wait, unmapped timeout', call(WORD, Wait, 0, WILD), -Errno.EFAULT],
    ['wait, misaligned and unmapped timeout', call(WORD + 1, Wait, 0, WILD), -Errno.EFAULT],
    ['wait for 1, unmapped timeout', call(WORD, Wait, 1, WILD), -Errno.EFAULT],
    ['wait, a moment ago', call(WORD, WaitBitset, 0, TIME, 0, ANY), -Errno.ETIMEDOUT],
    ['wait for 1, a moment ago', call(WORD, WaitBitset, 1, TIME, 0, ANY), -Errno.EAGAIN],
    ['wait for no time', call(WORD, Wait, 0, TIME), -Errno.ETIMEDOUT],
    ['wait by a clock', call(WORD, Wait | FUTEX_CLOCK_REALTIME, 1), -Errno.ENOSYS],
    [
      'wait by a clock, unmapped timeout',
      call(WORD, Wait | FUTEX_CLOCK_REALTIME, 1, WILD),
      -Errno.EFAULT,
    ],
    [
      'wait for bits by a clock',
      call(WORD, WaitBitset | FUTEX_CLOCK_REALTIME, 0, TIME, 0, ANY),
      -Errno.ETIMEDOUT,
    ],
    ['wait for no bits', call(WORD, WaitBitset, 1, 0, 0, 0), -Errno.EINVAL],
    ['wait for no bits, unmapped timeout', call(WORD, WaitBitset, 1, WILD, 0, 0), -Errno.EFAULT],

    ['wake', call(WORD, Wake, 1), 0],
    ['wake by a clock', call(WORD, Wake | FUTEX_CLOCK_REALTIME, 1), -Errno.ENOSYS],
    ['wake, misaligned', call(WORD + 3, Wake, 1), -Errno.EINVAL],
    ['wake, unmapped', call(WILD, Wake, 1), -Errno.EFAULT],
    ['wake, unmapped and private: a name is enough', call(WILD, Wake | PRIVATE, 1), 0],
    ['wake, address 0 and private', call(0, Wake | PRIVATE, 1), 0],
    ['wake at the end of memory, private', call(MEMORY_BYTES, Wake | PRIVATE, 1), 0],
    ['wake, the last user address', call(KERNEL - 4, Wake | PRIVATE, 1), 0],
    ['wake, no user address', call(KERNEL, Wake | PRIVATE, 1), -Errno.EFAULT],
    ['wake, with words that do not matter', call(WORD, Wake, 1, WILD, WILD, 0), 0],
    ['wake no bits', call(WORD, WakeBitset, 1, 0, 0, 0), -Errno.EINVAL],
    ['wake no bits, misaligned', call(WORD + 1, WakeBitset, 1, 0, 0, 0), -Errno.EINVAL],
    [
      'wake bits by a clock',
      call(WORD, WakeBitset | FUTEX_CLOCK_REALTIME, 1, 0, 0, 0),
      -Errno.ENOSYS,
    ],

    ['requeue', call(WORD, Requeue, 1, 1, OTHER), 0],
    ['requeue by a clock', call(WORD, Requeue | FUTEX_CLOCK_REALTIME, -1, 0, 0), -Errno.ENOSYS],
    ['requeue, wake less than none', call(WORD, Requeue, -1, 0, OTHER), -Errno.EINVAL],
    ['requeue, move less than none', call(WILD, Requeue, 0, -1, OTHER), -Errno.EINVAL],
    ['requeue, misaligned', call(WORD + 1, Requeue, 0, 0, WILD), -Errno.EINVAL],
    ['requeue to a misaligned word', call(WORD, Requeue, 0, 0, OTHER + 2), -Errno.EINVAL],
    ['requeue to an unmapped word', call(WORD, Requeue, 0, 0, WILD), -Errno.EFAULT],
    ['requeue to an unmapped word, private', call(WORD, Requeue | PRIVATE, 0, 0, WILD), 0],
    ['requeue from no user address', call(KERNEL, Requeue | PRIVATE, 0, 0, 1), -Errno.EFAULT],
    ['requeue to no user address', call(WORD, Requeue | PRIVATE, 0, 0, KERNEL), -Errno.EFAULT],
    ['requeue if it is 1', call(WORD, CmpRequeue, 0, 0, OTHER, 1), -Errno.EAGAIN],
    ['requeue if it is 0', call(WORD, CmpRequeue, 0, 0, OTHER, 0), 0],
    ['requeue if, misaligned', call(WORD, CmpRequeue, 0, 0, OTHER + 1, 1), -Errno.EINVAL],
    [
      'requeue if, unmapped and private',
      call(WILD, CmpRequeue | PRIVATE, 0, 0, OTHER),
      -Errno.EFAULT,
    ],
    ['requeue if, the other unmapped', call(WORD, CmpRequeue | PRIVATE, 0, 0, WILD, 1), -11],

    ...[2, 5, 6, 7, 8, 11, 12, 13, 14, 0x200, -1, 0x80000000 | 0].map(
      (op) => [`operation ${op}`, call(WORD + 1, op, 0, WILD, WILD, 0), -Errno.ENOSYS] as const,
    ),
  ] as const)('%s', (_what, each, result) => {
    expect(resultsOf([each]).results).toEqual([result]);
  });

  test.each([
    ['negative seconds', -1n, 0n],
    ['too many nanoseconds', 0n, 1_000_000_000n],
    ['negative nanoseconds', 0n, -1n],
  ])('waits with a timeout of %s are -EINVAL before anything else', (_what, seconds, rest) => {
    const results: number[] = [];
    const calls = [
      call(WORD, Wait, 1, TIME),
      call(WILD, Wait, 0, TIME),
      call(WORD, WaitBitset, 1, TIME, 0, 0),
      call(WORD, Wait | FUTEX_CLOCK_REALTIME, 0, TIME),
    ];
    const main = [
      storeTimespec(TIME, seconds, rest),
      ...calls.flatMap((each) => tracked(results, ...each)),
    ];

    boot({ 0: main }).kernel.run();

    expect(results).toEqual(calls.map(() => -Errno.EINVAL));
  });
});

// --- a futex table without a kernel ---------------------------------------------------------------

/** What the calls ask of a kernel, written down. */
class Bench implements Waking {
  readonly futexes = new FutexTable();
  readonly joinersOfAll = [];
  readonly now = 0;
  readonly process = new Process(1, new ArrayMemory(MEMORY_BYTES));
  readonly woken: (readonly [tid: number, result: number])[] = [];
  readonly waits = new Map<number, Wait>();
  charged = 0;
  #nextTid = 1;

  charge(fuel: number): void {
    this.charged += fuel;
  }

  block(thread: Thread, wait: Wait): undefined {
    this.waits.set(thread.tid, wait);
  }

  wake(thread: Thread, result: number): void {
    this.waits.delete(thread.tid);
    this.woken.push([thread.tid, result]);
  }

  call(...args: number[]): { tid: number; result: number | undefined } {
    const tid = this.#nextTid++;
    const thread = new Thread(tid, this.process, 0, {}, CpuSet.firstCpus(1), 0);
    return { tid, result: futex(this, thread, Int32Array.from(args)) };
  }

  /** Threads that fall asleep on the word, in this order. */
  sleepers(count: number, address = WORD, op: number = Wait, bitset = ANY): number[] {
    return Array.from({ length: count }, () => this.call(address, op, 0, 0, 0, bitset).tid);
  }

  /** The thread's deadline, or a signal. */
  leave(tid: number): void {
    const wait = this.waits.get(tid);
    if (wait !== undefined) leave(wait, this);
    this.waits.delete(tid);
  }

  get wokenTids(): number[] {
    return this.woken.map(([tid]) => tid);
  }
}

describe('wake', () => {
  test('wakes who came first, as many as it is told, and says how many', () => {
    const bench = new Bench();
    const [first, second, third] = bench.sleepers(3);

    expect(bench.call(WORD, Wake, 2).result).toBe(2);
    expect(bench.woken).toEqual([
      [first, 0],
      [second, 0],
    ]);
    expect(bench.call(WORD, Wake, 2).result).toBe(1);
    expect(bench.wokenTids).toEqual([first, second, third]);
    expect(bench.call(WORD, Wake, 2).result).toBe(0);
  });

  test.each([0, -1, -(2 ** 31)])('of %i threads wakes one, as in Linux', (count) => {
    const bench = new Bench();
    bench.sleepers(2);

    expect(bench.call(WORD, Wake, count).result).toBe(1);
  });

  test('leaves alone who sleeps on another word', () => {
    const bench = new Bench();
    bench.sleepers(1, OTHER);

    expect(bench.call(WORD, Wake, 9).result).toBe(0);
  });

  test('private does not reach a shared futex of the same word, nor the other way', () => {
    const bench = new Bench();
    const [shared, own] = [bench.sleepers(1), bench.sleepers(1, WORD, Wait | PRIVATE)].flat();

    expect(bench.call(WORD, Wake | PRIVATE, 9).result).toBe(1);
    expect(bench.wokenTids).toEqual([own]);
    expect(bench.call(WORD, Wake, 9).result).toBe(1);
    expect(bench.wokenTids).toEqual([own, shared]);
  });

  test('of bits passes over who sleeps for none of them', () => {
    const bench = new Bench();
    const [low] = bench.sleepers(1, WORD, WaitBitset, 0b01);
    const [high] = bench.sleepers(1, WORD, WaitBitset, 0b10);
    const [any] = bench.sleepers(1);

    expect(bench.call(WORD, WakeBitset, 1, 0, 0, 0b110).result).toBe(1);
    expect(bench.call(WORD, WakeBitset, 9, 0, 0, 0b100).result).toBe(1);
    expect(bench.call(WORD, Wake, 9).result).toBe(1);
    expect(bench.wokenTids).toEqual([high, any, low]);
  });
});

describe('requeue', () => {
  test('wakes some, moves some behind those who are there, and counts both', () => {
    const bench = new Bench();
    const there = bench.sleepers(1, OTHER);
    const [woken, moved, left] = bench.sleepers(3);

    expect(bench.call(WORD, Requeue, 1, 1, OTHER).result).toBe(2);
    expect(bench.wokenTids).toEqual([woken]);
    expect(bench.call(OTHER, Wake, 9).result).toBe(2);
    expect(bench.wokenTids).toEqual([woken, ...there, moved]);
    expect(bench.call(WORD, Wake, 9).result).toBe(1);
    expect(bench.wokenTids.at(-1)).toBe(left);
  });

  test('of none does nothing, where wake would wake one', () => {
    const bench = new Bench();
    bench.sleepers(2);

    expect(bench.call(WORD, Requeue, 0, 0, OTHER).result).toBe(0);
    expect(bench.woken).toEqual([]);
  });

  test('to the word itself keeps the order, and counts', () => {
    const bench = new Bench();
    const tids = bench.sleepers(3);

    expect(bench.call(WORD, Requeue, 0, 2, WORD).result).toBe(2);
    expect(bench.call(WORD, Requeue, 0, 0x7fffffff, WORD).result).toBe(3);
    bench.call(WORD, Wake, 9);
    expect(bench.wokenTids).toEqual(tids);
  });

  test('keeps the bits a thread sleeps for', () => {
    const bench = new Bench();
    bench.sleepers(1, WORD, WaitBitset, 0b01);
    bench.call(WORD, Requeue, 0, 1, OTHER);

    expect(bench.call(OTHER, WakeBitset, 1, 0, 0, 0b10).result).toBe(0);
    expect(bench.call(OTHER, WakeBitset, 1, 0, 0, 0b01).result).toBe(1);
  });

  test('of a moved thread lets it leave the word it was moved to', () => {
    const bench = new Bench();
    const [tid = 0] = bench.sleepers(1);
    bench.call(WORD, Requeue, 0, 1, OTHER);

    bench.leave(tid);

    expect(bench.call(OTHER, Wake, 9).result).toBe(0);
    expect(bench.futexes.size).toBe(0);
  });
});

/** The same in plain arrays. */
class Model {
  #sleepers: { readonly tid: number; readonly key: string; readonly bitset: number }[] = [];
  readonly woken: number[] = [];

  sleep(tid: number, key: string, bitset: number): void {
    this.#sleepers.push({ tid, key, bitset });
  }

  leave(tid: number): void {
    this.#sleepers = this.#sleepers.filter((each) => each.tid !== tid);
  }

  wake(key: string, count: number, bitset: number): number {
    const ready = this.#sleepers
      .filter((each) => each.key === key && (each.bitset & bitset) !== 0)
      .slice(0, Math.max(1, count));
    for (const { tid } of ready) {
      this.leave(tid);
      this.woken.push(tid);
    }
    return ready.length;
  }

  requeue(from: string, to: string, wakeCount: number, moveCount: number): number {
    const sleepers = this.#sleepers.filter(({ key }) => key === from);
    const chosen = sleepers.slice(0, wakeCount + moveCount);
    chosen.forEach((each, index) => {
      if (index < wakeCount) this.woken.push(each.tid);
      else if (from === to) return;
      this.leave(each.tid);
      if (index >= wakeCount) this.#sleepers.push({ ...each, key: to });
    });
    return chosen.length;
  }

  get tids(): number[] {
    return this.#sleepers.map(({ tid }) => tid);
  }

  get keys(): Set<string> {
    return new Set(this.#sleepers.map(({ key }) => key));
  }
}

describe('any calls one after another', () => {
  test('wake the same threads in the same order as the model', () => {
    const address = fc.constantFrom(WORD, WORD + 4, OTHER);
    const flag = fc.constantFrom(0, PRIVATE);
    const bits = fc.constantFrom(1, 2, 3, ANY);
    const count = fc.integer({ min: 0, max: 3 });
    const operation = fc.oneof(
      { weight: 4, arbitrary: fc.tuple(fc.constant('sleep' as const), address, flag, bits) },
      { weight: 1, arbitrary: fc.tuple(fc.constant('leave' as const), fc.nat()) },
      { weight: 2, arbitrary: fc.tuple(fc.constant('wake' as const), address, flag, bits, count) },
      {
        weight: 2,
        arbitrary: fc.tuple(fc.constant('move' as const), address, address, flag, count, count),
      },
    );

    fc.assert(
      fc.property(fc.array(operation, { maxLength: 80 }), (operations) => {
        const bench = new Bench();
        const model = new Model();
        for (const each of operations) {
          if (each[0] === 'sleep') {
            const [, at, own, bitset] = each;
            const { tid, result } = bench.call(at, WaitBitset | own, 0, 0, 0, bitset);
            expect(result).toBeUndefined();
            model.sleep(tid, `${at} ${own}`, bitset);
          } else if (each[0] === 'leave') {
            const tid = model.tids[each[1] % Math.max(1, model.tids.length)];
            if (tid === undefined) continue;
            bench.leave(tid);
            model.leave(tid);
          } else if (each[0] === 'wake') {
            const [, at, own, bitset, wanted] = each;
            const expected = model.wake(`${at} ${own}`, wanted, bitset);
            expect(bench.call(at, WakeBitset | own, wanted, 0, 0, bitset).result).toBe(expected);
          } else {
            const [, from, to, own, wakes, moves] = each;
            const expected = model.requeue(`${from} ${own}`, `${to} ${own}`, wakes, moves);
            expect(bench.call(from, Requeue | own, wakes, moves, to).result).toBe(expected);
          }
          expect(bench.wokenTids).toEqual(model.woken);
        }
        expect([...bench.waits.keys()].sort((a, b) => a - b)).toEqual(
          model.tids.sort((a, b) => a - b),
        );
        expect(bench.futexes.size).toBe(model.keys.size);
      }),
      { numRuns: 500 },
    );
  });

  test('100,000 threads leave in any order without a search', () => {
    const bench = new Bench();
    const tids = bench.sleepers(100_000);

    for (let index = tids.length - 1; index >= 0; index -= 2) bench.leave(tids[index] as number);
    for (let index = 0; index < tids.length; index += 4) bench.leave(tids[index] as number);

    expect(bench.call(WORD, Wake, 0x7fffffff).result).toBe(25_000);
  });
});

// --- in a kernel ----------------------------------------------------------------------------------

describe('a thread that waits', () => {
  test('sleeps until it is woken, and gets 0', () => {
    const results: number[] = [];
    const main = [...tracked(results, ...call(WORD, Wait, 0)), syscall(Sysno.ExitGroup, 3)];
    const waker = [...tracked(results, ...call(WORD, Wake, 1)), jump(2)];

    const outcome = boot({ 0: [spawn(1), ...main], 1: waker }).kernel.run();

    expect([results, outcome.exitStatus]).toEqual([[1, 0], 3]);
  });

  test('for ever, with nobody left to wake it, is a deadlock', () => {
    expect(boot({ 0: [syscall(...call(WORD, Wait, 0))] }).kernel.run().reason).toBe('deadlock');
  });

  test('for bits waits until a moment, not for a duration', () => {
    const results: number[] = [];
    const main = [
      storeTime(TIME, 50),
      ...Array.from({ length: 60 }, (): Step => ({ kind: 'work' })),
      ...tracked(results, ...call(WORD, WaitBitset, 0, TIME, 0, ANY)),
      ...tracked(results, ...call(WORD, Wait, 0, TIME)),
    ];
    const { kernel } = boot({ 0: main });
    kernel.run();

    expect(results).toEqual([-Errno.ETIMEDOUT, -Errno.ETIMEDOUT]);
    expect(kernel.now).toBe(main.length + 1 + 50);
  });

  test('until a time too far to count waits until the end of time', () => {
    const results: number[] = [];
    const bytes = timespec(2n ** 62n, 0n);
    const main = [
      act(({ memory }) => memory.copyOut(TIME, bytes)),
      ...tracked(results, ...call(WORD, Wait, 0, TIME)),
    ];

    boot({ 0: main }).kernel.run();

    expect(results).toEqual([-Errno.ETIMEDOUT]);
  });

  test('leaves no trace when it is over', () => {
    const main = [
      storeTime(TIME, 50),
      spawn(1),
      syscall(...call(WORD, Wait, 0, TIME)),
      syscall(...call(OTHER, Wait, 0)),
      jump(9),
    ];
    const waker: Script = [
      storeTime(TIME + 16, 500),
      syscall(Sysno.Nanosleep, TIME + 16),
      syscall(...call(OTHER, Wake, 1)),
    ];

    const { kernel } = boot({ 0: main, 1: waker });

    expect(kernel.run().reason).toBe('exited');
    expect(kernel.futexes.size).toBe(0);
  });
});

/** The lock of Drepper, "Futexes are tricky", part 3: 0 free, 1 taken, 2 taken and waited for. */
const MUTEX = 0x400;
const COUNT = 0x440;
const ROUNDS = 20;

const LOCKED_COUNTING: Script = [
  // 0: try to take it free.
  act((guest) => {
    const found = guest.memory.loadI32(MUTEX) ?? 0;
    if (found === 0) guest.memory.storeI32(MUTEX, 1);
    guest.locals[1] = found;
  }),
  jump(5, (guest) => guest.locals[1] === 0),
  // 2: taken: say that it is waited for, and wait unless it is free by now.
  act((guest) => {
    guest.locals[1] = guest.memory.loadI32(MUTEX) ?? 0;
    guest.memory.storeI32(MUTEX, 2);
  }),
  jump(5, (guest) => guest.locals[1] === 0),
  syscall(...call(MUTEX, Wait | PRIVATE, 2)),
  // 5: back to 2, unless the lock was free.
  jump(2, (guest) => guest.locals[1] !== 0),
  // 6: the lock is held: a count that would lose if two did it at once.
  act((guest) => (guest.locals[2] = guest.memory.loadI32(COUNT) ?? 0)),
  { kind: 'work' },
  act((guest) => guest.memory.storeI32(COUNT, (guest.locals[2] as number) + 1)),
  act((guest) => {
    guest.locals[3] = guest.memory.loadI32(MUTEX) ?? 0;
    guest.memory.storeI32(MUTEX, 0);
  }),
  jump(12, (guest) => guest.locals[3] !== 2),
  syscall(...call(MUTEX, Wake | PRIVATE, 1)),
  // 12: again.
  act((guest) => (guest.locals[0] = (guest.locals[0] ?? 0) + 1)),
  jump(0, (guest) => (guest.locals[0] as number) < ROUNDS),
];

describe('a lock made of a futex', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])('loses no count and no thread, seed %i', (seed) => {
    const workers = 6;
    const main = [
      ...Array.from({ length: workers }, () => spawn(1)),
      ...Array.from({ length: workers }, (_, index) => syscall(Sysno.Join, index + 2)),
    ];
    const scheduler = new RandomScheduler(3, seed);
    const options = { scheduler, cpus: 3, fuelLimit: 100_000 };
    const { kernel, memory } = boot({ 0: main, 1: LOCKED_COUNTING }, options);

    expect(kernel.run().reason).toBe('exited');
    expect(memory.loadI32(COUNT)).toBe(workers * ROUNDS);
  });
});
