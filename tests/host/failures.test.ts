// A guest can fail in every way there is: the result says how, in which function and line, and the
// host goes on.

import { describe, expect, test } from 'vitest';
import type { HostOptions, Result } from '../../src/host/index.js';
import { CALL_FUEL } from '../../src/kernel/prices.js';
import { bootSource } from '../guests/compile.js';

const HEAD = `import { rseq, spawn, join, signal, kill, self, thread } from 'wasm-rseq/assembly';
import * as sys from 'wasm-rseq/assembly/sys';
let cell: usize = memory.data(64, 16);
`;

async function run(source: string, options: Partial<HostOptions> = {}): Promise<Result> {
  return (await bootSource(HEAD + source, { fuelLimit: 1e6, quantum: 50, ...options })).run();
}

/** main's body begins at line 5. */
function main(body: string): string {
  return `export function main(): i32 {\n${body}\nreturn 0;\n}\n`;
}

const TRAPS: readonly (readonly [
  law: string,
  body: string,
  signal: string,
  message: RegExp,
  line: number,
])[] = [
  ['a load out of bounds', 'return load<i32>(0x7fff0000);', 'SIGSEGV', /out of bounds memory/, 5],
  ['a store out of bounds', 'store<i32>(0xfffffffc, 1);', 'SIGSEGV', /out of bounds memory/, 5],
  ['unreachable', 'if (load<i32>(cell) == 0) unreachable();', 'SIGILL', /unreachable/, 5],
  ['a division by zero', 'return 1 / load<i32>(cell);', 'SIGFPE', /divide by zero/, 5],
  [
    'a division overflow',
    'store<i32>(cell, -1);\nreturn i32.MIN_VALUE / load<i32>(cell);',
    'SIGFPE',
    /overflow/,
    6,
  ],
  ['a failed assertion', 'assert(load<i32>(cell) == 1, "one");', 'SIGABRT', /: one$/, 5],
  [
    'a call through an empty table slot',
    'call_indirect<void>(load<i32>(cell), 1);',
    'SIGSEGV',
    /indirect call type mismatch/,
    5,
  ],
];

describe('a guest that traps', () => {
  test.each(TRAPS)('by %s is killed, with place', async (_law, body, signal, message, line) => {
    const result = await run(main(body));

    expect(result.ok).toBe(false);
    expect(result.failure).toMatchObject({ kind: 'signal', signal });
    expect(result.failure?.message).toMatch(message);
    expect(result.failure?.place).toContain(`guest.ts:${line}`);
  });

  test('in a thread takes the process down, and names the thread', async () => {
    const result = await run(`
      function worker(n: usize): i32 { return load<i32>(0x7fff0000 + n); }
      export function main(): i32 { spawn(worker, 1); return join(spawn(worker, 2)); }`);

    expect(result.exitCode).toBe(128 + 11);
    expect(result.failure?.tid).toBeGreaterThan(1);
    expect(result.failure?.place).toMatch(/guest\/worker \(guest\.ts:5\)/);
  });

  test('by endless recursion is killed: the stack is exhausted', async () => {
    const result = await run(
      `function f(n: i32): i32 { return n == 12345678 ? 0 : f(n + 1) + load<i32>(cell); }
      export function main(): i32 { return f(0); }`,
      { fuelLimit: 1e9, quantum: 2 ** 29 },
    );

    expect(result.failure).toMatchObject({ kind: 'signal', signal: 'SIGSEGV' });
    expect(result.failure?.message).toMatch(/stack/);
  });

  test('by a stack too deep to suspend is killed, and says so', async () => {
    const result = await run(
      `function f(n: i32, a: i64, b: i64, c: i64, d: i64, e: i64, g: i64, h: i64, i: i64, j: i64,
                  k: i64, l: i64, m: i64, o: i64): i64 {
        if (n == 2700) while (load<i32>(cell) == 0) {}
        return f(n + 1, b, c, d, e, g, h, i, j, k, l, m, o, a) +
          a * b + c * d + e * g + h * i + j * k + l * m + o;
      }
      export function main(): i32 { return <i32>f(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13); }`,
      { quantum: 200_000, fuelLimit: 1e7 },
    );

    expect(result.failure).toMatchObject({ kind: 'signal', signal: 'SIGSEGV' });
    expect(result.failure?.message).toMatch(/too deep to suspend/);
  });
});

describe('a guest that never ends', () => {
  test('stops at the fuel limit, with the place of the loop', async () => {
    const result = await run(main('while (true) {}'));

    expect(result.failure).toMatchObject({ kind: 'fuel-limit' });
    expect(result.failure?.message).toMatch(/guest\/main \(guest\.ts:5\)/);
    expect(result.exitCode).toBeNull();
  });

  test('in a start function stops at the fuel limit too', async () => {
    const result = await run(`while (load<i32>(cell) == 0) {}\n${main('')}`);

    expect(result.failure).toMatchObject({ kind: 'fuel-limit' });
  });

  test('because a quantum is shorter than a section names section, restarts and quantum', async () => {
    const result = await run(
      `function worker(n: usize): i32 {
        rseq.restart();
        rseq.start();
        store<i32>(cell, load<i32>(cell) * 3 + load<i32>(cell, 4) * 5 + 1);
        rseq.end();
        return 0;
      }
      export function main(): i32 {
        rseq.register();
        const a = spawn(worker, 0), b = spawn(worker, 0);
        return join(a) + join(b);
      }`,
      { scheduler: 'round-robin', quantum: 3, fuelLimit: 20_000 },
    );

    expect(result.failure?.kind).toBe('fuel-limit');
    expect(result.failure?.message).toMatch(
      /the section in guest\/worker \(guest\.ts:6\) restarted \d+ times in a row in slices of at most 3; it needs a quantum above \d+/,
    );
  });

  test('because of a section with a loop names it too', async () => {
    const result = await run(
      `function worker(n: usize): i32 {
        rseq.restart();
        rseq.start();
        for (let i = 0; i < 100; i++) load<i32>(cell);
        store<i32>(cell, 1);
        rseq.end();
        return 0;
      }
      export function main(): i32 {
        rseq.register();
        const a = spawn(worker, 0), b = spawn(worker, 0);
        return join(a) + join(b);
      }`,
      { scheduler: 'round-robin', quantum: 200, fuelLimit: 100_000 },
    );

    expect(result.failure?.message).toMatch(
      /section in guest\/worker \(guest\.ts:6\) restarted \d+ times .* needs a longer quantum/,
    );
  });

  test('because every thread waits is a deadlock', async () => {
    const result = await run(`
      let tids: usize = memory.data(16);
      function worker(n: usize): i32 {
        while (load<i32>(tids + ((1 - n) << 2)) == 0) thread.yield();
        return join(load<i32>(tids + ((1 - n) << 2)));
      }
      export function main(): i32 {
        store<i32>(tids, spawn(worker, 0));
        store<i32>(tids + 4, spawn(worker, 1));
        return join(load<i32>(tids));
      }`);

    expect(result.failure).toMatchObject({ kind: 'deadlock' });
  });

  test('because it spawns for ever is stopped by the thread limit', async () => {
    const result = await run(
      `function worker(n: usize): i32 { while (true) thread.yield(); return 0; }
      export function main(): i32 {
        let spawned = 0;
        while (spawn(worker, 0) >= 0) spawned++;
        return spawned;
      }`,
      { threadLimit: 100, fuelLimit: 1e7 },
    );

    expect(result.exitCode).toBe(99);
  });
});

describe('a guest that runs out of memory', () => {
  test('gets -1 from memory.grow at the limit', async () => {
    const result = await run(
      main('let n = 0; while (memory.grow(1) >= 0) n++;\nreturn memory.size();'),
      { memoryLimit: 16 },
    );

    expect(result.exitCode).toBe(16);
  });

  test('can have all of 4 GiB but the pages of the host', async () => {
    const result = await run(main('memory.grow(65532 - memory.size());\nwhile (true) {}'), {
      memoryLimit: 65532,
      quantum: 100,
      fuelLimit: 1e5,
    });

    expect(result.failure).toMatchObject({ kind: 'fuel-limit' });
  });

  test('in an allocator is killed, with place', async () => {
    const result = await run(main('while (true) store<u8>(heap.alloc(1 << 20), 1);'), {
      memoryLimit: 64,
      fuelLimit: 1e8,
      quantum: 1000,
    });

    expect(result.failure).toMatchObject({ kind: 'signal' });
    expect(result.failure?.place).toMatch(/stub|alloc/);
  });

  test('gets fresh pages that are zero', async () => {
    const result = await run(
      main(`const old = memory.size(); memory.grow(2);
      for (let i = old << 16; i < (old + 2) << 16; i += 4) if (load<u32>(<usize>i)) return 1;`),
      { fuelLimit: 1e7 },
    );

    expect(result.ok).toBe(true);
  });
});

describe('a guest that lies to the kernel', () => {
  const wild = [0, 1, 3, 0x7fffffff, 0xfffffff0, 0xffffffff];

  test.each(wild)('with pointer %i in every call gets an errno or a signal', async (pointer) => {
    const result = await run(
      main(`
      for (let nr = 0; nr < 0x1010; nr++) {
        if (nr == 60 || nr == 231 || nr == 15 || nr == 0x1001 || nr == 56 || nr == 24) continue;
        // futex: the word at 0 is a word, and is 0. Who waits for that waits for ever.
        if (nr == 202) continue;
        sys.syscall(nr, ${pointer | 0}, ${pointer | 0}, ${pointer | 0}, ${pointer | 0}, ${pointer | 0}, ${pointer | 0});
        sys.syscall(nr, 1, ${pointer | 0}, 8, ${pointer | 0}, 8, 8);
      }`),
      { fuelLimit: 1e7 },
    );

    expect(['signal', undefined]).toContain(result.failure?.kind);
  });

  test('about its cpu pointer is killed when the word cannot be written', async () => {
    const result = await run(main('rseq.register(); sys.syscall(323, 1, 0, 0x7ffffff0, 0, 0, 0);'));

    expect(result.failure).toMatchObject({ kind: 'signal', signal: 'SIGSEGV' });
    expect(result.failure?.message).toContain('cpu pointer 0x7ffffff0 cannot be written');
  });

  test('about its region is killed when it is sent where no restart label is', async () => {
    const result = await run(`
      function worker(n: usize): i32 { while (true) {} return 0; }
      export function main(): i32 {
        sys.syscall(323, 0, 0, 0x1000, 0x7fffffff, 0x2, 0);
        sys.syscall(323, 1, 0, <i32>cell, 0, 0, 0);
        spawn(worker, 0);
        while (true) {}
        return 0;
      }`);

    expect(result.failure).toMatchObject({ kind: 'signal', signal: 'SIGSEGV' });
    expect(result.failure?.message).toMatch(/jump to 0x2, which is no restart label/);
  });

  test('by sigreturn without a frame is killed', async () => {
    const result = await run(main('sys.syscall(15, 0, 0, 0, 0, 0, 0);'));

    expect(result.failure?.message).toMatch(/rt_sigreturn without a signal frame/);
  });
});

/** Makes one call far down, comes back, and traps when it is told of one thread. */
const DEEP = `function deep(n: i32): i32 {
  if (n == 0) return sys.schedYield();
  return deep(n - 1) + load<i32>(cell);
}
${main('const isTrap = sys.nrThreads() == 1;\ndeep(5000);\nif (isTrap) unreachable();')}`;

test('a trap puts no stack away, and pays for none', async () => {
  const trapped = await run(DEEP, { quantum: 2 ** 20, threads: 1 });
  const returned = await run(DEEP, { quantum: 2 ** 20, threads: 2 });

  expect([trapped.ok, returned.ok]).toEqual([false, true]);
  expect(returned.systemFuel).toBeGreaterThan(10 * CALL_FUEL);
  expect(trapped.systemFuel).toBe(returned.systemFuel);
});

describe('the host', () => {
  test.each(TRAPS)('runs a sound guest after %s', async (_law, body) => {
    await run(main(body));

    const result = await run(main(''));

    expect(result.ok).toBe(true);
  });
});
