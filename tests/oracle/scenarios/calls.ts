// The other calls: time, random numbers, threads, writing, and how a process ends.

import {
  ARCH_GET_FS,
  ARCH_SET_FS,
  GRND_INSECURE,
  GRND_NONBLOCK,
  GRND_RANDOM,
  Sysno,
} from '../../../src/abi/syscall.js';
import { Clock, TIMER_ABSTIME } from '../../../src/abi/time.js';
import {
  clockGettime,
  clockNanosleep,
  exit,
  exitGroup,
  getpid,
  getrandom,
  gettid,
  join,
  nanosleep,
  systemCall,
  write,
  yieldCpu,
} from '../calls.js';
import type { Guest, GuestFunction } from '../guest.js';
import { type Program, UNMAPPED } from '../program.js';
import { chapter, type Scenario } from '../scenario.js';
import { FAR_FUTURE, interrupted, past, times } from './futex.js';

const { Realtime, Monotonic, ThreadCpuTime } = Clock;
const NO_CLOCK = 1000;
const NO_FILE = 9999;
const NO_CALL = 9999;
const STDOUT = 1;
const SA_RESTART = 0x10000000;
const CLONE_SIGHAND = 0x800;
const CLONE_THREAD = 0x10000;

function* clockErrors(program: Program): Guest {
  const time = program.time(0, 0);
  const later = program.time(0, 0);

  yield* program.say('realtime', clockGettime(Realtime, time));
  yield* program.say('monotonic', clockGettime(Monotonic, time));
  yield* program.sleepMilliseconds(1);
  yield* clockGettime(Monotonic, later);
  const elapsed = program.nanosecondsAt(later) - program.nanosecondsAt(time);
  yield* program.sayWhether('sleep-takes-its-time', elapsed >= 1_000_000);
  yield* program.say('no-such-clock', clockGettime(NO_CLOCK, time));
  yield* program.say('unmapped', clockGettime(Monotonic, UNMAPPED));
  yield* program.say('no-such-clock-unmapped', clockGettime(NO_CLOCK, UNMAPPED));
}

function* nanosleepErrors(program: Program): Guest {
  const time = times(program);
  const long = program.time(FAR_FUTURE, 0);
  const remaining = program.time(0, 0);
  const disturbed = (rest: number, flags = 0) => interrupted(program, nanosleep(long, rest), flags);

  yield* program.say('one-millisecond', nanosleep(time.oneMillisecond, 0));
  yield* program.say('no-time', nanosleep(time.none, 0));
  yield* program.say('nanoseconds-too-many', nanosleep(time.tooManyNanoseconds, 0));
  yield* program.say('nanoseconds-negative', nanosleep(time.negativeNanoseconds, 0));
  yield* program.say('seconds-negative', nanosleep(time.negativeSeconds, 0));
  yield* program.say('unmapped', nanosleep(UNMAPPED, 0));
  yield* program.say('remaining-unmapped', nanosleep(time.oneMillisecond, UNMAPPED));
  yield* program.say('interrupted', disturbed(0));
  yield* program.say('interrupted-restart', disturbed(0, SA_RESTART));
  yield* program.say('interrupted-remaining', disturbed(remaining));
  const seconds = program.secondsAt(remaining);
  yield* program.sayWhether('remaining-is-less', seconds > 0 && seconds < FAR_FUTURE);
  yield* program.say('interrupted-remaining-unmapped', disturbed(UNMAPPED));
}

function* clockNanosleepErrors(program: Program): Guest {
  const time = times(program);
  const was = past(program);

  yield* program.say('one-millisecond', clockNanosleep(Monotonic, 0, time.oneMillisecond));
  yield* program.say('realtime', clockNanosleep(Realtime, 0, time.oneMillisecond));
  yield* program.say('until-past', clockNanosleep(Monotonic, TIMER_ABSTIME, was));
  yield* program.say('until-past-realtime', clockNanosleep(Realtime, TIMER_ABSTIME, was));
  yield* program.say('flag-two', clockNanosleep(Monotonic, 2, time.none));
  yield* program.say('nanoseconds-too-many', clockNanosleep(Monotonic, 0, time.tooManyNanoseconds));
  yield* program.say('seconds-negative', clockNanosleep(Monotonic, 0, time.negativeSeconds));
  yield* program.say('no-such-clock', clockNanosleep(NO_CLOCK, 0, time.none));
  yield* program.say('thread-cpu-clock', clockNanosleep(ThreadCpuTime, 0, time.none));
  yield* program.say('unmapped', clockNanosleep(Monotonic, 0, UNMAPPED));
  yield* program.say('no-such-clock-unmapped', clockNanosleep(NO_CLOCK, 0, UNMAPPED));
}

function* getrandomErrors(program: Program): Guest {
  const bytes = program.allocate(64);

  yield* program.say('sixteen', getrandom(bytes, 16, 0));
  yield* program.say('none', getrandom(bytes, 0, 0));
  yield* program.say('nonblock', getrandom(bytes, 16, GRND_NONBLOCK));
  yield* program.say('random', getrandom(bytes, 16, GRND_RANDOM));
  yield* program.say('insecure', getrandom(bytes, 16, GRND_INSECURE));
  yield* program.say('random-and-insecure', getrandom(bytes, 16, GRND_RANDOM | GRND_INSECURE));
  yield* program.say('flag-eight', getrandom(bytes, 16, 8));
  yield* program.say('unmapped', getrandom(UNMAPPED, 16, 0));
  yield* program.say('unmapped-none', getrandom(UNMAPPED, 0, 0));
  yield* program.say('flag-eight-unmapped', getrandom(UNMAPPED, 16, 8));
  yield* program.say('flag-eight-none', getrandom(bytes, 0, 8));
}

function* unknownCalls(program: Program): Guest {
  yield* program.say('after-the-last', systemCall(NO_CALL));
  yield* program.say('negative', systemCall(-1));
}

const clone = (flags: number) => systemCall(Sysno.Clone, flags, 0, 0, 0, 0);

/** Combinations of flags that would share too little. */
function* cloneErrors(program: Program): Guest {
  yield* program.say('thread-without-sighand', clone(CLONE_THREAD));
  yield* program.say('thread-without-vm', clone(CLONE_THREAD | CLONE_SIGHAND));
  yield* program.say('sighand-without-vm', clone(CLONE_SIGHAND));
}

/** The thread pointer is set as the C library does it, before main. */
function* archPrctlErrors(program: Program): Guest {
  const pointer = program.allocate(8);
  yield* systemCall(Sysno.ArchPrctl, ARCH_SET_FS, pointer);
  yield* program.say('get-fs', systemCall(Sysno.ArchPrctl, ARCH_GET_FS, pointer));
  yield* program.sayWhether('fs-is-set', program.memory.read32(pointer) !== 0);
  yield* program.say('get-fs-unmapped', systemCall(Sysno.ArchPrctl, ARCH_GET_FS, UNMAPPED));
  yield* program.say('unknown', systemCall(Sysno.ArchPrctl, 9999, pointer));
}

function* writeErrors(program: Program): Guest {
  const text = program.allocate(1);
  yield* program.say('no-such-file', write(NO_FILE, text, 1));
  yield* program.say('file-negative', write(-1, text, 1));
  yield* program.say('no-such-file-unmapped', write(NO_FILE, UNMAPPED, 1));
  yield* program.say('no-such-file-nothing', write(NO_FILE, text, 0));
  yield* program.say('unmapped', write(STDOUT, UNMAPPED, 1));
  yield* program.say('nothing', write(STDOUT, text, 0));
  yield* program.say('read-no-such-file', systemCall(Sysno.Read, NO_FILE, UNMAPPED, 1));
}

function* threadIds(program: Program): Guest {
  const pid = yield* getpid();
  let threadTid = 0;
  yield* program.sayWhether('main-tid-is-pid', (yield* gettid()) === pid);
  yield* program.runThread(function* recordTid() {
    threadTid = yield* gettid();
  });
  yield* program.sayWhether('thread-tid-is-pid', threadTid === pid);
  yield* program.say('yield', yieldCpu());
}

function exitWith(status: number): Scenario['run'] {
  return () => exitGroup(status);
}

function* exitAfterThread(program: Program): Guest {
  yield* program.runThread(function* returnAtOnce() {});
  yield* exit(5);
}

/** Ends the first thread with status 5; another goes on when it is gone. */
function* leaveTo(program: Program, other: GuestFunction): Guest {
  const firstThread = yield* gettid();
  yield* program.startThread(function* outlive(argument) {
    yield* join(firstThread);
    yield* other(argument);
  });
  yield* exit(5);
}

/** The status is that of the thread that exits last. */
function exitOfLastThread(program: Program): Guest {
  return leaveTo(program, () => exit(6));
}

/** The first thread being gone does not end the process. */
function exitOfFirstThread(program: Program): Guest {
  return leaveTo(program, function* exitGroupSix() {
    yield* program.sayWhether('outlives-first-thread', true);
    yield* exitGroup(6);
  });
}

function* exitGroupEndsAll(program: Program): Guest {
  yield* program.startSleeper();
  yield* exitGroup(4);
}

function* killedByDefault(program: Program): Guest {
  yield* program.signalSelf();
  yield* program.sayWhether('survived', true);
}

export const CALLS = chapter({
  'clock-errors': clockErrors,
  'nanosleep-errors': nanosleepErrors,
  'clock-nanosleep-errors': clockNanosleepErrors,
  'getrandom-errors': getrandomErrors,
  'unknown-calls': unknownCalls,
  'clone-errors': cloneErrors,
  'arch-prctl-errors': archPrctlErrors,
  'write-errors': writeErrors,
  'thread-ids': threadIds,
  'exit-seven': exitWith(7),
  'exit-is-cut-to-a-byte': exitWith(256 + 3),
  'exit-minus-one': exitWith(-1),
  'exit-after-thread': exitAfterThread,
  'exit-of-last-thread': exitOfLastThread,
  'exit-of-first-thread': exitOfFirstThread,
  'exit-group-ends-all': exitGroupEndsAll,
  'killed-by-default': killedByDefault,
});
