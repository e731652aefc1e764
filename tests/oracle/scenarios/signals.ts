// Signals and sections.

import {
  NSIG,
  SA_NODEFER,
  SA_RESETHAND,
  SIG_BLOCK,
  SIG_IGN,
  SIG_SETMASK,
  SIGACTION_BYTES,
  SIGACTION_HANDLER,
  Signal,
  SIGSET_BYTES,
} from '../../../src/abi/signal.js';
import { getpid, gettid, sigaction, sigprocmask, tgkill } from '../calls.js';
import type { Guest } from '../guest.js';
import { CPUS, NO_TID, type Program, UNMAPPED } from '../program.js';
import { chapter } from '../scenario.js';
import { type SectionOutcome, spin, Words } from '../section.js';

const { SIGUSR1, SIGUSR2, SIGKILL, SIGSTOP } = Signal;
const USR1_BIT = bit(SIGUSR1);
/** A process that is none of ours. */
const PARENT_PID = 100;

function bit(signo: number): bigint {
  return 1n << BigInt(signo - 1);
}

/** Signal a subject in spin until it was caught there, not just aborted and on its way in again. */
function* signalSpinning(program: Program, cpu?: number): Guest<SectionOutcome> {
  let outcome: SectionOutcome;
  do {
    yield* program.startSubject(cpu);
    yield* program.signalSubject();
    outcome = yield* program.leave();
  } while (program.seen.where === 'outside');
  return outcome;
}

/** The frame is built behind the abort: a handler never sees an ip inside. */
function* signalInside(program: Program): Guest {
  const { seen, subject } = program;
  yield* program.handle(SIGUSR1, program.observe);
  const outcome = yield* signalSpinning(program);
  yield* program.sayWord('saved-ip', seen.where);
  yield* program.sayWhether('rseq-cs-is-zero-in-handler', seen.slotIsZero);
  yield* program.sayWord('outcome', outcome);
  yield* program.say('commit-store', subject.words.committed);
}

/** Switched out inside, then signalled: the thread comes back to both, and aborts once. */
function* signalToPreempted(program: Program): Guest {
  yield* program.handle(SIGUSR1, program.observe);
  yield* program.pin(0, CPUS[0]);
  const outcome = yield* signalSpinning(program, CPUS[0]);
  yield* program.sayWord('saved-ip', program.seen.where);
  yield* program.sayWord('outcome', outcome);
}

/** The handler's section is tried again, as it may be interrupted like any other. */
function* sectionInHandler(program: Program): Guest {
  const { area, pointer } = program.subject;
  const words = new Words(program.allocate(4));
  words.release = true;
  let inHandler: SectionOutcome = 'aborted';
  yield* program.handle(SIGUSR1, function* commit() {
    do inHandler = yield* spin(area, pointer, words);
    while (inHandler !== 'committed');
    yield* program.observation();
  });
  const outcome = yield* signalSpinning(program);
  yield* program.sayWord('saved-ip', program.seen.where);
  yield* program.sayWord('in-handler', inHandler);
  yield* program.say('commit-store-in-handler', words.committed);
  yield* program.sayWord('outcome', outcome);
}

function* sendUsr1({ subject }: Program): Guest {
  yield* tgkill(yield* getpid(), subject.tid, SIGUSR1);
}

export function sayCommitsOnce(program: Program, disturb: () => Guest): Guest {
  return program.sayWhether('commits', program.commitsOnce(disturb));
}

/** An action without flags. */
function actionOf(program: Program, handler: number): number {
  const action = program.allocate(SIGACTION_BYTES);
  program.memory.write32(action + SIGACTION_HANDLER, handler);
  return action;
}

function setOf(program: Program, bits: bigint): number {
  const set = program.allocate(SIGSET_BYTES);
  program.memory.write64(set, bits);
  return set;
}

function* ignoredSignalInside(program: Program): Guest {
  yield* sigaction(SIGUSR1, actionOf(program, SIG_IGN), 0, SIGSET_BYTES);
  yield* sayCommitsOnce(program, () => sendUsr1(program));
}

function* block(program: Program, signo: number): Guest {
  yield* sigprocmask(SIG_BLOCK, setOf(program, bit(signo)), 0, SIGSET_BYTES);
}

/** Threads inherit the mask. */
function* blockedSignalInside(program: Program): Guest {
  yield* program.handle(SIGUSR1, program.observe);
  yield* block(program, SIGUSR1);
  yield* sayCommitsOnce(program, () => sendUsr1(program));
  yield* program.say('handlers-called', program.seen.count);
}

function* fatalSignalInside(program: Program): Guest {
  yield* program.startSubject();
  yield* sendUsr1(program);
  yield* program.sayOutcome(program.leave());
}

/** Sent twice while blocked is pending once; delivered before the unblocking call returns. */
function* blockedSignal(program: Program): Guest {
  const { seen } = program;
  yield* program.handle(SIGUSR1, program.observe);
  yield* block(program, SIGUSR1);
  yield* program.signalSelf();
  yield* program.signalSelf();
  yield* program.say('called-while-blocked', seen.count);
  yield* sigprocmask(SIG_SETMASK, setOf(program, 0n), 0, SIGSET_BYTES);
  yield* program.say('called-after-unblock', seen.count);
}

function* handlerMask(program: Program): Guest {
  const { memory } = program;
  const mask = setOf(program, 0n);
  const isBlocked = (signo: number) => (memory.read64(mask) & bit(signo)) !== 0n;
  function* recordMask(): Guest {
    yield* sigprocmask(SIG_BLOCK, 0, mask, SIGSET_BYTES);
  }
  function* blocksItself(flags: number): Guest<boolean> {
    yield* program.handle(SIGUSR1, recordMask, flags);
    yield* program.signalSelf();
    return isBlocked(SIGUSR1);
  }

  yield* program.sayWhether('itself-is-blocked', blocksItself(0));
  yield* program.sayWhether('itself-is-blocked-nodefer', blocksItself(SA_NODEFER));
  yield* recordMask();
  yield* program.say('mask-behind-handler', Number(memory.read64(mask)));
}

function* handlerOnce(program: Program): Guest {
  yield* program.handle(SIGUSR1, program.observe, SA_RESETHAND);
  yield* program.signalSelf();
  yield* program.say('called', program.seen.count);
  yield* program.signalSelf();
  yield* program.sayWhether('survived', true);
}

function* sigactionErrors(program: Program): Guest {
  const { memory } = program;
  const action = actionOf(program, SIG_IGN);
  const old = program.allocate(SIGACTION_BYTES);

  yield* program.say('signal-zero', sigaction(0, action, 0, 8));
  yield* program.say('signal-64', sigaction(NSIG, action, 0, 8));
  yield* program.say('signal-65', sigaction(65, action, 0, 8));
  yield* program.say('signal-negative', sigaction(-1, action, 0, 8));
  yield* program.say('kill', sigaction(SIGKILL, action, 0, 8));
  yield* program.say('stop', sigaction(SIGSTOP, action, 0, 8));
  yield* program.say('kill-ask-only', sigaction(SIGKILL, 0, old, 8));
  yield* program.say('size-four', sigaction(SIGUSR1, action, 0, 4));
  yield* program.say('action-unmapped', sigaction(SIGUSR1, UNMAPPED, 0, 8));
  yield* program.say('old-unmapped', sigaction(SIGUSR2, action, UNMAPPED, 8));
  yield* program.say('size-four-action-unmapped', sigaction(SIGUSR1, UNMAPPED, 0, 4));
  yield* program.say('signal-zero-action-unmapped', sigaction(0, UNMAPPED, 0, 8));
  yield* program.say('signal-zero-old-unmapped', sigaction(0, action, UNMAPPED, 8));
  yield* program.say('kill-old-unmapped', sigaction(SIGKILL, 0, UNMAPPED, 8));
  yield* sigaction(SIGUSR2, 0, old, 8);
  const isSet = memory.read32(old + SIGACTION_HANDLER) === SIG_IGN >>> 0;
  yield* program.sayWhether('set-though-old-unmapped', isSet);
}

function* sigprocmaskErrors(program: Program): Guest {
  const { memory } = program;
  const set = setOf(program, USR1_BIT);
  const all = setOf(program, ~0n);
  const old = setOf(program, 0n);
  const isBlocked = (signo: number) => (memory.read64(old) & bit(signo)) !== 0n;

  yield* program.say('how-three', sigprocmask(3, set, 0, 8));
  yield* program.say('how-negative', sigprocmask(-1, set, 0, 8));
  yield* program.say('how-three-without-set', sigprocmask(3, 0, old, 8));
  yield* program.say('size-four', sigprocmask(SIG_BLOCK, set, 0, 4));
  yield* program.say('set-unmapped', sigprocmask(SIG_BLOCK, UNMAPPED, 0, 8));
  yield* program.say('size-four-set-unmapped', sigprocmask(SIG_BLOCK, UNMAPPED, 0, 4));
  yield* program.say('how-three-set-unmapped', sigprocmask(3, UNMAPPED, 0, 8));
  yield* program.say('how-three-old-unmapped', sigprocmask(3, set, UNMAPPED, 8));
  yield* program.say('old-unmapped', sigprocmask(SIG_BLOCK, set, UNMAPPED, 8));
  yield* sigprocmask(SIG_BLOCK, 0, old, 8);
  yield* program.sayWhether('set-though-old-unmapped', memory.read64(old) === USR1_BIT);
  yield* sigprocmask(SIG_SETMASK, all, 0, 8);
  yield* sigprocmask(SIG_BLOCK, 0, old, 8);
  yield* program.sayWhether('kill-is-blocked', isBlocked(SIGKILL));
  yield* program.sayWhether('stop-is-blocked', isBlocked(SIGSTOP));
}

function* tgkillErrors(program: Program): Guest {
  const pid = yield* getpid();
  const tid = yield* gettid();

  yield* program.say('pid-zero', tgkill(0, tid, 0));
  yield* program.say('pid-negative', tgkill(-1, tid, 0));
  yield* program.say('tid-zero', tgkill(pid, 0, 0));
  yield* program.say('tid-negative', tgkill(pid, -1, 0));
  yield* program.say('no-such-tid', tgkill(pid, NO_TID, 0));
  yield* program.say('no-such-pid', tgkill(NO_TID, tid, 0));
  yield* program.say('other-process', tgkill(pid, PARENT_PID, 0));
  yield* program.say('signal-zero', tgkill(pid, tid, 0));
  yield* program.say('signal-65', tgkill(pid, tid, 65));
  yield* program.say('signal-negative', tgkill(pid, tid, -1));
  yield* program.say('no-such-tid-signal-65', tgkill(pid, NO_TID, 65));
  yield* program.say('tid-zero-signal-65', tgkill(pid, 0, 65));
}

export const SIGNALS = chapter({
  'signal-inside': signalInside,
  'signal-to-preempted': signalToPreempted,
  'section-in-handler': sectionInHandler,
  'ignored-signal-inside': ignoredSignalInside,
  'blocked-signal-inside': blockedSignalInside,
  'fatal-signal-inside': fatalSignalInside,
  'blocked-signal': blockedSignal,
  'handler-mask': handlerMask,
  'handler-once': handlerOnce,
  'sigaction-errors': sigactionErrors,
  'sigprocmask-errors': sigprocmaskErrors,
  'tgkill-errors': tgkillErrors,
});
