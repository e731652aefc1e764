// The corpus: every right program is proven, every wrong one violated, with a schedule that repeats the
// failure on the kernel as it is.

import { describe, expect, test } from 'vitest';
import { check } from '../../src/check/index.js';
import { createHost } from '../../src/host/index.js';
import { CORPUS } from '../corpus/manifest.js';
import { compileEntry, optionsOf } from './programs.js';

describe.each(CORPUS)('$name: $title', (entry) => {
  const options = optionsOf(entry);

  test('right is proven', async () => {
    const { wasm } = await compileEntry(entry, 'right');
    const result = await check(wasm as BufferSource, options);
    expect(result.failure).toBeUndefined();
    expect(result.verdict).toBe('proven');
  });

  test('wrong is violated, and the schedule fails again', async () => {
    const { wasm } = await compileEntry(entry, 'wrong');
    const result = await check(wasm as BufferSource, options);
    expect(result.verdict).toBe('violated');
    expect(result.failure?.message).toContain(entry.wrong.failure);
    const host = await createHost({
      wasm: wasm as BufferSource,
      cpus: entry.cpus,
      threads: 2,
      schedule: result.schedule as string,
    });
    expect(host.run().failure?.message).toContain(entry.wrong.failure);
  });
});
