// Modules without a program that keep the contract, and copies of them with one mistake each.

import { encodeCodeMap } from '../../dist/abi/code-map.js';

const I32 = 0x7f;
const I64 = 0x7e;
const [TYPES, IMPORTS, FUNCTIONS, GLOBALS, EXPORTS, START, CODE] = [1, 2, 3, 6, 7, 8, 10];
const [FUNCTION, MEMORY, GLOBAL] = [0, 2, 3];
const [CONTEXT_STACK_END, CONTEXT_FUEL] = [0, 8];
const END = 0x0b;
/** The magic number and the version. */
const HEADER = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];

const FUEL = 'rseq.fuel';
const LOAD_BIAS = 'rseq.load_bias';
const SECTIONS_ENTERED = 'rseq.sections_entered';

const NOWHERE = { file: '', line: 0 };
const POINTS = ['one', 'one', 'one', 'one', 'two', 'two', 'two', 'two'];

const MAP = {
  version: 4,
  metering: 'block',
  abi: 'turner',
  memory: { initial: 1, maximum: 0 },
  critical: { start: 0x1000, end: 0x1005, restart: 0x1007 },
  sections: [
    { start: 0x1000, end: 0x1002, restart: 0x1003, fuel: 1, listing: [] },
    { start: 0x1004, end: 0x1005, restart: 0x1006, fuel: 1, listing: [] },
  ],
  points: POINTS.map((name) => ({ function: name, ...NOWHERE })),
};

/** Name and bytes of each. */
export function brokenModules() {
  const modules = {
    accepted: {},
    'accepted-more-exports': { exports: [['more', FUNCTION, 0]] },
    'refused-no-code-map': { maps: [] },
    'refused-two-code-maps': { maps: [encodeCodeMap(MAP), encodeCodeMap(MAP)] },
    'refused-imports-function': { importsFunction: true },
    'refused-imports-memory-of-another-name': { memoryName: 'other' },
    'refused-no-run': { without: 'rseq.run' },
    'refused-no-fuel': { without: FUEL },
    'refused-no-load-bias': { without: LOAD_BIAS },
    'refused-no-sections-entered': { without: SECTIONS_ENTERED },
    'refused-constant-fuel': { globals: { [FUEL]: [I32, 0] } },
    'refused-wide-load-bias': { globals: { [LOAD_BIAS]: [I64, 1] } },
    'refused-start-function': { hasStart: true },
    'refused-too-much-memory': mapped({ memory: { initial: 9, maximum: 0 } }),
    ...brokenMaps(),
    'broken-exit': { body: constant(3) },
    // Exit 1 with no fuel left, and a stack of 2^20 words.
    'broken-stack': {
      body: [
        ...storeWord(CONTEXT_FUEL, 0),
        ...storeWord(CONTEXT_STACK_END, 2 ** 22),
        ...constant(1),
      ],
    },
    // Exit 2 with a stack of one word, and more fuel than any grant.
    'broken-fuel': {
      body: [
        ...storeWord(CONTEXT_FUEL, 2 ** 30),
        ...storeWord(CONTEXT_STACK_END, 65536 + 100),
        ...constant(2),
      ],
    },
    'broken-return': { body: [...storeWord(CONTEXT_FUEL, 2 ** 30), ...constant(0)] },
    'broken-syscall': { body: constant(2) },
    'broken-interruption': { body: constant(1) },
  };
  return Object.entries(modules).map(([name, parts]) => [`${name}.wasm`, assemble(parts)]);
}

function brokenMaps() {
  const [first, second] = MAP.sections;
  const sections = (change) => mapped({ sections: [{ ...first, ...change }, second] });
  const critical = (change) => mapped({ critical: { ...MAP.critical, ...change } });
  const bytes = encodeCodeMap(MAP);
  const patched = (offset, ...values) => {
    const copy = Uint8Array.from(bytes);
    copy.set(values, offset);
    return { maps: [copy] };
  };
  // Version, metering, abi, two limits, three addresses of two bytes; then the files: 1, of 0 bytes.
  const files = 5 + 3 * 2;
  const points = files + 2 + 1 + 2 * 4 + 1;
  return {
    'refused-map-version': patched(0, 5),
    'refused-map-metering': patched(1, 2),
    'refused-map-abi': patched(2, 7),
    'refused-map-memory': mapped({ memory: { initial: 3, maximum: 2 } }),
    'refused-map-cut-short': { maps: [bytes.slice(0, -1)] },
    'refused-map-too-long': { maps: [Uint8Array.from([...bytes, 0])] },
    'refused-map-vector': patched(files, 127),
    'refused-map-word': {
      maps: [Uint8Array.from([4, 0, 0, 0x81, 0x80, 0x80, 0x80, 0x10, ...bytes.slice(4)])],
    },
    'refused-map-function': patched(points, 2),
    'refused-map-file': patched(points + 1, 1),
    'refused-map-empty-section': sections({ end: 0x1000 }),
    'refused-map-section-outside-code': sections({ start: 0xfff }),
    'refused-map-restart-outside-code': sections({ restart: 0x1008 }),
    'refused-map-restart-inside': sections({ restart: 0x1001 }),
    'refused-map-section-of-two-functions': sections({ restart: 0x1006 }),
    'refused-map-overlap': mapped({ sections: [first, { ...first, start: 0x1001 }] }),
    'refused-map-outside-critical': critical({ end: 0x1004 }),
    'refused-map-critical-empty': mapped({
      critical: { start: 0x1005, end: 0x1005, restart: 0x1007 },
    }),
    'refused-map-critical-restart-inside': critical({ restart: 0x1003 }),
    'refused-map-critical-restart-outside-code': critical({ restart: 0x1008 }),
  };
}

function mapped(change) {
  return { maps: [encodeCodeMap({ ...MAP, ...change })] };
}

/** A module whose `rseq.run` returns 0, and does nothing. */
function assemble({
  maps = [encodeCodeMap(MAP)],
  exports = [],
  importsFunction = false,
  memoryName = 'memory',
  without = '',
  globals = {},
  hasStart = false,
  body = constant(0),
}) {
  const registers = [FUEL, LOAD_BIAS, SECTIONS_ENTERED];
  const run = importsFunction ? 1 : 0;
  const imports = [[...name('env'), ...name(memoryName), MEMORY, 0, 5]];
  if (importsFunction) imports.push([...name('env'), ...name('call'), FUNCTION, 1]);
  const all = [
    ['rseq.run', FUNCTION, run],
    ...registers.map((register, index) => [register, GLOBAL, index]),
    ...exports,
  ].filter(([exported]) => exported !== without);
  const bytes = [
    ...HEADER,
    ...section(
      TYPES,
      vector([
        [0x60, 1, I32, 1, I32],
        [0x60, 0, 0],
      ]),
    ),
    ...section(IMPORTS, vector(imports)),
    ...section(FUNCTIONS, vector([[0], [1]])),
    ...section(GLOBALS, vector(registers.map((each) => global(globals[each] ?? [I32, 1])))),
    ...section(EXPORTS, vector(all.map(([text, kind, index]) => [...name(text), kind, index]))),
    ...(hasStart ? section(START, [run + 1]) : []),
    ...section(CODE, vector([code(body), code([])])),
    ...maps.flatMap((map) => section(0, [...name('rseq'), ...map])),
  ];
  return Uint8Array.from(bytes);
}

function global([type, isMutable]) {
  return [type, isMutable, type === I64 ? 0x42 : 0x41, 0, END];
}

function code(body) {
  const contents = [0, ...body, END];
  return [...leb(contents.length), ...contents];
}

function constant(value) {
  return [0x41, ...signedLeb(value)];
}

/** i32.store of a constant in the context, which is the parameter. */
function storeWord(offset, value) {
  return [0x20, 0, ...constant(value), 0x36, 2, ...leb(offset)];
}

function section(id, contents) {
  return [id, ...leb(contents.length), ...contents];
}

function vector(items) {
  return [...leb(items.length), ...items.flat()];
}

function name(text) {
  return [...leb(text.length), ...new TextEncoder().encode(text)];
}

function leb(value) {
  return value < 128 ? [value] : [(value & 127) | 128, ...leb(value >>> 7)];
}

function signedLeb(value) {
  const isLast = value >= -64 && value < 64;
  return isLast ? [value & 127] : [(value & 127) | 128, ...signedLeb(value >> 7)];
}
