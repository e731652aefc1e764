// Which points of which sections the search has interrupted a thread at, and which ways back to a restart
// label it has seen taken.

import { type AbiName, type CodeMap, formatPlace, hex, pointAt } from '../abi/code-map.js';
import { TraceEvent } from '../kernel/trace.js';
import type { StepEvent } from './step-log.js';

export interface Coverage {
  /** Interruption points inside sections. */
  readonly points: number;
  /** Of these, the ones at which a thread lost its CPU or got a signal. */
  readonly interrupted: number;
  /** Points from which the kernel sends a thread back to the restart label. */
  readonly restartEdges: number;
  readonly restartEdgesTaken: number;
  /** What was not interrupted or not taken, a line each. */
  readonly missed: readonly string[];
}

export class CoverageCounter {
  readonly #map: CodeMap;
  readonly #interrupted = new Set<number>();
  readonly #restarted = new Set<number>();

  constructor(map: CodeMap) {
    this.#map = map;
  }

  note(events: readonly StepEvent[]): void {
    for (let at = 0; at < events.length; at++) {
      const { kind, a, b } = events[at] as StepEvent;
      if (kind === TraceEvent.SwitchOut || kind === TraceEvent.Signal) this.#interrupted.add(b);
      if (kind !== TraceEvent.Restart) continue;
      this.#interrupted.add(a);
      this.#restarted.add(a);
    }
  }

  /** What has been covered, so that another counter can go on with it. */
  get covered(): {
    readonly interrupted: readonly number[];
    readonly restarted: readonly number[];
  } {
    return { interrupted: [...this.#interrupted], restarted: [...this.#restarted] };
  }

  add({ interrupted, restarted }: CoverageCounter['covered']): void {
    for (const point of interrupted) this.#interrupted.add(point);
    for (const point of restarted) this.#restarted.add(point);
  }

  result(): Coverage {
    const map = this.#map;
    const points = map.sections.flatMap(({ start, end }) =>
      Array.from({ length: end - start }, (_, index) => start + index),
    );
    const starts = new Set(map.sections.map(({ start }) => start));
    const edges = points.filter((point) => hasRestartEdge(map.abi, starts.has(point)));
    const untouched = points.filter((point) => !this.#interrupted.has(point));
    const untaken = edges.filter((point) => !this.#restarted.has(point));
    const line = (what: string, point: number): string =>
      `${what}: ${hex(point)} in ${formatPlace(pointAt(map, point))}`;
    return {
      points: points.length,
      interrupted: points.length - untouched.length,
      restartEdges: edges.length,
      restartEdgesTaken: edges.length - untaken.length,
      missed: [
        ...untouched.map((point) => line('not interrupted', point)),
        ...untaken.map((point) => line('restart not taken', point)),
      ],
    };
  }
}

/** ras spares a thread that has only come to start; with percpu-signal a thread sends itself back. */
function hasRestartEdge(abi: AbiName, isStart: boolean): boolean {
  if (abi === 'percpu-signal') return false;
  return abi !== 'ras' || !isStart;
}
