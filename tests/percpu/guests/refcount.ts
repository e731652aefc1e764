// @ts-nocheck AssemblyScript
// The reference count. What is conserved: the object ends once, when nobody has it, and not before.

import { schedGetaffinity, schedSetaffinity } from 'wasm-rseq/assembly';
import {
  refcountCreate,
  refcountGet,
  refcountKill,
  refcountPut,
  refcountTryGet,
} from 'wasm-rseq/assembly/percpu/refcount';
import { runThreads, times } from './threads';

let object: usize = 0;
let rounds: i32 = 0;
/** i32: how many have the object, and how often it ended. */
const holders: usize = memory.data(4, 4);
const ended: usize = memory.data(4, 4);

export function laws(): i32 {
  endsWithTheLast();
  leavesTheAffinityAlone();
  return 0;
}

function endsWithTheLast(): void {
  const count = refcountCreate();
  assert(refcountTryGet(count), 'it lives');
  refcountGet(count);
  assert(!refcountPut(count), 'others have it');
  assert(!refcountKill(count), 'one other has it');
  assert(!refcountKill(count), 'its end begins once');
  assert(!refcountTryGet(count), 'nobody gets it any more');
  refcountGet(count);
  assert(!refcountPut(count), 'but who has it gets another');
  assert(refcountPut(count), 'the last one is told');
  assert(refcountKill(refcountCreate()), 'so is a creator that is the only one');
}

function leavesTheAffinityAlone(): void {
  const mask = heap.alloc(32);
  store<i32>(mask, 1);
  schedSetaffinity(0, 4, mask);
  assert(refcountKill(refcountCreate()), 'the only one');
  schedGetaffinity(0, 32, mask);
  assert(load<i32>(mask) == 1, 'may run where it could before');
}

export function hammer(): i32 {
  object = refcountCreate();
  rounds = times();
  runThreads((me: usize): i32 => {
    for (let n = 0; n < rounds; n++) {
      if (refcountTryGet(object)) use();
      if (me == 0 && n == rounds / 2) end(refcountKill(object));
    }
    return 0;
  });
  return load<i32>(ended) - 1;
}

function use(): void {
  atomic.add<i32>(holders, 1);
  refcountGet(object);
  refcountPut(object);
  assert(atomic.load<i32>(ended) == 0, 'ended while somebody has it');
  atomic.sub<i32>(holders, 1);
  end(refcountPut(object));
}

function end(isLast: bool): void {
  if (!isLast) return;
  assert(atomic.load<i32>(holders) == 0, 'ended while somebody has it');
  atomic.add<i32>(ended, 1);
}
