// A guest cannot hang or crash its host: a law for each limit, and for each law a guest that does nothing
// but run against it. The guest counts how often it could; no time is taken.

import { beforeAll, describe, expect, test } from 'vitest';
import type { Metering } from '../../src/abi/index.js';
import { createHost, type HostOptions, type Result } from '../../src/host/index.js';
import { CALL_FUEL, THREAD_FUEL } from '../../src/kernel/prices.js';
import { compileSource } from '../guests/compile.js';

/** What the guest has done: a word that no program has anything at. */
const TURNS = 64;
const SLEEPERS = 50;
const PAGE = 65_536;
const FUEL_LIMIT = 1_000_000;

const HEAD = `import * as sys from 'wasm-rseq/assembly/sys';
const BUFFER: usize = memory.data(${PAGE}, 16);
const WORDS: usize = memory.data(8192, 16);
const FUTEX: usize = memory.data(64, 16);
const OTHER_FUTEX: usize = memory.data(64, 16);
function turn(): void { store<i32>(${TURNS}, load<i32>(${TURNS}) + 1); }
function call(number: i32, a: i32 = 0, b: i32 = 0, c: i32 = 0): i32 {
  return sys.syscall(number, a, b, c, 0, 0, 0);
}
function clone(entry: (argument: i32) => i32, count: i32): void {
  for (let n = 0; n < count; n++) sys.clone(entry.index, n, 0);
}
function nothing(n: i32): i32 { return 0; }
function spin(n: i32): i32 { while (true) {} return 0; }
function yieldAgain(n: i32): i32 { while (true) sys.schedYield(); return 0; }
function sleep(n: i32): i32 { while (true) sys.futexWait(FUTEX, 0, 0); return 0; }
function deep(n: i32): i32 {
  if (n == 0) while (true) { sys.schedYield(); turn(); }
  return deep(n - 1) + load<i32>(FUTEX);
}
function deepThread(n: i32): i32 { return deep(6000); }
function handleNothing(signo: i32): void {}
function signalAgain(signo: i32): void { turn(); sys.tgkill(1, 1, 10); }
function scribble(): void {
  let state = sys.nrCpus();
  const bottom = memory.size() << 16;
  while (true) {
    state = state * 1664525 + 1013904223;
    // Half of them in the context and at the bottom of the stack.
    const range: u32 = state & 1 ? 4 * ${PAGE} : 512;
    store<i32>(bottom + ((<u32>state >>> 3) % (range / 4)) * 4, state * 31);
    turn();
  }
}
function scribbleInHandler(signo: i32): void {
  memory.fill(memory.size() << 16, <u8>load<i32>(${TURNS}), 4 * ${PAGE});
  turn();
}
`;

interface Attack {
  readonly before?: string;
  /** Done until something stops it. */
  readonly again?: string;
}

const ATTACKS = {
  fill: { again: `memory.fill(BUFFER, 0, load<u32>(FUTEX) + ${PAGE});` },
  fillKnown: { again: `memory.fill(BUFFER, 0, ${PAGE});` },
  copy: { again: `memory.copy(BUFFER, BUFFER + 8, load<u32>(FUTEX) + ${PAGE} - 8);` },
  grow: { again: 'memory.grow(1);' },
  growByNothing: { again: 'memory.grow(0);' },
  getpid: { again: 'sys.getpid();' },
  unknown: { again: 'call(999);' },
  write: { again: `sys.write(1, BUFFER, ${PAGE});` },
  getrandom: { again: `sys.getrandom(BUFFER, ${PAGE}, 0);` },
  read: { again: `sys.read(0, BUFFER, ${PAGE}); sys.close(0); sys.open(WORDS, 0);` },
  requeue: {
    before: `clone(sleep, ${SLEEPERS}); for (let n = 0; n < 99; n++) sys.schedYield();`,
    again: `sys.futexRequeue(FUTEX, 0, ${SLEEPERS}, OTHER_FUTEX);
      sys.futexRequeue(OTHER_FUTEX, 0, ${SLEEPERS}, FUTEX);`,
  },
  wakeOthers: {
    before: `clone(sleep, ${SLEEPERS}); for (let n = 0; n < 99; n++) sys.schedYield();
      clone(sleep, 0); store<i32>(WORDS, 1);`,
    again: 'sys.futexRequeue(FUTEX, 0, 1000000, FUTEX);',
  },
  sigaction: { before: `clone(nothing, ${SLEEPERS});`, again: 'sys.rtSigaction(10, WORDS, 0);' },
  setPercpu: { before: `clone(nothing, ${SLEEPERS});`, again: 'sys.setPercpuArea(BUFFER, 64);' },
  unplug: {
    before: `clone(nothing, ${SLEEPERS});`,
    again: 'sys.setCpuOnline(1, false); sys.setCpuOnline(1, true);',
  },
  deepStack: { before: 'deep(6000);' },
  sleepForEver: { before: 'store<i64>(WORDS, i64.MAX_VALUE);', again: 'sys.nanosleep(WORDS, 0);' },
  threads: { again: 'if (sys.clone(spin.index, 0, 0) < 0) sys.exitGroup(load<i32>(64));' },
  threadsThatEnd: {
    again: `const tid = sys.clone(nothing.index, 0, 0);
      if (tid < 0) sys.exitGroup(load<i32>(${TURNS})); else sys.joinThread(tid, 0);`,
  },
  descriptors: {
    before: 'store<u8>(WORDS, 97);',
    again: `if (sys.open(WORDS, 0) < 0) sys.exitGroup(load<i32>(${TURNS}));`,
  },
  output: { again: `if (sys.write(1, BUFFER, 1000) == -27) sys.exitGroup(load<i32>(${TURNS}));` },
  stacks: { before: 'clone(deepThread, 1000);', again: 'sys.schedYield();' },
  handlers: {
    before: `const handler = signalAgain; store<i32>(WORDS, handler.index);
      store<i32>(WORDS + 4, 0x40000000); sys.rtSigaction(10, WORDS, 0); sys.tgkill(1, 1, 10);`,
  },
  spinners: { before: 'clone(spin, 100);' },
  yielders: { before: 'clone(yieldAgain, 100);' },
  everybodyExits: { before: 'clone(nothing, 100); sys.exitThread(7);' },
  joinOneself: { before: 'clone(sleep, 3); sys.joinAllThreads();' },
  scribble: { before: 'clone(yieldAgain, 2); scribble();' },
  scribbleInHandler: {
    before: `const handler = scribbleInHandler; store<i32>(WORDS, handler.index);
      sys.rtSigaction(10, WORDS, 0); clone(yieldAgain, 2);`,
    again:
      'sys.tgkill(1, 1, 10); sys.tgkill(1, 2, 10); memory.grow(load<i32>(64) % 50 == 0 ? 1 : 0);',
  },
} as const satisfies Record<string, Attack>;

type Name = keyof typeof ATTACKS;
const NAMES = Object.keys(ATTACKS) as Name[];

/** All attacks in one program: sysconf tells it which. */
function source(): string {
  const cases = NAMES.map((name, index) => {
    const { before = '', again = '' }: Attack = ATTACKS[name];
    return `if (which == ${index + 1}) { ${before}\n while (true) { ${again}\n turn(); } }`;
  });
  return `${HEAD}export function main(): i32 { const which = sys.nrThreads();\n${cases.join('\n')}\nreturn 0; }`;
}

const METERINGS: readonly Metering[] = ['block', 'instruction'];
const modules = new Map<Metering, WebAssembly.Module>();

beforeAll(async () => {
  for (const metering of METERINGS) {
    const { wasm } = await compileSource(source(), { metering });
    modules.set(metering, await WebAssembly.compile(wasm as BufferSource));
  }
}, 60_000);

interface Ended {
  readonly result: Result;
  readonly turns: number;
}

async function run(
  attack: Name,
  options: Partial<HostOptions> = {},
  metering: Metering = 'block',
): Promise<Ended> {
  const host = await createHost({
    wasm: modules.get(metering) as WebAssembly.Module,
    threads: NAMES.indexOf(attack) + 1,
    fuelLimit: FUEL_LIMIT,
    cpus: 2,
    ...options,
  });
  const result = host.run();
  return { result, turns: host.memory.loadI32(TURNS) as number };
}

describe('the fuel limit ends', () => {
  test.each<[Name, number]>([
    ['fill', PAGE / 64],
    ['fillKnown', PAGE / 64],
    ['copy', PAGE / 64 - 1],
    ['grow', 128],
    ['growByNothing', 128],
    ['getpid', CALL_FUEL],
    ['unknown', CALL_FUEL],
    ['write', CALL_FUEL + PAGE / 64],
    ['getrandom', CALL_FUEL + PAGE / 8],
    ['read', 3 * CALL_FUEL],
    ['requeue', 2 * (CALL_FUEL + SLEEPERS * THREAD_FUEL)],
    ['wakeOthers', CALL_FUEL + SLEEPERS * THREAD_FUEL],
    ['sigaction', CALL_FUEL + SLEEPERS * THREAD_FUEL],
    ['setPercpu', CALL_FUEL + SLEEPERS * THREAD_FUEL],
    ['unplug', 2 * CALL_FUEL + SLEEPERS * THREAD_FUEL],
    ['deepStack', 1000],
    ['sleepForEver', CALL_FUEL],
  ])('%s, of which each costs %i units or more', async (attack, price) => {
    for (const metering of METERINGS) {
      const { result, turns } = await run(attack, { stdin: new Uint8Array(PAGE) }, metering);

      expect(result.failure?.kind).toBe('fuel-limit');
      expect(turns).toBeGreaterThan(10);
      expect(turns).toBeLessThanOrEqual(FUEL_LIMIT / price);
    }
  });

  test.each<Name>(['spinners', 'yielders'])(
    '%s, with a main that never returns',
    async (attack) => {
      const { result } = await run(attack);

      expect(result.failure?.kind).toBe('fuel-limit');
      expect(result.fuel + result.systemFuel).toBeLessThan(FUEL_LIMIT + 2000);
    },
  );

  test('a slice of any length, when calls have used it up', async () => {
    const { result } = await run('write', { quantum: 2 ** 29 });

    expect(result.failure?.kind).toBe('fuel-limit');
    expect(result.fuel + result.systemFuel).toBeLessThan(FUEL_LIMIT + 2000);
  });

  test('a run at the same place when it is replayed', async () => {
    const { result } = await run('requeue');

    const replayed = await run('requeue', { schedule: result.schedule as string });

    expect(replayed.result).toEqual(result);
  });
});

describe('a limit of its own ends', () => {
  test.each<[what: string, attack: Name, options: Partial<HostOptions>, turns: number]>([
    ['threads alive', 'threads', { threadLimit: 100, fuelLimit: 1e7 }, 99],
    ['threads started in all', 'threadsThatEnd', { tidLimit: 100 }, 99],
    ['descriptors', 'descriptors', { files: { a: new Uint8Array(1) } }, 1021],
    ['output', 'output', { outputLimit: 10_500 }, 10],
  ])('%s, by an error that the guest gets', async (_what, attack, options, turns) => {
    const { result } = await run(attack, options);

    expect(result).toMatchObject({ exitCode: turns, failure: { kind: 'exit' } });
  });

  test('memory, by -1 from memory.grow', async () => {
    const host = await createHost({
      wasm: modules.get('block') as WebAssembly.Module,
      threads: NAMES.indexOf('grow') + 1,
      memoryLimit: 10,
      fuelLimit: FUEL_LIMIT,
    });
    host.run();

    expect(host.memory.sizeBytes).toBe(10 * PAGE);
  });

  test('the stacks of all threads, by SIGSEGV', async () => {
    const { result } = await run('stacks', { memoryLimit: 4, fuelLimit: 1e9 });

    expect(result.failure).toMatchObject({ kind: 'signal', signal: 'SIGSEGV' });
    expect(result.failure?.message).toContain('the stacks of all threads take more than they may');
  });

  test('handlers that interrupt each other, by SIGSEGV', async () => {
    const { result, turns } = await run('handlers');

    expect(result.failure).toMatchObject({ kind: 'signal', signal: 'SIGSEGV' });
    expect(result.failure?.message).toContain('signal handlers nested deeper than 64');
    expect(turns).toBe(64);
  });

  test('threads that all end or all wait, by themselves', async () => {
    expect((await run('everybodyExits')).result.exitCode).toBe(0);
    expect((await run('joinOneself')).result.failure?.kind).toBe('deadlock');
  });
});

describe('a guest that writes to the pages of the host', () => {
  const seeds = Array.from({ length: 25 }, (_, index) => index + 1);

  test.each(seeds)('seed %i: between its points hurts nobody else', async (seed) => {
    for (const metering of METERINGS) {
      const { result, turns } = await run('scribble', { cpus: seed, seed, quantum: 100 }, metering);

      expect(result.failure?.kind).toMatch(/fuel-limit|signal/);
      expect(turns).toBeGreaterThan(100);
    }
  });

  test.each(seeds)('seed %i: in a handler hurts nobody else', async (seed) => {
    for (const metering of METERINGS) {
      const { result, turns } = await run('scribbleInHandler', { seed, quantum: 40 }, metering);

      expect(result.failure?.kind).toMatch(/fuel-limit|signal/);
      expect(turns).toBeGreaterThan(10);
    }
  });
});
