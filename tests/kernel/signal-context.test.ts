// signal_context: a handler that reads and sets what it interrupted.

import { describe, expect, test } from 'vitest';
import { Errno } from '../../src/abi/errno.js';
import { FrameRegister, Signal, SignalContextOp } from '../../src/abi/signal.js';
import { Sysno } from '../../src/abi/syscall.js';
import { type Booted, boot, choices, resultsOf, threadOf, tracked } from './boot.js';
import {
  act,
  ipOf,
  jump,
  ret,
  type Script,
  type Step,
  syscall,
  type Word,
  work,
} from './scripted-machine.js';

const ACTION = 0x100;
const HANDLER = 2;
const OTHER_HANDLER = 3;
const { SIGUSR1, SIGUSR2, SIGSEGV } = Signal;
const { Get, Set: Put } = SignalContextOp;
const { Ip, R10 } = FrameRegister;

type Call = readonly [number, ...Word[]];

const call = (op: number, depth: number, register: number, value: Word = 0): Call => [
  Sysno.SignalContext,
  op,
  depth,
  register,
  value,
];

/** Two steps. */
function handle(signo: number, handler: number): Step[] {
  const store = act(({ memory }) => {
    [handler, 0, 0, 0].forEach((word, at) => memory.storeI32(ACTION + 4 * at, word));
  });
  return [store, syscall(Sysno.RtSigaction, signo, ACTION, 0, 8)];
}

function raise(signo: number): Step {
  return syscall(Sysno.Tgkill, 1, 1, signo);
}

/** A handler that makes these calls on a frame of main, which was at its step 4. */
function inHandler(calls: readonly Call[], after: Script = []): Booted & { results: number[] } {
  const results: number[] = [];
  const handler = calls.flatMap((each) => tracked(results, ...each));
  const main = [...handle(SIGUSR1, HANDLER), ...work(2), raise(SIGUSR1), ...work(1), ...after];
  const booted = boot({ 0: main, [HANDLER]: handler });
  booted.kernel.run();
  return { ...booted, results };
}

describe('signal_context', () => {
  test.each([
    ['an operation that is none', call(2, 0, Ip), -Errno.EINVAL],
    ['a negative operation', call(-1, 0, Ip), -Errno.EINVAL],
    ['a register that is none', call(Get, 0, 2), -Errno.EINVAL],
    ['a register that is none, to set', call(Put, 0, -1), -Errno.EINVAL],
    ['a register that is none, of no frame', call(Get, 9, 2), -Errno.EINVAL],
    ['a frame that is none', call(Get, 1, Ip), -Errno.ENOENT],
    ['a frame that is none, to set', call(Put, 1, Ip), -Errno.ENOENT],
    ['a negative frame', call(Get, -1, Ip), -Errno.ENOENT],
    ['the most negative frame', call(Get, -(2 ** 31), Ip), -Errno.ENOENT],
    ['the frame', call(Get, 0, Ip), ipOf(4)],
    ['its other register', call(Get, 0, R10), 0],
    ['a register to set', call(Put, 0, R10, 7), 0],
  ])('with %s', (_what, each, result) => {
    expect(inHandler([each]).results).toEqual([result]);
  });

  test('outside a handler has no frame', () => {
    expect(resultsOf([call(Get, 0, Ip), call(Put, 0, R10)]).results).toEqual([
      -Errno.ENOENT,
      -Errno.ENOENT,
    ]);
  });

  test('has none any more when the handler has returned', () => {
    const results: number[] = [];
    inHandler([], tracked(results, ...call(Get, 0, Ip)));

    expect(results).toEqual([-Errno.ENOENT]);
  });

  test('reads what it has set, a negative word too', () => {
    const calls = [
      call(Put, 0, R10, 0x1234),
      call(Get, 0, R10),
      call(Put, 0, R10, -0x80000000),
      call(Get, 0, R10),
      call(Put, 0, Ip, -0x10000),
      call(Get, 0, Ip),
      call(Put, 0, Ip, ipOf(4)),
    ];

    expect(inHandler(calls).results).toEqual([0, 0x1234, 0, -0x80000000, 0, -0x10000, 0]);
  });

  test('numbers the frames from the newest', () => {
    const results: number[] = [];
    const ask = [0, 1, 2].flatMap((depth) => tracked(results, ...call(Get, depth, Ip)));
    const main = [...handle(SIGUSR1, HANDLER), ...handle(SIGUSR2, OTHER_HANDLER), raise(SIGUSR1)];
    const scripts = { 0: main, [HANDLER]: [...work(3), raise(SIGUSR2)], [OTHER_HANDLER]: ask };

    boot(scripts).kernel.run();

    expect(results).toEqual([ipOf(3, HANDLER), ipOf(4), -Errno.ENOENT]);
  });
});

describe('what a handler has set', () => {
  test('takes effect when it returns: the thread goes on at that ip', () => {
    const seen: string[] = [];
    const note = (what: string): Step => act(() => seen.push(what));
    const main = [
      ...handle(SIGUSR1, HANDLER),
      raise(SIGUSR1),
      note('not redirected'),
      ret(1),
      act((guest) => seen.push(`r10 ${guest.registers.r10}`)),
      ret(2),
    ];
    const handler = [
      syscall(...call(Put, 0, Ip, ipOf(5))),
      syscall(...call(Put, 0, R10, 77)),
      note('handler'),
    ];

    const { exitStatus } = boot({ 0: main, [HANDLER]: handler }).kernel.run();

    expect([seen, exitStatus]).toEqual([['handler', 'r10 77'], 2]);
  });

  test('is all that changes: the interrupted call returns what it would have', () => {
    const results: number[] = [];
    const main = [
      ...handle(SIGUSR1, HANDLER),
      ...tracked(results, Sysno.Tgkill, 1, 1, SIGUSR1),
      act(({ registers }) => results.push(registers.r10)),
    ];

    boot({ 0: main, [HANDLER]: [syscall(...call(Put, 0, R10, 5))] }).kernel.run();

    expect(results).toEqual([0, 5]);
  });

  test('of an outer frame takes effect when that is taken down', () => {
    const main = [
      ...handle(SIGUSR1, HANDLER),
      ...handle(SIGUSR2, OTHER_HANDLER),
      raise(SIGUSR1),
      ret(1),
      ret(2),
    ];
    const scripts = {
      0: main,
      [HANDLER]: [raise(SIGUSR2), ...work(2)],
      [OTHER_HANDLER]: [syscall(...call(Put, 1, Ip, ipOf(6)))],
    };

    expect(boot(scripts).kernel.run().exitStatus).toBe(2);
  });

  test.each([
    ['no code', 0x10, '0x10'],
    ['code of another function', ipOf(1, HANDLER), '0x1201'],
    ['the top of the address space', -1, '0xffffffff'],
  ])('to %s is SIGSEGV when it is about to run there', (_what, ip, shown) => {
    const { kernel } = inHandler([call(Put, 0, Ip, ip)]);

    expect(kernel.process.death).toMatchObject({
      signal: SIGSEGV,
      message: `jump to ${shown}, which is no restart label here`,
      ip: ipOf(4),
    });
  });

  test('to where the thread was is no jump at all', () => {
    const calls = [call(Put, 0, Ip, 0x10), call(Put, 0, Ip, ipOf(4))];

    expect(inHandler(calls, [ret(3)]).kernel.process).toMatchObject({ exitStatus: 3 });
  });

  test('of a thread that had not begun is SIGSEGV: it is at no address', () => {
    const main = [
      ...handle(SIGUSR1, HANDLER),
      syscall(Sysno.Clone, 0x10f00, 1),
      syscall(Sysno.Tgkill, 1, 2, SIGUSR1),
      jump(4),
    ];
    const handler = [syscall(...call(Put, 0, Ip, ipOf(1, 1))), ...work(1)];
    const options = { scheduler: choices('0:1x4 0:2x9') };
    const { kernel } = boot({ 0: main, 1: work(9), [HANDLER]: handler }, options);
    kernel.run();

    expect(kernel.process.death).toMatchObject({ signal: SIGSEGV, tid: 2 });
    expect(threadOf(kernel, 2).point).toBe(0);
  });
});
