// membarrier: results as probed on Linux 6.18, and what the fence does to sections.

import { describe, expect, test } from 'vitest';
import { Errno } from '../../src/abi/errno.js';
import { MEMBARRIER_FLAG_CPU, MembarrierCommand } from '../../src/abi/membarrier.js';
import { RseqOp } from '../../src/abi/rseq.js';
import { Sysno } from '../../src/abi/syscall.js';
import { TurnerPersonality } from '../../src/kernel/rseq/turner.js';
import {
  boot,
  choices,
  resultsOf,
  sliceCount,
  spawn,
  stepTimes,
  threadOf,
  tracked,
} from './boot.js';
import {
  ipOf,
  jump,
  type Script,
  type Step,
  syscall,
  type Word,
  work,
} from './scripted-machine.js';

const {
  Query,
  Global,
  GlobalExpedited,
  RegisterGlobalExpedited,
  PrivateExpedited,
  RegisterPrivateExpedited,
  PrivateExpeditedSyncCore,
  RegisterPrivateExpeditedSyncCore,
  PrivateExpeditedRseq,
  RegisterPrivateExpeditedRseq,
  GetRegistrations,
} = MembarrierCommand;
const CPU = MEMBARRIER_FLAG_CPU;
const { EINVAL, EPERM } = Errno;

type Call = readonly [number, ...Word[]];

const call = (command: number, flags = 0, cpu = 0): Call => [Sysno.Membarrier, command, flags, cpu];

/** Turner's sections, and linux's fence. */
class FencedPersonality extends TurnerPersonality {
  readonly hasFence = true;
}

/** Results of membarrier(command, flags, cpu), one after another. */
function results(calls: readonly (readonly [number, number?, number?])[]): number[] {
  const personality = new FencedPersonality();
  return resultsOf(
    calls.map((args) => call(...args)),
    { personality },
  ).results;
}

describe('membarrier', () => {
  test.each([
    ['knows all commands of linux', new FencedPersonality(), 0x3ff],
    ['knows all but two without a fence', new TurnerPersonality(), 0x3ff & ~0x180],
  ])('%s', (_what, personality, commands) => {
    expect(resultsOf([call(Query)], { personality }).results).toEqual([commands]);
  });

  test('has no restartable sequences without a fence', () => {
    const calls = [
      call(RegisterPrivateExpeditedRseq),
      call(PrivateExpeditedRseq),
      call(PrivateExpeditedRseq, CPU, 0),
      call(GetRegistrations),
    ];

    expect(resultsOf(calls).results).toEqual([-EINVAL, -EINVAL, -EINVAL, 0]);
  });

  test.each([3, 5, 12, 384, 1024, 0x40000000, -1, -(2 ** 31)])('has no command %i', (command) => {
    expect(results([[command]])).toEqual([-EINVAL]);
  });

  test.each([
    Query,
    Global,
    GlobalExpedited,
    RegisterGlobalExpedited,
    PrivateExpedited,
    RegisterPrivateExpedited,
    PrivateExpeditedSyncCore,
    RegisterPrivateExpeditedSyncCore,
    RegisterPrivateExpeditedRseq,
    GetRegistrations,
    99,
  ])('takes no flags with command %i', (command) => {
    expect(results([[command, CPU], [command, 2], [GetRegistrations]])).toEqual([
      -EINVAL,
      -EINVAL,
      0,
    ]);
  });

  test.each([2, 3, -1])('does not take flags %i with the fence', (flags) => {
    const register = [RegisterPrivateExpeditedRseq] as const;

    expect(results([register, [PrivateExpeditedRseq, flags, 0]])).toEqual([0, -EINVAL]);
  });

  test('of everybody needs no registration', () => {
    expect(results([[Global], [GlobalExpedited]])).toEqual([0, 0]);
  });

  test.each([
    ['the plain one', PrivateExpedited, RegisterPrivateExpedited],
    ['the one that serializes', PrivateExpeditedSyncCore, RegisterPrivateExpeditedSyncCore],
    ['the fence', PrivateExpeditedRseq, RegisterPrivateExpeditedRseq],
  ])('of the process is -EPERM before it is registered for: %s', (_what, command, register) => {
    const others = [
      RegisterGlobalExpedited,
      RegisterPrivateExpedited,
      RegisterPrivateExpeditedSyncCore,
      RegisterPrivateExpeditedRseq,
    ].filter((each) => each !== register);
    const calls = [...others, command, register, command].map((each) => [each] as const);

    expect(results(calls)).toEqual([0, 0, 0, -EPERM, 0, 0]);
  });

  test('may be registered for twice', () => {
    const register = [RegisterPrivateExpedited] as const;

    expect(results([register, register, [PrivateExpedited]])).toEqual([0, 0, 0]);
  });

  test.each([
    ['nothing at first', [], 0],
    ['the global one', [RegisterGlobalExpedited], 4],
    ['the plain one', [RegisterPrivateExpedited], 16],
    ['one of the private ones, and the plain one with it', [RegisterPrivateExpeditedRseq], 272],
    ['another', [RegisterPrivateExpeditedSyncCore], 80],
    ['several', [RegisterPrivateExpeditedSyncCore, RegisterPrivateExpeditedRseq, 4], 340],
  ])('says what is registered: %s', (_what, commands, mask) => {
    const calls = [...commands, GetRegistrations].map((command) => [command] as const);

    expect(results(calls).at(-1)).toBe(mask);
  });

  test('does not grant the plain one for saying that it is registered', () => {
    expect(results([[RegisterPrivateExpeditedRseq], [PrivateExpedited]])).toEqual([0, -EPERM]);
  });

  test('is registered for by any thread for all', () => {
    const seen: number[] = [];
    const main = [spawn(1), syscall(Sysno.Join, 2), ...tracked(seen, ...call(PrivateExpedited))];

    boot({ 0: main, 1: [syscall(...call(RegisterPrivateExpedited))] }).kernel.run();

    expect(seen).toEqual([0]);
  });
});

const SECTION = { start: ipOf(3, 1), end: ipOf(90, 1), restart: ipOf(1, 1) };

/** A thread that goes into the section with its third step and stays there. */
const SPINNER: Script = [
  syscall(Sysno.RestartableSequences, RseqOp.SetCpuPointer, 0, ({ argument }) => argument),
  ...work(90),
];

/** Main prepares `spinners` threads, then makes `calls`: 3 + spinners steps before the first. */
function fencing(spinners: number, calls: readonly Step[]): Script {
  const { start, end, restart } = SECTION;
  return [
    syscall(Sysno.RestartableSequences, RseqOp.SetCritical, 0, start, end, restart),
    syscall(Sysno.RestartableSequences, RseqOp.SetCpuPointer, 0, 0x40),
    ...Array.from({ length: spinners }, (_, index) => spawn(1, 0x80 + 64 * index)),
    syscall(...call(RegisterPrivateExpeditedRseq)),
    ...calls,
    ...work(90),
  ];
}

/** tids of the threads whose sections are restarted in the slices after `before`. */
function restartedBy(
  calls: readonly Step[],
  {
    spinners,
    before,
    after,
    cpus = 4,
  }: { spinners: number; before: string; after: string; cpus?: number },
): number[] {
  const slices = `${before} ${after}`;
  const options = { personality: new FencedPersonality(), cpus, scheduler: choices(slices) };
  const { kernel } = boot({ 0: fencing(spinners, calls), 1: SPINNER }, options);
  stepTimes(kernel, sliceCount(before));
  const isRestarted = new Set<number>();
  let { restarts } = kernel.counts;
  for (const slice of after.split(' ')) {
    kernel.step();
    const tid = Number(slice.split(/[:x]/)[1]);
    if (kernel.counts.restarts > restarts) isRestarted.add(tid);
    ({ restarts } = kernel.counts);
  }
  return [...isRestarted];
}

function fence(flags = 0, cpu = 0): Step {
  return syscall(...call(PrivateExpeditedRseq, flags, cpu));
}

describe('the fence', () => {
  /** Threads 2 and 3 are in their sections on CPUs 1 and 2; main is ready to fence on CPU 0. */
  const setting = { spinners: 2, before: '0:1x5 1:2x5 2:3x5', after: '0:1x1 1:2x1 2:3x1' };

  test.each([
    ['nobody without it', work(1), []],
    ['every thread that has a cpu', [fence()], [2, 3]],
    ['every thread with a negative cpu, as in Linux', [fence(CPU, -1)], [2, 3]],
    ['the one on its cpu', [fence(CPU, 1)], [2]],
    ['the one on the other cpu', [fence(CPU, 2)], [3]],
    ['nobody on a cpu that is idle', [fence(CPU, 3)], []],
    ['nobody on a cpu that there is not', [fence(CPU, 4)], []],
    ['nobody on cpu 9999', [fence(CPU, 9999)], []],
    ['every thread, whatever the cpu is without the flag', [fence(0, 1)], [2, 3]],
  ])('restarts the section of %s', (_what, calls, restarted) => {
    expect(restartedBy(calls, setting)).toEqual(restarted);
  });

  test('restarts a section once', () => {
    const after = '0:1x1 1:2x1 1:2x1 2:3x1 1:2x1';
    const options = { personality: new FencedPersonality(), cpus: 4 };
    const scheduler = choices(`${setting.before} ${after}`);
    const { kernel } = boot({ 0: fencing(2, [fence()]), 1: SPINNER }, { ...options, scheduler });

    stepTimes(kernel, 8);

    expect(kernel.counts.restarts).toBe(2);
  });

  test('leaves alone a thread that is outside its section', () => {
    const before = '0:1x5 1:2x2 2:3x5';

    // Two steps: the pointer, and one up to the point before the section.
    expect(restartedBy([fence()], { ...setting, before })).toEqual([3]);
  });

  /** A thread in its own section that fences: region and call in one script. */
  function ownSection(flags: number, cpus: number, hasCompany: boolean): number {
    const main = [
      syscall(Sysno.RestartableSequences, RseqOp.SetCritical, 0, ipOf(4), ipOf(90), ipOf(3)),
      syscall(Sysno.RestartableSequences, RseqOp.SetCpuPointer, 0, 0x40),
      hasCompany ? spawn(1, 0x80) : syscall(Sysno.Gettid),
      syscall(...call(RegisterPrivateExpeditedRseq)),
      ...work(2),
      fence(flags, 0),
      ...work(90),
    ];
    const options = { personality: new FencedPersonality(), cpus, scheduler: choices('0:1x8') };
    const { kernel } = boot({ 0: main, 1: [jump(0)] }, options);
    kernel.step();
    return kernel.counts.restarts;
  }

  test.each([
    ['on all cpus spares its caller', 0, 2, true, 0],
    ['on the cpu of its caller does not', CPU, 2, true, 1],
    ['of a lonely thread does nothing', CPU, 2, false, 0],
    ['on a lonely cpu does nothing', CPU, 1, true, 0],
  ])('%s', (_what, flags, cpus, hasCompany, restarts) => {
    expect(ownSection(flags, cpus, hasCompany)).toBe(restarts);
  });

  test('counts the threads that live, not those that did', () => {
    const main = [
      syscall(Sysno.RestartableSequences, RseqOp.SetCritical, 0, ipOf(5), ipOf(90), ipOf(4)),
      syscall(Sysno.RestartableSequences, RseqOp.SetCpuPointer, 0, 0x40),
      syscall(...call(RegisterPrivateExpeditedRseq)),
      spawn(1),
      syscall(Sysno.Join, 2),
      ...work(1),
      fence(CPU, 0),
      ...work(90),
    ];
    const options = { personality: new FencedPersonality(), cpus: 2 };
    const scheduler = choices('0:1x9 1:2x9 0:1x3');
    const { kernel } = boot({ 0: main, 1: [] }, { ...options, scheduler });
    stepTimes(kernel, 3);

    expect(threadOf(kernel, 2).state).toBe('dead');
    expect(kernel.counts.restarts).toBe(0);
  });

  test('passes over a cpu that is offline, whose thread has gone elsewhere', () => {
    const after = '0:1x2 0:1x1 1:2x1 3:3x1';
    const calls = [syscall(Sysno.SetCpuOnline, 2, 0), fence(CPU, 2)];

    // Going away restarts thread 3; that is the only thing that does.
    expect(restartedBy(calls, { ...setting, after })).toEqual([3]);
    expect(
      restartedBy([...work(1), fence(CPU, 2)], { ...setting, after: '0:1x2 1:2x1 2:3x1' }),
    ).toEqual([3]);
  });

  test('with one cpu left online does nothing', () => {
    const calls = [1, 2, 3].map((cpu) => syscall(Sysno.SetCpuOnline, cpu, 0));
    const main = [
      ...calls,
      syscall(Sysno.RestartableSequences, RseqOp.SetCritical, 0, ipOf(7), ipOf(90), ipOf(6)),
      syscall(Sysno.RestartableSequences, RseqOp.SetCpuPointer, 0, 0x40),
      spawn(1),
      syscall(...call(RegisterPrivateExpeditedRseq)),
      ...work(1),
      fence(CPU, 0),
      ...work(90),
    ];
    const options = { personality: new FencedPersonality(), cpus: 4, scheduler: choices('0:1x12') };
    const { kernel } = boot({ 0: main, 1: [jump(0)] }, options);
    kernel.step();

    expect(kernel.counts.restarts).toBe(0);
  });
});
