// membarrier: the rseq fence.

import { MEMBARRIER_FLAG_CPU, MembarrierCommand } from '../../../src/abi/membarrier.js';
import { Sysno } from '../../../src/abi/syscall.js';
import { membarrier } from '../calls.js';
import type { Guest } from '../guest.js';
import { CPUS, type Program } from '../program.js';
import { chapter, type Scenario } from '../scenario.js';
import { areForgotten, forgetIds } from './abort.js';
import { makeInside } from './calls-inside.js';
import { sayCommitsOnce } from './signals.js';

const {
  Query: QUERY,
  Global: GLOBAL,
  PrivateExpedited: EXPEDITED,
  RegisterPrivateExpedited: REGISTER_EXPEDITED,
  PrivateExpeditedRseq: FENCE,
  RegisterPrivateExpeditedRseq: REGISTER_FENCE,
  GetRegistrations: GET_REGISTRATIONS,
} = MembarrierCommand;
const [FIRST_CPU, SECOND_CPU] = CPUS;
const NO_CPU = 9999;
const OFTEN = 100;

const fenceAll = () => membarrier(FENCE);
const fenceCpu = (cpu: number) => membarrier(FENCE, MEMBARRIER_FLAG_CPU, cpu);
const registerFence = () => membarrier(REGISTER_FENCE);

function* fenceErrors(program: Program): Guest {
  yield* program.say('before-register', membarrier(FENCE, 0, 0));
  yield* program.say('cpu-before-register', membarrier(FENCE, 1, 0));
  yield* program.say('flag-two-before-register', membarrier(FENCE, 2, 0));
  yield* program.say('register-flag-one', membarrier(REGISTER_FENCE, 1, 0));
  yield* program.say('register', membarrier(REGISTER_FENCE, 0, 0));
  yield* program.say('register-again', membarrier(REGISTER_FENCE, 0, 0));
  yield* program.say('fence', membarrier(FENCE, 0, 0));
  yield* program.say('cpu-is-ignored-without-flag', membarrier(FENCE, 0, NO_CPU));
  yield* program.say('flag-two', membarrier(FENCE, 2, 0));
  yield* program.say('flag-three', membarrier(FENCE, 3, 0));
  yield* program.say('cpu-own', membarrier(FENCE, 1, yield* program.currentCpu()));
  yield* program.say('cpu-out-of-range', membarrier(FENCE, 1, NO_CPU));
  yield* program.say('cpu-negative', membarrier(FENCE, 1, -1));
}

function hasBits(mask: number, bits: number): boolean {
  return mask >= 0 && (mask & bits) === bits;
}

function* membarrierCommands(program: Program): Guest {
  const commands = yield* membarrier(QUERY);
  yield* program.sayWhether('query-has-rseq', hasBits(commands, FENCE | REGISTER_FENCE));
  const expedited = EXPEDITED | REGISTER_EXPEDITED;
  yield* program.sayWhether('query-has-expedited', hasBits(commands, expedited));
  yield* program.say('query-flag-one', membarrier(QUERY, 1));
  yield* program.say('global', membarrier(GLOBAL));
  yield* program.say('global-flag-one', membarrier(GLOBAL, 1));
  yield* program.say('expedited-before-register', membarrier(EXPEDITED));
  yield* program.say('register-expedited', membarrier(REGISTER_EXPEDITED));
  yield* program.say('expedited', membarrier(EXPEDITED));
  yield* program.say('expedited-flag-one', membarrier(EXPEDITED, 1));
  yield* program.say('two-commands', membarrier(EXPEDITED | FENCE));
  yield* program.say('unknown', membarrier(1 << 30));
  yield* program.say('unknown-flag-one', membarrier(1 << 30, 1));
  yield* program.say('negative', membarrier(-1));
}

/** What is registered for the fence shows as registered for the plain barrier too, and is not. */
function* membarrierRegistrations(program: Program): Guest {
  yield* program.say('none', membarrier(GET_REGISTRATIONS));
  yield* program.say('flag-one', membarrier(GET_REGISTRATIONS, 1));
  yield* registerFence();
  const registrations = yield* membarrier(GET_REGISTRATIONS);
  yield* program.sayWhether('shows-rseq', hasBits(registrations, REGISTER_FENCE));
  yield* program.sayWhether('shows-expedited', hasBits(registrations, REGISTER_EXPEDITED));
  yield* program.say('expedited', membarrier(EXPEDITED));
}

/**
 * When the fence has returned, a section that ran meanwhile cannot commit any more: the subject is
 * let go at once, and must not.
 */
function fenceAborts(fence: () => Guest<number>): Scenario['run'] {
  return function* run(program) {
    yield* registerFence();
    yield* program.pin(0, FIRST_CPU);
    yield* program.startSubject(SECOND_CPU);
    yield* fence();
    yield* program.sayOutcome(program.leave());
  };
}

function* often(call: () => Guest<number>): Guest {
  for (let i = 0; i < OFTEN; i++) yield* call();
}

/** The subject commits though the other CPU calls `fence` all the time. */
function spares(register: () => Guest<number>, fence: () => Guest<number>): Scenario['run'] {
  return function* run(program) {
    yield* register();
    yield* sayCommitsOnce(program, () => often(fence));
  };
}

/** The ids are written along with the abort, and before the program goes on. */
function* fenceRewritesIds(program: Program): Guest {
  const { subject } = program;
  yield* registerFence();
  yield* program.pin(0, FIRST_CPU);
  yield* program.startSubject(SECOND_CPU);
  subject.area.cpuIdStart = 0xffffffff;
  yield* fenceAll();
  yield* program.sayOutcome(program.leave());
  yield* program.sayWhether('cpu-id-start-is-restored', subject.cpuIdStartBehind === SECOND_CPU);
}

function* idsOutlast({ subject }: Program, fence: () => Guest<number>): Guest<boolean> {
  forgetIds(subject);
  yield* fence();
  return areForgotten(subject);
}

function* fenceCommits(program: Program, flags: number, cpu: number): Guest<boolean> {
  return (yield* makeInside(program, Sysno.Membarrier, FENCE, flags, cpu)).outcome === 'committed';
}

/** What fences do to their caller, which is on the first CPU. */
function* sayOwnFences(program: Program): Guest {
  const fenceFirst = () => fenceCpu(FIRST_CPU);
  yield* registerFence();
  yield* program.pin(0, FIRST_CPU);
  yield* program.beSubject();
  const outlastAll = program.succeedsOnce(() => idsOutlast(program, fenceAll));
  yield* program.sayWhether('ids-outlast-all', outlastAll);
  const outlastOwn = program.succeedsOnce(() => idsOutlast(program, fenceFirst));
  yield* program.sayWhether('ids-outlast-own-cpu', outlastOwn);
  const allCommits = program.succeedsOnce(() => fenceCommits(program, 0, 0));
  yield* program.sayWhether('all-inside-commits', allCommits);
  const ownCommits = () => fenceCommits(program, MEMBARRIER_FLAG_CPU, FIRST_CPU);
  yield* program.sayWhether('own-cpu-inside-commits', program.succeedsOnce(ownCommits));
}

function* ownFenceWithSleeper(program: Program): Guest {
  yield* program.startSleeper();
  yield* sayOwnFences(program);
}

/** The registration is the process's, and its copy has it. */
function* fenceInFork(program: Program): Guest {
  yield* registerFence();
  yield* program.fork(sayChildFence);
}

function* sayChildFence(program: Program): Guest {
  yield* program.say('child', fenceAll());
}

export const MEMBARRIER = chapter({
  'fence-errors': fenceErrors,
  'membarrier-commands': membarrierCommands,
  'membarrier-registrations': membarrierRegistrations,
  'fence-in-fork': fenceInFork,
  'fence-all-aborts': fenceAborts(fenceAll),
  'fence-cpu-aborts': fenceAborts(() => fenceCpu(SECOND_CPU)),
  'fence-wrong-cpu': spares(registerFence, () => fenceCpu(FIRST_CPU)),
  'fence-no-cpu': spares(registerFence, () => fenceCpu(NO_CPU)),
  // The plain barrier interrupts the same CPUs, and is no event.
  'expedited-spares-sections': spares(
    () => membarrier(REGISTER_EXPEDITED),
    () => membarrier(EXPEDITED),
  ),
  'fence-rewrites-ids': fenceRewritesIds,
  'own-fence-alone': sayOwnFences,
  'own-fence-with-sleeper': ownFenceWithSleeper,
});
