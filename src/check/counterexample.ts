// A failing run step by step, executed again by the kernel as it is, with nothing reduced: what every step
// read and wrote, where it was, and what the kernel did about it.

import { type CodePoint, formatPlace, hex } from '../abi/code-map.js';
import { Signal } from '../abi/signal.js';
import { Sysno } from '../abi/syscall.js';
import type { HostOptions } from '../host/host.js';
import type { GuestModule } from '../host/loader.js';
import { Schedule } from '../kernel/schedule.js';
import type { Choice } from '../kernel/scheduler.js';
import { TraceEvent } from '../kernel/trace.js';
import { type Action, cpuOf, isRun, signalOf, TIME_ACTION, tidOf, toChoice } from './action.js';
import { Executor, type Step, type Terminal } from './executor.js';
import { wordsOf } from './memory-words.js';
import type { PathElement } from './shortest.js';
import type { StepEvent } from './step-log.js';

/** A word of memory that a step has read or written. */
export interface WordValue {
  /** Byte address; of a variable outside memory, where GLOBALS_BASE puts it. */
  readonly address: number;
  readonly value: number;
}

/** One step of a failing run. */
export interface CounterexampleStep {
  /** From 1. */
  readonly step: number;
  readonly tid: number;
  readonly cpu: number;
  /** Code address the step begins at. */
  readonly ip: number;
  readonly function: string;
  readonly file: string;
  /** 0 where it is not known. */
  readonly line: number;
  readonly reads: readonly WordValue[];
  readonly writes: readonly WordValue[];
  /** What happened besides, in words and in order. */
  readonly events: readonly string[];
  /** How many of the events came before the thread ran on. */
  readonly eventsBefore: number;
  /** Threads that it has started. */
  readonly starts: readonly number[];
}

export interface Counterexample {
  readonly steps: readonly CounterexampleStep[];
  readonly schedule: string;
  /** How it ends; undefined: in a deadlock. */
  readonly terminal: Terminal | undefined;
}

/** Do the actions of `path`. */
export function replayPath(
  modules: readonly GuestModule[],
  options: HostOptions,
  path: readonly PathElement[],
): Counterexample {
  const executor = new Executor(modules, options, {
    parks: false,
    merges: false,
    isStepwise: true,
  });
  const schedule = new Schedule('events');
  const choice: Choice = { tid: 0, cpu: 0, fuel: 0 };
  const steps: CounterexampleStep[] = [];
  let now: Step = executor.initial();
  for (const action of path.flatMap((each) =>
    Array.from({ length: each.steps }, () => each.action),
  )) {
    const before = now;
    const { shared, services, content, threads } = before;
    now = executor.step(Int32Array.of(shared, services, content, ...threads), action);
    toChoice(action, choice);
    schedule.append(choice);
    steps.push(describeStep(executor, before, action, now, steps.length + 1));
    if (now.terminal !== undefined) break;
  }
  return { steps, schedule: schedule.toString(), terminal: now.terminal };
}

function describeStep(
  executor: Executor,
  before: Step,
  action: Action,
  after: Step,
  step: number,
): CounterexampleStep {
  const tid = tidOf(action);
  const thread = before.threads[tid - 1];
  const ip = thread === undefined ? 0 : executor.parts.threadInfo(thread).point;
  const point = executor.booted.guest.text.pointAt(ip);
  return {
    step,
    tid,
    cpu: isRun(action)
      ? cpuOf(action)
      : thread === undefined
        ? 0
        : executor.parts.threadInfo(thread).cpu,
    ip,
    function: point?.function ?? '',
    file: point?.file ?? '',
    line: point?.line ?? 0,
    ...values(executor, before, after),
    ...describeHappenings(executor, action, after.events),
    starts: after.events.filter(({ kind }) => kind === TraceEvent.Spawn).map(({ a }) => a),
  };
}

function values(
  executor: Executor,
  before: Step,
  after: Step,
): { reads: WordValue[]; writes: WordValue[] } {
  const reads: WordValue[] = [];
  const writes: WordValue[] = [];
  const { sizeBytes } = executor.booted.guest.memory;
  for (const { address, bytes, isLoad, isStore } of after.accesses ?? []) {
    for (const word of wordsOf(address, bytes, sizeBytes)) {
      const value = executor.memory.read(before.content, word);
      if (isLoad) reads.push({ address: word, value });
      if (isStore) writes.push({ address: word, value: executor.memory.read(after.content, word) });
    }
  }
  return { reads, writes };
}

/** What a thread does only while it runs. */
const OWN_DOING: ReadonlySet<TraceEvent> = new Set([
  TraceEvent.Syscall,
  TraceEvent.Spawn,
  TraceEvent.Exit,
]);

function describeHappenings(
  executor: Executor,
  action: Action,
  events: readonly StepEvent[],
): { events: string[]; eventsBefore: number } {
  const first = events.findIndex(({ kind }) => OWN_DOING.has(kind));
  const split = first < 0 ? events.length : first;
  const before = [...happenings(action), ...describeEvents(executor, events.slice(0, split))];
  const after = describeEvents(executor, events.slice(split));
  return { events: [...before, ...after], eventsBefore: before.length };
}

function happenings(action: Action): string[] {
  if (action === TIME_ACTION) return ['time passes'];
  const signo = signalOf(action);
  return signo === 0 ? [] : [`gets ${Signal[signo] ?? `signal ${signo}`}`];
}

function describeEvents(executor: Executor, events: readonly StepEvent[]): string[] {
  const { text } = executor.booted.guest;
  const at = (ip: number): string => `${hex(ip)}, ${formatPlace(text.pointAt(ip) as CodePoint)}`;
  return events.flatMap(({ kind, cpu, tid, a, b }) => {
    switch (kind) {
      case TraceEvent.SwitchOut:
        return a === 1 ? [`thread ${tid} loses cpu ${cpu} at ${at(b)}`] : [];
      case TraceEvent.Migrate:
        return [`thread ${tid} moves from cpu ${a} to cpu ${cpu}`];
      case TraceEvent.Restart:
        return [`kernel: from ${hex(a)} back to ${at(b)}`];
      case TraceEvent.Signal:
        return [`handler of ${Signal[a] ?? `signal ${a}`} begins`];
      case TraceEvent.Syscall:
        return [`${Sysno[a] ?? `system call ${a}`} = ${b}`];
      case TraceEvent.Spawn:
        return [`starts thread ${a}`];
      case TraceEvent.Exit:
        return [b === 1 ? `process exits with ${a}` : `thread ${tid} ends with ${a}`];
      default:
        return [];
    }
  });
}
