// === loops: what the guests that compare ways of protecting a structure have in common ============
//
// A way is a class with a method turn(value: u32): u32, which does its work on the structure at `this`.
// `main` is given three arguments: the way, by its first letter; latency or throughput; turns.
//
//   latency      one structure, every turn is given what the turn before returned
//   throughput   eight structures, a turn on each in every iteration; they do not wait for each other
//
// The bench boots one virtual CPU. Its structures stand STRUCTURE_BYTES apart, which is no power of two:
// they would share sets of the cache. Those of the next CPU would stand CPU_BYTES further on.

import { decimal, letter } from './arguments';
import { rseq } from './machine';

export const STRUCTURES: i32 = 8;
export const STRUCTURE_BYTES: usize = 2112;
/** 1 << CPU_SHIFT bytes from one CPU to the next. */
const CPU_SHIFT: usize = 15;
/** Offset of the word that holds what the first turn is given, and later what the last returned. */
export const VALUE: usize = 60;

const DEFAULT_TURNS: i32 = 1 << 20;

/** The structures, all zero. */
export const structures: usize = memory.data(1 << 15, 64);

/** What a way is made for. Methods, because what a section calls has to be inlined. */
@unmanaged
export class Structure {
  // @ts-ignore: decorator
  @inline
  static at(index: i32): usize {
    return structures + <usize>index * STRUCTURE_BYTES;
  }

  /** The part of it that is this CPU's. */
  // @ts-ignore: decorator
  @inline
  onThisCpu(): usize {
    return changetype<usize>(this) + ((<usize>rseq.cpuId()) << CPU_SHIFT);
  }
}

export function turns(): i32 {
  return decimal(2, DEFAULT_TURNS);
}

/** True when turns went to all eight structures. */
export function isThroughput(): bool {
  return letter(1) == 0x74;
}

/** The classes: unprotected, section, atomic, lock. Returns false when the argument is another way. */
export function runWay<U, S, A, L>(): bool {
  switch (letter(0)) {
    case 0x75: {
      run<U>();
      return true;
    }
    case 0x73: {
      run<S>();
      return true;
    }
    case 0x61: {
      run<A>();
      return true;
    }
    case 0x6c: {
      run<L>();
      return true;
    }
    default:
      return false;
  }
}

function run<W>(): void {
  if (isThroughput()) throughput<W>(turns());
  else latency<W>(turns());
}

export function latency<W>(count: i32): void {
  let value = load<u32>(structures, VALUE);
  for (let i = 0; i < count; i++) value = changetype<W>(Structure.at(0)).turn(value);
  store<u32>(structures, value, VALUE);
}

function throughput<W>(count: i32): void {
  let a = load<u32>(Structure.at(0), VALUE);
  let b = load<u32>(Structure.at(1), VALUE);
  let c = load<u32>(Structure.at(2), VALUE);
  let d = load<u32>(Structure.at(3), VALUE);
  let e = load<u32>(Structure.at(4), VALUE);
  let f = load<u32>(Structure.at(5), VALUE);
  let g = load<u32>(Structure.at(6), VALUE);
  let h = load<u32>(Structure.at(7), VALUE);
  for (let i = 0; i < count; i += STRUCTURES) {
    a = changetype<W>(Structure.at(0)).turn(a);
    b = changetype<W>(Structure.at(1)).turn(b);
    c = changetype<W>(Structure.at(2)).turn(c);
    d = changetype<W>(Structure.at(3)).turn(d);
    e = changetype<W>(Structure.at(4)).turn(e);
    f = changetype<W>(Structure.at(5)).turn(f);
    g = changetype<W>(Structure.at(6)).turn(g);
    h = changetype<W>(Structure.at(7)).turn(h);
  }
  store<u32>(Structure.at(0), a, VALUE);
  store<u32>(Structure.at(1), b, VALUE);
  store<u32>(Structure.at(2), c, VALUE);
  store<u32>(Structure.at(3), d, VALUE);
  store<u32>(Structure.at(4), e, VALUE);
  store<u32>(Structure.at(5), f, VALUE);
  store<u32>(Structure.at(6), g, VALUE);
  store<u32>(Structure.at(7), h, VALUE);
}

@unmanaged
export class SpinLock {
  word: i32;

  // @ts-ignore: decorator
  @inline
  lock(): void {
    while (atomic.cmpxchg<i32>(changetype<usize>(this), 0, 1) != 0) {}
  }

  // @ts-ignore: decorator
  @inline
  unlock(): void {
    atomic.store<i32>(changetype<usize>(this), 0);
  }
}
