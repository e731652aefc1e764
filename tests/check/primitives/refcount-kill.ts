// @ts-nocheck AssemblyScript
// The reference count while it ends: one thread tries to get what main gives up, and another puts what it
// was given.
// Invariant: one of those that put is told that it was the last, and only when all have put.

import { join, rseq, spawn } from 'wasm-rseq/assembly';
import {
  refcountCreate,
  refcountGet,
  refcountKill,
  refcountPut,
  refcountTryGet,
} from 'wasm-rseq/assembly/percpu/refcount';

let object: usize = 0;

/** Each thread returns 1 for what it is told. */
function tryGet(_unused: usize): i32 {
  return refcountTryGet(object) ? 1 : 0;
}

function put(_unused: usize): i32 {
  return refcountPut(object) ? 1 : 0;
}

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  object = refcountCreate();
  refcountGet(object);
  const getter = spawn(tryGet, 0);
  const putter = spawn(put, 0);
  let ends = refcountKill(object) ? 1 : 0;
  const hasGot = join(getter) == 1;
  ends += join(putter);
  assert(ends == (hasGot ? 0 : 1), 'not when all have put');
  assert(!hasGot || refcountPut(object), 'the last one is not told');
  return 0;
}
