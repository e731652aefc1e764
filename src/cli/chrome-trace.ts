// A run as Chrome trace-event JSON, for Perfetto, speedscope and chrome://tracing: a track per CPU, a
// span per slice, an instant per interrupt, restart, migration, signal and system call, and an arrow
// from where a thread left one CPU to where it came up on another.
//
// ts counts instructions, which the viewers show as microseconds. Invariant: the text is a function
// of the run, with no clock in it, and events are written as they come, so memory stays bounded.

import { type CodeMap, hex, pointAt } from '../abi/code-map.js';
import { Signal } from '../abi/signal.js';
import { Sysno } from '../abi/syscall.js';
import { type Observer, TraceEvent } from '../kernel/trace.js';

export interface ChromeTraceOptions {
  /** Name of the process in the viewer. */
  readonly program: string;
  readonly cpus: number;
  /** Events to write; those after are counted. */
  readonly limit: number;
  readonly map: CodeMap;
  /** The point a thread is suspended at, 0 when it has none. */
  readonly pointOf: (tid: number) => number;
  readonly write: (text: string) => void;
}

/** One CPU's unbroken run of one thread. The machine interleaves: no two slices overlap. */
interface Slice {
  readonly cpu: number;
  readonly tid: number;
  readonly start: number;
  readonly end: number;
}

type Fields = Readonly<Record<string, unknown>>;

/** There is one guest process. */
const PID = 1;

export class ChromeTrace implements Observer {
  readonly #options: ChromeTraceOptions;
  readonly #lastSlices = new Map<number, Slice>();
  #open: Omit<Slice, 'end'> | undefined;
  #now = 0;
  #flows = 0;
  #events = 0;
  #dropped = 0;

  /** Writes the head of the file and the names of the tracks. */
  constructor(options: ChromeTraceOptions) {
    this.#options = options;
    options.write('{"displayTimeUnit":"ms","traceEvents":[\n');
    const name = metadata('process_name', 0, { name: options.program });
    options.write(JSON.stringify(name));
    for (let cpu = 0; cpu < options.cpus; cpu++) {
      this.#write(metadata('thread_name', cpu, { name: `cpu ${cpu}` }));
      this.#write(metadata('thread_sort_index', cpu, { sort_index: cpu }));
    }
  }

  /** Events that exceeded the limit. */
  get dropped(): number {
    return this.#dropped;
  }

  event(kind: TraceEvent, time: number, cpu: number, tid: number, a: number, b: number): void {
    this.#now = time;
    switch (kind) {
      case TraceEvent.Run:
        return this.#beginSlice(cpu, tid);
      case TraceEvent.SwitchOut:
        // The end of the span shows it.
        return;
      case TraceEvent.Interrupt:
        return this.#instant('interrupt', cpu, tid, a, {});
      case TraceEvent.Migrate:
        return this.#instant('migrate', cpu, tid, this.#point(tid), { from: a, to: cpu });
      case TraceEvent.Restart:
        return this.#instant('restart', cpu, tid, a, { to: hex(b >>> 0) });
      case TraceEvent.Signal:
        return this.#instant('signal', cpu, tid, b, { signal: Signal[a] ?? a });
      case TraceEvent.Syscall:
        return this.#instant('syscall', cpu, tid, this.#point(tid), {
          name: Sysno[a] ?? a,
          result: b,
        });
      case TraceEvent.Spawn:
        return this.#instant('spawn', cpu, tid, this.#point(tid), { child: a });
      case TraceEvent.Exit:
        return this.#instant('exit', cpu, tid, this.#point(tid), { status: a });
      case TraceEvent.Death:
        return this.#instant('death', cpu, tid, this.#point(tid), { signal: Signal[a] ?? a });
      default:
        kind satisfies never;
    }
  }

  /** Write the last slice and the tail of the file; nothing may come after. */
  finish(): void {
    this.#endSlice();
    const otherData = {
      time: 'ts and dur count instructions: 1 instruction is 1 us in the viewer',
      events: this.#events,
      droppedEvents: this.#dropped,
    };
    this.#options.write(`\n],"otherData":${JSON.stringify(otherData)}}\n`);
  }

  #point(tid: number): number {
    return this.#options.pointOf(tid);
  }

  #beginSlice(cpu: number, tid: number): void {
    this.#endSlice();
    const last = this.#lastSlices.get(tid);
    if (last !== undefined && last.cpu !== cpu) this.#flow(last, cpu);
    this.#open = { cpu, tid, start: this.#now };
  }

  // Fuel is spent in slices only: one ends where the next begins, or the run does.
  #endSlice(): void {
    if (this.#open === undefined) return;
    const slice = { ...this.#open, end: this.#now };
    this.#open = undefined;
    this.#lastSlices.set(slice.tid, slice);
    const { cpu, tid, start, end } = slice;
    this.#emit({
      ph: 'X',
      name: `thread ${tid}`,
      cat: 'slice',
      pid: PID,
      tid: cpu,
      ts: start,
      dur: end - start,
      args: { thread: tid },
    });
  }

  #flow(from: Slice, cpu: number): void {
    const arrow = { name: 'migration', cat: 'migration', id: ++this.#flows, pid: PID };
    // A viewer hangs an arrow on the span that holds its ts: the last instruction, not the end.
    this.#emit({ ph: 's', ...arrow, tid: from.cpu, ts: Math.max(from.start, from.end - 1) });
    this.#emit({ ph: 'f', bp: 'e', ...arrow, tid: cpu, ts: this.#now });
  }

  #instant(name: string, cpu: number, tid: number, ip: number, details: Fields): void {
    const point = pointAt(this.#options.map, ip >>> 0);
    this.#emit({
      ph: 'i',
      s: 't',
      name,
      cat: name,
      pid: PID,
      tid: cpu,
      ts: this.#now,
      args: {
        thread: tid,
        ip: hex(ip >>> 0),
        function: point?.function ?? '',
        file: point?.file ?? '',
        line: point?.line ?? 0,
        ...details,
      },
    });
  }

  #emit(event: Fields): void {
    if (this.#events >= this.#options.limit) {
      this.#dropped++;
      return;
    }
    this.#events++;
    this.#write(event);
  }

  #write(event: Fields): void {
    this.#options.write(`,\n${JSON.stringify(event)}`);
  }
}

function metadata(name: string, tid: number, args: Fields): Fields {
  return { ph: 'M', name, pid: PID, tid, args };
}
