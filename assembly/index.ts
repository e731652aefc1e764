// The guest library: import { rseq, spawn, join } from "wasm-rseq/assembly";

export { rseq } from './rseq';
import * as thread from './thread';
export { thread };
export { exit, join, joinAll, self, spawn, ThreadFunction } from './thread';
export { signal, kill, SignalHandler } from './signal';
export { print, printNumber } from './console';
export { counterAdd, counterCreate, counterSum, COUNTER_STRIDE } from './percpu/counter';
export { bitmapAllocate, bitmapCount, bitmapCreate, bitmapFree } from './percpu/bitmap';
export {
  hashMapAdd,
  hashMapCreate,
  hashMapGet,
  hashMapIncrement,
  hashMapNext,
  HASH_MAP_COUNT,
  HASH_MAP_PROBES,
} from './percpu/hash-map';
export {
  refcountCreate,
  refcountGet,
  refcountKill,
  refcountPut,
  refcountTryGet,
} from './percpu/refcount';
export { ringCreate, ringPut, ringPutRecord, ringTake, ringTakeFrom } from './percpu/ring';
export { fenceSections, FENCE_BYTES } from './fence';
export { compareExchange, compareExchangeCheck } from './percpu/compare-exchange';
export { LIST_STRIDE, listCreate, listPop, listPopAll, listPush } from './percpu/list';
export {
  loadAddLoadLoadAddStore,
  loadAddStore,
  loadCbeqStoreAddLoadStore,
  loadCbneLoadCbneStore,
  loadCbneMemcpyStore,
  loadCbneStore,
  loadCbneStoreStore,
  MemoryOrder,
  PercpuMode,
  percpuIndex,
} from './percpu/ops';
export {
  SPINLOCK_STRIDE,
  spinlockCreate,
  spinlockLock,
  spinlockTryLock,
  spinlockUnlock,
} from './percpu/spinlock';
export { stackCreate, stackPop, stackPush } from './percpu/stack';
export { MUTEX_BYTES, mutexLock, mutexTryLock, mutexUnlock } from './mutex';
export {
  RCU_HEAD_BYTES,
  rcuAssign,
  rcuBarrier,
  rcuCall,
  RcuCallback,
  rcuCreate,
  rcuDereference,
  rcuReadLock,
  rcuReadUnlock,
  rcuSynchronize,
} from './percpu/rcu';
export {
  MEMPOOL_MIN_STRIDE,
  MEMPOOL_POISON,
  MEMPOOL_ROBUST,
  MEMPOOL_STRIDE,
  mempoolCreate,
  mempoolDestroy,
  mempoolFree,
  mempoolMalloc,
  mempoolMallocInit,
  mempoolSetAddPool,
  mempoolSetCreate,
  mempoolSetDestroy,
  mempoolSetMalloc,
  mempoolSetMallocInit,
  mempoolSetZmalloc,
  mempoolZmalloc,
  percpuPtr,
} from './percpu/mempool';
export * from './sys';
