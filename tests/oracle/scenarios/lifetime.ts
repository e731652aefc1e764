// Threads, processes and memory: who inherits a registration, and what ends it.

import { RSEQ_FLAG_UNREGISTER, RSEQ_SIG } from '../../../src/abi/linux-rseq.js';
import { MembarrierCommand } from '../../../src/abi/membarrier.js';
import { Signal } from '../../../src/abi/signal.js';
import { membarrier, rseq, systemCall } from '../calls.js';
import type { Guest } from '../guest.js';
import type { Protection } from '../paged-memory.js';
import { CPUS, HarnessCall, type Program } from '../program.js';
import { chapter } from '../scenario.js';
import { OTHER_SIGNATURE } from '../section.js';

const { PrivateExpeditedRseq, RegisterPrivateExpeditedRseq } = MembarrierCommand;
const EXECVE = 59;

const register = (area: number) => rseq(area, 32, 0, RSEQ_SIG);
const unregister = (area: number) => rseq(area, 32, RSEQ_FLAG_UNREGISTER, RSEQ_SIG);

/** Areas are the threads' own business: nobody checks that they differ. */
function* sayThreadRegistrations(program: Program): Guest {
  const area = program.subject.area.address;
  const another = program.anotherArea.address;
  yield* program.say('unregister-area-of-main', unregister(area));
  yield* program.say('own-area', register(another));
  yield* program.say('own-area-again', register(another));
  yield* program.say('unregister', unregister(another));
  yield* program.say('area-of-main', register(area));
}

function* threadIsUnregistered(program: Program): Guest {
  yield* program.beSubject();
  yield* program.runThread(() => sayThreadRegistrations(program));
  yield* program.say('main-again', register(program.subject.area.address));
}

/** Nothing is written when a thread ends, and its area is free. */
function* exitLeavesArea(program: Program): Guest {
  const { area } = program.subject;
  yield* program.runThread(function* registerAndExit() {
    yield* program.pin(0, CPUS[0]);
    yield* program.registerSubject();
  });
  yield* program.sayWhether('cpu-id-is-kept', area.cpuId === CPUS[0]);
  yield* program.say('register', register(area.address));
}

function* sayChildRegistrations(program: Program): Guest {
  const { area } = program.subject;
  yield* program.say('same', register(area.address));
  yield* program.say('other-signature', rseq(area.address, 32, 0, OTHER_SIGNATURE));
  yield* program.say('other-area', register(program.anotherArea.address));
  yield* program.sayWhether('cpu-id-is-getcpu', area.cpuId === (yield* program.currentCpu()));
}

function* forkInherits(program: Program): Guest {
  yield* program.pin(0, CPUS[0]);
  yield* program.beSubject();
  yield* program.fork(sayChildRegistrations);
  yield* program.say('parent-again', register(program.subject.area.address));
}

function* sayVforkRegistrations(program: Program): Guest {
  yield* program.say('unregister-area-of-parent', unregister(program.subject.area.address));
  yield* program.say('own-area', register(program.anotherArea.address));
}

function* vforkIsUnregistered(program: Program): Guest {
  yield* program.beSubject();
  yield* program.fork(sayVforkRegistrations, HarnessCall.Vfork);
  yield* program.say('parent-again', register(program.subject.area.address));
}

/** Behind the exec, the new program: its memory is new too. */
function* execUnregisters(program: Program): Guest {
  yield* program.beSubject();
  yield* membarrier(RegisterPrivateExpeditedRseq);
  yield* systemCall(HarnessCall.Exec);
  yield* program.say('register', register(program.subject.area.address));
  yield* program.say('fence', membarrier(PrivateExpeditedRseq));
}

function* execFails(program: Program): Guest {
  yield* program.beSubject();
  yield* membarrier(RegisterPrivateExpeditedRseq);
  yield* program.say('exec', systemCall(EXECVE, 0, 0, 0));
  yield* program.say('register-again', register(program.subject.area.address));
  yield* program.say('fence', membarrier(PrivateExpeditedRseq));
}

/** The ids of a registered thread must be writable at every event. */
function* protectArea(program: Program, protection: Protection): Guest {
  const area = program.memory.map('read-write');
  yield* program.say('register', register(area));
  program.memory.protect(area, protection);
  yield* program.sleepMilliseconds(1);
  yield* program.sayWhether('survived', true);
}

/** A handler does not help: to call it is an event too. */
function* areaUnmappedSegvHandler(program: Program): Guest {
  yield* program.handle(Signal.SIGSEGV, program.observe);
  yield* protectArea(program, 'none');
}

export const LIFETIME = chapter({
  'thread-is-unregistered': threadIsUnregistered,
  'exit-leaves-area': exitLeavesArea,
  'fork-inherits': forkInherits,
  'vfork-is-unregistered': vforkIsUnregistered,
  'exec-unregisters': execUnregisters,
  'exec-fails': execFails,
  'area-unmapped': (program) => protectArea(program, 'none'),
  'area-read-only': (program) => protectArea(program, 'read'),
  'area-unmapped-segv-handler': areaUnmappedSegvHandler,
});
