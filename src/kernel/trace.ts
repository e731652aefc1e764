// What happened in a run, as a stream of small numbers. Every observer gets the same stream, so the
// trace hash, the trace file and a test see one truth.
//
// Invariant: a run is a function of program, options and schedule, hence so is its stream.

import type { Thread } from './thread.js';

/** What a run came to in numbers. */
export interface Counts {
  /** A thread lost its CPU to another although it could have gone on. */
  preemptions: number;
  /** The personality moved an interrupted ip. */
  restarts: number;
  migrations: number;
  /** Handlers called. */
  signals: number;
  /** Instructions executed. */
  fuel: number;
  /** Units of fuel for what the kernel did: system calls, and stacks put away. They take no time. */
  systemFuel: number;
}

/** The events, and what their operands a and b mean. */
export enum TraceEvent {
  /** CPU starts to run the thread: a = fuel granted. */
  Run = 1,
  /** Fuel ran out: a = ip, b = fuel used. */
  Interrupt = 2,
  /** The thread left the CPU: a = 1 when it was preempted, 0 when it yielded or blocked. */
  SwitchOut = 3,
  /** a = CPU it comes from. */
  Migrate = 4,
  /** The personality moved the ip: a = interrupted ip, b = new ip. */
  Restart = 5,
  /** A handler is called: a = signal, b = ip saved in the frame. */
  Signal = 6,
  /** a = number, b = result, or 0 where the result is not known yet. */
  Syscall = 7,
  /** a = tid of the new thread. */
  Spawn = 8,
  /** a = exit status, b = 1 when the whole process ends. */
  Exit = 9,
  /** The process died: a = signal. */
  Death = 10,
}

/**
 * Called for every event. `time` is the fuel spent by the whole run so far, `cpu` and `tid` the
 * place; all are non-negative integers but a and b, which are 32-bit words.
 */
export interface Observer {
  event(kind: TraceEvent, time: number, cpu: number, tid: number, a: number, b: number): void;
}

/** Sends events to every observer, stamped with the fuel spent so far. */
export class Tracer {
  /** Of one, which is usual, nothing but itself is in the way: a switch comes here three times. */
  readonly #observer: Observer | undefined;
  readonly #counts: Readonly<Counts>;

  constructor(observers: readonly Observer[], counts: Readonly<Counts>) {
    this.#observer = observers.length > 1 ? new EveryObserver(observers) : observers[0];
    this.#counts = counts;
  }

  emit(kind: TraceEvent, thread: Thread, a: number, b: number): void {
    this.#observer?.event(kind, this.#counts.fuel, thread.cpu, thread.tid, a, b);
  }
}

class EveryObserver implements Observer {
  constructor(readonly observers: readonly Observer[]) {}

  event(kind: TraceEvent, time: number, cpu: number, tid: number, a: number, b: number): void {
    for (const observer of this.observers) observer.event(kind, time, cpu, tid, a, b);
  }
}

/** Two lanes, the first MurmurHash3's 32-bit mixing over the event words, 64 bits in all. */
export class TraceHash implements Observer {
  // Signed words from the start: a field that has once held more is slower for ever.
  #low = 0x9747b28c | 0;
  #high = 0x85ebca6b | 0;

  event(kind: TraceEvent, time: number, cpu: number, tid: number, a: number, b: number): void {
    // A CPU is a byte. Most runs end before the time has a second word.
    let low = mix(mix(mix(this.#low, kind | (cpu << 8)), tid | 0), time | 0);
    if (time > 0xffffffff) low = mix(low, Math.floor(time / 2 ** 32));
    low = mix(mix(low, a | 0), b | 0);
    this.#low = low;
    const high = this.#high ^ low;
    const rotated = (high << 17) | (high >>> 15);
    this.#high = (Math.imul(rotated, 9) + Math.imul(a ^ time, 0x52dce729)) ^ b;
  }

  /** 16 hexadecimal digits. */
  digest(): string {
    return word(finish(this.#high)) + word(finish(this.#low ^ this.#high));
  }
}

/** Written out, rotations and all: what is longer is not inlined five times an event. */
function mix(lane: number, value: number): number {
  const product = Math.imul(value, 0xcc9e2d51);
  const word = lane ^ Math.imul((product << 15) | (product >>> 17), 0x1b873593);
  return (Math.imul((word << 13) | (word >>> 19), 5) + 0xe6546b64) | 0;
}

function finish(lane: number): number {
  let value = Math.imul(lane ^ (lane >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return value ^ (value >>> 16);
}

function word(value: number): string {
  return (value >>> 0).toString(16).padStart(8, '0');
}
