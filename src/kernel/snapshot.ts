// The state of a kernel as words, and back: what the threads share, and each thread for itself. Two
// states with the same words have the same future. So what nobody will read is not in it: statistics,
// the order of the run queues, registers that are written before they are read.

import { CpuSet } from './cpu-set.js';
import type { Registers } from './machine.js';
import { panic } from './panic.js';
import type { Process } from './process.js';
import type { Registration, RseqIds, SliceExtension } from './rseq/registration.js';
import type { SignalAction, SignalFrame, Suspension } from './signal-frame.js';
import { DEFAULT_ACTION } from './signal-frame.js';
import type { Thread } from './thread.js';
import { type FutexWait, type JoinWait, type SleepWait, type Wait, waiting } from './wait.js';
import type { WordReader, WordWriter } from './words.js';

const SUSPENSIONS: readonly Suspension[] = ['entry', 'interrupt', 'syscall', 'ended'];
const SLICE_EXTENSIONS: readonly SliceExtension[] = ['off', 'on', 'granted'];
const WAITS: readonly (Wait['kind'] | 'none')[] = ['none', 'futex', 'join', 'sleep'];

/** Which of the words of a thread that only some ABIs read are part of the state. */
export interface Relevance {
  readonly events: boolean;
  /** The thread has a CPU. */
  readonly isCurrent: boolean;
}

/**
 * Clear the registers of a thread that are written before they are read: r10, which a redirection
 * gives, and the result of a system call that was read long ago.
 */
function forgetDeadRegisters(thread: Thread): void {
  const { registers, suspension, point } = thread;
  if (registers.ip === point) registers.r10 = 0;
  if (suspension === 'interrupt' || suspension === 'entry') registers.ax = 0;
}

export function saveThread(thread: Thread, { events, isCurrent }: Relevance, to: WordWriter): void {
  forgetDeadRegisters(thread);
  to.word(thread.program);
  saveRegisters(thread.registers, to);
  to.word(thread.point);
  to.word(SUSPENSIONS.indexOf(thread.suspension));
  to.word(thread.cpu);
  to.word(events && isCurrent ? thread.concurrencyId : 0);
  to.flag(thread.notifyResume);
  to.word(events && thread.events !== 0 ? thread.events : 0);
  to.mask(thread.signalMask);
  to.address(thread.cpuPointer);
  saveCpuSet(thread.affinity, to);
  saveWait(thread.wait, to);
  saveExtras(thread, to);
}

/** All but the threads that wait for its end: `loadJoiners`. threadOf: any thread, also a later one. */
export function loadThread(
  thread: Thread,
  from: WordReader,
  threadOf: (tid: number) => Thread,
): readonly number[] {
  from.word();
  loadRegisters(thread.registers, from);
  thread.point = from.word();
  thread.suspension = item(SUSPENSIONS, from.word());
  thread.cpu = from.word();
  thread.concurrencyId = from.word();
  thread.notifyResume = from.flag();
  thread.events = from.word();
  thread.signalMask = from.mask();
  thread.cpuPointer = from.word();
  thread.affinity = loadCpuSet(from);
  thread.wait = loadWait(thread, from, threadOf);
  return loadExtras(thread, from);
}

/** The numbers of the threads that wait for its end, as `loadThread` returns them. */
export function takeJoiners({ extras }: Thread): readonly number[] {
  if (extras === undefined || extras.joiners.length === 0) return [];
  return extras.joiners.splice(0).map((joiner) => joiner.thread.tid);
}

/** program, the first word of a thread, of a reader that stands before it. */
export function programOf(from: WordReader): number {
  return from.next;
}

function saveRegisters(registers: Readonly<Registers>, to: WordWriter): void {
  to.word(registers.ip);
  to.word(registers.r10);
  to.word(registers.cx);
  to.word(registers.dx);
  to.word(registers.ax);
  to.address(registers.tp);
  to.word(registers.gs);
}

function loadRegisters(registers: Registers, from: WordReader): void {
  registers.ip = from.word();
  registers.r10 = from.word();
  registers.cx = from.word();
  registers.dx = from.word();
  registers.ax = from.word();
  registers.tp = from.word();
  registers.gs = from.word();
}

export function saveCpuSet(set: CpuSet, to: WordWriter): void {
  const { words } = set;
  let length = words.length;
  while (length > 0 && words[length - 1] === 0) length--;
  to.word(length);
  for (let at = 0; at < length; at++) to.word(words[at] as number);
}

export function loadCpuSet(from: WordReader): CpuSet {
  const set = new CpuSet();
  const { words } = set;
  const length = from.word();
  for (let at = 0; at < length; at++) words[at] = from.word();
  return set;
}

function saveWait(wait: Wait | undefined, to: WordWriter): void {
  to.word(WAITS.indexOf(wait?.kind ?? 'none'));
  if (wait === undefined) return;
  to.double(wait.deadline);
  switch (wait.kind) {
    case 'futex':
      to.word(wait.bitset);
      to.address(wait.key);
      break;
    case 'join':
      to.thread(wait.target?.tid ?? 0);
      to.address(wait.status);
      break;
    case 'sleep':
      to.address(wait.remaining);
      break;
    default:
      wait satisfies never;
  }
}

function loadWait(
  thread: Thread,
  from: WordReader,
  threadOf: (tid: number) => Thread,
): Wait | undefined {
  const kind = item(WAITS, from.word());
  if (kind === 'none') return undefined;
  const base = waiting(thread, from.double());
  if (kind === 'futex') {
    const links = { previous: undefined, next: undefined };
    return {
      kind,
      ...base,
      bitset: from.word(),
      key: from.word() >>> 0,
      ...links,
    } satisfies FutexWait;
  }
  if (kind === 'join') {
    const target = from.word();
    return {
      kind,
      ...base,
      target: target === 0 ? undefined : threadOf(target),
      status: from.word(),
    } satisfies JoinWait;
  }
  return { kind, ...base, remaining: from.word() } satisfies SleepWait;
}

function saveExtras(thread: Thread, to: WordWriter): void {
  const { extras } = thread;
  to.flag(extras !== undefined);
  if (extras === undefined) return;
  to.list(extras.joiners, (joiner) => to.thread(joiner.thread.tid));
  to.mask(extras.pendingSignals);
  to.list(extras.frames, (frame) => saveFrame(frame, to));
  to.address(extras.area);
  to.word(extras.eventCounter);
  saveRegistration(extras.registration, to);
  saveRecord(extras.writtenIds, RSEQ_IDS, to);
  to.word(SLICE_EXTENSIONS.indexOf(extras.sliceExtension));
  to.flag(extras.incoherence !== undefined);
  if (extras.incoherence !== undefined) to.text(extras.incoherence);
}

/** Returns the numbers of the threads that wait for its end. */
function loadExtras(thread: Thread, from: WordReader): readonly number[] {
  thread.extras = undefined;
  if (!from.flag()) return [];
  const extras = thread.ownExtras;
  const joiners = from.list(() => from.word());
  extras.pendingSignals = from.mask();
  extras.frames.push(...from.list(() => loadFrame(from)));
  extras.area = from.word();
  extras.eventCounter = from.word();
  extras.registration = loadRecord(REGISTRATION, from) as Registration | undefined;
  extras.writtenIds = loadRecord(RSEQ_IDS, from) as RseqIds | undefined;
  extras.sliceExtension = item(SLICE_EXTENSIONS, from.word());
  extras.incoherence = from.flag() ? from.text() : undefined;
  return joiners;
}

function saveFrame(frame: SignalFrame, to: WordWriter): void {
  saveRegisters(frame.registers, to);
  to.word(frame.point);
  to.word(SUSPENSIONS.indexOf(frame.suspension));
  to.mask(frame.mask);
}

function loadFrame(from: WordReader): SignalFrame {
  const registers = { ip: 0, r10: 0, cx: 0, dx: 0, ax: 0, tp: 0, gs: 0 };
  loadRegisters(registers, from);
  const point = from.word();
  return { registers, point, suspension: item(SUSPENSIONS, from.word()), mask: from.mask() };
}

function saveRegistration(registration: Registration | undefined, to: WordWriter): void {
  to.flag(registration !== undefined);
  if (registration === undefined) return;
  to.address(registration.area);
  to.word(registration.length);
  to.word(registration.signature);
}

const REGISTRATION: readonly string[] = ['area', 'length', 'signature'];
const RSEQ_IDS: readonly string[] = ['cpuIdStart', 'cpuId', 'nodeId', 'mmCid'];

function saveRecord(record: object | undefined, fields: readonly string[], to: WordWriter): void {
  to.flag(record !== undefined);
  if (record === undefined) return;
  for (const field of fields) to.word((record as Record<string, number>)[field] as number);
}

function loadRecord(fields: readonly string[], from: WordReader): object | undefined {
  if (!from.flag()) return undefined;
  return Object.fromEntries(fields.map((field) => [field, from.word()]));
}

/** What the threads of a process share, but for its end. */
export function saveProcess(process: Process, to: WordWriter): void {
  const { region, sequences, percpuArea } = process;
  to.flag(region !== undefined);
  if (region !== undefined)
    for (const word of [region.start, region.end, region.restart]) to.word(word);
  to.list(sequences, ({ start, end }) => {
    to.word(start);
    to.word(end);
  });
  to.flag(percpuArea !== undefined);
  to.word(percpuArea?.base ?? 0);
  to.word(percpuArea?.stride ?? 0);
  to.word(process.membarrierRegistrations);
  const { signalActions } = process;
  for (let signo = 0; signo < signalActions.length; signo++) {
    const action = signalActions[signo] as SignalAction;
    if (action !== DEFAULT_ACTION) saveAction(signo, action, to);
  }
  to.word(0);
}

function saveAction(signo: number, { handler, flags, mask }: SignalAction, to: WordWriter): void {
  to.word(signo);
  to.word(handler);
  to.word(flags);
  to.mask(mask);
}

export function loadProcess(process: Process, from: WordReader): void {
  const range = (): { start: number; end: number } => ({
    start: from.word() >>> 0,
    end: from.word() >>> 0,
  });
  process.region = from.flag() ? { ...range(), restart: from.word() >>> 0 } : undefined;
  process.sequences = from.list(range);
  const hasArea = from.flag();
  const area = { base: from.word(), stride: from.word() };
  process.percpuArea = hasArea ? area : undefined;
  process.membarrierRegistrations = from.word();
  process.signalActions.fill(DEFAULT_ACTION);
  for (let signo = from.word(); signo !== 0; signo = from.word()) {
    process.signalActions[signo] = { handler: from.word(), flags: from.word(), mask: from.mask() };
  }
  process.exitStatus = undefined;
  process.death = undefined;
}

function item<T>(items: readonly T[], index: number): T {
  return items[index] ?? panic('snapshot', `there is no item ${index}`);
}
