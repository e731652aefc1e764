// The generated functions of the module contract: what stands between a program and the host. They are
// added after metering and are not metered themselves.

import {
  EXPORT_GLOBAL,
  IMPORT_SYSCALL,
  MEMORY_MODULE,
  MEMORY_NAME,
  RSEQ_MODULE,
  UNWIND_PAGES,
} from '../abi/module.js';
import { ABI_NAMES, type AbiName } from '../abi/code-map.js';
import { Sysno } from '../abi/syscall.js';
import { programGlobals } from './access.js';
import type { DataSegment, Module, Ref } from './binaryen.js';
import { type Ir, ToolchainError } from './ir.js';
import {
  DESCRIPTORS,
  ENTER,
  EXPORTED,
  GS,
  INTERRUPT,
  LOAD_BIAS,
  POINT,
  REGISTERS,
  SECTION_POINT,
  SIGNAL_HANDLER,
  SIGNAL_NUMBER,
  SYSCALL,
  SYSTEM_CALL,
  TP,
} from './names.js';
import { loadArea, sectionAbi } from './section-abi.js';
import { addSuspension, type ResumeTransform } from './suspend.js';

const START = 'rseq.start_function';
/** Name under which asc is told to export its start function. */
export const EXPORTED_START = 'rseq_start';

/**
 * The registers of a thread, and what the program reads by imports that are one instruction each. All
 * are exported until the contract is complete: the optimiser must not take them for constants.
 */
export function addRegisters(ir: Ir, abi: AbiName): void {
  const { module, binaryen } = ir;
  for (const internal of [...REGISTERS, ...EXPORTED.keys()]) {
    module.addGlobal(internal, binaryen.i32, true, module.i32.const(0));
    module.addGlobalExport(internal, EXPORTED.get(internal) ?? internal);
  }
  const { cpuIdOffset } = sectionAbi(abi);
  ir.replaceImport(RSEQ_MODULE, 'tp', () => module.global.get(TP, binaryen.i32));
  ir.replaceImport(RSEQ_MODULE, 'gs', () => module.global.get(GS, binaryen.i32));
  ir.replaceImport(RSEQ_MODULE, 'load_bias', () => module.global.get(LOAD_BIAS, binaryen.i32));
  ir.replaceImport(RSEQ_MODULE, 'abi', () => module.i32.const(ABI_NAMES.indexOf(abi)));
  ir.replaceImport(RSEQ_MODULE, 'cpu_id', () =>
    cpuIdOffset === undefined ? module.i32.const(0) : loadArea(ir, cpuIdOffset),
  );
}

const KEPT_TABLE = 'rseq.table';
const KEPT_MEMORY = 'rseq.memory';
/** 4 GiB. */
const MOST_PAGES = 65536;

/**
 * Keep what only the kernel uses, until the contract is complete: the functions that threads and
 * handlers are started with, and the memory.
 */
export function keepForKernel(ir: Ir): void {
  ir.module.addTableExport(tableName(ir), KEPT_TABLE);
  ir.module.addMemoryExport(memoryLimits(ir).name, KEPT_MEMORY);
}

/** Take the start function out of the module's start: it must run metered, as part of the program. */
export function takeStart(ir: Ir): void {
  const { module, binaryen } = ir;
  const start = module.getStart();
  if (start === 0) return;
  const { body, vars } = binaryen.getFunctionInfo(start);
  module.addFunction(START, binaryen.none, binaryen.none, vars, body);
  binaryen.Function.setBody(start, module.nop());
  // Nothing calls it before the contract is complete; exported, it is kept until then.
  module.addFunctionExport(START, EXPORTED_START);
}

/**
 * Nothing may run while the module is instantiated: metering gave the empty function an entry point.
 * The pass drops a start that does nothing.
 */
export function dropStart(ir: Ir): void {
  const start = ir.module.getStart();
  if (start === 0) return;
  ir.binaryen.Function.setBody(start, ir.module.nop());
  ir.module.runPasses(['remove-unused-module-elements']);
}

/** asc's abort(message, file, line, column) becomes a system call. */
export function replaceAbort(ir: Ir): void {
  const { module, binaryen } = ir;
  const { i32 } = binaryen;
  for (const name of ir.importNames('env', 'abort')) {
    module.removeFunction(name);
    // An AssemblyScript string is UTF-16 with its length in bytes in the word before it.
    const text = (local: number): Ref => module.local.get(local, i32);
    const bytes = (local: number): Ref =>
      module.if(text(local), load(ir, sub(ir, text(local), 4)), module.i32.const(0));
    const syscall = [...ir.importNames(RSEQ_MODULE, IMPORT_SYSCALL)][0] ?? declareSyscall(ir);
    const call = module.call(
      syscall,
      [module.i32.const(Sysno.Abort), text(0), bytes(0), text(1), bytes(1), text(2), text(3)],
      i32,
    );
    const params = ir.words(4);
    module.addFunction(
      name,
      params,
      binaryen.none,
      [],
      ir.sequence([module.drop(call), module.unreachable()]),
    );
  }
}

/** Give the host the program's variables that are not in memory. With instruction metering. */
export function exportGlobals(ir: Ir): void {
  [DESCRIPTORS, ...programGlobals(ir)].forEach((name, number) => {
    const { type } = ir.globals().get(name) as { type: number };
    // A vector cannot be read from outside.
    if (type !== ir.binaryen.v128) ir.module.addGlobalExport(name, `${EXPORT_GLOBAL}${number}`);
  });
}

/** The exports and generated functions. After metering, before the module is made resumable. */
export function completeContract(ir: Ir, abi: AbiName, transform: ResumeTransform): void {
  const { module } = ir;
  for (const name of ir.importNames(RSEQ_MODULE, IMPORT_SYSCALL)) module.removeFunction(name);
  addPoints(ir, abi);
  addSyscall(ir);
  addEnter(ir);
  addSuspension(ir, transform);
  for (const name of REGISTERS) module.removeExport(name);
  module.removeExport(KEPT_TABLE);
  module.removeExport(KEPT_MEMORY);
  if (exportedFunction(ir, EXPORTED_START) !== undefined) module.removeExport(EXPORTED_START);
  importMemory(ir);
}

function declareSyscall(ir: Ir): string {
  const { module, binaryen } = ir;
  const params = ir.words(7);
  module.addFunctionImport('rseq.abort_syscall', RSEQ_MODULE, IMPORT_SYSCALL, params, binaryen.i32);
  return 'rseq.abort_syscall';
}

/** result = call; while a signal waits { handler(number); result = rt_sigreturn }; result */
function withSignals(ir: Ir, ip: Ref, call: Ref, result: number, handler: number): Ref {
  const { module, binaryen } = ir;
  const { i32, none } = binaryen;
  const zeros = Array.from({ length: 6 }, () => module.i32.const(0));
  const sigreturn = [ip, module.i32.const(Sysno.RtSigreturn), ...zeros];
  const deliver = [
    module.global.set(SIGNAL_HANDLER, module.i32.const(0)),
    module.call_indirect(
      tableName(ir),
      module.local.get(handler, i32),
      [module.global.get(SIGNAL_NUMBER, i32)],
      i32,
      none,
    ),
    module.local.set(result, module.call(SYSTEM_CALL, sigreturn, i32)),
    module.br('signals'),
  ];
  const waiting = module.local.tee(handler, module.global.get(SIGNAL_HANDLER, i32), i32);
  const loop = module.loop('signals', module.if(waiting, module.block(null, deliver)));
  return ir.sequence([module.local.set(result, call), loop, module.local.get(result, i32)], i32);
}

function addPoints(ir: Ir, abi: AbiName): void {
  const { module, binaryen } = ir;
  const { i32 } = binaryen;
  const ip = (): Ref => module.local.get(0, i32);
  const interrupt = module.call(INTERRUPT, [ip()], i32);
  module.addFunction(POINT, i32, i32, [i32, i32], withSignals(ir, ip(), interrupt, 1, 2));
  const value = sectionAbi(abi).redirection(ir, ip, () => module.call(POINT, [ip()], i32));
  module.addFunction(SECTION_POINT, i32, i32, [i32], value);
}

function addSyscall(ir: Ir): void {
  const { module, binaryen } = ir;
  const { i32 } = binaryen;
  const params = ir.words(8);
  const args = Array.from({ length: 8 }, (_, index) => module.local.get(index, i32));
  const call = module.call(SYSTEM_CALL, args, i32);
  const body = withSignals(ir, module.local.get(0, i32), call, 8, 9);
  module.addFunction(SYSCALL, params, i32, [i32, i32], body);
}

/** enter(0, _) runs the start function and main; enter(f, a) calls table function f(a). */
function addEnter(ir: Ir): void {
  const { module, binaryen } = ir;
  const { i32 } = binaryen;
  const start = exportedFunction(ir, EXPORTED_START);
  const main = requireMain(ir);
  const prologue = start === undefined ? [] : [module.call(start, [], binaryen.none)];
  const runMain = ir.sequence([...prologue, module.call(main, [], i32)], i32);
  const callThread = module.call_indirect(
    tableName(ir),
    module.local.get(0, i32),
    [module.local.get(1, i32)],
    i32,
    i32,
  );
  const params = ir.words(2);
  // A signal may be there before the thread has run at all.
  const signals = module.drop(withSignals(ir, module.i32.const(0), module.i32.const(0), 2, 3));
  const call = module.if(module.local.get(0, i32), callThread, runMain);
  module.addFunction(ENTER, params, i32, [i32, i32], ir.sequence([signals, call], i32));
}

function requireMain(ir: Ir): string {
  const { binaryen } = ir;
  const main = exportedFunction(ir, 'main');
  if (main === undefined) {
    throw new ToolchainError(
      'no function is exported as main; write `export function main(): i32`',
    );
  }
  const { params, results } = binaryen.getFunctionInfo(ir.module.getFunction(main));
  if (params !== binaryen.none || results !== binaryen.i32) {
    throw new ToolchainError(
      'main must take nothing and return i32: `export function main(): i32`',
    );
  }
  return main;
}

/**
 * The host supplies the memory, so that it can bound it and keep its own pages at the end: a maximum
 * that the program declares is raised by those.
 */
function importMemory(ir: Ir): void {
  const { module } = ir;
  const { name, initial, maximum, shared } = memoryLimits(ir);
  if (maximum > 0) {
    const segments = dataSegments(module);
    const raised = Math.min(maximum + UNWIND_PAGES, MOST_PAGES);
    module.setMemory(initial, raised, null, segments, shared, false, name);
  }
  module.addMemoryImport(name, MEMORY_MODULE, MEMORY_NAME, shared);
}

/** Data that the program copies to where it wants it. */
export function addPassiveSegment(ir: Ir, name: string, data: Uint8Array): void {
  const { module } = ir;
  const { name: memory, initial, maximum, shared } = memoryLimits(ir);
  const segments = [...dataSegments(module), { name, data, passive: true, offset: 0 }];
  module.setMemory(initial, maximum === 0 ? -1 : maximum, null, segments, shared, false, memory);
}

function dataSegments(module: Module): DataSegment[] {
  return Array.from({ length: module.getNumDataSegments() }, (_, index) => {
    const info = module.getDataSegmentInfo(module.getDataSegmentByIndex(index));
    const { offset } = info;
    return {
      ...info,
      data: new Uint8Array(info.data),
      offset: info.passive ? 0 : module.i32.const(offset),
    };
  });
}

/** What the program declares. Errors: ToolchainError when it has no memory. */
export function memoryLimits(ir: Ir): {
  name: string;
  initial: number;
  maximum: number;
  shared: boolean;
} {
  const name = ir.memoryName();
  if (name === undefined) {
    throw new ToolchainError('the module has no memory; sections work on memory');
  }
  const info = ir.module.getMemoryInfo(name);
  return { name, initial: info.initial, maximum: info.max ?? 0, shared: info.shared };
}

function tableName(ir: Ir): string {
  const { module, binaryen } = ir;
  if (module.getNumTables() === 0) module.addTable(KEPT_TABLE, 1, 1);
  return binaryen.getTableInfo(module.getTableByIndex(0)).name;
}

function exportedFunction(ir: Ir, name: string): string | undefined {
  const { module, binaryen } = ir;
  for (let index = 0; index < module.getNumExports(); index++) {
    const info = binaryen.getExportInfo(module.getExportByIndex(index));
    if (info.name === name && info.kind === binaryen.ExternalFunction) return info.value;
  }
  return undefined;
}

function load(ir: Ir, address: Ref): Ref {
  return (ir.module.i32['load'] as (offset: number, align: number, ptr: Ref) => Ref)(0, 4, address);
}

function sub(ir: Ir, value: Ref, amount: number): Ref {
  return (ir.module.i32['sub'] as (a: Ref, b: Ref) => Ref)(value, ir.module.i32.const(amount));
}
