// System calls made inside a section: allowed, and only what they cause counts.
//
// N.B. In place of a read from an empty pipe, a futex wait: there are no pipes, and what is asked is
// where a signal finds a thread that a call has blocked.

import { FUTEX_PRIVATE_FLAG, FutexOp } from '../../../src/abi/futex.js';
import { Signal } from '../../../src/abi/signal.js';
import { Sysno } from '../../../src/abi/syscall.js';
import { getpid, join, privateFutex, tgkill } from '../calls.js';
import type { Guest } from '../guest.js';
import { ATTEMPTS, HarnessCall, type Program } from '../program.js';
import { chapter, type Scenario } from '../scenario.js';
import {
  CALL_ABORT,
  CALL_END,
  CALL_RETURN,
  CALL_START,
  callInside,
  type CallWords,
  type SectionOutcome,
} from '../section.js';

const { SIGUSR1 } = Signal;
/** A flag of Linux: here every interrupted call fails, with it or without. */
const SA_RESTART = 0x10000000;

/** A system call inside: how the section was left, and the result if it was stored. */
interface CallMade {
  readonly outcome: SectionOutcome;
  readonly result: number | undefined;
}

function* makeFrom(
  { subject }: Program,
  start: number,
  sysno: number,
  args: readonly number[],
): Guest<CallMade> {
  const words: CallWords = { sysno, args, result: undefined };
  subject.descriptor.describe(start, CALL_END, CALL_ABORT);
  const outcome = yield* callInside(subject.area, subject.pointer, words);
  return { outcome, result: words.result };
}

export function makeInside(
  program: Program,
  sysno: number,
  ...args: readonly number[]
): Guest<CallMade> {
  return makeFrom(program, CALL_START, sysno, args);
}

function* getpidCommits(program: Program): Guest<boolean> {
  const { outcome, result } = yield* makeInside(program, Sysno.Getpid);
  const isSet = program.subject.area.rseqCs !== 0n;
  return outcome === 'committed' && result === (yield* getpid()) && isSet;
}

/** No event, no abort: rseq_cs is still set behind the section. */
function* getpidInside(program: Program): Guest {
  yield* program.beSubject();
  const commits = program.succeedsOnce(() => getpidCommits(program));
  yield* program.sayWhether('commits-and-keeps-rseq-cs', commits);
}

/** Blocking is leaving the CPU. */
function* nanosleepInside(program: Program): Guest {
  const time = program.time(0, 1_000_000);
  yield* program.beSubject();
  const { outcome, result } = yield* makeInside(program, Sysno.Nanosleep, time, 0);
  yield* program.sayWord('outcome', outcome);
  yield* program.sayWhether('result-is-stored', result !== undefined);
  yield* program.sayWhether('rseq-cs-is-zero', program.subject.area.rseqCs === 0n);
}

function* tgkillInside(program: Program): Guest {
  const { seen } = program;
  yield* program.handle(SIGUSR1, program.observe);
  yield* program.beSubject();
  const pid = yield* getpid();
  let call: CallMade;
  do {
    call = yield* makeInside(program, Sysno.Tgkill, pid, program.subject.tid, SIGUSR1);
  } while (seen.count === 0);
  yield* program.sayWord('saved-ip', seen.where);
  yield* program.sayWhether('rseq-cs-is-zero-in-handler', seen.slotIsZero);
  yield* program.sayWord('outcome', call.outcome);
}

/** A signal while the main thread waits, most probably; then what it waits for. */
function* disturbWait(program: Program, word: number): Guest {
  yield* program.sleepMilliseconds(1);
  yield* tgkill(yield* getpid(), program.subject.tid, SIGUSR1);
  yield* program.sleepMilliseconds(1);
  program.memory.write32(word, 1);
  yield* privateFutex(FutexOp.Wake, word, 1);
}

/** One wait, in a section from `start` on. */
function* waitFrom(program: Program, word: number, start: number): Guest<CallMade> {
  program.memory.write32(word, 0);
  const disturber = yield* program.startThread(() => disturbWait(program, word));
  const call = yield* makeFrom(program, start, Sysno.Futex, [word, FUTEX_PRIVATE_FLAG, 0]);
  yield* join(disturber);
  return call;
}

/**
 * Until the signal met the wait, and the section: a thread that is switched out in front of a section
 * goes through none, so that it may also be found inside what was one.
 */
function waitAborted(start: number, flags: number): Scenario['run'] {
  return function* run(program) {
    const { seen } = program;
    const word = program.allocate(4);
    yield* program.handle(SIGUSR1, program.observe, flags);
    yield* program.beSubject();
    let call = yield* waitFrom(program, word, start);
    for (let i = 1; i < ATTEMPTS && seen.where !== 'abort'; i++) {
      call = yield* waitFrom(program, word, start);
    }
    yield* program.sayWord('saved-ip', seen.where);
    yield* program.sayWord('outcome', call.outcome);
  };
}

/** The child begins where its parent was, inside, and with the event of having been placed. */
function* forkInside(program: Program): Guest {
  program.child = childInside;
  yield* program.beSubject();
  do {
    yield* makeInside(program, HarnessCall.Fork);
  } while (program.children === 0); // the parent may abort before it forks
}

function* childInside(program: Program): Guest {
  const { outcome } = yield* makeInside(program, HarnessCall.Fork);
  yield* program.sayWord('child', outcome);
}

function* resumeCommits(program: Program, sleep: number): Guest<boolean> {
  yield* makeInside(program, Sysno.Nanosleep, sleep, 0);
  return (yield* makeInside(program, HarnessCall.ResumeWork)).outcome === 'committed';
}

/**
 * Events are forgotten by an abort only: one that came outside is still there when resume work, for
 * whatever reason, finds the thread inside.
 */
function* resumeWorkInside(program: Program): Guest {
  const sleep = program.time(0, 1000);
  yield* program.beSubject();
  const commits = program.succeedsOnce(() => resumeCommits(program, sleep));
  yield* program.sayWhether('commits-after-abort', commits);
  yield* program.sleepMilliseconds(1);
  const { outcome } = yield* makeInside(program, HarnessCall.ResumeWork);
  yield* program.sayWord('after-event-outside', outcome);
}

export const CALLS_INSIDE = chapter({
  'getpid-inside': getpidInside,
  'nanosleep-inside': nanosleepInside,
  'tgkill-inside': tgkillInside,
  'read-inside-interrupted': waitAborted(CALL_START, 0),
  // A call that is to be made again after the handler is not: the section is left instead.
  'read-inside-restarted': waitAborted(CALL_START, SA_RESTART),
  // The section starts where the call returns to, so that an interrupted one returns into it.
  'read-before-interrupted': waitAborted(CALL_RETURN, 0),
  'fork-inside': forkInside,
  'resume-work-inside': resumeWorkInside,
});
