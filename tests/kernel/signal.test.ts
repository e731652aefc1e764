// Signals: actions, masks, delivery and return. What they do to a section is in turner-events.test.ts.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Errno } from '../../src/abi/errno.js';
import {
  NSIG,
  SA_NODEFER,
  SA_RESETHAND,
  SIG_BLOCK,
  SIG_DFL,
  SIG_IGN,
  SIG_SETMASK,
  SIG_UNBLOCK,
  Signal,
} from '../../src/abi/signal.js';
import { JOIN_ALL, Sysno } from '../../src/abi/syscall.js';
import { disposition, takeSignal } from '../../src/kernel/signal.js';
import type { SignalAction } from '../../src/kernel/signal-frame.js';
import { CpuSet } from '../../src/kernel/cpu-set.js';
import { Process } from '../../src/kernel/process.js';
import { Thread } from '../../src/kernel/thread.js';
import { TraceEvent } from '../../src/kernel/trace.js';
import { ArrayMemory } from './array-memory.js';
import {
  type Booted,
  boot,
  choices,
  eventsOf,
  resultsOf,
  spawn,
  stepTimes,
  threadOf,
  WILD,
} from './boot.js';
import {
  act,
  ipOf,
  jump,
  ret,
  type Script,
  type Scripts,
  type Step,
  syscall,
  type Word,
  work,
} from './scripted-machine.js';

const ACTION = 0x100;
const OLD = 0x140;
const SET = 0x180;
const HANDLER = 2;
const OTHER_HANDLER = 3;
const { SIGUSR1, SIGUSR2, SIGTERM, SIGKILL, SIGSTOP, SIGCHLD, SIGSEGV } = Signal;

type Call = readonly [number, ...Word[]];

/** Bits of these signals, all below 32. */
function bits(...signals: readonly number[]): number {
  return signals.reduce((set, signo) => set | (1 << (signo - 1)), 0);
}

/** Makes `handler` the action of `signo`: two steps. */
function handle(signo: number, handler: number, flags = 0, mask = 0): Step[] {
  const store = act(({ memory }) => {
    [handler, flags, mask, 0].forEach((word, at) => memory.storeI32(ACTION + 4 * at, word));
  });
  return [store, syscall(Sysno.RtSigaction, signo, ACTION, 0, 8)];
}

/** Changes the caller's mask: two steps. */
function setMask(how: number, ...signals: readonly number[]): Step[] {
  const store = act(({ memory }) => {
    memory.storeI32(SET, bits(...signals));
    memory.storeI32(SET + 4, 0);
  });
  return [store, syscall(Sysno.RtSigprocmask, how, SET, 0, 8)];
}

function raise(signo: number, tid = 1): Step {
  return syscall(Sysno.Tgkill, 1, tid, signo);
}

/** Writes down what happens, in order. */
class Log {
  readonly lines: string[] = [];

  step(line: string): Step {
    return act(() => this.lines.push(line));
  }

  /** A handler that writes `name` and its signal. */
  handler(name: string, ...body: Step[]): Script {
    return [act((guest) => this.lines.push(`${name} ${guest.argument}`)), ...body];
  }
}

function run(scripts: Scripts): Booted & { reason: string } {
  const booted = boot(scripts);
  return { ...booted, reason: booted.kernel.run().reason };
}

describe('delivery', () => {
  test('calls the handler with the signal before the next instruction', () => {
    const log = new Log();
    const main = [...handle(SIGUSR1, HANDLER), raise(SIGUSR1), log.step('main')];

    run({ 0: main, [HANDLER]: log.handler('handler') });

    expect(log.lines).toEqual([`handler ${SIGUSR1}`, 'main']);
  });

  test('the interrupted call returns what it would have returned', () => {
    const seen: number[] = [];
    const main = [
      ...handle(SIGUSR1, HANDLER),
      raise(SIGUSR1),
      act((guest) => seen.push(guest.result)),
    ];
    const handler = [syscall(Sysno.Gettid), syscall(0x7fff)];

    run({ 0: main, [HANDLER]: handler });

    expect(seen).toEqual([0]);
  });

  test('of several comes lowest first', () => {
    const log = new Log();
    const main = [
      ...handle(SIGUSR1, HANDLER, 0, bits(SIGUSR2, SIGTERM)),
      ...handle(SIGUSR2, HANDLER, 0, bits(SIGTERM)),
      ...handle(SIGTERM, HANDLER),
      ...setMask(SIG_BLOCK, SIGUSR1, SIGUSR2, SIGTERM),
      raise(SIGTERM),
      raise(SIGUSR2),
      raise(SIGUSR1),
      ...setMask(SIG_SETMASK),
      log.step('main'),
    ];

    run({ 0: main, [HANDLER]: log.handler('handler') });

    expect(log.lines).toEqual(['handler 10', 'handler 12', 'handler 15', 'main']);
  });

  test('of the same signal sent twice while blocked happens once', () => {
    const log = new Log();
    const main = [
      ...handle(SIGUSR1, HANDLER),
      ...setMask(SIG_BLOCK, SIGUSR1),
      raise(SIGUSR1),
      raise(SIGUSR1),
      ...setMask(SIG_UNBLOCK, SIGUSR1),
    ];

    run({ 0: main, [HANDLER]: log.handler('handler') });

    expect(log.lines).toEqual(['handler 10']);
  });

  test('to another thread happens on that thread', () => {
    const tids: number[] = [];
    const main = [...handle(SIGUSR1, HANDLER), spawn(1), raise(SIGUSR1, 2), syscall(Sysno.Join, 2)];
    const handler = [syscall(Sysno.Gettid), act((guest) => tids.push(guest.result))];

    run({ 0: main, 1: work(5), [HANDLER]: handler });

    expect(tids).toEqual([2]);
  });

  test('comes before the first instruction of a thread that has not run', () => {
    const log = new Log();
    const main = [...handle(SIGUSR1, HANDLER), spawn(1), raise(SIGUSR1, 2), syscall(Sysno.Join, 2)];

    run({ 0: main, 1: [log.step('thread')], [HANDLER]: log.handler('handler') });

    expect(log.lines).toEqual(['handler 10', 'thread']);
  });

  test('a handler that is preempted goes on where it was, and so does what it interrupted', () => {
    const log = new Log();
    const main = [...handle(SIGUSR1, HANDLER), spawn(1), raise(SIGUSR1), log.step('main'), ret(3)];
    const handler = log.handler('handler', ...work(50), log.step('end of handler'));

    const { kernel, reason } = run({ 0: main, 1: [...work(30), jump(0)], [HANDLER]: handler });

    expect(log.lines).toEqual(['handler 10', 'end of handler', 'main']);
    expect(reason).toBe('exited');
    expect(kernel.counts.preemptions).toBeGreaterThan(4);
  });

  test('is counted and traced', () => {
    const main = [...handle(SIGUSR1, HANDLER), raise(SIGUSR1), ret(0)];

    const { kernel, events } = run({ 0: main, [HANDLER]: [] });

    expect(kernel.counts.signals).toBe(1);
    expect(eventsOf(events, TraceEvent.Signal)).toMatchObject([{ tid: 1, a: 10, b: ipOf(2) }]);
  });
});

describe('while a handler runs', () => {
  test('its own signal is blocked until it returns', () => {
    const log = new Log();
    const main = [...handle(SIGUSR1, HANDLER), raise(SIGUSR1), log.step('main')];
    const isFirst = (): boolean => log.lines.length === 1;
    const again = [jump(3, () => !isFirst()), raise(SIGUSR1), log.step('end')];

    run({ 0: main, [HANDLER]: log.handler('handler', ...again) });

    expect(log.lines).toEqual(['handler 10', 'end', 'handler 10', 'end', 'main']);
  });

  test('SA_NODEFER leaves its own signal open', () => {
    const log = new Log();
    const main = [...handle(SIGUSR1, HANDLER, SA_NODEFER), raise(SIGUSR1), log.step('main')];
    const isFirst = (): boolean => log.lines.length === 1;
    const again = [jump(3, () => !isFirst()), raise(SIGUSR1), log.step('end')];

    run({ 0: main, [HANDLER]: log.handler('handler', ...again) });

    expect(log.lines).toEqual(['handler 10', 'handler 10', 'end', 'end', 'main']);
  });

  test('the signals of its mask are blocked', () => {
    const log = new Log();
    const main = [
      ...handle(SIGUSR1, HANDLER, 0, bits(SIGUSR2)),
      ...handle(SIGUSR2, OTHER_HANDLER),
      raise(SIGUSR1),
      log.step('main'),
    ];
    const first = log.handler('first', raise(SIGUSR2), log.step('end of first'));

    run({ 0: main, [HANDLER]: first, [OTHER_HANDLER]: log.handler('second') });

    expect(log.lines).toEqual(['first 10', 'end of first', 'second 12', 'main']);
  });

  test('other signals interrupt it', () => {
    const log = new Log();
    const main = [
      ...handle(SIGUSR1, HANDLER),
      ...handle(SIGUSR2, OTHER_HANDLER),
      raise(SIGUSR1),
      log.step('main'),
    ];
    const first = log.handler('first', raise(SIGUSR2), log.step('end of first'));

    run({ 0: main, [HANDLER]: first, [OTHER_HANDLER]: log.handler('second') });

    expect(log.lines).toEqual(['first 10', 'second 12', 'end of first', 'main']);
  });

  test('the mask it sets is gone when it returns', () => {
    const main = [...handle(SIGUSR1, HANDLER), raise(SIGUSR1), jump(3)];

    const { kernel } = run({ 0: main, [HANDLER]: setMask(SIG_BLOCK, SIGTERM) });

    expect(threadOf(kernel, 1).signalMask).toBe(0n);
  });

  test('SA_RESETHAND has made the action the default again', () => {
    const log = new Log();
    const main = [...handle(SIGUSR1, HANDLER, SA_RESETHAND), raise(SIGUSR1), raise(SIGUSR1)];

    const { kernel } = run({ 0: main, [HANDLER]: log.handler('handler') });

    expect(log.lines).toEqual(['handler 10']);
    expect(kernel.process.death?.message).toBe('terminated by SIGUSR1');
  });

  test('a thread pointer that it sets stays', () => {
    const main = [...handle(SIGUSR1, HANDLER), raise(SIGUSR1), jump(3)];

    const { kernel } = run({ 0: main, [HANDLER]: [syscall(Sysno.ArchPrctl, 0x1002, 0x77)] });

    expect(threadOf(kernel, 1).registers.tp).toBe(0x77);
  });
});

describe('an action', () => {
  test.each([
    ['the default of SIGTERM', SIG_DFL, SIGTERM, 'terminate'],
    ['the default of SIGKILL', SIG_DFL, SIGKILL, 'terminate'],
    ['the default of a realtime signal', SIG_DFL, NSIG, 'terminate'],
    ['the default of SIGCHLD', SIG_DFL, SIGCHLD, 'ignore'],
    ['the default of SIGSTOP, which is not emulated', SIG_DFL, SIGSTOP, 'ignore'],
    ['SIG_IGN', SIG_IGN, SIGTERM, 'ignore'],
    ['a function', HANDLER, SIGTERM, 'handle'],
    ['a function for SIGCHLD', HANDLER, SIGCHLD, 'handle'],
  ] as const)('%s', (_what, handler, signo, expected) => {
    const action: SignalAction = { handler, flags: 0, mask: 0n };

    expect(disposition(action, signo)).toBe(expected);
  });

  test('that terminates ends the process with 128 + signal', () => {
    const { kernel, reason } = run({ 0: [raise(SIGTERM), jump(1)] });

    expect(reason).toBe('killed');
    expect(kernel.process).toMatchObject({
      exitStatus: 128 + SIGTERM,
      death: { signal: SIGTERM, message: 'terminated by SIGTERM', tid: 1, ip: ipOf(0) },
    });
  });

  test('that ignores leaves nothing pending', () => {
    const { kernel } = run({ 0: [raise(SIGCHLD), raise(SIGSTOP), ret(0)] });

    expect(threadOf(kernel, 1).pendingSignals).toBe(0n);
  });

  test('SIGKILL cannot be blocked', () => {
    const { kernel } = run({ 0: [...setMask(SIG_BLOCK, SIGKILL, SIGTERM), raise(SIGKILL)] });

    expect(kernel.process.death?.signal).toBe(SIGKILL);
  });

  test('a mask of an action does not block SIGKILL either', () => {
    const main = [...handle(SIGUSR1, HANDLER, 0, -1), raise(SIGUSR1), jump(3)];

    const { kernel } = run({ 0: main, [HANDLER]: [raise(SIGKILL), jump(1)] });

    expect(kernel.process.death?.signal).toBe(SIGKILL);
  });

  test('the mask is inherited by the threads one spawns', () => {
    const main = [...setMask(SIG_BLOCK, SIGUSR1, SIGTERM), spawn(1), jump(3)];

    const { kernel } = run({ 0: main, 1: [jump(0)] });

    expect(threadOf(kernel, 2).signalMask).toBe(BigInt(bits(SIGUSR1, SIGTERM)));
  });

  test('pending signals are not inherited', () => {
    const log = new Log();
    const main = [
      ...handle(SIGUSR1, HANDLER),
      ...setMask(SIG_BLOCK, SIGUSR1),
      raise(SIGUSR1),
      spawn(1),
      syscall(Sysno.Join, 2),
    ];
    const worker = [...setMask(SIG_UNBLOCK, SIGUSR1), raise(SIGUSR1, 2), log.step('worker')];

    run({ 0: main, 1: worker, [HANDLER]: log.handler('handler') });

    expect(log.lines).toEqual(['handler 10', 'worker']);
  });
});

describe('rt_sigreturn', () => {
  test('without a frame is SIGSEGV', () => {
    const { kernel, reason } = run({ 0: [syscall(Sysno.RtSigreturn), ret(0)] });

    expect(reason).toBe('killed');
    expect(kernel.process.death).toMatchObject({
      signal: SIGSEGV,
      message: 'rt_sigreturn without a signal frame',
    });
  });

  test('takes down one frame each time', () => {
    const main = [...handle(SIGUSR1, HANDLER), raise(SIGUSR1), syscall(Sysno.RtSigreturn), jump(4)];

    const { kernel } = run({ 0: main, [HANDLER]: [] });

    expect(kernel.process.death?.message).toBe('rt_sigreturn without a signal frame');
  });
});

function joinInterruptedBy(signo: number, setup: readonly Step[], tid = 2): number[] {
  const seen: number[] = [];
  const main = [
    ...setup,
    spawn(1),
    syscall(Sysno.Join, tid),
    act((guest) => seen.push(guest.result)),
  ];
  boot({ 0: main, 1: [raise(signo), ...work(20), ret(5)], [HANDLER]: [] }).kernel.run();
  return seen;
}

describe('a thread that waits in join', () => {
  test('wakes with -EINTR when a handler is called', () => {
    expect(joinInterruptedBy(SIGUSR1, handle(SIGUSR1, HANDLER))).toEqual([-Errno.EINTR]);
  });

  test('for all others wakes with -EINTR when a handler is called', () => {
    const results = joinInterruptedBy(SIGUSR1, handle(SIGUSR1, HANDLER), JOIN_ALL);

    expect(results).toEqual([-Errno.EINTR]);
  });

  test('sleeps on when the signal is blocked', () => {
    const setup = [...handle(SIGUSR1, HANDLER), ...setMask(SIG_BLOCK, SIGUSR1)];

    expect(joinInterruptedBy(SIGUSR1, setup)).toEqual([5]);
  });

  test('sleeps on when the signal is ignored', () => {
    expect(joinInterruptedBy(SIGUSR1, handle(SIGUSR1, SIG_IGN))).toEqual([5]);
  });

  test('dies of a signal that terminates', () => {
    const { kernel } = run({ 0: [spawn(1), syscall(Sysno.Join, 2)], 1: [raise(SIGTERM), jump(1)] });

    expect(kernel.process.death).toMatchObject({ signal: SIGTERM, tid: 1 });
  });

  test('is forgotten by the thread it waited for', () => {
    const main = [
      ...handle(SIGUSR1, HANDLER),
      spawn(1),
      syscall(Sysno.Join, 2),
      syscall(Sysno.SchedYield),
      jump(4),
    ];
    const scheduler = choices('0:1x9 0:2x1 0:1x9 0:2x9');
    const { kernel } = boot({ 0: main, 1: [raise(SIGUSR1), ret(0)], [HANDLER]: [] }, { scheduler });
    for (let slice = 0; slice < 4; slice++) kernel.step();

    expect(threadOf(kernel, 2)).toMatchObject({ state: 'dead', joiners: [] });
    expect(threadOf(kernel, 1)).toMatchObject({ state: 'runnable', wait: undefined });
  });
});

describe('tgkill', () => {
  test.each([
    ['pid 0', [Sysno.Tgkill, 0, 1, 10], -Errno.EINVAL],
    ['tid 0', [Sysno.Tgkill, 1, 0, 10], -Errno.EINVAL],
    ['a negative tid', [Sysno.Tgkill, 1, -1, 10], -Errno.EINVAL],
    ['another process', [Sysno.Tgkill, 2, 1, 10], -Errno.ESRCH],
    ['an unknown thread', [Sysno.Tgkill, 1, 2, 10], -Errno.ESRCH],
    ['an unknown thread and a bad signal', [Sysno.Tgkill, 1, 2, 65], -Errno.ESRCH],
    ['signal 0: a probe', [Sysno.Tgkill, 1, 1, 0], 0],
    ['a negative signal', [Sysno.Tgkill, 1, 1, -1], -Errno.EINVAL],
    ['a signal above NSIG', [Sysno.Tgkill, 1, 1, NSIG + 1], -Errno.EINVAL],
    ['a signal that is ignored', [Sysno.Tgkill, 1, 1, SIGCHLD], 0],
  ] as const)('with %s', (_what, call, result) => {
    expect(resultsOf([call]).results).toEqual([result]);
  });

  test('to a dead thread is -ESRCH', () => {
    const seen: number[] = [];
    const main = [
      spawn(1),
      syscall(Sysno.Join, 2),
      raise(SIGTERM, 2),
      act((guest) => seen.push(guest.result)),
    ];

    run({ 0: main, 1: [] });

    expect(seen).toEqual([-Errno.ESRCH]);
  });
});

const sigaction = (signo: number, action: number, old: number, bytes = 8): Call => [
  Sysno.RtSigaction,
  signo,
  action,
  old,
  bytes,
];

describe('rt_sigaction', () => {
  test.each([
    ['signal 0', sigaction(0, ACTION, 0), -Errno.EINVAL],
    ['signal NSIG', sigaction(NSIG, ACTION, 0), 0],
    ['a signal above NSIG', sigaction(NSIG + 1, ACTION, 0), -Errno.EINVAL],
    ['a set of four bytes', sigaction(SIGUSR1, ACTION, 0, 4), -Errno.EINVAL],
    ['SIGKILL', sigaction(SIGKILL, ACTION, 0), -Errno.EINVAL],
    ['SIGSTOP', sigaction(SIGSTOP, ACTION, 0), -Errno.EINVAL],
    ['SIGKILL, to read it', sigaction(SIGKILL, 0, OLD), 0],
    ['an unmapped action', sigaction(SIGUSR1, WILD, 0), -Errno.EFAULT],
    ['an action that ends beyond the memory', sigaction(SIGUSR1, 4096 - 8, 0), -Errno.EFAULT],
    ['an unmapped old action', sigaction(SIGUSR1, 0, WILD), -Errno.EFAULT],
    ['an old action that ends beyond the memory', sigaction(10, 0, 4096 - 8), -Errno.EFAULT],
    ['a misaligned action', sigaction(SIGUSR1, ACTION + 1, OLD + 3), 0],
  ])('with %s', (_what, call, result) => {
    expect(resultsOf([call]).results).toEqual([result]);
  });

  test('gives back the action it replaces', () => {
    const words: (number | undefined)[] = [];
    const main = [
      ...handle(SIGUSR1, HANDLER, SA_RESETHAND | 0, bits(SIGTERM)),
      syscall(...sigaction(SIGUSR1, 0, OLD)),
      act(({ memory }) => words.push(...[0, 4, 8, 12].map((at) => memory.loadI32(OLD + at)))),
    ];

    run({ 0: main, [HANDLER]: [] });

    expect(words).toEqual([HANDLER, SA_RESETHAND | 0, bits(SIGTERM), 0]);
  });

  test('may read the old action into the place of the new one', () => {
    const main = [...handle(SIGUSR1, HANDLER), syscall(...sigaction(SIGUSR1, ACTION, ACTION))];

    const { kernel } = run({ 0: main });

    expect(kernel.process.signalActions[SIGUSR1]?.handler).toBe(HANDLER);
  });

  test('of all 64 signals keeps them apart', () => {
    const calls = Array.from({ length: NSIG }, (_, n) => n + 1)
      .filter((signo) => signo !== SIGKILL && signo !== SIGSTOP)
      .flatMap((signo) => handle(signo, signo + 1));

    const { kernel } = run({ 0: calls });

    const handlers = kernel.process.signalActions.map((action) => action.handler);
    expect([handlers[1], handlers[SIGKILL], handlers[63], handlers[64]]).toEqual([2, 0, 64, 65]);
  });
});

const procmask = (how: number, set: number, old: number, bytes = 8): Call => [
  Sysno.RtSigprocmask,
  how,
  set,
  old,
  bytes,
];

describe('rt_sigprocmask', () => {
  test.each([
    ['an unknown how', procmask(3, SET, 0), -Errno.EINVAL],
    ['an unknown how and no set', procmask(3, 0, OLD), 0],
    ['a set of four bytes', procmask(SIG_BLOCK, SET, 0, 4), -Errno.EINVAL],
    ['an unmapped set', procmask(SIG_BLOCK, WILD, 0), -Errno.EFAULT],
    ['a set that ends beyond the memory', procmask(SIG_BLOCK, 4092, 0), -Errno.EFAULT],
    ['an unmapped old set', procmask(SIG_BLOCK, 0, WILD), -Errno.EFAULT],
    ['no addresses', procmask(SIG_BLOCK, 0, 0), 0],
  ])('with %s', (_what, call, result) => {
    expect(resultsOf([call]).results).toEqual([result]);
  });

  test.each([
    ['SIG_BLOCK adds', SIG_BLOCK, [SIGUSR1, SIGUSR2, SIGTERM]],
    ['SIG_UNBLOCK takes away', SIG_UNBLOCK, [SIGUSR1]],
    ['SIG_SETMASK replaces', SIG_SETMASK, [SIGUSR2, SIGTERM]],
  ])('%s', (_what, how, expected) => {
    const main = [
      ...setMask(SIG_SETMASK, SIGUSR1, SIGUSR2),
      ...setMask(how, SIGUSR2, SIGTERM),
      ret(0),
    ];

    const { kernel } = run({ 0: main });

    expect(threadOf(kernel, 1).signalMask).toBe(BigInt(bits(...expected)));
  });

  test('gives back the mask as it was', () => {
    const sets: (number | undefined)[] = [];
    const main = [
      ...setMask(SIG_BLOCK, SIGUSR1),
      syscall(...procmask(SIG_UNBLOCK, SET, OLD)),
      act(({ memory }) => sets.push(memory.loadI32(OLD), memory.loadI32(OLD + 4))),
    ];

    run({ 0: main });

    expect(sets).toEqual([bits(SIGUSR1), 0]);
  });

  test('blocks signals above 32 too', () => {
    const main = [
      act(({ memory }) => memory.copyOut(SET, new Uint8Array(8).fill(0xff))),
      syscall(...procmask(SIG_BLOCK, SET, 0)),
      raise(NSIG),
      ret(0),
    ];

    expect(run({ 0: main }).reason).toBe('exited');
  });
});

function bit(signo: number): bigint {
  return 1n << BigInt(signo - 1);
}

describe('what is pending', () => {
  test('is taken lowest first, each once, never when blocked or ignored', () => {
    const signals = fc.uniqueArray(fc.integer({ min: 1, max: NSIG }));

    fc.assert(
      fc.property(signals, signals, (pending, blocked) => {
        const process = new Process(1, new ArrayMemory(0));
        const thread = new Thread(1, process, 0, {}, CpuSet.firstCpus(1), 0);
        for (const signo of pending) thread.pendingSignals |= bit(signo);
        for (const signo of blocked) thread.signalMask |= bit(signo);

        const taken: number[] = [];
        for (let signo = takeSignal(thread); signo !== 0; signo = takeSignal(thread)) {
          taken.push(signo);
        }

        const ignored = [
          Signal.SIGCHLD,
          Signal.SIGCONT,
          Signal.SIGSTOP,
          Signal.SIGURG,
          Signal.SIGWINCH,
        ];
        const open = pending.filter(
          (signo) => !blocked.includes(signo) && !ignored.includes(signo),
        );
        expect(taken).toEqual(open.sort((a, b) => a - b));
      }),
    );
  });
});

describe('two signals that become deliverable at once', () => {
  const BOTH = [SIGUSR1, SIGUSR2] as const;

  /** Both pending behind the mask, then the mask lifted; `between` runs while they wait. */
  function release(...between: Step[]): Step[] {
    return [
      ...handle(SIGUSR1, HANDLER),
      ...handle(SIGUSR2, OTHER_HANDLER),
      ...setMask(SIG_BLOCK, ...BOTH),
      raise(SIGUSR1),
      raise(SIGUSR2),
      ...between,
      ...setMask(SIG_SETMASK),
    ];
  }

  test('do not let a join in the first handler wait for ever', () => {
    const results: number[] = [];
    const joins = [syscall(Sysno.Join, 2), act(({ result }) => results.push(result))];
    const main = [spawn(1), ...release(), ret(0)];

    const { reason } = run({ 0: main, 1: [jump(0)], [HANDLER]: joins, [OTHER_HANDLER]: [] });

    expect([reason, results]).toEqual(['exited', [-Errno.EINTR]]);
  });

  test('are both handled before user code goes on, though the first is ignored by then', () => {
    const log = new Log();
    const main = [...release(...handle(SIGUSR1, SIG_IGN)), log.step('main'), ret(0)];

    run({ 0: main, [HANDLER]: log.handler('first'), [OTHER_HANDLER]: log.handler('second') });

    expect(log.lines).toEqual([`second ${SIGUSR2}`, 'main']);
  });
});

describe('an ignored signal', () => {
  test('waits while it is blocked, for a handler may be set meanwhile', () => {
    const log = new Log();
    const main = [
      ...setMask(SIG_BLOCK, SIGCHLD),
      raise(SIGCHLD),
      ...handle(SIGCHLD, HANDLER),
      ...setMask(SIG_SETMASK),
      ret(0),
    ];

    run({ 0: main, [HANDLER]: log.handler('handler') });

    expect(log.lines).toEqual([`handler ${SIGCHLD}`]);
  });
});

describe('a handler that has not begun', () => {
  test('is at no address, so a region that begins at 0 does not send it anywhere', () => {
    const main = [
      syscall(Sysno.RestartableSequences, 0, 0, 0, ipOf(0), ipOf(12)),
      syscall(Sysno.RestartableSequences, 1, 0, 64),
      spawn(1),
      ...handle(SIGUSR1, HANDLER),
      ...work(30),
    ];
    const other = [raise(SIGUSR1), jump(1)];
    const scheduler = choices('0:1x10 0:2x1 0:1x1');
    const { kernel } = boot({ 0: main, 1: other, [HANDLER]: work(3) }, { scheduler });

    stepTimes(kernel, 3);

    expect(kernel.process.death).toBeUndefined();
  });
});
