// What becomes of a mutant: compiled as its subject is, checked as its subject is, and told from it.

import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { check } from '../../dist/check/index.js';
import { compileProgram, ToolchainError } from '../../dist/toolchain/index.js';
import { EQUIVALENT, MISSED } from './known.js';
import { mutantsOf } from './mutants.js';
import { read, ROOT } from './subjects.js';

const FOLDER = join(ROOT, '.cache/mutate');
const LIMITS = { maxSeconds: 20, maxStates: 2e6 };

/** Where a search never ends, because something grows: runs with few preemptions only. */
const PREEMPTIONS = 3;

/** Sections of a module that say where code came from, not what it does. */
const PROVENANCE = ['name', 'sourceMappingURL'];

/**
 * The fate of every mutant of a subject: `refused` by the compiler, `killed` by the checker, `equivalent`
 * to the subject, or else `survived`; and why. Errors: the subject itself is not proven.
 */
export async function tryMutants(subject, onProgress = () => {}) {
  const text = read(subject.file);
  const originals = [];
  for (const program of subject.programs(text)) {
    const wasm = await compile(program, subject.settings);
    const proof = await checked(subject, wasm);
    if (proof.verdict !== 'proven') {
      throw new Error(`${subject.file} is ${proof.verdict}: ${reasonOf(proof)}`);
    }
    originals.push({ wasm, proof });
  }
  const mutants = mutantsOf(text);
  const trials = [];
  for (const mutant of mutants) {
    onProgress(trials.length, mutants.length);
    const { fate, reason } = await fateOf(subject, mutant, originals);
    const id = `${subject.name} ${mutant.name}`;
    const place = { id, operator: mutant.operator, file: subject.file, line: mutant.line };
    trials.push({ ...place, ...(fate === 'survived' ? known(id, reason) : { fate, reason }) });
  }
  return trials;
}

function known(id, reason) {
  if (EQUIVALENT.has(id)) return { fate: 'equivalent', reason: EQUIVALENT.get(id) };
  return { fate: 'survived', reason: MISSED.get(id) ?? reason };
}

/** Of several programs, one that kills it is enough; it is equivalent when it is in all of them. */
async function fateOf(subject, mutant, originals) {
  let fate;
  for (const [index, program] of subject.programs(mutant.text).entries()) {
    fate = await fateIn(subject, program, mutant.excuse, originals[index], fate);
    if (fate.fate === 'refused' || fate.fate === 'killed') return fate;
  }
  return fate;
}

/** before: its fate in the programs before. */
async function fateIn(subject, program, excuse, original, before) {
  let wasm;
  try {
    wasm = await compile(program, subject.settings);
  } catch (error) {
    if (!(error instanceof ToolchainError)) throw error;
    return { fate: 'refused', reason: error.message.split('\n').find((line) => line !== '') };
  }
  if (codeOf(wasm).equals(codeOf(original.wasm))) {
    return before ?? { fate: 'equivalent', reason: 'the same code' };
  }
  const result = await checked(subject, wasm);
  if (result.verdict === 'violated') return { fate: 'killed', reason: reasonOf(result) };
  const isSame = `${result.finalStates}` === `${original.proof.finalStates}`;
  if (
    result.verdict === 'proven' &&
    isSame &&
    excuse !== undefined &&
    before?.fate !== 'survived'
  ) {
    return { fate: 'equivalent', reason: excuse };
  }
  return { fate: 'survived', reason: reasonOf(result) };
}

async function compile(program, { abi = 'turner' }) {
  const files = Object.entries(program);
  const digest = createHash('sha256').update(JSON.stringify(files)).digest('hex').slice(0, 16);
  const folder = join(FOLDER, digest);
  mkdirSync(folder, { recursive: true });
  for (const [name, contents] of files) writeFileSync(join(folder, name), contents);
  const { wasm } = await compileProgram(join(folder, 'program.ts'), {
    metering: 'instruction',
    abi,
    optimizeLevel: 3,
    cacheFolder: join(FOLDER, 'cache'),
  });
  return wasm;
}

async function checked({ settings: { cpus, signals = 0, preemptions } }, wasm) {
  const bound = preemptions === undefined ? {} : { preemptions };
  const options = { cpus, signals, ...bound, ...LIMITS };
  const result = await check(wasm, options);
  // No run that fails, and none that ends either.
  const isEndless = result.verdict === 'proven' && result.finalStates.length === 0;
  if (isEndless) return check(wasm, { cpus, signals, liveness: true, ...LIMITS });
  if (result.verdict !== 'incomplete') return result;
  const bounded = await check(wasm, { ...options, preemptions: PREEMPTIONS });
  return bounded.verdict === 'violated' ? bounded : result;
}

function reasonOf({ verdict, reason, failure }) {
  return failure?.message ?? (reason === undefined ? verdict : `${verdict}: ${reason}`);
}

/** A module without its provenance: a section is an id, a size, and, of custom ones, a name. */
function codeOf(wasm) {
  const bytes = Buffer.from(wasm);
  const parts = [];
  for (let at = 8; at < bytes.length; ) {
    const size = unsigned(bytes, at + 1);
    const end = size.end + size.value;
    if (bytes[at] !== 0 || !PROVENANCE.includes(nameAt(bytes, size.end))) {
      parts.push(bytes.subarray(at, end));
    }
    at = end;
  }
  return Buffer.concat(parts);
}

function nameAt(bytes, at) {
  const { value, end } = unsigned(bytes, at);
  return bytes.toString('utf8', end, end + value);
}

/** LEB128. */
function unsigned(bytes, at) {
  let value = 0;
  for (let shift = 0, end = at; ; shift += 7) {
    const byte = bytes[end++];
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return { value, end };
  }
}
