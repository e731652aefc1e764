// What a section may look like, each form run to the end under an interruption at every instruction:
// several in a function, inlined, with branches, loops and ways out, retrying and giving up.

import { describe, expect, test } from 'vitest';
import { bootProgram, compileSource } from '../guests/compile.js';

const HEAD = `import { rseq, spawn, join, printNumber, nrCpus } from 'wasm-rseq/assembly';
const ROUNDS = 40;
let slots: usize = memory.data(4096, 64);
function slot(field: i32): usize { return slots + <usize>field * 8; }
function total(field: i32): i32 {
  let sum = 0;
  for (let cpu = 0; cpu < nrCpus(); cpu++) sum += load<i32>(slot(field) + <usize>cpu * 64);
  return sum;
}
@inline function mine(field: i32): usize {
  return slots + <usize>rseq.cpuId() * 64 + <usize>field * 8;
}
`;

const TAIL = `
export function main(): i32 {
  assert(rseq.register() == 0);
  const a = spawn(worker, 1), b = spawn(worker, 2), c = spawn(worker, 3);
  const given = join(a) + join(b) + join(c);
  printNumber(total(0)); printNumber(total(1)); printNumber(given);
  return 0;
}`;

/** Run `source` under many schedules; every run must print `expected`. */
async function expectAlways(source: string, expected: (given: number) => number[]): Promise<void> {
  let restarts = 0;
  for (const optimizeLevel of [0, 3]) {
    const program = await compileSource(HEAD + source + TAIL, { optimizeLevel });
    for (let quantum = 1; quantum <= 40; quantum++) {
      const options = { cpus: 2, quantum, seed: quantum, fuelLimit: 5e6 };
      const host = await bootProgram(program, options);

      const result = host.run();

      const [first, second, given] = host.printed.map(Number);
      expect([result.failure?.message, first, second]).toEqual([
        undefined,
        ...expected(given as number),
      ]);
      restarts += result.restarts;
    }
  }
  expect(restarts).toBeGreaterThan(100);
}

describe('a section', () => {
  test('retries until it commits', async () => {
    const source = `function worker(n: usize): i32 {
      for (let i = 0; i < ROUNDS; i++) {
        rseq.restart();
        rseq.start();
        const p = mine(0);
        store<i32>(p, load<i32>(p) + 1);
        rseq.end();
      }
      return 0;
    }`;

    await expectAlways(source, () => [120, 0]);
  });

  test('gives up when restart() is tested, and did nothing then', async () => {
    const source = `
    function add(): bool {
      if (rseq.restart()) return false;
      rseq.start();
      const p = mine(0);
      store<i32>(p, load<i32>(p) + 1);
      rseq.end();
      return true;
    }
    function worker(n: usize): i32 {
      let aborted = 0;
      for (let i = 0; i < ROUNDS; i++) if (!add()) aborted++;
      return aborted;
    }`;

    await expectAlways(source, (given) => [120 - given, 0]);
  });

  test('can be one of several in a function, and inlined more than once', async () => {
    const source = `
    @inline function bump(field: i32, by: i32): void {
      rseq.restart();
      rseq.start();
      const p = mine(field);
      store<i32>(p, load<i32>(p) + by);
      rseq.end();
    }
    function worker(n: usize): i32 {
      for (let i = 0; i < ROUNDS; i++) {
        bump(0, 1);
        bump(1, 2);
        rseq.restart();
        rseq.start();
        const p = mine(1);
        store<i32>(p, load<i32>(p) + 3);
        rseq.end();
      }
      return 0;
    }`;

    await expectAlways(source, () => [120, 600]);
  });

  test('can branch, loop, commit in either arm and leave early', async () => {
    const source = `
    function put(by: i32): i32 {
      rseq.restart();
      rseq.start();
      const p = mine(0);
      let sum = 0;
      for (let k = 0; k < by; k++) {
        sum += load<i32>(slots, 2048) + 1;
        if (k > 5) break;
      }
      if (sum == 3) return 1;
      if (sum & 1) store<i32>(p, load<i32>(p) + sum);
      else {
        const q = mine(1);
        store<i32>(q, load<i32>(q) + sum);
      }
      rseq.end();
      return 0;
    }
    function worker(n: usize): i32 {
      let left = 0;
      for (let i = 0; i < ROUNDS; i++) left += put(<i32>n);
      return left;
    }`;

    await expectAlways(source, (given) => {
      expect(given).toBe(40);
      return [40, 80];
    });
  });

  test('can be left by break and by continue of the loop around it', async () => {
    const source = `
    function worker(n: usize): i32 {
      for (let i = 0; i < ROUNDS; i++) {
        rseq.restart();
        rseq.start();
        if (i % 4 == 1) continue;
        if (i == 30) break;
        const p = mine(0);
        store<i32>(p, load<i32>(p) + 1);
        rseq.end();
      }
      return 0;
    }`;

    await expectAlways(source, () => [66, 0]);
  });

  test('returns the interrupted ip from restart()', async () => {
    const source = `
    function worker(n: usize): i32 {
      let bad = 0;
      for (let i = 0; i < ROUNDS; i++) {
        const ip = rseq.restart();
        if (ip != 0 && (ip < 0x1000 || ip > 0x1010)) bad++;
        rseq.start();
        const p = mine(0);
        store<i32>(p, load<i32>(p) + 1);
        rseq.end();
      }
      return bad;
    }`;

    await expectAlways(source, (given) => {
      expect(given).toBe(0);
      return [120, 0];
    });
  });

  test('may have its restart() in a list around its own', async () => {
    const source = `
    function worker(n: usize): i32 {
      for (let i = 0; i < ROUNDS; i++) {
        rseq.restart();
        if (i % 2 == 0) {
          rseq.start();
          const p = mine(0);
          store<i32>(p, load<i32>(p) + 1);
          rseq.end();
        }
      }
      return 0;
    }`;

    await expectAlways(source, () => [60, 0]);
  });

  test('keeps its speculative stores when it is aborted', async () => {
    const source = `
    function worker(n: usize): i32 {
      let seen = 0;
      for (let i = 1; i <= ROUNDS; i++) {
        const aborted = rseq.restart();
        if (aborted && load<i32>(slots + (n << 2), 3000) == i) seen = 1;
        rseq.start();
        store<i32>(slots + (n << 2), i, 3000);
        const p = mine(0);
        store<i32>(p, load<i32>(p) + 1);
        rseq.end();
      }
      return seen;
    }`;

    await expectAlways(source, () => [120, 0]);
  });

  test('may use atomics, memory.copy and memory.fill', async () => {
    const source = `
    function worker(n: usize): i32 {
      for (let i = 0; i < ROUNDS; i++) {
        rseq.restart();
        rseq.start();
        memory.fill(slots + 3000 + (n << 5), 7, 16);
        memory.copy(slots + 3016 + (n << 5), slots + 3000 + (n << 5), 8);
        const p = mine(0);
        atomic.store<i32>(p, atomic.load<i32>(p) + 1);
        rseq.end();
      }
      return load<i32>(slots + 3016 + (n << 5)) == 0x07070707 ? 0 : 1;
    }`;

    await expectAlways(source, (given) => {
      expect(given).toBe(0);
      return [120, 0];
    });
  });
});

describe('a section whose end is never reached', () => {
  const SOURCE = `import { rseq, spawn, join, printNumber } from 'wasm-rseq/assembly';
    let cell: usize = memory.data(64, 64);
    function once(): i32 {
      let one = 1;
      rseq.restart();
      rseq.start();
      store<i32>(cell, load<i32>(cell) + 1);
      if (one) return 5;
      rseq.end();
      return 0;
    }
    function worker(n: usize): i32 {
      const got = once();
      store<i32>(cell, load<i32>(cell, 8) + got, 8);
      return 0;
    }
    export function main(): i32 {
      assert(rseq.register() == 0);
      join(spawn(worker, 0));
      return load<i32>(cell, 8) == 5 ? 0 : 1;
    }`;

  test('ends where its loop ends: the code behind it has points of its own', async () => {
    const host = await bootProgram(await compileSource(SOURCE));

    const [section] = host.map.sections;
    const behind = host.map.points.filter(
      ({ function: name, line }) => name.includes('worker') && line >= 14,
    );

    expect(host.run().ok).toBe(true);
    expect(section?.listing.filter((row) => row.includes('i32.store'))).toHaveLength(1);
    expect(behind.length).toBeGreaterThanOrEqual(2);
  });
});

describe('two sections in functions that the optimiser inlines', () => {
  const SOURCE = `import { rseq, spawn, join, printNumber } from 'wasm-rseq/assembly';
    let cells: usize = memory.data(128, 64);
    function first(): void {
      rseq.restart();
      rseq.start();
      store<i32>(cells, load<i32>(cells) + 1);
      rseq.end();
    }
    function second(): void {
      rseq.restart();
      rseq.start();
      store<i32>(cells, load<i32>(cells, 64) + 1, 64);
      rseq.end();
    }
    function worker(n: usize): i32 {
      for (let i = 0; i < 25; i++) { first(); second(); }
      return 0;
    }
    export function main(): i32 {
      assert(rseq.register() == 0);
      const a = spawn(worker, 0), b = spawn(worker, 0), c = spawn(worker, 0), d = spawn(worker, 0);
      join(a); join(b); join(c); join(d);
      printNumber(load<i32>(cells)); printNumber(load<i32>(cells, 64));
      return 0;
    }`;

  test.each([5, 9, 13, 40, 61])(
    'lose nothing, quantum %i: the commit may stand behind the loop',
    async (quantum) => {
      const host = await bootProgram(await compileSource(SOURCE), { quantum, fuelLimit: 1e6 });

      host.run();

      expect(host.printed).toEqual(['100', '100']);
    },
  );
});

describe('join', () => {
  test('gives back any exit status, the numbers of errors too', async () => {
    const source = `import { join, spawn } from 'wasm-rseq/assembly';
      function worker(n: usize): i32 { return <i32>n; }
      export function main(): i32 {
        for (let status = -5; status < 5; status++) {
          if (join(spawn(worker, <usize>status)) != status) return 1;
        }
        return 0;
      }`;
    const host = await bootProgram(await compileSource(source), { fuelLimit: 1e5 });

    expect(host.run().failure).toBeUndefined();
  });
});

describe('a way out of a section', () => {
  const SOURCE = `import { rseq, spawn, join, printNumber } from 'wasm-rseq/assembly';
    let cell: usize = memory.data(64, 64);
    function add(amount: i32): bool {
      rseq.restart();
      rseq.start();
      const value = load<i32>(cell);
      if (amount == 1) { store<i32>(cell, value + 1); return true; }
      while (amount == 10) {
        store<i32>(cell, value + amount);
        if (value >= 0) return false;
      }
      store<i32>(cell, 0);
      rseq.end();
      return false;
    }
    function worker(n: usize): i32 {
      for (let i = 0; i < 50; i++) add(<i32>n);
      return 0;
    }
    export function main(): i32 {
      assert(rseq.register() == 0);
      const a = spawn(worker, 1), b = spawn(worker, 1), c = spawn(worker, 10);
      join(a); join(b); join(c);
      printNumber(load<i32>(cell));
      return 0;
    }`;

  test.each([0, 3])('behind a store does not commit it twice, -O%i', async (optimizeLevel) => {
    const program = await compileSource(SOURCE, { optimizeLevel });
    for (let quantum = 1; quantum <= 40; quantum++) {
      const host = await bootProgram(program, { quantum, seed: quantum, fuelLimit: 1e6 });

      host.run();

      expect(host.printed).toEqual(['600']);
    }
  });
});

describe('a field of an @unmanaged class', () => {
  const SOURCE = `import { rseq, spawn, join } from 'wasm-rseq/assembly';
    @unmanaged class Tally { count: i32 = 0; sum: i64 = 0; }
    let cell: usize = memory.data(64, 64);
    function worker(n: usize): i32 {
      const tally = changetype<Tally>(cell);
      for (let i = 0; i < 50; i++) {
        rseq.restart();
        rseq.start();
        tally.sum = i;
        tally.count = tally.count + 1;
        rseq.end();
      }
      return 0;
    }
    export function main(): i32 {
      assert(rseq.register() == 0);
      const a = spawn(worker, 0), b = spawn(worker, 0);
      join(a); join(b);
      return changetype<Tally>(cell).count == 100 ? 0 : 1;
    }`;

  test.each([0, 3])('is a load or store, not a call, in a section, -O%i', async (optimizeLevel) => {
    const program = await compileSource(SOURCE, { optimizeLevel });
    for (const quantum of [5, 13, 29]) {
      const host = await bootProgram(program, { quantum, fuelLimit: 1e6 });

      expect(host.run().failure).toBeUndefined();
      expect(host.map.sections[0]?.listing.join()).toMatch(/i64\.store/);
    }
  });
});
