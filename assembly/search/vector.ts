// The state that is worked on, a vector of numbers: see src/check/state.ts.

import { OUTCOME_HIGH, OUTCOME_LOW, OUTCOME_STATE } from '../../src/check/search-layout';
import { CONTENT, SERVICES, SHARED, THREADS } from '../../src/check/state';
import { finish, HIGH_FACTOR, LOW_FACTOR } from './hash';
import { Interner } from './interner';
import { contents } from './memory-states';
import { allocate, copy, enlarge, load32, store32 } from './words';

export const threads: Interner = new Interner();
/** Tuples: the number of what is shared besides, then who is on which CPU. */
export const shared: Interner = new Interner();
export const services: Interner = new Interner();

const FIRST_ROOM: i32 = 64;
const STACK_ROOM: i32 = 4096;

/** Where it is, and one beside it. */
export let vector: usize = allocate(FIRST_ROOM);
export let other: usize = allocate(FIRST_ROOM);
let room: i32 = FIRST_ROOM;

/** States that have been pushed, one behind the other. */
let stack: usize = allocate(STACK_ROOM);
let stackRoom: i32 = STACK_ROOM;
let stackUsed: i32 = 0;

/** What has become of the state: words of src/check/search-layout.ts. */
export const outcome: usize = memory.data(20, 4);
store32(outcome, OUTCOME_STATE, <i32>vector);

/** Make room for a state of so many words. What is there is kept. */
export function reserve(length: i32): void {
  if (length <= room) return;
  let larger = room;
  while (larger < length) larger *= 2;
  vector = enlarge(vector, room, larger);
  other = enlarge(other, room, larger);
  room = larger;
  store32(outcome, OUTCOME_STATE, <i32>vector);
}

/** Put the state on top of the stack. */
export function push(length: i32): void {
  while (stackUsed + length > stackRoom) {
    stack = enlarge(stack, stackRoom, stackRoom * 2);
    stackRoom *= 2;
  }
  copy(stack + ((<usize>stackUsed) << 2), vector, length);
  stackUsed += length;
}

/** Work on the state on top of the stack. */
export function peek(length: i32): void {
  reserve(length);
  copy(vector, stack + ((<usize>(stackUsed - length)) << 2), length);
}

export function pop(length: i32): void {
  stackUsed -= length;
}

/** Forget all of them. */
export function clear(): void {
  stackUsed = 0;
}

/** Into `outcome`: that of the state. */
export function fingerprint(length: i32): void {
  const ownShared = load32(vector, SHARED);
  const ownServices = load32(vector, SERVICES);
  const content = load32(vector, CONTENT);
  // The parts are well mixed: to multiply is enough to tell their places apart.
  let low = (shared.low(ownShared) * LOW_FACTOR) ^ services.low(ownServices);
  let high = (shared.high(ownShared) * HIGH_FACTOR) ^ services.high(ownServices);
  low = (low * LOW_FACTOR) ^ contents.low(content);
  high = (high * HIGH_FACTOR) ^ contents.high(content);
  for (let at = THREADS; at < length; at++) {
    const thread = load32(vector, at);
    low = (low * LOW_FACTOR) ^ threads.low(thread);
    high = (high * HIGH_FACTOR) ^ threads.high(thread);
  }
  store32(outcome, OUTCOME_LOW, finish(low));
  store32(outcome, OUTCOME_HIGH, finish(high));
}
