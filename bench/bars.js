// What the project wants to reach, and whether a run did. Nothing fails by it: a test of time would fail
// by the weather. A bar that could not be measured is neither passed nor short, and says why.

import { Absent, geometricMean } from './harness.js';
import { ASC, BUILDS, TRANSFORM } from './groups/build.js';
import { OURS, PLAIN, PROGRAMS } from './groups/compute.js';
import { SWITCH } from './groups/switch.js';
import { FEW, MOST } from './groups/threads.js';

export const NOT_RUN = 'not run';

export const atMost = (name, limit, value) => ({ name, sign: '<=', limit, value });
const atLeast = (name, limit, value) => ({ name, sign: '>=', limit, value });
const ratio = (group, above, below) => (of) => of(group).ratio(above, below);

const computeRatios = (of) => PROGRAMS.map(({ name }) => of(`compute ${name}`).ratio(OURS, PLAIN));

const BARS = [
  ...['latency', 'throughput'].flatMap((form) => [
    atMost(
      `counter ${form}: section / unprotected`,
      1.05,
      ratio(`counter ${form}`, 'section', 'unprotected'),
    ),
    atMost(
      `list ${form}: section / unprotected`,
      1.1,
      ratio(`list ${form}`, 'section', 'unprotected'),
    ),
    atLeast(
      `counter ${form}: plain wasm atomic / section`,
      form === 'latency' ? 4 : 5,
      ratio(`counter ${form}`, 'plain wasm atomic', 'section'),
    ),
    ...['counter', 'list'].map((structure) =>
      atLeast(
        `${structure} ${form}: native rseq / section`,
        0.9,
        ratio(`${structure} ${form}`, 'native rseq', 'section'),
      ),
    ),
    atLeast(
      `counter ${form}: native atomic / section`,
      2.3,
      ratio(`counter ${form}`, 'native atomic', 'section'),
    ),
  ]),
  atMost('compute: geometric mean of ours / asc alone', 1.1, (of) =>
    geometricMean(computeRatios(of)),
  ),
  atMost('compute: worst of ours / asc alone', 1.25, (of) => Math.max(...computeRatios(of))),
  atMost('switch: nanoseconds', 250, (of) => of('switch').ns(SWITCH)),
  {
    // That they do not run is no reason not to judge.
    ...atLeast('threads: alive and preempted', 1e6, (of) => (of('threads').ns(MOST), 1e6)),
    isShortWhenAbsent: true,
  },
  atMost('threads: bytes of each at rest', 1024, (of) => of('threads').notes(MOST).bytes),
  atMost('threads: switch of 1,000,000 / of 10', 2, ratio('threads', MOST, FEW)),
  ...BUILDS.map((name) =>
    atMost(
      `build ${name}: with transform / asc alone`,
      2.5,
      ratio(`build ${name}`, TRANSFORM, ASC),
    ),
  ),
];

/** measured: what came of the groups that ran. */
export function judge(measured, { isQuick }, bars = BARS) {
  const groups = new Map(measured.map((group) => [group.name, group]));
  const of = (name) => {
    if (!groups.has(name)) throw new Absent(NOT_RUN);
    return groups.get(name);
  };
  return bars.map((bar) => judgeOne(bar, of, isQuick));
}

function judgeOne({ name, sign, limit, value: compute, isShortWhenAbsent }, of, isQuick) {
  const result = { name, value: null, bar: `${sign} ${limit}`, pass: null };
  try {
    const value = compute(of);
    if (isQuick) return { ...result, value, reason: '--quick is too short to judge' };
    return { ...result, value, pass: sign === '<=' ? value <= limit : value >= limit };
  } catch (error) {
    if (!(error instanceof Absent)) throw error;
    const isShort = isShortWhenAbsent && !isQuick && error.message !== NOT_RUN;
    return { ...result, pass: isShort ? false : null, reason: error.message };
  }
}
