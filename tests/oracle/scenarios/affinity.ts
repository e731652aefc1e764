// sched_setaffinity, sched_getaffinity, getcpu, and the ids that follow them.

import { RSEQ_LEGACY_BYTES, RSEQ_SIG } from '../../../src/abi/linux-rseq.js';
import { getAffinity, getCpu, rseq, setAffinity } from '../calls.js';
import type { Guest } from '../guest.js';
import { CPUS, NO_TID, type Program, UNMAPPED } from '../program.js';
import { chapter } from '../scenario.js';

const [FIRST_CPU, SECOND_CPU] = CPUS;
const FIRST_ONLY = 1n << BigInt(FIRST_CPU);
const SET_BYTES = 128;
const GET_BYTES = 1024;

/** On return the thread is there, and its ids say so, whichever CPU it was before. */
function* affinityMoves(program: Program): Guest {
  const { area } = program.subject;
  let resultsAreZero = true;
  let getcpuIsCpu = true;
  let idsAreCpu = true;
  let nodeIsNode = true;
  yield* program.beSubject();
  for (let i = 0; i < CPUS.length * 10; i++) {
    const cpu = CPUS[i % CPUS.length] as number;
    resultsAreZero &&= (yield* program.pin(0, cpu)) === 0;
    idsAreCpu &&= area.cpuId === cpu && area.cpuIdStart === cpu;
    getcpuIsCpu &&= (yield* program.currentCpu()) === cpu;
    nodeIsNode &&= area.nodeId === (yield* program.currentNode());
  }
  yield* program.sayWhether('results-are-zero', resultsAreZero);
  yield* program.sayWhether('getcpu-is-that-cpu', getcpuIsCpu);
  yield* program.sayWhether('cpu-ids-are-that-cpu', idsAreCpu);
  yield* program.sayWhether('node-id-is-getcpu', nodeIsNode);
}

function* affinityErrors(program: Program): Guest {
  const mask = program.allocate(SET_BYTES);
  const none = program.allocate(SET_BYTES);
  const absent = program.allocate(SET_BYTES);
  program.memory.write64(mask, FIRST_ONLY);
  program.memory.write64(absent + SET_BYTES - 8, 1n << 63n);

  yield* program.say('cpu', setAffinity(0, SET_BYTES, mask));
  yield* program.say('no-cpu', setAffinity(0, SET_BYTES, none));
  yield* program.say('absent-cpu', setAffinity(0, SET_BYTES, absent));
  yield* program.say('length-zero', setAffinity(0, 0, mask));
  yield* program.say('length-zero-unmapped', setAffinity(0, 0, UNMAPPED));
  yield* program.say('unmapped', setAffinity(0, 8, UNMAPPED));
  yield* program.say('no-such-tid', setAffinity(NO_TID, SET_BYTES, mask));
  yield* program.say('tid-negative', setAffinity(-1, SET_BYTES, mask));
  yield* program.say('no-such-tid-unmapped', setAffinity(NO_TID, 8, UNMAPPED));
  yield* program.say('no-such-tid-no-cpu', setAffinity(NO_TID, SET_BYTES, none));
}

/** Lengths are whole words; what comes back may be shorter than what was asked for. */
function* getAffinityErrors(program: Program): Guest {
  const mask = program.allocate(GET_BYTES);
  yield* program.pin(0, FIRST_CPU);

  const longest = yield* getAffinity(0, GET_BYTES, mask);
  yield* program.sayWhether('longest-is-whole-words', longest % 8 === 0);
  yield* program.sayWhether('has-that-cpu', program.memory.read64(mask) === FIRST_ONLY);
  yield* program.say('length-zero', getAffinity(0, 0, mask));
  yield* program.say('length-1022', getAffinity(0, 1022, mask));
  yield* program.say('unmapped', getAffinity(0, GET_BYTES, UNMAPPED));
  yield* program.say('no-such-tid', getAffinity(NO_TID, GET_BYTES, mask));
  yield* program.say('tid-negative', getAffinity(-1, GET_BYTES, mask));
  yield* program.say('no-such-tid-unmapped', getAffinity(NO_TID, GET_BYTES, UNMAPPED));
  yield* program.say('length-zero-no-such-tid', getAffinity(NO_TID, 0, mask));
}

function* getcpuErrors(program: Program): Guest {
  const cpu = program.allocate(4);
  const node = program.allocate(4);
  yield* program.say('both', getCpu(cpu, node));
  yield* program.say('neither', getCpu(0, 0));
  yield* program.say('cpu-unmapped', getCpu(UNMAPPED, node));
  yield* program.say('node-unmapped', getCpu(cpu, UNMAPPED));
}

function* affinityOfThread(program: Program): Guest {
  const mask = program.allocate(GET_BYTES);
  function* mayRunOnFirstOnly(): Guest<boolean> {
    yield* getAffinity(program.subject.tid, GET_BYTES, mask);
    return program.memory.read64(mask) === FIRST_ONLY;
  }

  yield* program.startSubject();
  yield* program.say('set', program.pin(program.subject.tid, FIRST_CPU));
  yield* program.sayWhether('is-set', mayRunOnFirstOnly());
  yield* program.leave();
  yield* program.pin(0, FIRST_CPU);
  yield* program.startSubject();
  yield* program.sayWhether('is-inherited', mayRunOnFirstOnly());
  yield* program.leave();
}

/**
 * Threads that run at the same time have different ids. The main thread's own is right whenever it
 * looks; the subject's stays the same from when it is seen inside to its commit.
 */
function* mmCidsDiffer(program: Program): Guest {
  const { anotherArea, subject } = program;
  let allDiffer = true;
  yield* program.pin(0, FIRST_CPU);
  yield* rseq(anotherArea.address, RSEQ_LEGACY_BYTES, 0, RSEQ_SIG);
  for (let commits = 0; commits < 10; ) {
    yield* program.startSubject(SECOND_CPU);
    const isOther = anotherArea.mmCid !== subject.area.mmCid;
    if ((yield* program.leave()) === 'aborted') continue;
    allDiffer &&= isOther;
    commits++;
  }
  yield* program.sayWhether('all-differ', allDiffer);
}

export const AFFINITY = chapter({
  'affinity-moves': affinityMoves,
  'affinity-errors': affinityErrors,
  'get-affinity-errors': getAffinityErrors,
  'getcpu-errors': getcpuErrors,
  'affinity-of-thread': affinityOfThread,
  'mm-cids-differ': mmCidsDiffer,
});
