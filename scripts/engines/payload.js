// What every engine is asked to do. Plain ESM that imports nothing of Node: the law suite, every program of the
// manifest, and the hot path.

import { createHost } from 'wasm-rseq';
import { check } from 'wasm-rseq/check';
import {
  newMachineHost,
  runProgram as runContractProgram,
} from '../../tests/contract/machine-host.js';
import { runContractSuite } from '../../tests/contract/runner.js';

const ROUNDS = 9;
const WARM_UPS = 2;
/** Most instructions of a run that is repeated. */
const REPEATED_FUEL = 1e6;
/** Longest slice there is: nothing is preempted. */
const NO_PREEMPTION = { scheduler: 'round-robin', quantum: 2 ** 29, fuelLimit: 2 ** 50 };

/**
 * engine: what the payload gets from where it runs.
 *   manifest                  as prepare.js writes it
 *   readModule(name)          a module of the payload, compiled
 *   readBytes(name)           a file of the payload
 *   contract                  { readText, readModule } of the contract suite
 *   pause()                   gives way to the engine, which optimises behind the program's back
 *   now()                     milliseconds from no particular moment
 */
export async function runPayload({ readModule, contract, ...ports }) {
  const engine = {
    ...ports,
    readModule: once(readModule),
    contract: { ...contract, readModule: once(contract.readModule) },
  };
  const laws = await runLaws(engine.contract);
  const programs = [];
  for (const program of engine.manifest.programs) programs.push(await runProgram(program, engine));
  return { laws, programs, ...(await measureLoop(engine)) };
}

/** What is read again is the same module, compiled once. */
function once(readModule) {
  const modules = new Map();
  return (name) => {
    const module = modules.get(name) ?? readModule(name);
    modules.set(name, module);
    return module;
  };
}

/** The contract suite, on a plain host and on ours. */
async function runLaws(contract) {
  const plain = await runContractSuite(contract);
  const ours = await runContractSuite({
    ...contract,
    newHost: newMachineHost,
    runProgram: runContractProgram,
  });
  return {
    passed: plain.passed + ours.passed,
    failed: plain.failed + ours.failed,
    failures: [...plain.failures, ...ours.failures],
  };
}

/** `name`, `digest` of all there is to see of it, and of that `seen`, what a person would want to compare. */
async function runProgram(program, engine) {
  const outcome =
    program.kind === 'check' ? await checkOnce(program, engine) : await runTwice(program, engine);
  const { seen, ...rest } = outcome;
  return { name: program.name, digest: await sha256(JSON.stringify([seen, rest])), seen };
}

/** Run, and unless that is long, run again by the schedule of the first: that is the same run. */
async function runTwice(program, engine) {
  const first = await runOnce(program, engine);
  if (first.seen.fuel > REPEATED_FUEL) return first;
  const again = await runOnce(program, engine, { schedule: first.schedule });
  return { ...first, isRepeated: JSON.stringify(again) === JSON.stringify(first) };
}

async function runOnce({ wasm, host, stdin, files }, engine, more = {}) {
  const output = [];
  const named = {};
  for (const [path, name] of Object.entries(files)) named[path] = await engine.readBytes(name);
  const booted = await createHost({
    wasm: await Promise.all(wasm.map((name) => engine.readModule(name))),
    files: named,
    ...(stdin !== undefined && { stdin: await engine.readBytes(stdin) }),
    onOutput: (fd, bytes) => output.push(fd, ...bytes),
    ...host,
    ...more,
  });
  const { schedule, failure, ...counts } = booted.run();
  return { seen: { ...counts, failure: inOurWords(failure) }, schedule, output };
}

/** Why and where a module trapped is told in the engine's words, as far as it knows; the signal is ours. */
function inOurWords(failure) {
  if (failure?.kind !== 'signal') return failure;
  const { kind, signal, tid } = failure;
  return { kind, signal, tid };
}

async function checkOnce({ wasm, check: options }, engine) {
  const [name] = wasm;
  const {
    seconds: _,
    schedule,
    steps,
    finalStates,
    ...seen
  } = await check(await engine.readModule(name), options);
  return { seen, schedule, steps, finalStates };
}

/**
 * Nanoseconds of a turn of the counter, as a section under the host and as plain Wasm by itself, and their ratio: the
 * median over rounds in which both take turns.
 */
async function measureLoop(engine) {
  const { turns, ...modules } = engine.manifest.loop;
  const ways = [
    { run: runSection, module: await engine.readModule(modules.section) },
    { run: runPlain, module: await engine.readModule(modules.plain) },
  ].map((way) => ({ ...way, times: [] }));
  for (let round = -WARM_UPS; round < ROUNDS; round++) {
    for (const { run, module, times } of ways) {
      const nanoseconds = await timed(engine, await run(module, turns));
      if (round >= 0) times.push(nanoseconds / turns);
    }
  }
  const [section, plain] = ways.map(({ times }) => times);
  return {
    nsSection: median(section),
    nsPlain: median(plain),
    ratio: median(section.map((time, round) => time / plain[round])),
  };
}

async function timed({ pause, now }, work) {
  await pause();
  const start = await now();
  work();
  return ((await now()) - start) * 1e6;
}

async function runSection(wasm, turns) {
  const args = ['section', 'latency', `${turns}`];
  const host = await createHost({ wasm, args, ...NO_PREEMPTION });
  return () => requireSuccess(host.run().ok);
}

/** Its imports are what bench/guests/machine-plain.ts declares. */
async function runPlain(module, turns) {
  const args = ['unprotected', 'latency', `${turns}`];
  const argument = (index, buffer, size) => {
    const bytes = new TextEncoder().encode(args[index] ?? '');
    new Uint8Array(instance.exports.memory.buffer).set(bytes.subarray(0, size), buffer);
    return bytes.length;
  };
  const machine = { argument, read: () => 0, report: () => {} };
  const instance = new WebAssembly.Instance(module, { env: { abort: () => {} }, machine });
  return () => requireSuccess(instance.exports.main() === 0);
}

function requireSuccess(isOk) {
  if (!isOk) throw new Error('the loop has counted wrong');
}

function median(values) {
  return [...values].sort((a, b) => a - b)[values.length >> 1];
}

async function sha256(text) {
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
