// Bad modules and bad options: one clear error that names the thing, the value and the rule.

import { beforeAll, describe, expect, test } from 'vitest';
import binaryenPackage from 'binaryen';
import {
  CONTRACT_VERSION,
  type CodeMap,
  decodeCodeMap,
  encodeCodeMap,
} from '../../src/abi/index.js';
import { createHost, type HostOptions, ModuleError, OptionError } from '../../src/host/index.js';
import { instrumentFile } from '../../src/toolchain/index.js';
import { bootProgram, compileSource } from '../guests/compile.js';

const SOURCE = `import { counterAdd, counterCreate, counterSum, rseq } from 'wasm-rseq/assembly';
export function main(): i32 {
  assert(rseq.register() == 0);
  const counter = counterCreate();
  counterAdd(counter, 1);
  return counterSum(counter) == 1 ? 0 : 1;
}`;

let wasm: Uint8Array;

beforeAll(async () => {
  ({ wasm } = await compileSource(SOURCE));
});

function boot(bytes: Uint8Array, options = {}): Promise<unknown> {
  return createHost({ wasm: bytes as BufferSource, ...options });
}

/** The module with its code map changed. */
function withMap(change: (map: CodeMap) => CodeMap | Uint8Array | undefined): Uint8Array {
  const module = new WebAssembly.Module(wasm as BufferSource);
  const [section] = WebAssembly.Module.customSections(module, 'rseq');
  const changed = change(decodeCodeMap(new Uint8Array(section as ArrayBuffer)));
  const contents = changed instanceof Uint8Array || !changed ? changed : encodeCodeMap(changed);
  return replaceCustomSection(wasm, 'rseq', contents);
}

/** Cut the custom section out, and append another when there is one. */
function replaceCustomSection(bytes: Uint8Array, name: string, contents?: Uint8Array): Uint8Array {
  const kept: number[] = [...bytes.subarray(0, 8)];
  let at = 8;
  while (at < bytes.length) {
    const start = at;
    const id = bytes[at++];
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++] as number;
      length |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    const end = at + length;
    const nameLength = bytes[at] as number;
    const isNamed =
      id === 0 && new TextDecoder().decode(bytes.subarray(at + 1, at + 1 + nameLength)) === name;
    if (!isNamed) kept.push(...bytes.subarray(start, end));
    at = end;
  }
  if (contents !== undefined) {
    const body = [name.length, ...new TextEncoder().encode(name), ...contents];
    kept.push(0, ...leb128(body.length), ...body);
  }
  return Uint8Array.from(kept);
}

function leb128(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb128(value >>> 7)];
}

/** Binaryen text to bytes. */
function assemble(text: string): Uint8Array {
  const module = binaryenPackage.parseText(text);
  const bytes = module.emitBinary();
  module.dispose();
  return bytes;
}

describe('a module', () => {
  test('cut short at any byte is refused', async () => {
    for (let length = 0; length < wasm.length; length += Math.ceil(wasm.length / 40)) {
      await expect(boot(wasm.slice(0, length))).rejects.toThrow(ModuleError);
    }
  });

  test('that is not WebAssembly is refused', async () => {
    await expect(boot(new TextEncoder().encode('hello'))).rejects.toThrow(
      /not a valid WebAssembly module/,
    );
  });

  test('without a code map is refused, with what to do about it', async () => {
    await expect(boot(withMap(() => undefined))).rejects.toThrow(
      /no code map .*wasm-rseq build FILE\.wasm/,
    );
  });

  test('with two code maps is refused', async () => {
    const twice = Uint8Array.from([...wasm, ...withMap((map) => map).slice(-400)]);

    await expect(boot(twice)).rejects.toThrow(ModuleError);
  });

  test('with other imports is refused by the name of the first', async () => {
    const text = '(module (import "env" "seed" (func (result f64))) (memory 1))';
    const bytes = replaceCustomSection(assemble(text), 'rseq', encodeCodeMap(emptyMap()));

    await expect(boot(bytes)).rejects.toThrow(/imports function env\.seed, which the contract/);
  });

  test('that lacks an export of the contract is refused by its name', async () => {
    const bytes = replaceCustomSection(
      assemble('(module (memory 1))'),
      'rseq',
      encodeCodeMap(emptyMap()),
    );

    await expect(boot(bytes)).rejects.toThrow(/does not export function rseq\.run/);
  });

  test('with a start function is refused', async () => {
    const bytes = assemble('(module (memory 1) (start $s) (func $s (loop $l (br $l))))');

    await expect(boot(bytes)).rejects.toThrow(/has a start function/);
  });

  test.each(['i64', 'f64'] as const)(
    'whose fuel is of type %s is refused by its name',
    async (type) => {
      const text = binaryenPackage.readBinary(wasm);
      text.removeExport('rseq.fuel');
      const zero = type === 'i64' ? text.i64.const(0n as never) : text.f64.const(0);
      text.addGlobal('wide', binaryenPackage[type], true, zero);
      text.addGlobalExport('wide', 'rseq.fuel');
      const bytes = text.emitBinary();
      text.dispose();

      await expect(boot(bytes)).rejects.toThrow(/global rseq\.fuel is not a mutable i32/);
    },
  );

  test('that says it is interrupted and has fuel left ends as a failed guest', async () => {
    const module = binaryenPackage.readBinary(wasm);
    const { i32 } = binaryenPackage;
    module.removeExport('rseq.run');
    const { name } = module.getMemoryInfo() as { name?: string };
    // stack_end = context + 100
    const context = (): number => module.local.get(0, i32);
    const end = module.i32.add(context(), module.i32.const(100));
    const store = module.i32.store(0, 4, context(), end, name);
    const body = module.block(null, [store, module.i32.const(1)], i32);
    module.addFunction('liar', i32, i32, [], body);
    module.addFunctionExport('liar', 'rseq.run');
    const bytes = module.emitBinary();
    module.dispose();

    const host = await createHost({ wasm: bytes as BufferSource });

    expect(host.run().failure?.message).toMatch(/module breaks the contract/);
  });

  test.each([
    ['another signature', 'i64', 'i64'],
    ['a result of no meaning', 'i32', 'i32'],
  ] as const)('whose run has %s ends as a failed guest', async (_name, param, result) => {
    const module = binaryenPackage.readBinary(wasm);
    const wide = param === 'i64' ? module.i64.const(7n as never) : module.i32.const(7);
    module.removeExport('rseq.run');
    module.addFunction('wide', binaryenPackage[param], binaryenPackage[result], [], wide);
    module.addFunctionExport('wide', 'rseq.run');
    const bytes = module.emitBinary();
    module.dispose();

    const host = await createHost({ wasm: bytes as BufferSource });

    expect(host.run().failure?.message).toMatch(/module breaks the contract/);
  });

  test('without memory cannot be instrumented', async () => {
    const bytes = assemble(
      '(module (export "main" (func $m)) (func $m (result i32) (i32.const 0)))',
    );

    await expect(instrumentFile(bytes)).rejects.toThrow(/the module has no memory/);
  });

  test('that wants 1 GiB of memory is refused before it gets any', async () => {
    const greedy = withMap((map) => ({ ...map, memory: { initial: 16384, maximum: 0 } }));

    await expect(boot(greedy)).rejects.toThrow(
      /declares 16384 pages of memory \(1073741824 bytes\), the limit is 4096 pages/,
    );
  });

  test('that hides how much memory it wants is refused', async () => {
    const { wasm: greedy } = await compileSource(SOURCE, {
      ascArguments: ['--initialMemory', '5000'],
    });
    const map = { initial: 1, maximum: 0 };
    const [section] = WebAssembly.Module.customSections(
      new WebAssembly.Module(greedy as BufferSource),
      'rseq',
    );
    const lying = { ...decodeCodeMap(new Uint8Array(section as ArrayBuffer)), memory: map };

    await expect(boot(replaceCustomSection(greedy, 'rseq', encodeCodeMap(lying)))).rejects.toThrow(
      /cannot be instantiated/,
    );
  });
});

function emptyMap(): CodeMap {
  const memory = { initial: 1, maximum: 0 };
  const critical = { start: 0, end: 0, restart: 0 };
  return {
    version: CONTRACT_VERSION,
    metering: 'block',
    abi: 'turner',
    memory,
    critical,
    sections: [],
    points: [],
  };
}

type Section = CodeMap['sections'][number];

const LIES: readonly (readonly [string, (section: Section) => Section[], RegExp])[] = [
  ['ranges overlap', (s) => [s, { ...s, start: s.start + 1 }], /overlaps/],
  ['an end is before its start', (s) => [{ ...s, end: s.start }], /must exceed start/],
  ['a restart is inside', (s) => [{ ...s, restart: s.start }], /is inside the section/],
  [
    'a restart is outside the function',
    (s) => [{ ...s, restart: s.restart - 1 }],
    /is outside its function/,
  ],
  ['an ip is out of range', (s) => [{ ...s, restart: 0xffff }], /outside the code/],
  ['a section is outside the critical range', (s) => [{ ...s, end: s.end + 1 }], /outside/],
];

describe('a code map that lies because', () => {
  test.each(LIES)('%s is refused', async (_law, change, message) => {
    const lying = withMap((map) => ({ ...map, sections: change(map.sections[0] as Section) }));

    const error = await boot(lying).catch((thrown: unknown) => thrown);

    expect(error).toBeInstanceOf(ModuleError);
    expect((error as Error).message).toMatch(/^bad code map: /);
    expect((error as Error).message).toMatch(message);
  });

  test('it is random bytes is refused', async () => {
    for (let seed = 1; seed < 200; seed++) {
      const bytes = Uint8Array.from({ length: seed % 50 }, (_, i) => (seed * 31 + i * 17) & 0xff);

      await expect(boot(withMap(() => bytes))).rejects.toThrow(/bad code map: /);
    }
  });
});

const OPTIONS: readonly (readonly [string, unknown])[] = [
  ['cpus', 0],
  ['cpus', -1],
  ['cpus', 1.5],
  ['cpus', Number.NaN],
  ['cpus', 257],
  ['cpus', '4'],
  ['threads', 0],
  ['quantum', 0],
  ['quantum', Number.NaN],
  ['quantum', Number.POSITIVE_INFINITY],
  ['seed', 0.5],
  ['seed', 2 ** 40],
  ['fuelLimit', -1],
  ['memoryLimit', 0],
  ['memoryLimit', 65536],
  ['threadLimit', 0],
  ['scheduler', 'fifo'],
];

const HOOKS: readonly (readonly [string, unknown, RegExp])[] = [
  ['scheduler', {}, /has no method pick/],
  ['observers', [{}], /has no method event/],
  ['onOutput', 5, /is not a function/],
  ['args', [1], /is not a string/],
  ['stdin', 'abc', /is not a Uint8Array/],
];

describe('a host', () => {
  test('runs its program once', async () => {
    const host = await createHost({ wasm: wasm as BufferSource });
    host.run();

    expect(() => host.run()).toThrow(/runs its program once/);
  });

  test.each(HOOKS)('refuses %s that it could not use', async (option, value, message) => {
    const error = await boot(wasm, { [option]: value }).catch((thrown: unknown) => thrown);

    expect(error).toBeInstanceOf(OptionError);
    expect((error as Error).message).toMatch(message);
  });
});

describe('an option', () => {
  test.each(OPTIONS)('%s: %s is refused by name, value and rule', async (option, value) => {
    const error = await boot(wasm, { [option]: value }).catch((thrown: unknown) => thrown);

    expect(error).toBeInstanceOf(OptionError);
    expect((error as Error).message).toMatch(new RegExp(`^${option} ${value} (must|is)`));
  });
});

describe('options', () => {
  test.each<[unknown, string]>([
    [undefined, 'options undefined must be an object'],
    [null, 'options null must be an object'],
    [{ quantums: 3 }, 'quantums 3 is no option; there are wasm, abi, '],
    [{ observer: () => {} }, 'observer function is no option; there are wasm, abi, '],
  ])('%o is an OptionError that says so', async (options, message) => {
    const creating = createHost(options as HostOptions);

    await expect(creating).rejects.toThrow(OptionError);
    await expect(creating).rejects.toThrow(message);
  });
});

describe('an option of another type', () => {
  test.each<[string, unknown, string]>([
    ['schedule', 5, 'schedule number is not a string'],
    ['schedule', null, 'schedule null is not a string'],
    ['sourceMap', {}, 'sourceMap object is not a string'],
    ['sourceMap', [null], 'sourceMap null is not a string'],
    ['rseqDebug', 'no', 'rseqDebug string is not true or false'],
    ['args', 5, 'args number is not an array'],
    ['observers', {}, 'observers object is not an array'],
    ['cpus', Object.create(null), 'cpus object must be an integer from 1 to 256'],
    ['stdin', Object.create(null), 'stdin object is not a Uint8Array'],
  ])('%s %j is an OptionError that says so', async (option, value, message) => {
    const wasm = new Uint8Array();

    const creating = createHost({ wasm, [option]: value } as HostOptions);

    await expect(creating).rejects.toThrow(OptionError);
    await expect(creating).rejects.toThrow(message);
  });
});

describe('what a guest says of itself', () => {
  test('is one line without control characters', async () => {
    const source =
      'export function main(): i32 { assert(false, "one\\ntwo\\u001b[31m"); return 0; }';
    const { failure } = (await bootProgram(await compileSource(source))).run();

    expect(failure?.message).toMatch(/: one\\ntwo\\u001b\[31m$/);
  });
});
