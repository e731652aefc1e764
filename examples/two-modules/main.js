#!/usr/bin/env node
// Two instrumented modules in one memory and under one kernel, each with a section of its own: what
// the RFC's one region per process refuses, and what the ABI that Linux took allows.
// Exit status: 0 as the ABIs promise, 1 otherwise.

import { fileURLToPath } from 'node:url';
import { createHost } from 'wasm-rseq';
import { compileProgram } from 'wasm-rseq/toolchain';

const ROUNDS = 500;
const EBUSY = 16;
/** Where the data of each module begins; the first page is for what they share. */
const MEMORY_BASES = { 'first.ts': 0x10000, 'second.ts': 0x40000 };

/** What second.ts gets from register(), and what both have counted in the end. */
const PROMISES = {
  turner: [-EBUSY, ROUNDS],
  linux: [0, 2 * ROUNDS],
};

process.exitCode = 0;
for (const [abi, promise] of Object.entries(PROMISES)) {
  const [registered, counted] = await run(abi);
  const isKept = registered === promise[0] && counted === promise[1];
  if (!isKept) process.exitCode = 1;
  const outcome = registered === 0 ? 'registered' : `errno ${-registered}`;
  console.log(`${abi.padEnd(6)}  second module: ${outcome}, counted ${counted} of ${promise[1]}`);
}

/** The numbers that the two programs print. */
async function run(abi) {
  const modules = [];
  for (const file of Object.keys(MEMORY_BASES)) modules.push(await compile(file, abi));
  const printed = [];
  const host = await createHost({
    wasm: modules.map(({ wasm }) => wasm),
    sourceMap: modules.map(({ sourceMap }) => sourceMap),
    cpus: 2,
    quantum: 41,
    onOutput: (_fd, bytes) => printed.push(Number(new TextDecoder().decode(bytes))),
  });
  const { failure } = host.run();
  if (failure !== undefined) throw new Error(failure.message);
  return printed;
}

function compile(file, abi) {
  const path = fileURLToPath(new URL(file, import.meta.url));
  return compileProgram(path, {
    abi,
    ascArguments: ['--memoryBase', String(MEMORY_BASES[file])],
  });
}
