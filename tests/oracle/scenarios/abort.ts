// What an event does to a thread: inside a section, outside with rseq_cs set, and with a descriptor
// that is wrong.

import { Signal } from '../../../src/abi/signal.js';
import { TASK_SIZE } from '../../../src/abi/module.js';
import { SysconfName, Sysno } from '../../../src/abi/syscall.js';
import { getpid, systemCall } from '../calls.js';
import type { Guest } from '../guest.js';
import { PAGE } from '../paged-memory.js';
import { CPUS, KERNEL_POINTER, type Program, type Subject, UNMAPPED } from '../program.js';
import { chapter, type Scenario } from '../scenario.js';
import {
  Descriptor,
  OTHER_SIGNATURE,
  SPIN_ABORT,
  SPIN_ABORT_BEFORE,
  SPIN_ABORT_OTHER,
  SPIN_ABORT_UNSIGNED,
  SPIN_END,
  SPIN_START,
  STAY_BEFORE,
  STAY_END,
  STAY_START,
} from '../section.js';

const { SIGUSR1, SIGSEGV } = Signal;
const FORGOTTEN = 0xffffffff;

/** Both threads on one CPU: when the main thread runs, the subject was switched out inside. */
function* preemptedInside(program: Program): Guest {
  const { subject } = program;
  yield* program.pin(0, CPUS[0]);
  yield* program.startSubject(CPUS[0]);
  yield* program.sayOutcome(program.leave());
  yield* program.say('commit-store', subject.words.committed);
  yield* program.say('store-before-commit', Number(subject.words.entered));
  yield* program.sayWhether('rseq-cs-is-zero', subject.area.rseqCs === 0n);
  yield* program.sayWhether('r10-is-kept', subject.words.r10 === subject.words.address);
}

/** On return of the call the subject has left its CPU; it cannot commit any more. */
function* migratedInside(program: Program): Guest {
  const { subject } = program;
  yield* program.pin(0, CPUS[0]);
  yield* program.startSubject(CPUS[1]);
  yield* program.say('move', program.pin(subject.tid, CPUS[0]));
  yield* program.sayOutcome(program.leave());
  yield* program.sayWhether('cpu-id-is-new-cpu', subject.area.cpuId === CPUS[0]);
  yield* program.sayWhether('cpu-id-start-is-new-cpu', subject.area.cpuIdStart === CPUS[0]);
}

function* unregisteredInside(program: Program): Guest {
  program.subject.isUnregistered = true;
  yield* program.handle(SIGUSR1, program.observe);
  yield* program.startSubject();
  yield* program.signalSubject();
  yield* program.sayWord('saved-ip', program.seen.where);
  yield* program.sayWhether('rseq-cs-is-kept', program.subject.area.rseqCs !== 0n);
  yield* program.sayOutcome(program.leave());
}

/** Signal a subject in stay until it was caught there, not on its way there or away. */
function* signalStaying(program: Program): Guest {
  const { seen } = program;
  yield* program.handle(SIGUSR1, program.observe);
  let outcome;
  do {
    yield* program.startSubject();
    yield* program.signalSubject();
    outcome = yield* program.leave();
  } while (seen.where === 'outside');
  yield* program.sayWord('saved-ip', seen.where);
  yield* program.sayWhether('rseq-cs-is-zero-in-handler', seen.slotIsZero);
  yield* program.sayWord('outcome', outcome);
}

/** stay is one instruction; the section is [start, end), and holds it or just not. */
function staying(start: number, end: number): Scenario['run'] {
  return (program) => {
    program.subject.useStay(start, end);
    return signalStaying(program);
  };
}

/** No ip is inside; the descriptor is valid and forgotten at the first event. */
function* emptySection(program: Program): Guest {
  program.subject.descriptor.describe(SPIN_START, SPIN_START, SPIN_ABORT);
  yield* program.handle(SIGUSR1, program.observe);
  yield* program.startSubject();
  yield* program.signalSubject();
  yield* program.sayWhether('rseq-cs-is-zero-in-handler', program.seen.slotIsZero);
  yield* program.sayOutcome(program.leave());
}

/** A signal to a subject in spin: a handler is called, and the subject aborts. */
function* abortInsideSpin(program: Program): Guest {
  yield* program.handle(SIGUSR1, program.observe);
  yield* program.startSubject();
  yield* program.signalSubject();
  yield* program.sayOutcome(program.leave());
}

function* abortBeforeStart(program: Program): Guest {
  program.subject.descriptor.describe(SPIN_START, SPIN_END, SPIN_ABORT_BEFORE);
  yield* abortInsideSpin(program);
}

/** The first address behind the section is outside, also for this. */
function* abortAtEnd(program: Program): Guest {
  program.subject.descriptor.describe(SPIN_START, SPIN_ABORT, SPIN_ABORT);
  yield* abortInsideSpin(program);
}

function* otherSignature(program: Program): Guest {
  program.subject.descriptor.describe(SPIN_START, SPIN_END, SPIN_ABORT_OTHER);
  program.subject.signature = OTHER_SIGNATURE;
  yield* abortInsideSpin(program);
}

/** Any address will do for a descriptor. */
function* descriptorMisaligned(program: Program): Guest {
  const copy = new Descriptor(program.memory, program.allocate(64) + 1);
  copy.describe(SPIN_START, SPIN_END, SPIN_ABORT);
  program.subject.pointer = BigInt(copy.address);
  yield* abortInsideSpin(program);
}

function* rseqCsLasts({ area, pointer }: Subject): Guest<boolean> {
  area.rseqCs = pointer;
  yield* getpid();
  return area.rseqCs !== 0n;
}

/** Outside, rseq_cs is cleared at the next event, not before. */
function* outside(program: Program): Guest {
  const { subject, seen } = program;
  const { area, pointer } = subject;
  yield* program.handle(SIGUSR1, program.observe);
  yield* program.beSubject();
  const lasts = program.succeedsOnce(() => rseqCsLasts(subject));
  yield* program.sayWhether('rseq-cs-lasts-without-event', lasts);
  area.rseqCs = pointer;
  yield* program.sleepMilliseconds(1);
  yield* program.sayWhether('rseq-cs-is-zero-after-sleep', area.rseqCs === 0n);
  area.rseqCs = pointer;
  yield* program.signalSelf();
  yield* program.sayWord('saved-ip', seen.where);
  yield* program.sayWhether('rseq-cs-is-zero-in-handler', seen.slotIsZero);
}

export function forgetIds({ area }: Subject): void {
  area.cpuIdStart = FORGOTTEN;
  area.cpuId = FORGOTTEN;
  area.nodeId = FORGOTTEN;
  area.mmCid = FORGOTTEN;
}

export function areForgotten({ area }: Subject): boolean {
  return area.cpuIdStart === FORGOTTEN && area.mmCid === FORGOTTEN;
}

function* idsAreRight(program: Program): Guest<boolean> {
  const { area } = program.subject;
  const cpu = yield* program.currentCpu();
  const node = yield* program.currentNode();
  const cpus = yield* systemCall(Sysno.Sysconf, SysconfName.NrCpus);
  const isThere = area.cpuIdStart === cpu && area.cpuId === cpu && area.nodeId === node;
  return isThere && area.mmCid < cpus;
}

function* forgottenIdsLast(subject: Subject): Guest<boolean> {
  forgetIds(subject);
  yield* getpid();
  return areForgotten(subject);
}

/** Every event writes all ids, also when nothing has changed. */
function* idsRewritten(program: Program): Guest {
  const { subject } = program;
  let wereRightInHandler = false;
  yield* program.handle(SIGUSR1, function* checkIds() {
    wereRightInHandler = yield* idsAreRight(program);
  });
  yield* program.pin(0, CPUS[0]);
  yield* program.beSubject();
  const last = program.succeedsOnce(() => forgottenIdsLast(subject));
  yield* program.sayWhether('last-without-event', last);
  forgetIds(subject);
  yield* program.sleepMilliseconds(1);
  yield* program.sayWhether('right-after-sleep', idsAreRight(program));
  forgetIds(subject);
  yield* program.signalSelf();
  yield* program.sayWhether('right-in-handler', wereRightInHandler);
  yield* program.sayWhether('right-after-handler', idsAreRight(program));
}

// The spoiled scenarios: something is wrong with the descriptor or the flags of the area.

type Spoil = (subject: Subject) => void;

/** A signal finds the main thread outside, with the spoiled descriptor in rseq_cs. */
function spoiledOutside(spoil: Spoil): Scenario['run'] {
  return function* run(program) {
    yield* program.handle(SIGUSR1, program.observe);
    yield* program.beSubject();
    spoil(program.subject);
    program.subject.area.rseqCs = program.subject.pointer;
    yield* program.signalSelf();
    yield* program.sayWhether('survived', true);
    yield* program.sayWhether('rseq-cs-is-zero-in-handler', program.seen.slotIsZero);
  };
}

/** A signal finds the subject in spin, which it entered with the spoiled descriptor. */
function spoiledInside(spoil: Spoil): Scenario['run'] {
  return function* run(program) {
    yield* program.handle(SIGUSR1, program.observe);
    spoil(program.subject);
    yield* program.startSubject();
    yield* program.signalSubject();
    yield* program.sayWhether('survived', true);
    yield* program.sayOutcome(program.leave());
  };
}

function spoiledAsleep(spoil: Spoil): Scenario['run'] {
  return function* run(program) {
    yield* program.beSubject();
    spoil(program.subject);
    program.subject.area.rseqCs = program.subject.pointer;
    yield* program.sleepMilliseconds(1);
    yield* program.sayWhether('survived', true);
  };
}

/** As in preempted-inside. */
function spoiledPreempted(spoil: Spoil): Scenario['run'] {
  return function* run(program) {
    yield* program.pin(0, CPUS[0]);
    spoil(program.subject);
    yield* program.startSubject(CPUS[0]);
    yield* program.sayOutcome(program.leave());
  };
}

/** Nobody reads the descriptor of a thread that is not registered. */
function spoiledUnregistered(spoil: Spoil): Scenario['run'] {
  return (program) => {
    program.subject.isUnregistered = true;
    return spoiledInside(spoil)(program);
  };
}

/** The fault is reported by SIGSEGV, and to deliver that fails in the same way. */
function spoiledWithSegvHandler(spoil: Spoil): Scenario['run'] {
  return function* run(program) {
    yield* program.handle(SIGSEGV, program.observe);
    yield* spoiledInside(spoil)(program);
  };
}

const LAST_USER_PAGE = BigInt(TASK_SIZE - PAGE);
const A_PAGE = BigInt(PAGE);

const versionOne: Spoil = ({ descriptor }) => (descriptor.version = 1);
const pointerUnmapped: Spoil = (subject) => (subject.pointer = BigInt(UNMAPPED));
const signatureWrong: Spoil = ({ descriptor }) => (descriptor.abort = BigInt(SPIN_ABORT_UNSIGNED));
const areaFlag =
  (flag: number): Spoil =>
  (subject) =>
    (subject.area.flags = flag);
const descriptorFlag =
  (flag: number): Spoil =>
  (subject) =>
    (subject.descriptor.flags = flag);

// A section that long contains all code behind its start. The abort label is in front, else it would
// be inside as well; to be outside, the section starts where there is no code behind.

const endInKernel: Spoil = ({ descriptor }) => {
  descriptor.length = 1n << 63n;
  descriptor.abort = BigInt(SPIN_ABORT_BEFORE);
};

const endInKernelFar: Spoil = ({ descriptor }) => {
  descriptor.start = LAST_USER_PAGE;
  descriptor.length = 2n * A_PAGE;
};

/** start + length wraps round to an address of user space. */
const endWraps: Spoil = ({ descriptor }) => {
  descriptor.length = A_PAGE - descriptor.start;
  descriptor.abort = BigInt(SPIN_ABORT_BEFORE);
};

const endWrapsFar: Spoil = ({ descriptor }) => {
  descriptor.start = LAST_USER_PAGE;
  descriptor.length = A_PAGE - LAST_USER_PAGE;
};

/** By name: spoiled for a thread inside, and for one outside if that is another way. */
const SPOILED: Readonly<Record<string, readonly [inside: Spoil, outside?: Spoil]>> = {
  'pointer-in-kernel': [(subject) => (subject.pointer = KERNEL_POINTER)],
  'pointer-unmapped': [pointerUnmapped],
  'version-one': [versionOne],
  'start-in-kernel': [({ descriptor }) => (descriptor.start = KERNEL_POINTER)],
  'end-in-kernel': [endInKernel, endInKernelFar],
  'end-wraps': [endWraps, endWrapsFar],
  'abort-in-kernel': [({ descriptor }) => (descriptor.abort = KERNEL_POINTER)],
  // The section is made to reach round an abort label that has the right signature.
  'abort-at-start': [
    ({ descriptor }) => descriptor.describe(SPIN_ABORT_BEFORE, SPIN_END, SPIN_ABORT_BEFORE),
  ],
  'abort-at-last-byte': [
    ({ descriptor }) => descriptor.describe(SPIN_START, SPIN_ABORT + 1, SPIN_ABORT),
  ],
  'signature-unmapped': [({ descriptor }) => (descriptor.abort = BigInt(UNMAPPED + 64))],
  'signature-wrong': [signatureWrong],
  'descriptor-flag-preempt': [descriptorFlag(1)],
  'descriptor-flag-signal': [descriptorFlag(2)],
  'descriptor-flag-migrate': [descriptorFlag(4)],
  'descriptor-flag-unknown': [descriptorFlag(8)],
  'area-flag-preempt': [areaFlag(1)],
  'area-flag-unknown': [areaFlag(8)],
};

const INSIDE_AND_OUTSIDE: Scenario[] = Object.entries(SPOILED).flatMap(([title, spoils]) => {
  const [inside, elsewhere = inside] = spoils;
  return chapter({
    [`${title}-inside`]: spoiledInside(inside),
    [`${title}-outside`]: spoiledOutside(elsewhere),
  });
});

export const ABORT: Scenario[] = [
  ...chapter({
    'preempted-inside': preemptedInside,
    'migrated-inside': migratedInside,
    'unregistered-inside': unregisteredInside,
    'ip-at-start': staying(STAY_START, STAY_END),
    'ip-at-last-byte': staying(STAY_BEFORE, STAY_START + 1),
    'ip-at-end': staying(STAY_BEFORE, STAY_START),
    'ip-before-start': staying(STAY_START + 1, STAY_END),
    'empty-section': emptySection,
    'abort-before-start': abortBeforeStart,
    'abort-at-end': abortAtEnd,
    'other-signature': otherSignature,
    'descriptor-misaligned': descriptorMisaligned,
    outside,
    'ids-rewritten': idsRewritten,
  }),
  ...INSIDE_AND_OUTSIDE,
  ...chapter({
    'version-one-asleep': spoiledAsleep(versionOne),
    'version-one-preempted': spoiledPreempted(versionOne),
    'area-flag-unknown-preempted': spoiledPreempted(areaFlag(8)),
    'pointer-unmapped-unregistered': spoiledUnregistered(pointerUnmapped),
    'signature-wrong-unregistered': spoiledUnregistered(signatureWrong),
    'version-one-segv-handler': spoiledWithSegvHandler(versionOne),
  }),
];
