// The resume transform where programs are odd: it suspends whatever may be suspended, and the runs are
// those of the reference.

import binaryen from 'binaryen';
import { describe, expect, test } from 'vitest';
import { createHost, type HostOptions, type Result } from '../../src/host/index.js';
import { decodeCodeMap } from '../../src/abi/index.js';
import { instrumentFile, ToolchainError } from '../../src/toolchain/index.js';
import type { InstrumentOptions } from '../../src/toolchain/instrument.js';
import { compileSource } from '../guests/compile.js';

function assemble(text: string): Uint8Array {
  const module = binaryen.parseText(text);
  module.setFeatures(binaryen.Features.All);
  const bytes = module.emitBinary();
  module.dispose();
  return bytes;
}

const SYSCALL = `(import "rseq" "syscall" (func $syscall (param i32 i32 i32 i32 i32 i32 i32) (result i32)))`;

/** A call of getpid, which gives 1; the operands in front are evaluated first. */
function getpid(first = '(i32.const 0)'): string {
  const zeros = Array.from({ length: 5 }, () => '(i32.const 0)').join(' ');
  return `(call $syscall (i32.const 39) ${first} ${zeros})`;
}

type Variant = Pick<InstrumentOptions, 'resume' | 'fastPath'>;
const REFERENCE: Variant = { resume: 'asyncify', fastPath: false };
const BUILDS: readonly InstrumentOptions[] = [0, 1, 2].flatMap((optimizeLevel) => [
  { optimizeLevel, metering: 'block' as const },
  { optimizeLevel, metering: 'instruction' as const },
  { optimizeLevel, metering: 'block' as const, isOptimized: false },
]);
const STARTS: readonly Partial<HostOptions>[] = [1, 3, 17, 10_000].map((quantum) => ({ quantum }));

async function run(
  bytes: Uint8Array,
  build: InstrumentOptions,
  start: Partial<HostOptions>,
): Promise<Result> {
  const wasm = await instrumentFile(bytes, build);
  const host = await createHost({ wasm: wasm as BufferSource, fuelLimit: 1e6, ...start });
  return host.run();
}

/** A module with `code` as its main, which returns i32. */
function moduleOf(code: string, rest = ''): Uint8Array {
  return assemble(`(module ${SYSCALL} (memory 1 9) ${rest}
    (func (export "main") (result i32) (local $i i32) (local $s i32) (local $w i64) ${code}))`);
}

const PROGRAMS: readonly (readonly [law: string, status: number, bytes: Uint8Array])[] = [
  [
    'a call that is only in dead code, behind the end of a block with a value',
    0,
    moduleOf(`(drop (block $b (result i32)
      (drop ${getpid('(br $b (i32.const 1))')}) (i32.const 0))) (i32.const 0)`),
  ],
  [
    'a call that never begins, because an operand returns',
    50,
    moduleOf(`(loop $l
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (local.set $s (i32.add (local.get $s) ${getpid()}))
      (if (i32.eq (local.get $s) (i32.const 999)) (then (drop ${getpid('(return (i32.const 5))')})))
      (br_if $l (i32.lt_u (local.get $i) (i32.const 50))))
      (local.get $s)`),
  ],
  [
    'a start function',
    0,
    assemble(`(module ${SYSCALL} (memory 1)
      (func $start (i32.store (i32.const 0) ${getpid()})) (start $start)
      (func (export "main") (result i32) (i32.sub (i32.load (i32.const 0)) (i32.const 1))))`),
  ],
  [
    'calls as operands of calls, of branches with values and of a table of them',
    3,
    moduleOf(`(block $out (result i32)
      (block $a (result i32)
        (br_table $a $out (i32.add ${getpid(getpid())} (i32.const 2)) ${getpid(getpid())}))
      (i32.const 100) (i32.add))`),
  ],
  [
    'memory that grows between stops: the context moves',
    7,
    moduleOf(`(loop $l
      (drop (memory.grow (i32.const 1)))
      (drop ${getpid()})
      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 7))))
      (if (result i32) (i32.eq (memory.size) (i32.const 8)) (then (local.get $i)) (else (i32.const 99)))`),
  ],
  [
    'locals of every type that live across a stop',
    1,
    moduleOf(
      `(i32.eq (i32.const 14) (call $types (i64.const 2) (f32.const 3) (f64.const 4)
        (v128.const i32x4 5 0 0 0)))`,
      `(func $types (param $a i64) (param $b f32) (param $c f64) (param $d v128) (result i32)
        (local $i i32)
        (loop $l
          (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) ${getpid()})) (i32.const 9))))
        (i32.add (i32.add (i32.wrap_i64 (local.get $a)) (i32.trunc_f32_s (local.get $b)))
          (i32.add (i32.trunc_f64_s (local.get $c)) (i32x4.extract_lane 0 (local.get $d)))))`,
    ),
  ],
];

describe.each(PROGRAMS)('%s', (_law, status, bytes) => {
  test.each(BUILDS)('runs as with asyncify, %o', async (build) => {
    for (const start of STARTS) {
      const expected = await run(bytes, { ...build, ...REFERENCE }, start);
      const result = await run(bytes, build, start);

      expect(result.exitCode).toBe(status);
      expect(result).toEqual(expected);
    }
  });
});

describe('a cycle of calls', () => {
  test.each([
    ['direct', '(call $g (local.get 0))'],
    ['by way of a table', '(call_indirect (type $t) (local.get 0) (i32.const 2))'],
  ])('%s has a point: the fuel limit ends it', async (_how, call) => {
    const bytes = assemble(`(module (memory 1)
      (type $t (func (param i32) (result i32)))
      (table 3 3 funcref) (elem (i32.const 1) $f $g)
      (func $f (type $t) ${call})
      (func $g (type $t)
        (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 1))
          (else
            (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
            (i32.add ${call} ${call}))))
      (func (export "main") (result i32) (drop (call $f (i32.const 18))) (i32.const 0)))`);

    const result = await run(bytes, { metering: 'block' }, { quantum: 10, fuelLimit: 1000 });

    expect(result.failure?.kind).toBe('fuel-limit');
    expect(result.fuel).toBeLessThan(1100);
  });

  test('that fans out has points too, though it is none', async () => {
    const levels = Array.from({ length: 18 }, (_, level) => {
      const callee = level === 17 ? '(nop)' : `(call $f${level + 1}) (call $f${level + 1})`;
      return `(func $f${level} ${callee} (i32.store (i32.const 0) (i32.const 1)))`;
    });
    const bytes = assemble(`(module (memory 1) ${levels.join('\n')}
      (func (export "main") (result i32) (call $f0) (i32.const 0)))`);

    const result = await run(bytes, { metering: 'block', optimizeLevel: 0 }, { fuelLimit: 10_000 });

    expect(result.failure?.kind).toBe('fuel-limit');
    expect(result.fuel).toBeLessThan(13_000);
  });
});

describe('a function of 3000 calls', () => {
  test('can be suspended in each', async () => {
    const calls = Array.from({ length: 3000 }, () => `(drop ${getpid()})`).join('\n');

    const result = await run(
      moduleOf(`${calls} (i32.const 0)`),
      { metering: 'block', optimizeLevel: 0 },
      {},
    );

    expect(result.failure).toBeUndefined();
  }, 60_000);
});

describe('what cannot be kept is refused', () => {
  test('several results', async () => {
    const two = `(func $two (result i32 i32) (i32.const 1) (drop ${getpid()}) (i32.const 2))`;

    await expect(instrumentFile(moduleOf('(i32.add (call $two))', two))).rejects.toThrow(
      ToolchainError,
    );
  });
});

describe('a commit on a way out that the optimiser moves behind the loop', () => {
  const SOURCE = `import { rseq, spawn, join } from 'wasm-rseq/assembly';
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
      for (let i = 0; i < 50; i++) once();
      return 0;
    }
    export function main(): i32 {
      assert(rseq.register() == 0);
      const a = spawn(worker, 0), b = spawn(worker, 0), c = spawn(worker, 0);
      join(a); join(b); join(c);
      return load<i32>(cell) == 150 ? 0 : 1;
    }`;

  test.each([0, 1, 2, 3])('is in the section, -O%i', async (optimizeLevel) => {
    const { wasm } = await compileSource(SOURCE, { optimizeLevel });
    for (let quantum = 1; quantum <= 30; quantum++) {
      const options = { wasm: wasm as BufferSource, quantum, fuelLimit: 1e6 };
      const result = (await createHost({ ...options, scheduler: 'random', seed: quantum })).run();

      if (result.failure?.kind !== 'fuel-limit') expect(result.failure).toBeUndefined();
    }
    const [section] = WebAssembly.Module.customSections(
      new WebAssembly.Module(wasm as BufferSource),
      'rseq',
    );
    const map = decodeCodeMap(new Uint8Array(section as ArrayBuffer));
    for (const { listing } of map.sections) expect(listing.join()).toMatch(/i32\.store/);
  });
});
