// The Machine contract, run on real Wasm: the six programs as a guest, every build of it.

import { instantiate, loadModule } from '../../src/host/loader.js';
import type { CompileOptions } from '../../src/toolchain/index.js';
import { bootProgram, compileSource } from '../guests/compile.js';
import { HANDLER_SYSNO, machineContract, SYSNO } from './machine.case.js';

const SOURCE = `import { printNumber, rseq } from 'wasm-rseq/assembly';
import { syscall } from 'wasm-rseq/assembly/sys';
let cell: usize = memory.data(64, 16);
function returnArgument(n: usize): i32 { return <i32>n; }
function spin(n: usize): i32 {
  let turns = 0;
  while (turns < <i32>n) turns++;
  return turns;
}
function callSystem(n: usize): i32 { return syscall(${SYSNO}, <i32>n, -1, 2, 3, 4, 5); }
function section(n: usize): i32 {
  const r10 = rseq.restart();
  rseq.start();
  store<i32>(cell, load<i32>(cell) + 1);
  rseq.end();
  return r10;
}
function trap(n: usize): i32 { if (load<i32>(cell, 32) == 0) unreachable(); return 0; }
function handler(signo: i32): void { syscall(${HANDLER_SYSNO}, signo, 0, 0, 0, 0, 0); }
type ThreadFunction = (n: usize) => i32;
export function main(): i32 {
  let f: ThreadFunction = returnArgument; printNumber(f.index);
  f = spin; printNumber(f.index);
  f = callSystem; printNumber(f.index);
  f = section; printNumber(f.index);
  f = trap; printNumber(f.index);
  const h: (signo: i32) => void = handler; printNumber(h.index);
  return 0;
}`;

const BUILDS: readonly CompileOptions[] = [
  { metering: 'instruction', optimizeLevel: 3 },
  { metering: 'instruction', optimizeLevel: 0 },
  { metering: 'block', optimizeLevel: 3 },
  { metering: 'instruction', optimizeLevel: 3, resume: 'asyncify' },
  { metering: 'block', optimizeLevel: 0, resume: 'asyncify' },
];

for (const build of BUILDS) {
  const program = await compileSource(SOURCE, build);
  const host = await bootProgram(program);
  host.run();
  const [returnArgument = 0, spin = 0, callSystem = 0, entry = 0, trap = 0, handler = 0] =
    host.printed.map(Number);
  const [range] = host.map.sections;
  if (range === undefined) throw new Error('the guest has a section');
  const section = { entry, start: range.start, end: range.end, restart: range.restart };
  const module = await loadModule(program.wasm as BufferSource);

  machineContract({
    name: `WasmMachine, ${build.metering} metering, -O${build.optimizeLevel}, ${build.resume ?? 'frames'}`,
    newMachine: () => ({
      machine: instantiate([module], 64, [program.sourceMap]).machine,
      programs: { returnArgument, spin, callSystem, section, trap, handler },
    }),
    skip: [
      {
        reason: 'a thread runs on to its next interruption point before it asks for fuel',
        tests: ['a run that is interrupted has used exactly the fuel it was granted'],
      },
    ],
  });
}
