// A process that runs bench/guests/threads.ts once and prints, as JSON, what it took and what the
// threads at rest occupied:
//
//   node --expose-gc threads-process.js MODULE THREADS WARM-UP-ROUNDS ROUNDS

import { readFileSync } from 'node:fs';
import { createHost } from '../../dist/host/index.js';
import { now } from '../stopwatch.js';

const MAIN_TID = 1;
/** Enough to get into the loop that waits, and no further. */
const WAITER_FUEL = 64;
/** Of user memory, in pages of 64 KiB. */
const MEMORY_PAGES = 16384;

/** Main runs until it yields. The others run in turn; each slice ends in the loop that waits. */
const scheduler = {
  name: 'bench',
  pick({ cpus: [cpu] }, choice) {
    const thread = cpu.queue.length > 0 ? cpu.queue.at(0) : cpu.current;
    choice.cpu = 0;
    choice.tid = thread.tid;
    choice.fuel = thread.tid === MAIN_TID ? 2 ** 29 : WAITER_FUEL;
  },
};

const [, , file, threads, warmUp, rounds] = process.argv;
const count = Number(threads);
const marks = {};
const stock = {};

const host = await createHost({
  wasm: readFileSync(file),
  args: [threads, warmUp, rounds],
  scheduler,
  threadLimit: count + 1,
  memoryLimit: MEMORY_PAGES,
  fuelLimit: 2 ** 50,
  onOutput: (_fd, bytes) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    onReport(String.fromCharCode(view.getUint32(0, true)), view.getUint32(4, true));
  },
});
const result = host.run();
if (!result.ok) throw new Error(result.failure.message);

const each = (key) => (stock.c[key] - stock.a[key]) / count;
const nsEach = (from, to) => ((marks[to] - marks[from]) * 1e6) / count;
/** Of fewer, what else comes and goes in the heap weighs more than they do. */
const LEAST_TO_WEIGH = 1000;
const weights = {
  bytes: each('heap') + each('buffers') + each('guest'),
  heapBytes: each('heap'),
  bufferBytes: each('buffers'),
  guestBytes: each('guest'),
  residentBytes: each('resident'),
};
console.log(
  JSON.stringify({
    ns: nsEach('d', 'e') / Number(rounds),
    preemptions: result.preemptions,
    spawnNs: nsEach('a', 'b'),
    firstSliceNs: nsEach('b', 'c'),
    ...(count >= LEAST_TO_WEIGH && weights),
    isCollected: globalThis.gc !== undefined,
  }),
);

/** Stock is taken when nothing is timed: before `a` is marked, and after `c` is. */
function onReport(letter, heapTop) {
  if (letter === 'a') stock.a = occupied(heapTop);
  marks[letter] = now();
  if (letter === 'c') stock.c = occupied(heapTop);
}

/** What lives, by the accounts of Node and of the guest's allocator. */
function occupied(guest) {
  globalThis.gc?.();
  const { heapUsed, arrayBuffers, rss } = process.memoryUsage();
  return { heap: heapUsed, buffers: arrayBuffers, guest, resident: rss };
}
