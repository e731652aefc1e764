// rseq: registering and unregistering an area; the order of the checks.

import {
  RSEQ_CPU_ID_UNINITIALIZED,
  RSEQ_FEATURE_BYTES,
  RSEQ_FLAG_UNREGISTER as UNREGISTER,
  RSEQ_LEGACY_BYTES,
  RSEQ_SIG,
} from '../../../src/abi/linux-rseq.js';
import { SysconfName, Sysno } from '../../../src/abi/syscall.js';
import { rseq, systemCall } from '../calls.js';
import type { Guest } from '../guest.js';
import {
  ATTEMPTS,
  CPUS,
  KERNEL_ADDRESS,
  KERNEL_POINTER,
  type Program,
  UNMAPPED,
} from '../program.js';
import { chapter } from '../scenario.js';
import { Area, OTHER_SIGNATURE } from '../section.js';

const INT32_MIN = -0x80000000;
const UNINITIALIZED = RSEQ_CPU_ID_UNINITIALIZED >>> 0;
const SENTINEL = 12345;

/** There is no auxiliary vector: programs are compiled with these. */
function* auxiliaryVector(program: Program): Guest {
  yield* program.say('feature-size', RSEQ_FEATURE_BYTES);
  yield* program.say('align', RSEQ_LEGACY_BYTES);
}

/** Every refusal of a thread that has no area, alone and then in pairs: the first check wins. */
function* registerErrors(program: Program): Guest {
  const area = program.subject.area.address;

  yield* program.say('flag-two', rseq(area, 32, 2, RSEQ_SIG));
  yield* program.say('flag-highest', rseq(area, 32, INT32_MIN, RSEQ_SIG));
  yield* program.say('length-zero', rseq(area, 0, 0, RSEQ_SIG));
  yield* program.say('length-too-short', rseq(area, 31, 0, RSEQ_SIG));
  yield* program.say('misaligned-by-one', rseq(area + 1, 32, 0, RSEQ_SIG));
  yield* program.say('misaligned-by-sixteen', rseq(area + 16, 32, 0, RSEQ_SIG));
  yield* program.say('long-and-misaligned', rseq(area + 16, 33, 0, RSEQ_SIG));
  yield* program.say('null', rseq(0, 32, 0, RSEQ_SIG));
  yield* program.say('unmapped', rseq(UNMAPPED, 32, 0, RSEQ_SIG));
  yield* program.say('kernel-pointer', rseq(KERNEL_ADDRESS, 32, 0, RSEQ_SIG));
  yield* program.say('flag-two-unmapped', rseq(UNMAPPED, 32, 2, RSEQ_SIG));
  yield* program.say('length-too-short-unmapped', rseq(UNMAPPED, 31, 0, RSEQ_SIG));
  yield* program.say('misaligned-unmapped', rseq(UNMAPPED + 16, 32, 0, RSEQ_SIG));
  yield* program.say('after-all', rseq(area, 32, 0, RSEQ_SIG));
}

function* registerTwice(program: Program): Guest {
  const area = program.subject.area.address;
  const another = program.anotherArea.address;

  yield* program.say('first', rseq(area, 32, 0, RSEQ_SIG));
  yield* program.say('same', rseq(area, 32, 0, RSEQ_SIG));
  yield* program.say('other-signature', rseq(area, 32, 0, OTHER_SIGNATURE));
  yield* program.say('other-length', rseq(area, 64, 0, RSEQ_SIG));
  yield* program.say('other-length-too-short', rseq(area, 31, 0, RSEQ_SIG));
  yield* program.say('other-length-and-signature', rseq(area, 64, 0, OTHER_SIGNATURE));
  yield* program.say('other-area', rseq(another, 32, 0, RSEQ_SIG));
  yield* program.say('other-area-and-signature', rseq(another, 32, 0, OTHER_SIGNATURE));
  yield* program.say('other-area-misaligned', rseq(area + 1, 32, 0, RSEQ_SIG));
  yield* program.say('other-area-kernel-pointer', rseq(KERNEL_ADDRESS, 32, 0, RSEQ_SIG));
  yield* program.say('flag-two', rseq(area, 32, 2, RSEQ_SIG));
  yield* program.say('null-without-length', rseq(0, 0, 0, 0));
}

/** The ids are right when the call returns. */
function* registerWritesIds(program: Program): Guest {
  const { area } = program.subject;
  yield* program.pin(0, CPUS[0]);
  area.cpuIdStart = SENTINEL;
  area.nodeId = SENTINEL;
  area.mmCid = SENTINEL;
  area.flags = 0;
  area.reserved = SENTINEL;

  yield* program.say('register', rseq(area.address, 32, 0, RSEQ_SIG));
  yield* program.sayWhether('cpu-id-is-getcpu', area.cpuId === (yield* program.currentCpu()));
  yield* program.sayWhether('cpu-id-start-is-cpu-id', area.cpuIdStart === area.cpuId);
  yield* program.sayWhether('node-id-is-getcpu', area.nodeId === (yield* program.currentNode()));
  const cpus = yield* systemCall(Sysno.Sysconf, SysconfName.NrCpus);
  yield* program.sayWhether('mm-cid-is-below-cpus', area.mmCid < cpus);
  yield* program.sayWhether('reserved-is-kept', area.reserved === SENTINEL);
}

/** A value left in rseq_cs would kill the thread; it is cleared, wherever it points. */
function* registerClearsRseqCs(program: Program): Guest {
  const { area } = program.subject;
  area.rseqCs = KERNEL_POINTER;
  yield* program.say('register', rseq(area.address, 32, 0, RSEQ_SIG));
  yield* program.sayWhether('rseq-cs-is-zero', area.rseqCs === 0n);
}

function* registerLengths(program: Program): Guest {
  const { memory } = program;
  const large = program.allocate(256);
  memory.copyOut(large + 28, new Uint8Array(256 - 28).fill(0xab));

  yield* program.say('length-33', rseq(large, 33, 0, RSEQ_SIG));
  yield* program.say('unregister-length-32', rseq(large, 32, UNREGISTER, RSEQ_SIG));
  yield* program.say('unregister-length-33', rseq(large, 33, UNREGISTER, RSEQ_SIG));
  yield* program.say('length-256', rseq(large, 256, 0, RSEQ_SIG));
  yield* program.sleepMilliseconds(1);
  const rest = memory.copyIn(large + 28, 256 - 28) ?? new Uint8Array(1);
  yield* program.sayWhether(
    'bytes-behind-mm-cid-are-kept',
    rest.every((byte) => byte === 0xab),
  );
}

/** The check reads; the first write is made on the way back to the program. */
function* registerReadOnly(program: Program): Guest {
  const area = program.memory.map('read');
  yield* program.say('register', rseq(area, 32, 0, RSEQ_SIG));
}

/** ... unless there is something to clear. */
function* registerReadOnlyWithRseqCs(program: Program): Guest {
  const area = new Area(program.memory, program.memory.map('read-write'));
  area.rseqCs = program.subject.pointer;
  program.memory.protect(area.address, 'read');
  yield* program.say('register', rseq(area.address, 32, 0, RSEQ_SIG));
  yield* program.sayWhether('rseq-cs-is-kept', area.rseqCs === program.subject.pointer);
}

/** Nothing of the old registration is left. */
function* registerAgain(program: Program): Guest {
  const { area } = program.subject;
  const another = program.anotherArea;
  yield* program.pin(0, CPUS[0]);
  yield* program.beSubject();
  yield* rseq(area.address, 32, UNREGISTER, RSEQ_SIG);
  yield* program.say('other-area', rseq(another.address, 32, 0, OTHER_SIGNATURE));
  yield* program.say('other-area-again', rseq(another.address, 32, 0, OTHER_SIGNATURE));
  yield* program.sayWhether('cpu-id-is-getcpu', another.cpuId === (yield* program.currentCpu()));
  yield* program.sayWhether('old-area-is-kept', area.cpuId === UNINITIALIZED);
}

function* unregisterErrors(program: Program): Guest {
  const area = program.subject.area.address;
  const another = program.anotherArea.address;

  yield* program.say('not-registered', rseq(area, 32, UNREGISTER, RSEQ_SIG));
  yield* program.say('not-registered-null', rseq(0, 32, UNREGISTER, RSEQ_SIG));
  yield* program.say('register', rseq(area, 32, 0, RSEQ_SIG));
  yield* program.say('flag-two-too', rseq(area, 32, UNREGISTER | 2, RSEQ_SIG));
  yield* program.say('null', rseq(0, 32, UNREGISTER, RSEQ_SIG));
  yield* program.say('other-area', rseq(another, 32, UNREGISTER, RSEQ_SIG));
  yield* program.say('other-area-and-signature', rseq(another, 32, UNREGISTER, OTHER_SIGNATURE));
  yield* program.say('other-length', rseq(area, 64, UNREGISTER, RSEQ_SIG));
  yield* program.say('other-length-and-signature', rseq(area, 64, UNREGISTER, OTHER_SIGNATURE));
  yield* program.say('other-signature', rseq(area, 32, UNREGISTER, OTHER_SIGNATURE));
  yield* program.say('same', rseq(area, 32, UNREGISTER, RSEQ_SIG));
  yield* program.say('again', rseq(area, 32, UNREGISTER, RSEQ_SIG));
}

/** No event since rseq_cs was set: unregistering leaves it as it is. */
function* unregisterKeepsRseqCs(program: Program): Guest<boolean> {
  const { area, pointer } = program.subject;
  yield* program.registerSubject();
  area.rseqCs = pointer;
  yield* rseq(area.address, 32, UNREGISTER, RSEQ_SIG);
  return area.rseqCs !== 0n;
}

function* unregisterResetsIds(program: Program): Guest {
  const { area } = program.subject;
  yield* program.beSubject();
  area.flags = 8;
  area.reserved = SENTINEL;

  yield* program.say('unregister', rseq(area.address, 32, UNREGISTER, RSEQ_SIG));
  yield* program.say('cpu-id-start', area.cpuIdStart);
  yield* program.sayWhether('cpu-id-is-uninitialized', area.cpuId === UNINITIALIZED);
  yield* program.say('node-id', area.nodeId);
  yield* program.say('mm-cid', area.mmCid);
  yield* program.say('flags', area.flags);
  yield* program.sayWhether('reserved-is-kept', area.reserved === SENTINEL);
  area.flags = 0;
  const isKept = program.succeedsOnce(() => unregisterKeepsRseqCs(program));
  yield* program.sayWhether('rseq-cs-is-kept', isKept);
}

/** Results of a child, seen by its parent. */
interface ChildResults {
  unregister: number;
  registerAgain: number;
}

/** The ids cannot be reset: still registered. Writable again at once, as the next event writes. */
function* unregisterReadOnlyAttempt({ memory }: Program, results: ChildResults): Guest {
  const area = memory.map('read-write');
  yield* rseq(area, 32, 0, RSEQ_SIG);
  memory.protect(area, 'read');
  results.unregister = yield* rseq(area, 32, UNREGISTER, RSEQ_SIG);
  memory.protect(area, 'read-write');
  results.registerAgain = yield* rseq(area, 32, 0, RSEQ_SIG);
}

/** A switch while the page is read-only kills the child; another is tried then. */
function* unregisterReadOnly(program: Program): Guest {
  const results: ChildResults = { unregister: 0, registerAgain: 0 };
  for (let i = 0, status = -1; i < ATTEMPTS && status !== 0; i++) {
    status = yield* program.fork((child) => unregisterReadOnlyAttempt(child, results));
  }
  yield* program.say('unregister', results.unregister);
  yield* program.say('register-again', results.registerAgain);
}

export const REGISTRATION = chapter({
  'auxiliary-vector': auxiliaryVector,
  'register-errors': registerErrors,
  'register-twice': registerTwice,
  'register-writes-ids': registerWritesIds,
  'register-clears-rseq-cs': registerClearsRseqCs,
  'register-lengths': registerLengths,
  'register-read-only': registerReadOnly,
  'register-read-only-with-rseq-cs': registerReadOnlyWithRseqCs,
  'register-again': registerAgain,
  'unregister-errors': unregisterErrors,
  'unregister-resets-ids': unregisterResetsIds,
  'unregister-read-only': unregisterReadOnly,
});
