// futex: refusals and their order, time-outs, who is woken and what is counted.

import { FUTEX_CLOCK_REALTIME, FUTEX_PRIVATE_FLAG, FutexOp } from '../../../src/abi/futex.js';
import { Signal } from '../../../src/abi/signal.js';
import { Sysno } from '../../../src/abi/syscall.js';
import { gettid, join, privateFutex, systemCall, yieldCpu } from '../calls.js';
import type { Guest } from '../guest.js';
import { KERNEL_ADDRESS, type Program, UNMAPPED } from '../program.js';
import { chapter } from '../scenario.js';

const { Wait, Wake, Requeue, CmpRequeue, WaitBitset, WakeBitset } = FutexOp;
const SA_RESTART = 0x10000000;
export const FAR_FUTURE = 1000;
const INT32_MAX = 0x7fffffff;
const ANY_BIT = 0xffffffff;
const UNKNOWN_OP = 100;

/** The two words of a scenario, 0 to begin with, and the calls that it makes on them. */
class Words {
  readonly word: number;
  readonly target: number;

  constructor(program: Program) {
    this.word = program.allocate(4);
    this.target = program.allocate(4);
  }

  wait(value: number, timeout = 0): Guest<number> {
    return privateFutex(Wait, this.word, value, timeout);
  }

  wake(count: number): Guest<number> {
    return privateFutex(Wake, this.word, count);
  }

  bitset(op: FutexOp, value: number, timeout: number, bits: number): Guest<number> {
    return privateFutex(op, this.word, value, timeout, 0, bits);
  }

  requeueIf(expected: number, wake: number, move: number): Guest<number> {
    return privateFutex(CmpRequeue, this.word, wake, move, this.target, expected);
  }
}

/** Wake `wake` of those who wait at `from`, and let `move` others wait at `to`. */
function requeue(from: number, to: number, wake: number, move: number): Guest<number> {
  return privateFutex(Requeue, from, wake, move, to);
}

function sharedFutex(op: FutexOp, address: number, value: number): Guest<number> {
  return systemCall(Sysno.Futex, address, op, value);
}

/** An operation as it is, with whatever flags. */
function rawFutex(op: number, address: number, value: number, timeout = 0): Guest<number> {
  return systemCall(Sysno.Futex, address, op, value, timeout);
}

/** A time that has been: the clocks begin at 0 when the kernel is booted. */
export function past(program: Program): number {
  return program.time(0, 1);
}

/** Times to wait. */
export function times(program: Program) {
  return {
    oneMillisecond: program.time(0, 1_000_000),
    none: program.time(0, 0),
    tooManyNanoseconds: program.time(0, 1_000_000_000),
    negativeNanoseconds: program.time(0, -1),
    negativeSeconds: program.time(-1, 0),
  };
}

function* futexWaitErrors(program: Program): Guest {
  const words = new Words(program);
  const { word } = words;
  const time = times(program);

  yield* program.say('other-value', words.wait(1));
  yield* program.say('time-out', words.wait(0, time.oneMillisecond));
  yield* program.say('no-time', words.wait(0, time.none));
  yield* program.say('nanoseconds-too-many', words.wait(0, time.tooManyNanoseconds));
  yield* program.say('nanoseconds-negative', words.wait(0, time.negativeNanoseconds));
  yield* program.say('seconds-negative', words.wait(0, time.negativeSeconds));
  yield* program.say('misaligned', privateFutex(Wait, word + 1, 0));
  yield* program.say('unmapped', privateFutex(Wait, UNMAPPED, 0));
  yield* program.say('kernel-pointer', privateFutex(Wait, KERNEL_ADDRESS, 0));
  yield* program.say('time-out-unmapped', words.wait(0, UNMAPPED));
  yield* program.say('other-value-no-time', words.wait(1, time.none));
  yield* program.say('other-value-bad-time', words.wait(1, time.tooManyNanoseconds));
  yield* program.say('other-value-time-out-unmapped', words.wait(1, UNMAPPED));
  yield* program.say('misaligned-unmapped', privateFutex(Wait, UNMAPPED + 1, 0));
  const misalignedBadTime = privateFutex(Wait, word + 1, 0, time.tooManyNanoseconds);
  yield* program.say('misaligned-bad-time', misalignedBadTime);
  yield* program.say('unmapped-time-out-unmapped', privateFutex(Wait, UNMAPPED, 0, UNMAPPED));
  yield* program.say('shared-unmapped', sharedFutex(Wait, UNMAPPED, 0));
  yield* program.say('shared-other-value', sharedFutex(Wait, word, 1));
}

function* futexWakeErrors(program: Program): Guest {
  const words = new Words(program);
  const { word } = words;

  yield* program.say('no-waiter', words.wake(1));
  yield* program.say('no-waiter-zero', words.wake(0));
  yield* program.say('misaligned', privateFutex(Wake, word + 1, 1));
  yield* program.say('unmapped', privateFutex(Wake, UNMAPPED, 1));
  yield* program.say('kernel-pointer', privateFutex(Wake, KERNEL_ADDRESS, 1));
  yield* program.say('shared-no-waiter', sharedFutex(Wake, word, 1));
  yield* program.say('shared-unmapped', sharedFutex(Wake, UNMAPPED, 1));
  const withTimeout = systemCall(Sysno.Futex, word, Wake, 1, UNMAPPED, UNMAPPED, 7);
  yield* program.say('time-out-is-ignored', withTimeout);
}

function* futexBitsetErrors(program: Program): Guest {
  const words = new Words(program);
  const { tooManyNanoseconds } = times(program);
  const was = past(program);

  yield* program.say('wait-no-bits', words.bitset(WaitBitset, 0, 0, 0));
  yield* program.say('wait-no-bits-other-value', words.bitset(WaitBitset, 1, 0, 0));
  const badTime = words.bitset(WaitBitset, 0, tooManyNanoseconds, 0);
  yield* program.say('wait-no-bits-bad-time', badTime);
  const unmapped = words.bitset(WaitBitset, 0, UNMAPPED, 0);
  yield* program.say('wait-no-bits-time-out-unmapped', unmapped);
  yield* program.say('wait-until-past', words.bitset(WaitBitset, 0, was, 1));
  const realtime = words.bitset(WaitBitset | FUTEX_CLOCK_REALTIME, 0, was, 1);
  yield* program.say('wait-until-past-realtime', realtime);
  yield* program.say('wait-other-value', words.bitset(WaitBitset, 1, 0, 1));
  yield* program.say('wake-no-bits', words.bitset(WakeBitset, 1, 0, 0));
  yield* program.say('wake-no-waiter', words.bitset(WakeBitset, 1, 0, 1));
}

function* futexRequeueErrors(program: Program): Guest {
  const words = new Words(program);
  const { word, target } = words;

  yield* program.say('no-waiter', requeue(word, target, 1, 1));
  yield* program.say('same-word', requeue(word, word, 1, 1));
  yield* program.say('wake-negative', requeue(word, target, -1, 1));
  yield* program.say('move-negative', requeue(word, target, 1, -1));
  yield* program.say('from-misaligned', requeue(word + 1, target, 1, 1));
  yield* program.say('to-misaligned', requeue(word, word + 1, 1, 1));
  yield* program.say('from-unmapped', requeue(UNMAPPED, target, 1, 1));
  yield* program.say('to-unmapped', requeue(word, UNMAPPED, 1, 1));
  yield* program.say('to-kernel-pointer', requeue(word, KERNEL_ADDRESS, 1, 1));
  yield* program.say('equal', words.requeueIf(0, 1, 1));
  yield* program.say('not-equal', words.requeueIf(1, 1, 1));
  yield* program.say('not-equal-wake-negative', words.requeueIf(1, -1, 1));
  const fromUnmapped = privateFutex(CmpRequeue, UNMAPPED, 1, 0, target, 0);
  yield* program.say('equal-from-unmapped', fromUnmapped);
}

function* futexOperations(program: Program): Guest {
  const { word } = new Words(program);
  const { tooManyNanoseconds } = times(program);
  const withClock = FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME;

  yield* program.say('unknown', rawFutex(UNKNOWN_OP | FUTEX_PRIVATE_FLAG, word, 0));
  yield* program.say('unknown-misaligned', rawFutex(UNKNOWN_OP | FUTEX_PRIVATE_FLAG, word + 1, 0));
  yield* program.say('unknown-bad-time', rawFutex(UNKNOWN_OP, word, 0, tooManyNanoseconds));
  yield* program.say('negative', rawFutex(-1, word, 0));
  yield* program.say('wake-with-clock', rawFutex(Wake | withClock, word, 1));
  yield* program.say('requeue-with-clock', rawFutex(Requeue | withClock, word, 1));
}

function startWaiter(program: Program, words: Words, bits: number): Guest<number> {
  return program.startThread(() => words.bitset(WaitBitset, 0, 0, bits));
}

/**
 * Returns when so many threads wait at the word: they are moved away as they come, then back all at
 * once. Moving does not wake.
 */
function* awaitWaiters({ word, target }: Words, count: number): Guest {
  for (let moved = 0; moved < count; ) {
    moved += yield* requeue(word, target, 0, INT32_MAX);
    yield* yieldCpu();
  }
  yield* requeue(target, word, 0, INT32_MAX);
}

/** So many threads that wait at the word; a thread's exit status is the result of its wait. */
function* startWaiters(program: Program, words: Words, count: number): Guest<number[]> {
  const tids: number[] = [];
  for (let i = 0; i < count; i++) tids.push(yield* startWaiter(program, words, ANY_BIT));
  yield* awaitWaiters(words, count);
  return tids;
}

function* futexWakeCounts(program: Program): Guest {
  const words = new Words(program);
  const waiters = yield* startWaiters(program, words, 3);
  yield* program.say('wake-one', words.wake(1));
  yield* program.say('wake-zero', words.wake(0));
  yield* program.say('wake-nine', words.wake(9));
  yield* program.say('wake-again', words.wake(9));
  for (const tid of waiters) yield* program.say('woken', join(tid));
}

function* futexBitsChoose(program: Program): Guest {
  const words = new Words(program);
  const one = yield* startWaiter(program, words, 1);
  const two = yield* startWaiter(program, words, 2);
  yield* awaitWaiters(words, 2);
  yield* program.say('wake-four', words.bitset(WakeBitset, INT32_MAX, 0, 4));
  yield* program.say('wake-two', words.bitset(WakeBitset, INT32_MAX, 0, 2));
  yield* program.say('woken-two', join(two));
  yield* program.say('wake-six', words.bitset(WakeBitset, INT32_MAX, 0, 6));
  yield* program.say('wake-any', words.wake(INT32_MAX));
  yield* program.say('woken-one', join(one));
}

function* futexRequeueCounts(program: Program): Guest {
  const words = new Words(program);
  const { word, target } = words;
  const waiters = yield* startWaiters(program, words, 4);
  yield* program.say('not-equal', words.requeueIf(1, 1, 1));
  yield* program.say('wake-one-move-one', words.requeueIf(0, 1, 1));
  yield* program.say('wake-none-move-one', requeue(word, target, 0, 1));
  yield* program.say('left', words.wake(INT32_MAX));
  yield* program.say('moved', privateFutex(Wake, target, INT32_MAX));
  for (const tid of waiters) yield* program.say('woken', join(tid));
}

/** The result of a call of the main thread, which signals interrupt until it has returned. */
export function* interrupted(program: Program, call: Guest<number>, flags: number): Guest<number> {
  const seen = { isEnough: false };
  yield* program.handle(Signal.SIGUSR1, program.observe, flags);
  program.subject.tid = yield* gettid();
  const disturber = yield* program.startThread(function* disturbMain() {
    while (!seen.isEnough) {
      yield* program.sleepMilliseconds(1);
      yield* program.signalSubject();
    }
  });
  const result = yield* call;
  seen.isEnough = true;
  yield* join(disturber);
  return result;
}

function* futexInterrupted(program: Program): Guest {
  const words = new Words(program);
  const long = program.time(FAR_FUTURE, 0);

  yield* program.say('wait', interrupted(program, words.wait(0), 0));
  yield* program.say('wait-with-time-out', interrupted(program, words.wait(0, long), 0));
  const restarted = interrupted(program, words.wait(0, long), SA_RESTART);
  yield* program.say('wait-with-time-out-restart', restarted);
}

/** A restarted wait would look at the value again, and at last find another. */
function* futexRestarted(program: Program): Guest {
  const words = new Words(program);
  const { memory, seen } = program;
  yield* program.handle(
    Signal.SIGUSR1,
    function* changeWord() {
      memory.write32(words.word, Number(seen.count >= 3));
      yield* program.observation();
    },
    SA_RESTART,
  );
  program.subject.tid = yield* gettid();
  const disturber = yield* program.startThread(function* disturbUntilChanged() {
    while (memory.read32(words.word) === 0) {
      yield* program.sleepMilliseconds(1);
      yield* program.signalSubject();
    }
  });
  yield* program.say('wait-restart', words.wait(0));
  yield* join(disturber);
  yield* program.sayWhether('handler-was-called-before', seen.count > 1);
}

export const FUTEX = chapter({
  'futex-wait-errors': futexWaitErrors,
  'futex-wake-errors': futexWakeErrors,
  'futex-bitset-errors': futexBitsetErrors,
  'futex-requeue-errors': futexRequeueErrors,
  'futex-operations': futexOperations,
  'futex-wake-counts': futexWakeCounts,
  'futex-bits-choose': futexBitsChoose,
  'futex-requeue-counts': futexRequeueCounts,
  'futex-interrupted': futexInterrupted,
  'futex-restarted': futexRestarted,
});
