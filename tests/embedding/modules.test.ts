// A module that the toolchain did not make, or that was changed afterwards, is refused with a ModuleError or
// runs to a result: nothing else ever comes out of a host. What is not promised is that code which never
// asks for fuel ends, so code is left as it is here but where the toolchain instruments it itself.
//
//   SEED=7 CASES=20000 npx vitest run tests/embedding/modules.test.ts

import binaryenPackage from 'binaryen';
import { describe, expect, test } from 'vitest';
import { type CodeMap, decodeCodeMap, encodeCodeMap } from '../../src/abi/index.js';
import { createHost, ModuleError } from '../../src/host/index.js';
import type { Binaryen } from '../../src/toolchain/binaryen.js';
import { LabelError, ToolchainError } from '../../src/toolchain/index.js';
import { instrumentBinary } from '../../src/toolchain/instrument.js';
import { compileSource } from '../guests/compile.js';

const SEED = Number(process.env['SEED'] ?? 20_150_624);
const CASES = Number(process.env['CASES'] ?? 2000);
const HEADER_BYTES = 8;
const CODE_SECTION = 10;

const GUEST = `import { counterAdd, counterCreate, counterSum, join, rseq, spawn, thread } from 'wasm-rseq/assembly';
import * as sys from 'wasm-rseq/assembly/sys';
const BUFFER: usize = memory.data(1024, 16);
let counter: usize = 0;
function depth(n: i32): i32 { return n <= 0 ? 1 : depth(n - 1) + load<i32>(BUFFER); }
function worker(n: usize): i32 {
  rseq.register();
  for (let i = 0; i < 20; i++) {
    counterAdd(counter, 1);
    if (i % 7 == 0) thread.yield();
  }
  return depth(30);
}
export function main(): i32 {
  rseq.register();
  counter = counterCreate();
  const one = spawn(worker, 1), other = spawn(worker, 2);
  memory.grow(1);
  memory.copy(BUFFER, BUFFER + 100, load<u8>(BUFFER) + 300);
  sys.write(1, BUFFER, 3);
  join(one);
  join(other);
  return counterSum(counter) == 40 ? 0 : 1;
}`;

/** With one of everything that metering sees to. */
const FINISHED = `(module
  (import "rseq" "syscall" (func $syscall (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "rseq" "restart" (func $restart (result i32)))
  (import "rseq" "start" (func $start))
  (import "rseq" "end" (func $end))
  (memory (export "memory") 1 4)
  (table 4 funcref)
  (elem (i32.const 1) $worker $depth)
  (data (i32.const 100) "a text")
  (global $global (mut i32) (i32.const 3))
  (func $section (param $n i32)
    (drop (call $restart))
    (call $start)
    (i32.store (i32.const 64) (i32.add (i32.load (i32.const 64)) (local.get $n)))
    (call $end))
  (func $depth (param $n i32) (result i32)
    (if (result i32) (i32.le_s (local.get $n) (i32.const 0))
      (then (i32.const 1))
      (else (i32.add (call $depth (i32.sub (local.get $n) (i32.const 1))) (global.get $global)))))
  (func $worker (param $n i32) (result i32)
    (local $i i32)
    (loop $again
      (call $section (local.get $i))
      (global.set $global (i32.add (global.get $global) (local.get $i)))
      (memory.fill (i32.const 1000) (local.get $i) (i32.load (i32.const 64)))
      (br_if $again (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 20))))
    (call_indirect (param i32) (result i32) (i32.const 5) (i32.const 2)))
  (func (export "main") (result i32)
    (local $tid i32)
    (local.set $tid (call $syscall (i32.const 56) (i32.const 0x10f00) (i32.const 1) (i32.const 1)
      (i32.const 0) (i32.const 0) (i32.const 0)))
    (drop (call $worker (i32.const 2)))
    (drop (memory.grow (i32.const 1)))
    (memory.copy (i32.const 3000) (i32.const 100) (i32.const 500))
    (block $two (block $one (block $none
      (br_table $none $one $two (i32.and (global.get $global) (i32.const 3))))
      (global.set $global (i32.div_s (global.get $global) (i32.load (i32.const 64)))))
      (drop (call $syscall (i32.const 1) (i32.const 1) (i32.const 100) (i32.const 6)
        (i32.const 0) (i32.const 0) (i32.const 0))))
    (drop (call $syscall (i32.const 0x1000) (local.get $tid) (i32.const 0) (i32.const 0)
      (i32.const 0) (i32.const 0) (i32.const 0)))
    (i32.const 0)))`;

const binaryen = binaryenPackage as unknown as Binaryen & {
  parseText(text: string): ReturnType<Binaryen['readBinary']>;
};

/** Numbers from 0 to below a limit, the same for the same seed. */
function dice(seed: number): (limit: number) => number {
  let state = Math.imul(seed, 0x9e3779b1) || 1;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}

interface Range {
  readonly start: number;
  readonly end: number;
}

interface Section extends Range {
  readonly id: number;
}

/** The sections of a module, without their headers. */
function sectionsOf(bytes: Uint8Array): Section[] {
  const sections: Section[] = [];
  for (let at = HEADER_BYTES; at < bytes.length; ) {
    const id = bytes[at++] as number;
    let length = 0;
    for (let shift = 0, byte = 0x80; byte >= 0x80; shift += 7) {
      byte = bytes[at++] as number;
      length |= (byte & 0x7f) << shift;
    }
    sections.push({ id, start: at, end: at + length });
    at += length;
  }
  return sections;
}

function isCode({ id }: Section): boolean {
  return id === CODE_SECTION;
}

/** Custom sections begin with their names. */
function isCodeMap(bytes: Uint8Array, { id, start }: Section): boolean {
  return (
    id === 0 &&
    bytes[start] === 4 &&
    new TextDecoder().decode(bytes.subarray(start + 1, start + 5)) === 'rseq'
  );
}

/** Where nothing is but what is shown to people. */
function isName(bytes: Uint8Array, section: Section): boolean {
  return section.id === 0 && !isCodeMap(bytes, section);
}

/** The bytes with a few of those in the ranges changed. */
function mutate(bytes: Uint8Array, ranges: readonly Range[], seed: number): Uint8Array {
  const roll = dice(seed);
  const changed = Uint8Array.from(bytes);
  for (let left = 1 + roll(3); left > 0; left--) {
    const { start, end } = ranges[roll(ranges.length)] as Range;
    const at = start + roll(end - start);
    if (roll(2) === 0) changed[at] = roll(256);
    else changed[at] = (bytes[at] as number) ^ (1 << roll(8));
  }
  return changed;
}

/** 'refused', 'ok' or the kind of failure. Errors: whatever a host must not throw. */
async function outcomeOf(wasm: Uint8Array, seed: number): Promise<string> {
  const options = { cpus: 2, quantum: 20 + (seed % 50), seed, memoryLimit: 64, threadLimit: 8 };
  try {
    const host = await createHost({ ...options, wasm: wasm as BufferSource, fuelLimit: 200_000 });
    const { ok, failure, fuel } = host.run();
    expect(fuel).toBeGreaterThanOrEqual(0);
    return ok ? 'ok' : (failure?.kind ?? 'no failure');
  } catch (error) {
    if (error instanceof ModuleError) return 'refused';
    throw new Error(`module of seed ${seed}`, { cause: error });
  }
}

function count(tally: Map<string, number>, outcome: string): void {
  tally.set(outcome, (tally.get(outcome) ?? 0) + 1);
}

describe(`seed ${SEED}`, () => {
  test.each(['block', 'instruction'] as const)(
    `${CASES} modules of %s metering whose data, tables, types or code map are changed`,
    async (metering) => {
      const { wasm } = await compileSource(GUEST, { metering });
      const ranges = sectionsOf(wasm).filter(
        (section) => !isCode(section) && !isName(wasm, section),
      );
      const tally = new Map<string, number>();

      for (let n = 0; n < CASES; n++) {
        count(tally, await outcomeOf(mutate(wasm, ranges, SEED + n), SEED + n));
      }

      expect(await outcomeOf(wasm, SEED)).toBe('ok');
      expect([...tally.keys()]).toEqual(expect.arrayContaining(['refused', 'ok', 'signal']));
    },
    60_000 + CASES * 100,
  );

  test(`${CASES} modules whose code map lies`, async () => {
    const { wasm } = await compileSource(GUEST, { metering: 'instruction' });
    const map = sectionsOf(wasm).filter((section) => isCodeMap(wasm, section));
    const tally = new Map<string, number>();

    for (let n = 0; n < CASES; n++) count(tally, await outcomeOf(mutate(wasm, map, SEED + n), n));

    expect([...tally.keys()]).toEqual(expect.arrayContaining(['refused', 'ok']));
  }, 60_000);

  test(
    `${CASES} modules of another compiler that are changed before they are instrumented`,
    async () => {
      const bytes = assemble(FINISHED);
      const ranges = sectionsOf(bytes).filter((section) => !isName(bytes, section));
      const tally = new Map<string, number>();

      for (let n = 0; n < CASES; n++) {
        const wasm = instrumented(mutate(bytes, ranges, SEED + n));
        count(tally, wasm === undefined ? 'refused' : await outcomeOf(wasm, SEED + n));
      }

      expect(await outcomeOf(instrumented(bytes) as Uint8Array, SEED)).toBe('ok');
      expect([...tally.keys()]).toEqual(expect.arrayContaining(['refused', 'ok', 'signal']));
    },
    60_000 + CASES * 100,
  );
});

/** Undefined when the toolchain refuses the module. */
function instrumented(bytes: Uint8Array): Uint8Array | undefined {
  if (!WebAssembly.validate(bytes as BufferSource)) return undefined;
  try {
    return instrumentBinary(binaryen, bytes, { optimizeLevel: 0 });
  } catch (error) {
    if (error instanceof ToolchainError || error instanceof LabelError) return undefined;
    throw error;
  }
}

function assemble(text: string): Uint8Array {
  const module = binaryen.parseText(text);
  const bytes = module.emitBinary();
  module.dispose();
  return bytes;
}

describe('a module that gives itself fuel', () => {
  test.each([0, 1, 2])('and comes back with exit %i is killed', async (exit) => {
    const { wasm } = await compileSource(GUEST);
    const [section] = sectionsOf(wasm).filter((each) => isCodeMap(wasm, each)) as [Section];
    const map: CodeMap = decodeCodeMap(wasm.subarray(section.start + 5, section.end));
    const module = assemble(`(module (import "env" "memory" (memory 1))
      (global $fuel (export "rseq.fuel") (mut i32) (i32.const 0))
      (global $bias (export "rseq.load_bias") (mut i32) (i32.const 0))
      (global $entered (export "rseq.sections_entered") (mut i32) (i32.const 0))
      (func (export "rseq.run") (param i32) (result i32)
        (i32.store offset=0 (local.get 0) (i32.add (local.get 0) (i32.const 100)))
        (i32.store offset=8 (local.get 0) (i32.const 0x7fffffff))
        (i32.const ${exit})))`);
    const custom = [4, ...new TextEncoder().encode('rseq'), ...encodeCodeMap(map)];
    const size = [(custom.length & 0x7f) | 0x80, custom.length >> 7];

    const host = await createHost({ wasm: Uint8Array.from([...module, 0, ...size, ...custom]) });
    const { failure, fuel } = host.run();

    expect(failure).toMatchObject({ kind: 'signal', signal: 'SIGSEGV' });
    expect(failure?.message).toContain('module breaks the contract');
    expect(fuel).toBe(0);
  });
});
