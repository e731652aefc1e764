// What lint finds in sections that compile and run and are wrong all the same, each with the program
// next to it that is right; and what it must not find: the field's primitives, and what we ship.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  type Finding,
  formatFinding,
  lintModule,
  lintProgram,
  RULES,
} from '../../src/toolchain/index.js';
import { compileSource, writeGuest } from '../guests/compile.js';

const HEAD = `import { rseq } from 'wasm-rseq/assembly';
import { threadPointer } from 'wasm-rseq/assembly/tcb';
const slots: usize = memory.data(4096, 64); const events: usize = memory.data(64, 64);
let tries: i32 = 0;
@inline function mine(): usize { return slots + <usize>rseq.cpuId() * 64; }
function now(): i32 { return load<i32>(events); }
`;
const HEAD_LINES = HEAD.split('\n').length - 1;

/** `body` declares functions, the first line of it being line 1 of the findings. */
async function lintBody(body: string, allow: readonly string[] = []): Promise<readonly Finding[]> {
  const names = [...body.matchAll(/^function (\w+)/gm)].map(([, name]) => name);
  const exported = `export { ${names.join(', ')} };\nexport function main(): i32 { return 0; }\n`;
  const file = writeGuest(`${HEAD}${body}\n${exported}`);
  const findings = await lintProgram(file, { allow });
  return findings.map((finding) => ({ ...finding, line: finding.line - HEAD_LINES }));
}

async function places(body: string): Promise<string[]> {
  return (await lintBody(body)).map(({ rule, line }) => `${line}: ${rule}`);
}

/** A function f whose lines begin with line 2. */
function f(parameters: string, ...lines: string[]): string {
  return `function f(${parameters}): void {\n${lines.join('\n')}\n}`;
}

const START = 'rseq.restart(); rseq.start();';
const END = 'rseq.end();';

type Case = readonly [law: string, body: string, found: readonly string[]];

const COMMIT_NOT_LAST: readonly Case[] = [
  [
    'a load behind the commit',
    f(
      '',
      START,
      'const p = mine();',
      'store<i32>(p, load<i32>(p) + 1);',
      'if (load<i32>(events)) tries;',
      END,
    ),
    ['5: commit-not-last'],
  ],
  [
    'a value that is returned from behind the commit',
    `function f(n: i32): i32 {\n${START}\nconst p = mine();\nstore<i32>(p, 1);\nif (n) return load<i32>(p, 4);\n${END}\nreturn 0;\n}`,
    ['5: commit-not-last'],
  ],
  [
    'a loop behind the commit',
    f('n: i32', START, 'store<i32>(mine(), 1);', 'let i = n;', 'while (i > 0) i--;', END),
    ['5: commit-not-last'],
  ],
  [
    'a load behind the commit, on one of two paths',
    f(
      '',
      START,
      'const p = mine();',
      'if (load<i32>(p)) {',
      'store<i32>(p, 1);',
      'load<i32>(p, 4);',
      '}',
      END,
    ),
    ['6: commit-not-last'],
  ],
  [
    'a store to scratch behind the commit',
    f('', START, 'store<i32>(mine(), 1);', 'store<i32>(threadPointer(), 1, 1024);', END),
    ['4: commit-not-last'],
  ],
  [
    'not a load in front of the commit, nor behind end()',
    f(
      '',
      START,
      'const p = mine();',
      'const old = load<i32>(p);',
      'store<i32>(p, old + 1);',
      END,
      'load<i32>(p);',
    ),
    [],
  ],
  [
    'not arithmetic behind the commit',
    `function f(a: i32): i32 {\n${START}\nstore<i32>(mine(), a);\nconst b = a * 3;\n${END}\nreturn b;\n}`,
    [],
  ],
  [
    'not a load on the way that has stored nothing',
    `function f(n: i32): i32 {\n${START}\nconst p = mine();\nif (n) return load<i32>(p, 4);\nstore<i32>(p, 0);\n${END}\nreturn 0;\n}`,
    [],
  ],
];

const TWO_COMMITS: readonly Case[] = [
  [
    'two fields of one structure',
    f(
      'n: i32',
      START,
      'const p = mine();',
      'store<i32>(p, load<i32>(p) + 1);',
      'store<i32>(p, load<i32>(p, 4) + n, 4);',
      END,
    ),
    ['4: two-commits'],
  ],
  [
    'two fields of a structure that is a parameter',
    f(
      'p: usize',
      START,
      'store<i32>(p, load<i32>(p) + 1);',
      'store<i32>(p, load<i32>(p, 4) + 1, 4);',
      END,
    ),
    ['3: two-commits'],
  ],
  [
    'two structures of this CPU',
    f(
      'a: usize, b: usize',
      START,
      'const cpu = <usize>rseq.cpuId() * 64;',
      'store<i32>(a + cpu, 1);',
      'store<i32>(b + cpu, 2);',
      END,
    ),
    ['4: two-commits'],
  ],
  [
    'elements that are stored in a loop, and nothing that makes them visible',
    f(
      'n: usize',
      START,
      'const p = mine();',
      'for (let i: usize = 0; i < n; i += 4) store<i32>(p + i, 0);',
      END,
    ),
    ['4: two-commits'],
  ],
  [
    'two fields of a class',
    `@unmanaged class Tally { n: i32; sum: i32; }\n${f('i: i32', START, 'const t = changetype<Tally>(mine());', 't.sum = i;', 't.n = t.n + 1;', END)}`,
    ['5: two-commits'],
  ],
  [
    'not one store on each of two paths',
    f(
      '',
      START,
      'const p = mine();',
      'if (load<i32>(p)) store<i32>(p, 0);',
      'else store<i32>(p, 1, 4);',
      END,
    ),
    [],
  ],
  [
    'not the fields of a slot that the commit takes',
    f(
      'key: i32',
      START,
      'const p = mine();',
      'if (load<i32>(p) == 0) {',
      'store<i32>(p, 7, 4);',
      'store<i32>(p, key);',
      '}',
      END,
    ),
    [],
  ],
];

const STALE_CPU_ID: readonly Case[] = [
  [
    'an address from before the section',
    f(
      '',
      'const p = slots + <usize>rseq.cpuId() * 64;',
      START,
      'store<i32>(p, load<i32>(p) + 1);',
      END,
    ),
    ['2: stale-cpu-id'],
  ],
  [
    'a base from before the section',
    f('', 'const p = rseq.percpuBase();', START, 'store<i32>(p, load<i32>(p) + 1);', END),
    ['2: stale-cpu-id'],
  ],
  [
    'an id from between restart() and start()',
    f(
      '',
      'rseq.restart();',
      'const cpu = rseq.cpuId();',
      'rseq.start();',
      'const p = slots + <usize>cpu * 64;',
      'store<i32>(p, load<i32>(p) + 1);',
      END,
    ),
    ['3: stale-cpu-id'],
  ],
  [
    'an id from an earlier section',
    f('', START, 'const p = mine();', 'store<i32>(p, 1);', END, START, 'store<i32>(p, 2);', END),
    ['1: stale-cpu-id'],
  ],
  [
    'what a function has made of an id',
    `function at(): usize { return slots + <usize>rseq.cpuId() * 64; }\n${f('', 'const p = at();', START, 'store<i32>(p, load<i32>(p) + 1);', END)}`,
    ['3: stale-cpu-id'],
  ],
  [
    'what a function has made of an id that it was given',
    `function at(cpu: i32): usize { return slots + <usize>cpu * 64; }\n${f('', 'const p = at(rseq.cpuId());', START, 'store<i32>(p, load<i32>(p) + 1);', END)}`,
    ['3: stale-cpu-id'],
  ],
  [
    'not what a function that locks has found in its section',
    `function lock(): usize {\n${START}\nconst p = mine();\nwhile (load<i32>(p)) {}\nstore<i32>(p, 1);\n${END}\nreturn p;\n}\n${f('', 'const p = lock();', START, 'store<i32>(p, 0);', END)}`,
    [],
  ],
  [
    'not an id that the section compares with its own',
    f(
      '',
      'const cpu = rseq.cpuId();',
      START,
      'if (rseq.cpuId() != cpu) return;',
      'const p = slots + <usize>cpu * 64;',
      'store<i32>(p, load<i32>(p) + 1);',
      END,
    ),
    [],
  ],
  [
    'not an id that is only stored',
    f('p: usize', 'const cpu = rseq.cpuId();', START, 'store<i32>(p, cpu);', END),
    [],
  ],
];

const STALE_PERCPU_VALUE: readonly Case[] = [
  [
    'a count from before the section',
    f('', 'const n = load<i32>(mine());', START, 'store<i32>(mine(), n + 1);', END),
    ['2: stale-percpu-value'],
  ],
  [
    'an index from before the section',
    f(
      'item: i32',
      'const at = load<usize>(mine());',
      START,
      'const p = mine();',
      'store<i32>(p + 8 + at * 4, item);',
      END,
    ),
    ['2: stale-percpu-value'],
  ],
  [
    'what the section stores to',
    f('p: usize', 'const n = load<i32>(p, 4);', START, 'store<i32>(p, n + 1, 4);', END),
    ['2: stale-percpu-value'],
  ],
  [
    'what a function has found',
    `function count(): i32 { return load<i32>(mine()); }\n${f('', 'const n = count();', START, 'store<i32>(mine(), n + 1);', END)}`,
    ['3: stale-percpu-value'],
  ],
  [
    'what a function has made of a count',
    `function more(n: i32): i32 { return n + 1; }\n${f('', 'const n = more(load<i32>(mine()));', START, 'store<i32>(mine(), n);', END)}`,
    ['3: stale-percpu-value'],
  ],
  [
    'the next of a head that is compared: it may have come back with another next',
    f(
      '',
      'const cpu = rseq.cpuId();',
      'const head = slots + <usize>cpu * 64;',
      'const first = load<usize>(head);',
      'const next = load<usize>(first);',
      START,
      'if (rseq.cpuId() != cpu) return;',
      'if (load<usize>(head) != first) return;',
      'store<usize>(head, next);',
      END,
    ),
    ['5: stale-percpu-value'],
  ],
  [
    'the next of a node that was made ready outside',
    f(
      'node: usize',
      'store<usize>(node, load<usize>(mine()));',
      START,
      'store<usize>(mine(), node);',
      END,
    ),
    ['2: stale-percpu-value'],
  ],
  [
    'not the next of such a node, when the section stores it again',
    f(
      'node: usize',
      'store<usize>(node, load<usize>(mine()));',
      START,
      'store<usize>(node, load<usize>(mine()));',
      'store<usize>(mine(), node);',
      END,
    ),
    [],
  ],
  [
    'not the next of such a node, when it is compared',
    f(
      'node: usize',
      'const first = load<usize>(mine());',
      'store<usize>(node, first);',
      START,
      'const p = mine();',
      'if (load<usize>(p) != first) return;',
      'store<usize>(p, node);',
      END,
    ),
    [],
  ],
  [
    'not a value that the section compares with what it finds',
    f(
      '',
      'const n = load<i32>(mine());',
      START,
      'const p = mine();',
      'if (load<i32>(p) != n) return;',
      'store<i32>(p, n + 1);',
      END,
    ),
    [],
  ],
  [
    'not a value of other memory',
    f(
      '',
      'const n = load<i32>(events);',
      START,
      'const p = mine();',
      'store<i32>(p, load<i32>(p) + n);',
      END,
    ),
    [],
  ],
  [
    'not a node that an earlier section has taken',
    f(
      '',
      START,
      'let p = mine();',
      'const node = load<usize>(p);',
      'store<usize>(p, load<usize>(node));',
      END,
      START,
      'p = mine() + 8;',
      'store<usize>(node, load<usize>(p));',
      'store<usize>(p, node);',
      END,
    ),
    [],
  ],
];

const EARLY_STORE: readonly Case[] = [
  [
    'a word that all CPUs share',
    f(
      '',
      START,
      'store<i32>(events, load<i32>(events) + 1);',
      'const p = mine();',
      'store<i32>(p, load<i32>(p) + 1);',
      END,
    ),
    ['3: early-store'],
  ],
  [
    'a global',
    f('', START, 'tries++;', 'const p = mine();', 'store<i32>(p, load<i32>(p) + 1);', END),
    ['3: early-store'],
  ],
  [
    'a count at a place of the caller, which is too high after two tries',
    f(
      'total: usize',
      START,
      'store<i32>(total, load<i32>(total) + 1);',
      'const p = mine();',
      'store<i32>(p, load<i32>(p) + 1);',
      END,
    ),
    ['3: early-store'],
  ],
  [
    'an atomic addition',
    f(
      'total: usize',
      START,
      'atomic.add<i32>(total, 1);',
      'const p = mine();',
      'store<i32>(p, load<i32>(p) + 1);',
      END,
    ),
    ['3: early-store'],
  ],
  [
    'not the scratch of the thread',
    f(
      '',
      START,
      'store<i32>(threadPointer(), 1, 1024);',
      'const p = mine();',
      'store<i32>(p, load<i32>(p) + 1);',
      END,
    ),
    [],
  ],
  [
    'not a place of the caller',
    f(
      'out: usize',
      START,
      'const p = mine();',
      'store<i32>(out, load<i32>(p));',
      'store<i32>(p, 0);',
      END,
    ),
    [],
  ],
  [
    'not what a node that is published points to',
    f(
      'node: usize, part: usize',
      START,
      'const p = mine();',
      'store<i32>(part, 1);',
      'store<usize>(node, part, 4);',
      'store<usize>(node, load<usize>(p));',
      'store<usize>(p, node);',
      END,
    ),
    [],
  ],
];

const RESTART_SKIPS_INIT: readonly Case[] = [
  [
    'the counter of a loop',
    f(
      'n: i32',
      'let i = 0, sum = 0;',
      'rseq.restart();',
      'rseq.start();',
      'while (i < n) {',
      'i++;',
      'load<i32>(slots);',
      '}',
      'store<i32>(mine(), n);',
      END,
    ),
    ['3: restart-skips-init'],
  ],
  [
    'a sum',
    f(
      '',
      'let sum = 0;',
      START,
      'const p = mine();',
      'sum += load<i32>(p);',
      'store<i32>(p, sum);',
      END,
    ),
    ['3: restart-skips-init'],
  ],
  [
    'a result that only one path assigns',
    `function f(): usize {\nlet node: usize = 0;\n${START}\nconst p = mine();\nconst head = load<usize>(p);\nif (head != 0) { node = head; store<usize>(p, load<usize>(head)); }\n${END}\nreturn node;\n}`,
    ['3: restart-skips-init'],
  ],
  [
    'not where the initialisation runs again',
    f(
      'n: i32',
      'let i = 0;',
      'rseq.restart();',
      'i = 0;',
      'rseq.start();',
      'while (i < n) {',
      'i++;',
      'load<i32>(slots);',
      '}',
      'store<i32>(mine(), n);',
      END,
    ),
    [],
  ],
  [
    'not where it is in the section',
    f(
      'n: i32',
      START,
      'let sum = 0;',
      'for (let i = 0; i < n; i++) sum += load<i32>(slots + i);',
      'store<i32>(mine(), sum);',
      END,
    ),
    [],
  ],
  [
    'not a local that changes behind the last access',
    `function f(): i32 {\nlet done = 0;\n${START}\nstore<i32>(mine(), 1);\ndone++;\n${END}\nreturn done;\n}`,
    [],
  ],
  [
    'not a count of tries, in front of start()',
    f(
      '',
      'let tried = 0;',
      'if (rseq.restart()) tried++;',
      'if (tried > 3) return;',
      'rseq.start();',
      'store<i32>(mine(), 1);',
      END,
    ),
    [],
  ],
  [
    'not the counter of a loop around the section',
    f('n: i32', 'for (let i = 0; i < n; i++) {', START, 'store<i32>(mine() + i * 4, i);', END, '}'),
    [],
  ],
];

describe.each([
  ['commit-not-last', COMMIT_NOT_LAST],
  ['two-commits', TWO_COMMITS],
  ['stale-cpu-id', STALE_CPU_ID],
  ['stale-percpu-value', STALE_PERCPU_VALUE],
  ['early-store', EARLY_STORE],
  ['restart-skips-init', RESTART_SKIPS_INIT],
] as const)('%s is', (_rule, cases) => {
  test.each(cases)('%s', async (_law, body, found) => {
    expect(await places(body)).toEqual(found.map(expectedPlace));
  });
});

/** Line 1 stands for the line of `mine`, in HEAD. */
function expectedPlace(place: string): string {
  return place.startsWith('1: ') ? place.replace('1', `${5 - HEAD_LINES}`) : place;
}

const PRIMITIVES: readonly (readonly [name: string, body: string])[] = [
  ['a counter', f('n: i32', START, 'const p = mine();', 'store<i32>(p, load<i32>(p) + n);', END)],
  [
    'a counter in two halves: nothing is there yet',
    f(
      '',
      START,
      'const p = mine();',
      'if (load<i32>(p) == 0) store<i32>(p, 1);',
      'else store<i32>(p, load<i32>(p) + 1);',
      END,
    ),
  ],
  [
    'a list push',
    f(
      'node: usize',
      START,
      'const p = mine();',
      'store<usize>(node, load<usize>(p));',
      'store<usize>(p, node);',
      END,
    ),
  ],
  [
    'a list push whose node gets its data',
    f(
      'node: usize, n: i32',
      START,
      'const p = mine();',
      'store<i32>(node, n, 4);',
      'store<usize>(node, load<usize>(p));',
      'store<usize>(p, node);',
      END,
    ),
  ],
  [
    'a queue with two ends',
    f(
      'node: usize',
      START,
      'const p = mine();',
      'const tail = load<usize>(p, 4);',
      'store<usize>(node, 0);',
      'if (tail == 0) store<usize>(p, node);',
      'else store<usize>(tail, node);',
      'store<usize>(p, node, 4);',
      END,
    ),
  ],
  [
    "tcmalloc's push",
    `function f(item: u32, size: usize): bool {\n${START}\nconst header = mine() + size * 4;\nconst current = load<u16>(header);\nif (current >= load<u16>(header, 2)) return false;\nstore<u32>(mine() + <usize>current * 4, item);\nstore<u16>(header, current + 1);\n${END}\nreturn true;\n}`,
  ],
  [
    "tcmalloc's batch of pops",
    `function f(batch: usize, n: u32): u32 {\n${START}\nconst p = mine();\nconst current = load<u32>(p);\nconst k = min(n, current);\nfor (let i: u32 = 0; i < k; i++) store<u32>(batch + (i << 2), load<u32>(p + ((current - i) << 2)));\nstore<u32>(p, current - k);\n${END}\nreturn k;\n}`,
  ],
  [
    "tcmalloc's batch of pushes",
    `function f(batch: usize, n: u32): u32 {\n${START}\nconst p = mine();\nconst current = load<u32>(p);\nconst k = min(n, 15 - current);\nif (k == 0) return 0;\nlet to = p + ((current + 1) << 2);\nfor (let i: u32 = 0; i < k; i++) { store<u32>(to, load<u32>(batch + (i << 2))); to += 4; }\nstore<u32>(p, current + k);\n${END}\nreturn k;\n}`,
  ],
  [
    'an RCU reader, on counters of the period it has found',
    f(
      '',
      'const period = load<usize>(events);',
      START,
      'const p = mine() + period * 8;',
      'store<i32>(p, load<i32>(p) + 1);',
      END,
    ),
  ],
  [
    'a list pop',
    `function f(): usize {\n${START}\nconst p = mine();\nconst node = load<usize>(p);\nif (node == 0) return 0;\nstore<usize>(p, load<usize>(node));\n${END}\nreturn node;\n}`,
  ],
  [
    'an array stack push',
    `function f(item: i32): bool {\n${START}\nconst p = mine();\nconst top = load<usize>(p);\nif (top == 15) return false;\nstore<i32>(p + 4 + top * 4, item);\nstore<usize>(p, top + 1);\n${END}\nreturn true;\n}`,
  ],
  [
    'an array stack pop',
    `function f(): i32 {\n${START}\nconst p = mine();\nconst top = load<usize>(p);\nif (top == 0) return -1;\nconst item = load<i32>(p + top * 4);\nstore<usize>(p, top - 1);\n${END}\nreturn item;\n}`,
  ],
  [
    'a pointer that is bumped',
    f(
      'item: i32',
      START,
      'const p = mine();',
      'const top = load<usize>(p);',
      'store<i32>(top, item);',
      'store<usize>(p, top + 4);',
      END,
    ),
  ],
  [
    'a ring: the slot, then the index',
    f(
      'item: i32',
      START,
      'const p = mine();',
      'const at = load<u32>(p, 4);',
      'if (at - load<u32>(p) == 8) return;',
      'store<i32>(p + 8 + ((at & 7) << 2), item);',
      'store<u32>(p, at + 1, 4);',
      END,
    ),
  ],
  [
    'a ring whose slot has two words',
    f(
      'a: i32, b: i32',
      START,
      'const p = mine();',
      'const at = load<u32>(p);',
      'const slot = p + 8 + ((at & 7) << 3);',
      'store<i32>(slot, a);',
      'store<i32>(slot, b, 4);',
      'store<u32>(p, at + 1);',
      END,
    ),
  ],
  [
    'a buffer that is copied to word by word',
    f(
      'from: usize, n: usize',
      START,
      'const p = mine();',
      'const to = p + 8 + load<usize>(p);',
      'for (let i: usize = 0; i < n; i += 4) store<u32>(to + i, load<u32>(from + i));',
      'store<usize>(p, load<usize>(p) + n);',
      END,
    ),
  ],
  [
    'a buffer that is copied to at once',
    f(
      'from: usize, n: usize',
      START,
      'const p = mine();',
      'const at = load<usize>(p);',
      'memory.copy(p + 8 + at, from, n);',
      'store<usize>(p, at + n);',
      END,
    ),
  ],
  [
    'a buffer whose pointers run along',
    f(
      'from: usize, end: usize',
      START,
      'const p = mine();',
      'let to = p + 8 + load<usize>(p);',
      'let at = from;',
      'while (at < end) { store<u32>(to, load<u32>(at)); to += 4; at += 4; }',
      'store<usize>(p, load<usize>(p) + end - from);',
      END,
    ),
  ],
  [
    'a spin lock',
    f('', START, 'const p = mine();', 'while (load<i32>(p) != 0) {}', 'store<i32>(p, 1);', END),
  ],
  [
    'a lock that is tried again',
    f(
      '',
      'let p: usize = 0, found = 0;',
      'do {',
      START,
      'p = mine();',
      'found = load<i32>(p);',
      'if (found == 0) store<i32>(p, 1);',
      END,
      '} while (found != 0);',
      'store<i32>(p, load<i32>(p, 4) + 1, 4);',
      'store<i32>(p, 0);',
    ),
  ],
  [
    'cmpeqv_storev',
    `function f(v: usize, expect: usize, newv: usize, cpu: i32): i32 {\nif (rseq.restart()) return -1;\nrseq.start();\nif (rseq.cpuId() != cpu) return -1;\nif (load<usize>(v) != expect) return 1;\nstore<usize>(v, newv);\n${END}\nreturn 0;\n}`,
  ],
  [
    'cmpeqv_trystorev_storev',
    `function f(v: usize, expect: usize, v2: usize, newv2: usize, newv: usize, cpu: i32): i32 {\nif (rseq.restart()) return -1;\nrseq.start();\nif (rseq.cpuId() != cpu) return -1;\nif (load<usize>(v) != expect) return 1;\nstore<usize>(v2, newv2);\nstore<usize>(v, newv);\n${END}\nreturn 0;\n}`,
  ],
  [
    'cmpeqv_trystorev_storev on an array, prepared outside',
    `function f(item: usize): i32 {\nconst cpu = rseq.cpuId();\nconst p = slots + <usize>cpu * 64;\nconst at = load<usize>(p);\nif (rseq.restart()) return -1;\nrseq.start();\nif (rseq.cpuId() != cpu) return -1;\nif (load<usize>(p) != at) return 1;\nstore<usize>(p + 4 + at * 4, item);\nstore<usize>(p, at + 1);\n${END}\nreturn 0;\n}`,
  ],
  [
    'cmpnev_storeoffp_load',
    `function f(v: usize, not: usize, offset: usize, out: usize, cpu: i32): i32 {\nif (rseq.restart()) return -1;\nrseq.start();\nif (rseq.cpuId() != cpu) return -1;\nconst r = load<usize>(v);\nif (r == not) return 1;\nstore<usize>(out, r);\nstore<usize>(v, load<usize>(r + offset));\n${END}\nreturn 0;\n}`,
  ],
  [
    'a reference count',
    `function f(): i32 {\n${START}\nconst p = mine();\nconst n = load<i32>(p) - 1;\nstore<i32>(p, n);\n${END}\nreturn n;\n}`,
  ],
  [
    'a counter in a class',
    `@unmanaged class Counter { n: i32; sum: i32; }\n${f('', START, 'const c = changetype<Counter>(mine());', 'c.n = c.n + 1;', END)}`,
  ],
];

describe('nothing is found in', () => {
  test.each(PRIMITIVES)('%s', async (_name, body) => {
    expect(await places(body)).toEqual([]);
  });

  const SHIPPED = ['examples/counter', 'examples/two-modules', 'examples/wordcount', 'bench/guests']
    .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))
    .concat('examples/param-test/main.ts');

  test.each(SHIPPED)('%s', async (file) => {
    expect(await lintProgram(file)).toEqual([]);
  });
});

describe('a finding', () => {
  const STALE = f('', 'const p = mine();', START, 'store<i32>(p, load<i32>(p, 4) + 1);', END);

  test('names file, line, rule, function, what it found and the other place', async () => {
    const body = TWO_COMMITS[0]?.[1] ?? '';
    const [finding] = await lintBody(body);

    expect(formatFinding(finding as Finding)).toBe(
      'guest.ts:4: two-commits: guest/f: a store before the commit in line ' +
        `${5 + HEAD_LINES} that can be seen by itself: an interruption between them leaves half of the operation`,
    );
  });

  test('is silenced by the name of its rule', async () => {
    expect(await lintBody(STALE, ['stale-cpu-id'])).toEqual([]);
    expect(await lintBody(STALE, ['two-commits'])).toHaveLength(1);
  });

  const ALLOW = '// rseq-lint-allow early-store';
  const EARLY = ['store<i32>(events, 1);', 'store<i32>(mine(), 1);', END];

  test.each([
    ['on its line', f('', START, `${EARLY[0]} ${ALLOW}`, ...EARLY.slice(1))],
    ['on the line before', f('', START, `${ALLOW}: a hint for the monitor`, ...EARLY)],
    ['on the line of start()', f('', `${START} ${ALLOW}`, 'load<i32>(events);', ...EARLY)],
    ['with other rules', f('', START, `${ALLOW}, two-commits`, ...EARLY)],
  ])('is silenced by a comment %s', async (_where, body) => {
    expect(await places(body)).toEqual([]);
  });

  test.each([
    ['of another rule', f('', START, '// rseq-lint-allow two-commits', ...EARLY), 4],
    ['somewhere else', f('', ALLOW, START, 'load<i32>(events);', ...EARLY), 5],
  ])('is not silenced by a comment %s', async (_what, body, line) => {
    expect(await places(body)).toEqual([`${line}: early-store`]);
  });

  test('is there once where a helper is inlined twice, by function', async () => {
    const helper = `@inline function add(p: usize): void { ${START} store<i32>(p, 1); store<i32>(p, 2, 4); ${END} }`;

    const found = await lintBody(`${helper}\n${f('p: usize', 'add(p);', 'add(p + 64);')}`);

    expect(found.map(({ rule, line }) => `${line}: ${rule}`)).toEqual(['1: two-commits']);
  });

  test('stands where the source says, and in that order', async () => {
    const body = [EARLY_STORE[0]?.[1], STALE_CPU_ID[1]?.[1].replace('f(', 'g(')].join('\n');

    expect(await places(body)).toEqual(['3: early-store', '9: stale-cpu-id']);
  });
});

describe('a rule that is not there', () => {
  const KNOWN = new RegExp(Object.keys(RULES).join(', '));

  test('is refused as an option', async () => {
    const lint = lintBody(f('', START, 'store<i32>(mine(), 1);', END), ['no-such-rule']);

    await expect(lint).rejects.toThrow(/no-such-rule must be one of/);
    await expect(lint).rejects.toThrow(KNOWN);
  });

  test.each(['no-such-rule', ''])('is refused in a comment: "%s"', async (name) => {
    const lint = lintBody(f('', START, `store<i32>(mine(), 1); // rseq-lint-allow ${name}`, END));

    await expect(lint).rejects.toThrow(/guest.ts:\d+: rseq-lint-allow .* must be one of/);
    await expect(lint).rejects.toThrow(KNOWN);
  });
});

/** What asc makes of `body` by itself: labels are calls. */
function finished(body: string): Uint8Array {
  const source = `${HEAD}${body}\nexport { f };\nexport function main(): i32 { return 0; }`;
  const folder = dirname(writeGuest(source));
  const link = join(folder, 'node_modules/wasm-rseq');
  mkdirSync(dirname(link), { recursive: true });
  // One of an earlier run may lead to a checkout that is gone.
  rmSync(link, { force: true });
  symlinkSync(resolve('.'), link);
  const options = '--config none.json --debug --exportTable --runtime stub --outFile guest.wasm';
  const asc = resolve('node_modules/assemblyscript/bin/asc.js');
  execFileSync(process.execPath, [asc, 'guest.ts', ...options.split(' ')], { cwd: folder });
  return new Uint8Array(readFileSync(join(folder, 'guest.wasm')));
}

describe('a finished module', () => {
  test('is looked at too, without lines', async () => {
    const findings = await lintModule(finished(TWO_COMMITS[0]?.[1] ?? ''));

    expect(findings.map(({ rule, file }) => [rule, file])).toEqual([['two-commits', '']]);
    expect(formatFinding(findings[0] as Finding)).toMatch(/^two-commits: .*f: a store/);
  });

  test('gets its locals back, so it may initialise them in front of restart()', async () => {
    expect(await lintModule(finished(RESTART_SKIPS_INIT[1]?.[1] ?? ''))).toEqual([]);
  });

  test('is refused when its labels are gone', async () => {
    const { wasm } = await compileSource(`${HEAD}export function main(): i32 { return 0; }`);

    await expect(lintModule(wasm)).rejects.toThrow(/instrumented already/);
  });
});
