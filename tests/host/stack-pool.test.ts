// Slots of stacks: what is given back is used again, and no two slots share a word.

import { describe, expect, test } from 'vitest';
import { clear, type Slot, StackPool } from '../../src/host/stack-pool.js';

function newSlot(): Slot {
  const slot: Slot = { slab: new Int32Array(0), offset: 0, capacity: 0 };
  clear(slot);
  return slot;
}

function slotOf(pool: StackPool, words: number): Slot {
  const slot = newSlot();
  pool.resize(slot, words);
  return slot;
}

test('no more is allocated than the limit, whatever is released', () => {
  const pool = new StackPool(300_000);
  const slots = Array.from({ length: 10 }, () => slotOf(pool, 1));

  const sizes = [100_000, 100_000, 100_000].map((words) => pool.resize(slots[0] as Slot, words));

  expect(sizes).toEqual([true, true, true]);
  expect(slots.slice(1).map((slot) => pool.resize(slot, 100_000))).not.toContain(true);
});

describe('a slot', () => {
  test.each([1, 8, 9, 100, 65_536, 65_537, 200_000])('of %i words has room for them', (words) => {
    const { slab, offset, capacity } = slotOf(new StackPool(2 ** 20), words);

    expect(capacity).toBeGreaterThanOrEqual(words);
    expect(offset + capacity).toBeLessThanOrEqual(slab.length);
  });

  test('that is released is the next of its size', () => {
    const pool = new StackPool(2 ** 20);
    const first = slotOf(pool, 20);
    const place = [first.slab, first.offset];

    pool.release(first);
    const second = slotOf(pool, 20);

    expect(first.capacity).toBe(0);
    expect([second.slab, second.offset]).toEqual(place);
    expect(second.slab).toBe(place[0]);
  });

  test('released twice is free once', () => {
    const pool = new StackPool(2 ** 20);
    const first = slotOf(pool, 8);

    pool.release(first);
    pool.release(first);
    const [second, third] = [slotOf(pool, 8), slotOf(pool, 8)];

    expect(second.slab !== third.slab || second.offset !== third.offset).toBe(true);
  });

  test('shares no word with another, whatever grows', () => {
    const pool = new StackPool(2 ** 20);
    const slots = Array.from({ length: 300 }, (_, index) => slotOf(pool, 1 + (index % 40)));
    slots.forEach((slot, index) => {
      if (index % 3 === 0) pool.resize(slot, 200 + index);
    });

    slots.forEach(({ slab, offset, capacity }, index) =>
      slab.fill(index, offset, offset + capacity),
    );

    slots.forEach(({ slab, offset, capacity }, index) => {
      expect(slab.subarray(offset, offset + capacity).every((word) => word === index)).toBe(true);
    });
  });
});
