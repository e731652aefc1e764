// sched_setaffinity, sched_getaffinity and getcpu.

import { describe, expect, test } from 'vitest';
import { Errno } from '../../src/abi/errno.js';
import { Sysno } from '../../src/abi/syscall.js';
import { RoundRobinScheduler } from '../../src/kernel/schedulers/round-robin.js';
import { TraceEvent } from '../../src/kernel/trace.js';
import { boot, choices, eventsOf, resultsOf, spawn, stepTimes, threadOf, WILD } from './boot.js';
import { act, jump, type Step, syscall, type Word, work } from './scripted-machine.js';

const MASK = 0x40;
const OUT = 0x80;

type Call = readonly [number, ...Word[]];

const set = (tid: number, length: number, mask: number): Call => [
  Sysno.SchedSetaffinity,
  tid,
  length,
  mask,
];
const get = (tid: number, length: number, mask: number): Call => [
  Sysno.SchedGetaffinity,
  tid,
  length,
  mask,
];

function store(address: number, value: number): Step {
  return act(({ memory }) => memory.storeI32(address, value));
}

describe('sched_setaffinity', () => {
  test.each([
    ['an unknown thread', set(99, 4, MASK), -Errno.ESRCH],
    ['a negative thread', set(-1, 4, MASK), -Errno.ESRCH],
    ['an unmapped mask', set(0, 4, WILD), -Errno.EFAULT],
    ['a mask at the top of the address space', set(0, 4, -1), -Errno.EFAULT],
    ['an empty mask', set(0, 4, MASK), -Errno.EINVAL],
    ['a mask of no length', set(0, 0, MASK), -Errno.EINVAL],
  ])('for %s', (_what, call, errno) => {
    expect(resultsOf([call]).results).toEqual([errno]);
  });

  test.each([
    ['a cpu that is online', 0b0010, 0],
    ['a cpu that is not', 0b10000, -Errno.EINVAL],
    ['both: the cpu that is online counts', 0b10010, 0],
  ])('to %s', (_what, mask, result) => {
    const seen: number[] = [];
    const main = [
      store(MASK, mask),
      syscall(...set(0, 4, MASK)),
      act((guest) => seen.push(guest.result)),
    ];
    boot({ 0: main }, { cpus: 4 }).kernel.run();

    expect(seen).toEqual([result]);
  });

  test('reads no more of a long mask than there are cpus', () => {
    const main = [store(MASK, 1), syscall(...set(0, 0x7fffffff, MASK))];
    const { kernel } = boot({ 0: main });

    kernel.run();

    expect(threadOf(kernel, 1).registers.ax).toBe(0);
  });

  test('of the caller: it returns on a cpu of the mask', () => {
    const cpus: number[] = [];
    const main = [
      store(MASK, 0b1000),
      syscall(...set(0, 4, MASK)),
      syscall(Sysno.Getcpu, OUT, 0),
      act(({ memory }) => cpus.push(memory.loadI32(OUT) ?? -1)),
    ];
    const { kernel } = boot({ 0: main }, { cpus: 4 });

    kernel.run();

    expect(cpus).toEqual([3]);
    expect(kernel.counts.migrations).toBe(1);
  });

  test('that allows the present cpu moves nobody and does not end the slice', () => {
    const main = [store(MASK, 0b0001), syscall(...set(0, 4, MASK)), ...work(5)];
    const { kernel } = boot({ 0: main }, { cpus: 4, scheduler: choices('0:1x7') });

    kernel.step();

    expect(kernel.counts).toMatchObject({ migrations: 0, fuel: 7 });
  });

  test('of a queued thread moves it to the other queue', () => {
    const main = [spawn(1), store(MASK, 0b10), syscall(...set(2, 4, MASK)), jump(3)];
    const { kernel } = boot({ 0: main, 1: [jump(0)] }, { cpus: 2, scheduler: choices('1:1x9') });

    kernel.step();

    const thread = threadOf(kernel, 2);
    expect(thread.cpu).toBe(1);
    expect(kernel.cpus[1]?.queue.at(0)).toBe(thread);
  });

  test('of a thread that another cpu holds takes it from there and leaves the caller’s slice', () => {
    const main = [spawn(1), store(MASK, 0b01), ...work(6), syscall(...set(2, 4, MASK)), jump(9)];
    const scheduler = choices('0:1x3 1:2x1 0:1x20');
    const { kernel } = boot({ 0: main, 1: [jump(0)] }, { cpus: 2, scheduler });

    stepTimes(kernel, 3);

    expect(kernel.counts.fuel).toBe(3 + 1 + 20);
    expect([threadOf(kernel, 2).cpu, kernel.cpus[1]?.current]).toEqual([0, undefined]);
  });

  test('of a blocked thread takes effect when it wakes', () => {
    const main = [spawn(1), syscall(Sysno.Join, 2), syscall(Sysno.Getcpu, OUT, 0), jump(3)];
    const worker = [store(MASK, 0b100), syscall(...set(1, 4, MASK))];
    const scheduler = new RoundRobinScheduler(10);
    const { kernel, memory } = boot({ 0: main, 1: worker }, { cpus: 3, scheduler, fuelLimit: 999 });

    kernel.run();

    expect(memory.loadI32(OUT)).toBe(2);
  });

  test('of a dead thread is -ESRCH', () => {
    const main = [
      spawn(1),
      syscall(Sysno.Join, 2),
      store(MASK, 1),
      syscall(...set(2, 4, MASK)),
      jump(4),
    ];
    const { kernel } = boot({ 0: main, 1: [] }, { fuelLimit: 999 });

    kernel.run();

    expect(threadOf(kernel, 1).registers.ax).toBe(-Errno.ESRCH);
  });

  test('chooses the least loaded cpu of the mask', () => {
    const main = [spawn(1), spawn(1), store(MASK, 0b1110), syscall(...set(0, 4, MASK)), jump(4)];
    const { kernel } = boot({ 0: main, 1: [jump(0)] }, { cpus: 4, scheduler: choices('0:1x9') });

    kernel.step();

    expect([1, 2, 3].map((tid) => threadOf(kernel, tid).cpu)).toEqual([3, 1, 2]);
  });

  test('holds: a pinned thread never runs elsewhere', () => {
    const main = [spawn(1), spawn(1), store(MASK, 0b10), syscall(...set(2, 4, MASK)), jump(4)];
    const scheduler = new RoundRobinScheduler(3);
    const { kernel, events } = boot({ 0: main, 1: [jump(0)] }, { cpus: 3, scheduler });

    kernel.run();

    const [move] = eventsOf(events, TraceEvent.Syscall).filter(
      (event) => event.a === Sysno.SchedSetaffinity,
    );
    const later = eventsOf(events, TraceEvent.Run).filter(
      (event) => event.tid === 2 && event.time > (move?.time ?? 0),
    );
    expect(later.length).toBeGreaterThan(10);
    expect(new Set(later.map((event) => event.cpu))).toEqual(new Set([1]));
  });

  test('is inherited by the threads one spawns', () => {
    const main = [store(MASK, 0b10), syscall(...set(0, 4, MASK)), spawn(1), jump(3)];
    const scheduler = choices('0:1x9 1:1x9');
    const { kernel } = boot({ 0: main, 1: [] }, { cpus: 2, scheduler });

    stepTimes(kernel, 2);

    expect([0, 1].map((cpu) => threadOf(kernel, 2).affinity.has(cpu))).toEqual([false, true]);
    expect(threadOf(kernel, 2).cpu).toBe(1);
  });
});

describe('sched_getaffinity', () => {
  test.each([
    ['a length of nothing', get(0, 0, OUT), -Errno.EINVAL],
    ['a length that is no multiple of a word', get(0, 5, OUT), -Errno.EINVAL],
    ['an unknown thread', get(99, 4, OUT), -Errno.ESRCH],
    ['an unmapped buffer', get(0, 4, WILD), -Errno.EFAULT],
    ['a buffer that ends beyond the memory', get(0, 8, 4092), -Errno.EFAULT],
    ['one word', get(0, 4, OUT), 4],
    ['a huge buffer: only what is written counts', get(0, 0x7ffffffc, OUT), 32],
  ])('with %s', (_what, call, result) => {
    expect(resultsOf([call], { cpus: 3 }).results).toEqual([result]);
  });

  test('with a buffer that cannot hold every cpu is -EINVAL', () => {
    expect(resultsOf([get(0, 4, OUT)], { cpus: 33 }).results).toEqual([-Errno.EINVAL]);
    expect(resultsOf([get(0, 8, OUT)], { cpus: 33 }).results).toEqual([8]);
  });

  test('gives the cpus that are online at first', () => {
    const { memory } = resultsOf([get(0, 8, OUT)], { cpus: 3 });

    expect([memory.loadI32(OUT), memory.loadI32(OUT + 4)]).toEqual([0b111, 0]);
  });

  test('gives what sched_setaffinity has set', () => {
    const main = [store(MASK, 0b110110), syscall(...set(0, 4, MASK)), syscall(...get(0, 4, OUT))];
    const { kernel, memory } = boot({ 0: main }, { cpus: 3 });

    kernel.run();

    expect(memory.loadI32(OUT)).toBe(0b110);
  });
});

describe('getcpu', () => {
  test('writes the cpu and node 0', () => {
    const main = [store(OUT, -1), syscall(Sysno.Getcpu, MASK, OUT), ...work(1)];
    const { kernel, memory } = boot({ 0: main }, { cpus: 3, scheduler: choices('2:1x3') });

    kernel.step();

    expect([memory.loadI32(MASK), memory.loadI32(OUT)]).toEqual([2, 0]);
  });

  test.each([
    ['no addresses', 0, 0, 0],
    ['an unmapped cpu', WILD, 0, -Errno.EFAULT],
    ['an unmapped node', 0, WILD, -Errno.EFAULT],
    ['addresses of the top half', -4, -4, -Errno.EFAULT],
  ])('with %s', (_what, cpu, node, result) => {
    expect(resultsOf([[Sysno.Getcpu, cpu, node]]).results).toEqual([result]);
  });
});
