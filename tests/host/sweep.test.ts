// The exhaustive sweep, for every ABI: a thread inside the counter's section is interrupted once at
// every point it has, by every quantum that lands there, and another thread then runs on its CPU.

import { describe, expect, test } from 'vitest';
import {
  ABI_NAMES,
  type AbiName,
  pointAt,
  type SectionEntry,
  sectionAt,
} from '../../src/abi/index.js';
import type { Choice, Observer, Scheduler, SchedulerView } from '../../src/kernel/index.js';
import { TraceEvent } from '../../src/kernel/index.js';
import type { CompiledProgram, CompileOptions } from '../../src/toolchain/index.js';
import { bootProgram, compileSource } from '../guests/compile.js';

const INCREMENTS = 3;
const MAIN = 1;
const VICTIM = 2;
const OTHER = 3;

const SOURCE = `import { counterSum, counterCreate, join, printNumber, rseq, spawn } from 'wasm-rseq/assembly';
let counter: usize = 0;
let lastR10: i32 = 0;
function add(): void {
  const r10 = rseq.restart();
  if (r10 != 0) lastR10 = r10;
  rseq.start();
  const slot = counter + <usize>rseq.cpuId() * 64;
  store<i32>(slot, load<i32>(slot) + 1);
  rseq.end();
}
function worker(n: usize): i32 {
  for (let i = 0; i < ${INCREMENTS}; i++) add();
  return 0;
}
export function main(): i32 {
  assert(rseq.register() == 0);
  counter = counterCreate();
  const a = spawn(worker, 0), b = spawn(worker, 0);
  join(a); join(b);
  printNumber(counterSum(counter));
  printNumber(lastR10);
  return 0;
}`;

/** How the thread of an ABI comes back to its restart label from `ip`. */
interface Expectation {
  /** The address that the kernel moves it to; undefined: none, the thread goes there itself. */
  readonly target: (section: SectionEntry, critical: number) => number | undefined;
  /** An interruption at start needs no restart: nothing has been read. */
  readonly sparesStart?: boolean;
  /** One between the words it stores in front of its section and start restarts it too. */
  readonly looksBack?: boolean;
}

const EXPECTATIONS: Readonly<Record<AbiName, Expectation>> = {
  turner: { target: (_section, critical) => critical },
  google: { target: (_section, critical) => critical },
  'event-counter': { target: ({ restart }) => restart, looksBack: true },
  'percpu-signal': { target: () => undefined },
  linux: { target: ({ restart }) => restart },
  'linux-v2': { target: ({ restart }) => restart },
  ras: { target: ({ start }) => start, sparesStart: true },
};

/** Main first; then the victim for `quantum`, the other thread to its end, the victim to its end. */
class OneInterrupt implements Scheduler {
  readonly name = 'one-interrupt';
  #isInterrupted = false;

  constructor(readonly quantum: number) {}

  pick(view: SchedulerView, choice: Choice): void {
    choice.cpu = 0;
    choice.fuel = 1e6;
    if (view.runnable(MAIN) !== undefined) choice.tid = MAIN;
    else if (!this.#isInterrupted) {
      this.#isInterrupted = true;
      choice.tid = VICTIM;
      choice.fuel = this.quantum;
    } else choice.tid = view.runnable(OTHER) === undefined ? VICTIM : OTHER;
  }
}

interface Sweep {
  /** Where the victim was interrupted; 0 when its slice ended in a system call. */
  interruptedIp: number;
  /** Thread that ended first: the victim, once the quantum is longer than all it does. */
  firstToEnd: number;
  /** r10 and new ip of the one redirection, if any. */
  restarts: [number, number][];
}

function watch(): Sweep & Observer {
  return {
    interruptedIp: 0,
    firstToEnd: 0,
    restarts: [],
    event(kind, _time, _cpu, tid, a, b) {
      if (kind === TraceEvent.Interrupt && tid === VICTIM) this.interruptedIp = a;
      if (kind === TraceEvent.Exit && this.firstToEnd === 0) this.firstToEnd = tid;
      if (kind === TraceEvent.Restart) this.restarts.push([a, b]);
    },
  };
}

/** Is a thread of this ABI that lost its CPU at `ip` to restart? */
function restartsAt(section: SectionEntry | undefined, ip: number, abi: AbiName): boolean {
  if (section === undefined) return false;
  return !(EXPECTATIONS[abi].sparesStart === true && ip === section.start);
}

async function sweep(program: CompiledProgram, visit: (seen: Sweep, printed: string[]) => void) {
  const interrupted = new Set<number>();
  for (let quantum = 1; ; quantum++) {
    const seen = watch();
    const host = await bootProgram(program, {
      scheduler: new OneInterrupt(quantum),
      observers: [seen],
    });
    const result = host.run();
    expect(result.ok).toBe(true);
    if (seen.firstToEnd === VICTIM) return { map: host.map, interrupted };
    if (seen.interruptedIp !== 0) interrupted.add(seen.interruptedIp);
    const { abi, critical } = host.map;
    const section = sectionAt(host.map, seen.interruptedIp);
    const target = section && EXPECTATIONS[abi].target(section, critical.restart);
    const isMoved = target !== undefined && restartsAt(section, seen.interruptedIp, abi);
    expect(seen.restarts).toEqual(isMoved ? [[seen.interruptedIp, target]] : []);
    visit(seen, host.printed);
  }
}

const BUILDS: readonly CompileOptions[] = [
  { metering: 'instruction', optimizeLevel: 3 },
  { metering: 'instruction', optimizeLevel: 0 },
  { metering: 'block', optimizeLevel: 3 },
  { metering: 'block', optimizeLevel: 0 },
];

const SWEEPS = ABI_NAMES.flatMap((abi) => BUILDS.map((build) => ({ abi, ...build })));

describe.each(SWEEPS)('sweep of $abi with $metering metering, -O$optimizeLevel', (build) => {
  test('restarts iff interrupted inside, restart() knows where, nothing is lost', async () => {
    const program = await compileSource(SOURCE, build);
    const { abi } = build;
    const [section] = (await bootProgram(program)).map.sections;

    const { map, interrupted } = await sweep(program, ({ interruptedIp: ip }, printed) => {
      const inside = section !== undefined && ip >= section.start && ip < section.end;
      const returned = [inside && restartsAt(section, ip, abi) ? ip : 0];
      if (EXPECTATIONS[abi].looksBack === true && !inside) returned.push(section?.start ?? 0);
      const [sum, restarted] = printed.map(Number);
      expect(sum).toBe(2 * INCREMENTS);
      expect(returned).toContain(restarted);
    });

    for (const { start, end } of map.sections) {
      for (let ip = start; ip < end; ip++) expect(interrupted).toContain(ip);
      if (build.metering === 'instruction') expect(interrupted).toContain(end);
    }
    expect(map.sections).toHaveLength(1);
  });
});

describe.each(BUILDS)('sweep with $metering metering, -O$optimizeLevel', (build) => {
  test('every interrupted ip is a point with function and line', async () => {
    const program = await compileSource(SOURCE, build);

    const { map, interrupted } = await sweep(program, () => {});

    for (const ip of interrupted) {
      expect(pointAt(map, ip)?.function).toMatch(/worker|add|startThread|register|rseq|stub/);
      expect(pointAt(map, ip)?.line).toBeGreaterThan(0);
    }
  });
});

describe('the same counter without labels', () => {
  test('loses an increment at some point', async () => {
    const unlabelled = SOURCE.replace('rseq.start();', '')
      .replace('rseq.end();', '')
      .replace('rseq.restart()', '0');
    const program = await compileSource(unlabelled);
    let lost = 0;

    await sweep(program, (_seen, printed) => {
      lost += 2 * INCREMENTS - Number(printed[0]);
    });

    expect(lost).toBeGreaterThan(0);
  });
});
