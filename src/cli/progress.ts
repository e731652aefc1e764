// One line that says how far a long run is, written over about ten times a second.

import type { Counts } from '../kernel/trace.js';
import { formatCount } from './table.js';
import { ERASE_LINE } from './terminal.js';

const PATIENCE_MS = 1000;
const INTERVAL_MS = 100;

export interface ProgressStream {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** A line that is written over: not before a second is over, and ten times a second at most. */
export class StatusLine {
  readonly #stream: ProgressStream;
  readonly #now: () => number;
  readonly #startedAt: number;
  #shownAt = 0;
  #isShown = false;

  /** now: milliseconds on a clock that never goes back. */
  constructor(stream: ProgressStream, now: () => number) {
    this.#stream = stream;
    this.#now = now;
    this.#startedAt = now();
  }

  /** Milliseconds since the beginning. */
  get elapsed(): number {
    return this.#now() - this.#startedAt;
  }

  /** Show the text, when the stream is a terminal and it is time to. */
  show(text: string): void {
    const now = this.#now();
    if (this.#stream.isTTY !== true || now - this.#startedAt < PATIENCE_MS) return;
    if (this.#isShown && now - this.#shownAt < INTERVAL_MS) return;
    this.#stream.write(`${ERASE_LINE}${text}`);
    this.#shownAt = now;
    this.#isShown = true;
  }

  /** Make room for other text; the next `show` shows the line again. */
  clear(): void {
    if (this.#isShown) this.#stream.write(ERASE_LINE);
    this.#isShown = false;
  }
}

/** How far a run is. */
export class ProgressLine {
  readonly #line: StatusLine;

  /** now: milliseconds on a clock that never goes back. */
  constructor(stream: ProgressStream, now: () => number) {
    this.#line = new StatusLine(stream, now);
  }

  update({ fuel, preemptions, restarts }: Readonly<Counts>): void {
    // Instructions a millisecond are thousands of them a second.
    const rate = (fuel / this.#line.elapsed / 1000).toFixed(1);
    this.#line.show(
      `${formatCount(fuel)} instructions, ${formatCount(preemptions)} preemptions, ` +
        `${formatCount(restarts)} restarts, ${rate} M instr/s`,
    );
  }

  clear(): void {
    this.#line.clear();
  }
}
