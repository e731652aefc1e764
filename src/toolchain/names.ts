// Names inside an instrumented module: its registers, and the functions that stand between a program
// and the host.

import { EXPORT_FUEL, EXPORT_LOAD_BIAS, EXPORT_SECTIONS_ENTERED } from '../abi/module.js';

export const FUEL = 'rseq.fuel';
export const TP = 'rseq.tp';
export const R10 = 'rseq.r10';
export const CX = 'rseq.cx';
export const DX = 'rseq.dx';
export const GS = 'rseq.gs';
/** What is added to an address of the code map when there are other modules. */
export const LOAD_BIAS = 'rseq.load_bias';
/** Address of the sections' descriptors in memory, 0 until the program has given one. */
export const DESCRIPTORS = 'rseq.descriptors';
export const SECTIONS_ENTERED = 'rseq.sections_entered';
/** point(ip) -> ip: interrupt, and run the handlers of signals that came meanwhile. */
export const POINT = 'rseq.point';
/** section_point(ip) -> 0, or what restart() is to return: the thread has been redirected. */
export const SECTION_POINT = 'rseq.section_point';
/** syscall(ip, number, a1..a6) -> result, with the handlers of signals that came meanwhile. */
export const SYSCALL = 'rseq.syscall';
/** grow(pages) -> pages before, or -1: memory.grow as the guest sees it. */
export const GROW = 'rseq.grow';

export const SIGNAL_HANDLER = 'rseq.signal_handler';
export const SIGNAL_NUMBER = 'rseq.signal_number';
/** The registers of a thread that the host sets at the start of every run. */
export const REGISTERS: readonly string[] = [TP, GS, R10, CX, DX, SIGNAL_HANDLER, SIGNAL_NUMBER];
/** The globals that the host sees, by internal name, and what they are exported as. */
export const EXPORTED: ReadonlyMap<string, string> = new Map([
  [FUEL, EXPORT_FUEL],
  [LOAD_BIAS, EXPORT_LOAD_BIAS],
  [SECTIONS_ENTERED, EXPORT_SECTIONS_ENTERED],
]);

/** Globals of the contract: not memory that threads share. */
export const CONTRACT_STATE: ReadonlySet<string> = new Set([
  ...REGISTERS,
  ...EXPORTED.keys(),
  DESCRIPTORS,
]);

/** accessed(address, access): write it down for the host, if that wants to know. */
export const ACCESSED = 'rseq.accessed';

/** enter(function, argument) -> status: a thread from its beginning. */
export const ENTER = 'rseq.enter';
/** interrupt(ip) -> ip: suspend the thread at the interruption point `ip`. */
export const INTERRUPT = 'rseq.interrupt';
/** system_call(ip, number, a1..a6) -> result: suspend it for a system call. */
export const SYSTEM_CALL = 'rseq.system_call';
