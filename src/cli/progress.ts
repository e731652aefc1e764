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

export class ProgressLine {
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

  /** Show the counts, when the stream is a terminal and it is time to. */
  update({ fuel, preemptions, restarts }: Readonly<Counts>): void {
    const now = this.#now();
    const elapsed = now - this.#startedAt;
    if (this.#stream.isTTY !== true || elapsed < PATIENCE_MS) return;
    if (this.#isShown && now - this.#shownAt < INTERVAL_MS) return;
    // Instructions a millisecond are thousands of them a second.
    const rate = (fuel / elapsed / 1000).toFixed(1);
    this.#stream.write(
      `${ERASE_LINE}${formatCount(fuel)} instructions, ${formatCount(preemptions)} preemptions, ` +
        `${formatCount(restarts)} restarts, ${rate} M instr/s`,
    );
    this.#shownAt = now;
    this.#isShown = true;
  }

  /** Make room for other text; the next update shows the line again. */
  clear(): void {
    if (this.#isShown) this.#stream.write(ERASE_LINE);
    this.#isShown = false;
  }
}
