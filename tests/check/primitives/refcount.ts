// @ts-nocheck AssemblyScript
// The reference count while it counts per CPU. First a thread alone, to the end; then two threads get what
// others may have, a third one puts what it has, and a handler puts what it was given.
// Invariant: the sum is that of what was got and put, and nobody is told that it was the last.

import { rseq } from 'wasm-rseq/assembly';
import {
  refcountCreate,
  refcountGet,
  refcountKill,
  refcountPut,
  refcountTryGet,
} from 'wasm-rseq/assembly/percpu/refcount';
import { runThreads } from './threads';

const BEHIND: i32 = 100;
/** Of a reference count: where the number of CPU 0 is, and from one to the next. */
const CPUS: usize = 128;
const CPU_BYTES: usize = 64;

let object: usize = 0;
let isHandled: bool = false;

function alone(): void {
  const count = refcountCreate();
  assert(refcountTryGet(count), 'it lives');
  refcountGet(count);
  assert(!refcountPut(count) && !refcountPut(count), 'the creator has one');
  refcountGet(count);
  assert(!refcountKill(count), 'one is left');
  assert(!refcountTryGet(count), 'got after the end');
  refcountGet(count);
  assert(!refcountPut(count), 'one is left still');
  assert(!refcountKill(count), 'killed twice');
  assert(refcountPut(count), 'that was the last');
  const only = refcountCreate();
  store<i32>(only, BEHIND, CPUS + 2 * CPU_BYTES);
  assert(refcountKill(only), 'the only one is the last');
}

/** The others only run where thread 1 does. */
function work(me: usize): i32 {
  if (me == 0) refcountGet(object);
  else if (me == 1) assert(refcountTryGet(object), 'it lives');
  else assert(!refcountPut(object), 'the creator has one');
  return 0;
}

function onSignal(_signo: i32): void {
  assert(!refcountPut(object), 'the creator has one');
  isHandled = true;
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  alone();
  object = refcountCreate();
  refcountGet(object);
  runThreads(work, onSignal);
  const sum = load<i32>(object, CPUS) + load<i32>(object, CPUS + CPU_BYTES);
  assert(sum == (isHandled ? 1 : 2), 'the sum is not exact');
  return 0;
}
