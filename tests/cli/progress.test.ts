// The progress line, on a terminal and a clock of the test's own.

import { describe, expect, test } from 'vitest';
import { ProgressLine } from '../../src/cli/progress.js';

const COUNTS = {
  fuel: 3_000_000,
  preemptions: 1200,
  restarts: 7,
  migrations: 0,
  signals: 0,
  systemFuel: 0,
};
const LINE = '\r\u001b[K3,000,000 instructions, 1,200 preemptions, 7 restarts, 2.0 M instr/s';

function progressLine(isTTY = true): { at(now: number): string; clear(): string } {
  let now = 0;
  let text = '';
  const stream = { isTTY, write: (piece: string) => (text += piece) };
  const line = new ProgressLine(stream, () => now);
  const written = (act: () => void): string => {
    text = '';
    act();
    return text;
  };
  return {
    at: (time) => {
      now = time;
      return written(() => line.update(COUNTS));
    },
    clear: () => written(() => line.clear()),
  };
}

describe('progress', () => {
  test('is silent for the first second', () => {
    const progress = progressLine();

    expect(progress.at(999) + progress.clear()).toBe('');
  });

  test('is one line that is written over', () => {
    expect(progressLine().at(1500)).toBe(LINE);
  });

  test('is shown ten times a second at most', () => {
    const progress = progressLine();

    progress.at(1500);

    expect(progress.at(1599)).toBe('');
    expect(progress.at(1600)).not.toBe('');
  });

  test('is erased for other text, and comes back', () => {
    const progress = progressLine();

    progress.at(1500);

    expect(progress.clear()).toBe('\r\u001b[K');
    expect(progress.clear()).toBe('');
    expect(progress.at(1501)).not.toBe('');
  });

  test('is for terminals only', () => {
    const progress = progressLine(false);

    expect(progress.at(5000) + progress.clear()).toBe('');
  });
});
