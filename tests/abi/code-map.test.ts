// The code map: what is written reads back, and whatever is no code map is refused by a CodeMapError
// that names the value and the rule, never by another exception and never by a hang.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  ABI_NAMES,
  type CodeMap,
  CodeMapError,
  type CodePoint,
  decodeCodeMap,
  encodeCodeMap,
  formatPlace,
  pointAt,
  sectionAt,
  type SectionEntry,
  validateCodeMap,
} from '../../src/abi/code-map.js';
import { CODE_BASE, CONTRACT_VERSION } from '../../src/abi/module.js';

function at(offset: number): number {
  return CODE_BASE + offset;
}

function pointsOf(name: string, count: number): CodePoint[] {
  return Array.from({ length: count }, (_, line) => ({ function: name, file: 'a.ts', line }));
}

const SECTION: SectionEntry = {
  start: at(2),
  end: at(5),
  restart: at(1),
  fuel: 7,
  listing: ['0x1002 i32.load', '0x1004 i32.store'],
};

/** Function `add` at 0..9 with a section, `push` at 10..19 with another, a restart handler at 20. */
const MAP: CodeMap = {
  version: CONTRACT_VERSION,
  metering: 'block',
  abi: 'linux',
  memory: { initial: 1, maximum: 0 },
  critical: { start: at(2), end: at(15), restart: at(20) },
  sections: [SECTION, { start: at(12), end: at(15), restart: at(10), fuel: 3, listing: [] }],
  points: [...pointsOf('add', 10), ...pointsOf('push', 10), ...pointsOf('handler', 1)],
};

/** Words of a code map by hand, all below 128. */
function bytes(...words: readonly number[]): Uint8Array {
  return Uint8Array.from(words);
}

/** A map of `shape.length` functions; shape[i] is the length of the section of function i, or 0. */
function mapOf(
  shape: readonly number[],
  names: readonly string[],
  metering: CodeMap['metering'],
  abi: CodeMap['abi'],
): CodeMap {
  const points: CodePoint[] = [];
  const sections: SectionEntry[] = [];
  for (const [index, length] of shape.entries()) {
    const name = `${index} ${names[index] ?? ''}`;
    const restart = at(points.length);
    if (length > 0) {
      const end = restart + 1 + length;
      sections.push({ start: restart + 1, end, restart, fuel: length, listing: [...names] });
    }
    for (let line = 0; line < length + 2; line++) {
      points.push({ function: name, file: names[line] ?? '', line });
    }
  }
  const start = sections[0]?.start ?? 0;
  const end = sections.at(-1)?.end ?? 0;
  const restart = sections.length === 0 ? 0 : at(points.length);
  points.push({ function: 'handler', file: '', line: 0 });
  const memory = { initial: shape.length, maximum: 65536 };
  const critical = { start, end, restart };
  return { version: CONTRACT_VERSION, metering, abi, memory, critical, sections, points };
}

const NAME = fc
  .string({ unit: 'grapheme', maxLength: 12 })
  .filter((name) => !name.startsWith('\uFEFF'));

const CODE_MAP: fc.Arbitrary<CodeMap> = fc
  .tuple(
    fc.array(fc.nat({ max: 6 }), { maxLength: 12 }),
    fc.array(NAME, { maxLength: 12 }),
    fc.constantFrom<CodeMap['metering']>('block', 'instruction'),
    fc.constantFrom(...ABI_NAMES),
  )
  .map(([shape, names, metering, abi]) => mapOf(shape, names, metering, abi));

/** What decoding comes to: a map, a CodeMapError, or something that must not happen. */
function verdict(source: Uint8Array): string {
  try {
    decodeCodeMap(source);
    return 'decoded';
  } catch (error) {
    return error instanceof CodeMapError ? 'refused' : String(error);
  }
}

describe('a code map', () => {
  test('reads back as it was written', () => {
    expect(decodeCodeMap(encodeCodeMap(MAP))).toEqual(MAP);
  });

  test('reads back as it was written, whatever is in it', () => {
    fc.assert(
      fc.property(CODE_MAP, (map) => {
        expect(decodeCodeMap(encodeCodeMap(map))).toEqual(map);
      }),
    );
  });

  test('without sections says nothing about a critical range', () => {
    const map = { ...MAP, sections: [], critical: { start: 0, end: 0, restart: 0 } };

    expect(decodeCodeMap(encodeCodeMap(map))).toEqual(map);
  });

  test('keeps its sections in the order they were written', () => {
    const map = { ...MAP, sections: [...MAP.sections].reverse() };

    expect(decodeCodeMap(encodeCodeMap(map)).sections).toEqual(map.sections);
  });

  test('writes each name once', () => {
    const many = { ...MAP, points: [...MAP.points, ...pointsOf('add', 100)] };
    const added = encodeCodeMap(many).length - encodeCodeMap(MAP).length;

    expect(added).toBe(3 * 100);
  });
});

describe('a map that contradicts itself is refused', () => {
  const section = (change: Partial<SectionEntry>): CodeMap => ({
    ...MAP,
    sections: [{ ...SECTION, ...change }],
  });
  const critical = (change: Partial<CodeMap['critical']>): CodeMap => ({
    ...MAP,
    critical: { ...MAP.critical, ...change },
  });
  const overlapping = { ...SECTION, start: at(4), end: at(7) };

  test.each<[string, CodeMap, string]>([
    ['empty section', section({ end: at(2) }), 'section end 0x1002 must exceed start 0x1002'],
    ['end before start', section({ end: at(1) }), 'section end 0x1001 must exceed start 0x1002'],
    [
      'start below the code',
      section({ start: 1 }),
      'section 0x1 start: address 0x1 is outside the code [0x1000, 0x1015)',
    ],
    [
      'start behind the code',
      section({ start: at(30), end: at(31) }),
      'section 0x101e start: address 0x101e is outside the code [0x1000, 0x1015)',
    ],
    [
      'end behind the code',
      section({ end: at(30) }),
      'section 0x1002: address 0x101e is outside the code [0x1000, 0x1015)',
    ],
    [
      'end in another function',
      section({ end: at(12) }),
      'section 0x1002: address 0x100c is outside its function add',
    ],
    [
      'restart that is no code',
      section({ restart: 0 }),
      'section 0x1002: address 0x0 is outside the code [0x1000, 0x1015)',
    ],
    [
      'restart in another function',
      section({ restart: at(10) }),
      'section 0x1002: address 0x100a is outside its function add',
    ],
    [
      'restart at start',
      section({ restart: at(2) }),
      'section 0x1002: restart 0x1002 is inside the section',
    ],
    [
      'restart at the last instruction',
      section({ restart: at(4) }),
      'section 0x1002: restart 0x1004 is inside the section',
    ],
    [
      'overlap',
      { ...MAP, sections: [SECTION, overlapping] },
      'section 0x1004 overlaps the one that ends at 0x1005',
    ],
    [
      'overlap, written in another order',
      { ...MAP, sections: [overlapping, SECTION] },
      'section 0x1004 overlaps the one that ends at 0x1005',
    ],
    [
      'the same section twice',
      { ...MAP, sections: [SECTION, SECTION] },
      'section 0x1002 overlaps the one that ends at 0x1005',
    ],
    [
      'section before the critical range',
      critical({ start: at(3) }),
      'section 0x1002 is outside the critical range',
    ],
    [
      'section behind the critical range',
      critical({ end: at(14) }),
      'section 0x100c is outside the critical range',
    ],
    [
      'critical restart that is no code',
      critical({ restart: 0 }),
      'critical restart: address 0x0 is outside the code [0x1000, 0x1015)',
    ],
    [
      'critical restart inside',
      critical({ restart: at(7) }),
      'critical restart 0x1007 is inside the critical range',
    ],
  ])('%s', (_what, map, message) => {
    expect(() => validateCodeMap(map)).toThrow(new CodeMapError(message));
    expect(() => decodeCodeMap(encodeCodeMap(map))).toThrow(new CodeMapError(message));
  });

  test.each([
    ['restart right before start', { restart: at(1) }],
    ['restart at end', { restart: at(5) }],
    ['a section that ends at the last point of its function', { end: at(9) }],
  ])('%s is no contradiction', (_what, change) => {
    expect(() => validateCodeMap(section(change))).not.toThrow();
  });

  test('sections that touch do not overlap', () => {
    const touching = { ...SECTION, start: at(5), end: at(7) };

    expect(() => validateCodeMap({ ...MAP, sections: [SECTION, touching] })).not.toThrow();
  });
});

describe('bytes that are no code map are refused', () => {
  const whole = encodeCodeMap(MAP);

  test.each([
    ['nothing', bytes(), 'code map ends in the middle of a word'],
    [
      'another version',
      bytes(CONTRACT_VERSION + 1),
      `code map version ${CONTRACT_VERSION + 1} is not ${CONTRACT_VERSION}, the one this host speaks`,
    ],
    ['an unknown metering', bytes(CONTRACT_VERSION, 2), 'code map metering is neither 0 nor 1'],
    ['an unknown abi', bytes(CONTRACT_VERSION, 0, 7), 'code map abi index 7 is out of range'],
    [
      'a word of more than 32 bits',
      bytes(0xff, 0xff, 0xff, 0xff, 0x1f),
      'code map word exceeds 32 bits',
    ],
    [
      'a vector longer than the section',
      bytes(CONTRACT_VERSION, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f),
      'code map vector of 4294967295 items exceeds the section',
    ],
    [
      'a string longer than the section',
      bytes(CONTRACT_VERSION, 0, 0, 0, 0, 0, 0, 0, 1, 100, 65),
      'code map vector of 100 items exceeds the section',
    ],
    [
      'a function that is not in the list',
      bytes(CONTRACT_VERSION, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0),
      'code map function index 0 is out of range',
    ],
    [
      'a file that is not in the list',
      bytes(CONTRACT_VERSION, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 65, 1, 0, 5, 0),
      'code map file index 5 is out of range',
    ],
    ['trailing bytes', Uint8Array.of(...whole, 0, 0, 0), 'code map has 3 bytes too many'],
  ])('%s', (_what, source, message) => {
    expect(() => decodeCodeMap(source)).toThrow(new CodeMapError(message));
  });

  test('a map cut at any byte', () => {
    const verdicts = Array.from(whole, (_, length) => verdict(whole.subarray(0, length)));

    expect(new Set(verdicts)).toEqual(new Set(['refused']));
  });

  test('any bytes at all', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (source) => {
        expect(['decoded', 'refused']).toContain(verdict(source));
      }),
    );
  });

  test('a map with any byte changed is a map or refused', () => {
    const change = fc.tuple(fc.nat({ max: whole.length - 1 }), fc.nat({ max: 255 }));

    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        const source = whole.slice();
        for (const [place, byte] of changes) source[place] = byte;
        expect(['decoded', 'refused']).toContain(verdict(source));
      }),
      { numRuns: 2000 },
    );
  });
});

describe('an address', () => {
  test.each([
    [at(-1), undefined],
    [at(0), 'add'],
    [at(10), 'push'],
    [at(20), 'handler'],
    [at(21), undefined],
    [0, undefined],
  ])('%i is in function %s', (ip, name) => {
    expect(pointAt(MAP, ip)?.function).toBe(name);
  });

  test.each([
    [at(1), undefined],
    [at(2), at(2)],
    [at(4), at(2)],
    [at(5), undefined],
    [at(14), at(12)],
    [at(15), undefined],
  ])('%i is in section %s', (ip, start) => {
    expect(sectionAt(MAP, ip)?.start).toBe(start);
  });

  test.each<[string, CodePoint | undefined]>([
    ['add (a.ts:3)', { function: 'add', file: 'a.ts', line: 3 }],
    ['add', { function: 'add', file: '', line: 0 }],
    ['unknown code', undefined],
  ])('is written as %s', (text, point) => {
    expect(formatPlace(point)).toBe(text);
  });
});

describe('a code map keeps', () => {
  const empty: CodeMap = {
    version: CONTRACT_VERSION,
    metering: 'block',
    abi: 'linux',
    memory: { initial: 1, maximum: 0 },
    critical: { start: 0, end: 0, restart: 0 },
    sections: [],
    points: [],
  };

  test('a name that begins with a byte order mark', () => {
    const map = { ...empty, points: [{ function: '\uFEFFf', file: '', line: 0 }] };

    expect(decodeCodeMap(encodeCodeMap(map))).toEqual(map);
  });

  test('its words to 32 bits: a longer one is a CodeMapError', () => {
    const overlong = Uint8Array.of(
      CONTRACT_VERSION,
      0,
      0x80,
      0x80,
      0x80,
      0x80,
      0x80,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
    );

    expect(() => decodeCodeMap(overlong)).toThrow(/word exceeds 32 bits/);
  });

  test('its memory maximum above the initial: below is a CodeMapError', () => {
    const map = { ...empty, memory: { initial: 5, maximum: 2 } };

    expect(() => decodeCodeMap(encodeCodeMap(map))).toThrow(/maximum 2 is below initial 5/);
  });
});
