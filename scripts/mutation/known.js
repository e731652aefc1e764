// Mutants that the checker does not kill, by name, and why: each was thought through. An entry that does
// not hold any more fails the run.

const SAME_TRY = 'a try that loads it too loads what an earlier one has: nobody ever changes it';
const ONE_LOAD = 'stopped behind its only load, the thread stands at start(), and loads again';
const ONE_CREATES = 'nobody else knows of it yet';
const GIVES_UP = 'stopped behind its only load, the thread stands at start(), and gives up';
const ARGUMENTS = 'it asks for arguments only, which are the same in every try';
const ONE_MEMORY = 'threads take turns on one memory: both stores do the same to it';
const ONLY_SIGNAL = 'nothing interrupts the handler: the thread gets one signal';

const CPU_0_ATOMICALLY = 'on CPU 0 readers count atomically, which is slower and right';
const NOBODY_YET = 'nobody else has the pool before it is made';
const LOCKED = 'the lock is held, and nobody looks there without it';
const UNBROKEN =
  'it looks for what no program does that is right; tests/percpu/mempool.test.ts has those that are not';
const NOT_AGAIN =
  'its only load: stopped behind it, the thread stands at start(); and one that is sent back does not try again';

const EITHER_KIND = 'a block of that size may be of a class or of pages';

const NONE_AT_ALL = 'to copy nothing and store top as it is changes nothing';
const WORDS = 'it is a multiple of 4';

/** No schedule makes them do what their subject would not. */
export const EQUIVALENT = new Map([
  [
    'aba-list-pop pop: node != 0 to node != 1',
    'the list is empty: the word at address 0, which is 0, becomes the head, which is 0',
  ],
  [
    'handler-without-section onSignal: `store<i32>(COUNT, load<i32>(COUNT, 4) + 1, 4)` before `store<i32>(COUNT, load<i32>(COUNT) + 1)`',
    ONLY_SIGNAL,
  ],
  [
    "handler-without-section main: restart() before `assert(signal(10, onSignal) == 0, 'no handler')`",
    'a second try installs the handler that is there',
  ],
  [
    'ring-overtaken take: restart() before `let value = 0`',
    'every try begins with 0 either way: the next statement says so again',
  ],
  [
    'unlock-from-another-cpu tryWork: end() behind `if (found != 0) return 0`',
    'who leaves there has stored nothing; who has stored touches no memory before end()',
  ],
  ['late-lowering increment: restart() before `const base = load<usize>(HOLDER)`', SAME_TRY],
  ['late-lowering increment: `const base = load<usize>(HOLDER)` behind start()', SAME_TRY],
  [
    'late-lowering increment: start() behind `const slot = base + load<usize>(base) + <usize>(rseq.cpuI...`',
    'the CPU is loaded last: stopped behind that, the thread stands at start(); the offset never changes',
  ],
  [
    'one-word-check pop: restart() before `item = load<i32>(top)`',
    'a second try loads the item again; the section compares it and the count all the same',
  ],
  [
    'one-word-check pop: `item = load<i32>(top)` behind start()',
    'loaded in the section it is the item that is there; the count is compared all the same',
  ],
  [
    'percpu/hash-map hashMapAdd: restart() before `const bytes = changetype<HashMap>(map).bytesPerCpu`',
    SAME_TRY,
  ],
  [
    'percpu/refcount addHere: start() behind `if (load<i32>(refcount, KILLED) != 0) return false`',
    ONE_LOAD,
  ],
  [
    'percpu/refcount addHere: `const slot = refcount + <usize>rseq.cpuId() * CPU_BYTES` before start()',
    ONE_LOAD,
  ],
  [
    'percpu/ring ringPut: restart() before `const stride = changetype<Ring>(ring).stride`',
    SAME_TRY,
  ],
  [
    'percpu/ring ringPutRecord: restart() before `const stride = changetype<Ring>(ring).stride`',
    SAME_TRY,
  ],
  [
    'percpu/ring ringTake: restart() before `const stride = changetype<Ring>(ring).stride`',
    SAME_TRY,
  ],
  [
    'percpu/compare-exchange compareExchange: start() behind `if (rseq.cpuId() != cpu) return -1`',
    ONE_LOAD,
  ],
  [
    'percpu/compare-exchange compareExchangeCheck: start() behind `if (rseq.cpuId() != cpu) return -1`',
    ONE_LOAD,
  ],
  [
    'percpu/list listPop: node == 0 to node == 1',
    'the list is empty: the word at address 0, which is 0, becomes the head, which is 0',
  ],
  [
    'percpu/stack stackCreate: `store<usize>(header, capacity, CAPACITY)` before `store<usize>(header, stride, STRIDE)`',
    ONE_CREATES,
  ],
  [
    'percpu/stack stackPush: restart() before `const capacity = load<usize>(stack - HEADER, CAPACITY)`',
    SAME_TRY,
  ],
  [
    'percpu/stack stackPush: `const stride = load<usize>(stack - HEADER, STRIDE)` behind restart()',
    SAME_TRY,
  ],
  [
    'percpu/stack stackPush: `const stride = load<usize>(stack - HEADER, STRIDE)` behind start()',
    SAME_TRY,
  ],
  [
    'percpu/stack stackPush: `const capacity = load<usize>(stack - HEADER, CAPACITY)` behind start()',
    SAME_TRY,
  ],
  [
    'percpu/stack stackPop: restart() before `const stride = load<usize>(stack - HEADER, STRIDE)`',
    SAME_TRY,
  ],
  [
    'percpu/stack stackPop: `const stride = load<usize>(stack - HEADER, STRIDE)` behind start()',
    SAME_TRY,
  ],
  ['percpu/ops loadCbneStore: start() behind `if (percpuIndex(mode) != cpu) return -1`', GIVES_UP],
  [
    'percpu/ops loadCbeqStoreAddLoadStore: start() behind `if (percpuIndex(mode) != cpu) return -1`',
    GIVES_UP,
  ],
  ['percpu/ops loadAddStore: start() behind `if (percpuIndex(mode) != cpu) return -1`', GIVES_UP],
  [
    'percpu/ops loadAddLoadLoadAddStore: start() behind `if (percpuIndex(mode) != cpu) return -1`',
    GIVES_UP,
  ],
  [
    'percpu/ops loadCbneLoadCbneStore: start() behind `if (percpuIndex(mode) != cpu) return -1`',
    GIVES_UP,
  ],
  [
    'percpu/ops loadCbneStoreStore: start() behind `if (percpuIndex(mode) != cpu) return -1`',
    GIVES_UP,
  ],
  [
    'percpu/ops loadCbneMemcpyStore: start() behind `if (percpuIndex(mode) != cpu) return -1`',
    GIVES_UP,
  ],
  ['percpu/ops loadCbeqStoreAddLoadStore: `const r = load<usize>(v)` before start()', GIVES_UP],
  ['percpu/ops loadAddStore: restart() before `if (!isRelaxed(order, mode)) return -1`', ARGUMENTS],
  [
    'percpu/ops loadCbneStoreStore: restart() before `if (!isRelaxedOrRelease(order, mode)) return -1`',
    ARGUMENTS,
  ],
  [
    'percpu/ops loadCbneMemcpyStore: restart() before `if (!isRelaxedOrRelease(order, mode)) return -1`',
    ARGUMENTS,
  ],
  [
    'percpu/ops loadCbneStoreStore: order == MemoryOrder.Release to order != MemoryOrder.Release',
    ONE_MEMORY,
  ],
  [
    'percpu/ops loadCbneMemcpyStore: order == MemoryOrder.Release to order != MemoryOrder.Release',
    ONE_MEMORY,
  ],
  [
    'percpu/ops loadCbneMemcpyStore: at + 8 <= length to at + 8 < length',
    'the last 8 bytes are copied one by one then',
  ],
  ['percpu/rcu countHere: rseq.cpuId() < 0 to rseq.cpuId() <= 0', CPU_0_ATOMICALLY],
  ['percpu/rcu countHere: rseq.cpuId() < 0 to rseq.cpuId() < 1', CPU_0_ATOMICALLY],
  [
    'percpu/rcu rcuBarrier: head != 0 to head != 1',
    'with nothing to call it waits for readers, which is slower and right',
  ],
  [
    'percpu/rcu countHere: restart() before `if (rseq.cpuId() < 0) return false`',
    'who was sent back gives up all the same',
  ],
  [
    'percpu/rcu countHere: start() behind `const slot = word + <usize>rseq.cpuId() * LINE_BYTES`',
    NOT_AGAIN,
  ],
  [
    'percpu/mempool mempoolCreate: `store<usize>(pool, stride, STRIDE)` before `store<usize>(pool, <usize>1 << orderOf(itemBytes), ITEM_B...`',
    NOBODY_YET,
  ],
  [
    'percpu/mempool mempoolCreate: `store<u32>(pool, flags, FLAGS)` before `store<usize>(pool, stride, STRIDE)`',
    NOBODY_YET,
  ],
  [
    'percpu/mempool mempoolCreate: `store<u32>(pool, maxRanges, MAX_RANGES)` before `store<u32>(pool, flags, FLAGS)`',
    NOBODY_YET,
  ],
  [
    'percpu/mempool addRange: `store<usize>(range, load<usize>(pool, RANGES), NEXT_RANGE)` before `store<usize>(range, pool, POOL)`',
    LOCKED,
  ],
  [
    'percpu/mempool addRange: `store<usize>(range, 0, USED)` before `store<usize>(range, load<usize>(pool, RANGES), NEXT_RANGE)`',
    LOCKED,
  ],
  [
    'percpu/mempool addRange: `store<usize>(range, block, BLOCK)` before `store<usize>(range, 0, USED)`',
    LOCKED,
  ],
  [
    'percpu/mempool addRange: `store<usize>(pool, range, RANGES)` before `store<usize>(range, block, BLOCK)`',
    LOCKED,
  ],
  [
    'percpu/mempool addRange: `store<u32>(pool, count + 1, RANGE_COUNT)` before `store<usize>(pool, range, RANGES)`',
    LOCKED,
  ],
  ['percpu/mempool isItem: range != 0 to range != 1', UNBROKEN],
  [
    'percpu/mempool isItem: range != 0 to range != 1 #2',
    'nothing is at address 0, where it finds that no byte of the range has been used',
  ],
  [
    'percpu/mempool isItem: item - range - HEADER_BYTES < load<usize>(range, USED) to item - range - HEADER_BYTES <= load<usize>(range, USED)',
    UNBROKEN,
  ],
  ['percpu/mempool checkPoison: cpu < n to cpu >= n', UNBROKEN],
  ['percpu/mempool checkPoison: at < copy + bytes to at >= copy + bytes', UNBROKEN],
  [
    'percpu/mempool checkItems: item < base + load<usize>(pool, STRIDE) to item >= base + load<usize>(pool, STRIDE)',
    UNBROKEN,
  ],
  [
    'percpu/mempool orderOf: bytes <= LINK_BYTES to bytes < LINK_BYTES',
    '4 bytes are rounded up to 4 either way',
  ],
  [
    'percpu/malloc calloc: count > MAX_SIZE / size to count >= MAX_SIZE / size',
    'there is no memory for as many as that',
  ],
  ['percpu/malloc realloc: size > MAX_SMALL to size >= MAX_SMALL', EITHER_KIND],
  [
    'percpu/malloc alignedAlloc: size > MAX_SIZE to size >= MAX_SIZE',
    'there is no memory for as much as that',
  ],
  ['percpu/malloc alignedAlloc: alignment <= 64 to alignment <= 65', 'it is a power of two'],
  ['percpu/malloc allocateUnclassed: size > MAX_SMALL to size >= MAX_SMALL', EITHER_KIND],
  [
    'percpu/slab initSlabs: `store<usize>(slabOf(cpu), slab)` before `store<usize>(OWN_SLABS + <usize>cpu * 4, slab)`',
    ONE_CREATES,
  ],
  [
    'percpu/slab initSlab: `store<usize>(header, begin, TOP)` before `store<usize>(begin - 4, ODD)`',
    ONE_CREATES,
  ],
  [
    'percpu/slab initSlab: `store<usize>(header, begin, END)` before `store<usize>(header, begin, TOP)`',
    ONE_CREATES,
  ],
  [
    'percpu/slab initEmpty: `store<usize>(header, slab + HEADERS_BYTES + 4, END)` before `store<usize>(header, slab + HEADERS_BYTES + 4, TOP)`',
    ONE_CREATES,
  ],
  [
    'percpu/slab slabBytes: index < SLAB_CLASSES to index <= SLAB_CLASSES',
    'a slab of a few bytes more',
  ],
  [
    'percpu/slab slabPopBatch: restart() before `const begin = load<u32>(BEGINS + <usize>index * 4)`',
    SAME_TRY,
  ],
  [
    'percpu/slab slabPopBatch: `const begin = load<u32>(BEGINS + <usize>index * 4)` behind start()',
    SAME_TRY,
  ],
  [
    'percpu/slab slabResize: restart() before `const last = own + load<u32>(BEGINS + <usize>index * 4) +...`',
    SAME_TRY,
  ],
  ['percpu/slab slabPopBatch: taken <= 0 to taken < 0', NONE_AT_ALL],
  ['percpu/slab slabPopBatch: taken <= 0 to taken <= 1', WORDS],
  ['percpu/slab slabPushBatch: put <= 0 to put < 0', NONE_AT_ALL],
  ['percpu/slab slabPushBatch: put <= 0 to put <= 1', WORDS],
  [
    'percpu/slab slabResize: `const end = load<usize>(header, END) + (change << 2)` before start()',
    ONE_LOAD,
  ],
]);

/** Mistakes. */
export const MISSED = new Map([]);
