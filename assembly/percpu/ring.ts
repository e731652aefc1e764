// === percpu/ring: a bounded queue of records per CPU ==============================================
//
//   ring ──► ┌ u32 mask │ u32 bytes │ u32 stride ┐┌ cpu 0 ┐┌ cpu 1 ┐ ...        stride bytes apart
//   cpu  ──► ┌ u32 tail ┐┌ u32 head ┐┌ slot 0 ┐┌ slot 1 ┐ ...       tail, head: a cache line each
//
// tail counts the records put, head those taken, modulo 2^32; record n is in slot n & mask.
//
// put:       S: cpu; t = tail; t - head > mask: full | slot[t & mask] = record | C: tail = t + 1
// take:      S: cpu; h = head; h == tail: empty | *to = slot[h & mask] | C: head = h + 1
// takeFrom:  h = head; h == tail: empty | *to = slot[h & mask] | head = h + 1           no section
//
// put and take retry when aborted. What an aborted put leaves lies behind the tail, what an aborted take
// leaves is at `to`, the caller's; the retry writes both again. Any thread may put, a handler too. From a
// CPU either whoever runs there takes, with take, handlers too; or one consumer that runs anywhere, with
// takeFrom, as in LTTng. Never both at a time: both store the head. Sections of put store the tail only.
// Records of a CPU are taken in the order of their commits, each once and whole; between CPUs there is no
// order. The stores that the other side waits for are releases: a consumer that finds the tail finds the
// record, and a slot is written again only after it was read.

import { rseq } from '../rseq';
import { nrCpus } from '../sys';

const CACHE_LINE: usize = 64;

/** Never changes. */
@unmanaged
class Ring {
  mask: u32;
  bytes: u32;
  stride: usize;
}

const CPUS: usize = CACHE_LINE;

const TAIL: usize = 0;
const HEAD: usize = CACHE_LINE;
const SLOTS: usize = 2 * CACHE_LINE;

/**
 * An empty ring for every CPU: `slots` records, rounded up to a power of two, of `bytes` bytes each.
 * Returns its address. Called once, before other threads know of the ring.
 */
export function ringCreate(slots: u32, bytes: u32): usize {
  const count = 1 << (32 - clz<u32>(slots - 1));
  const stride = (SLOTS + <usize>count * bytes + CACHE_LINE - 1) & ~(CACHE_LINE - 1);
  const total = CPUS + <usize>nrCpus() * stride;
  const address = heap.alloc(total);
  memory.fill(address, 0, total);
  const ring = changetype<Ring>(address);
  ring.mask = count - 1;
  ring.bytes = bytes;
  ring.stride = stride;
  return address;
}

/** Put `value` on the CPU this runs on; records are 4 bytes. False: it is full there. */
export function ringPut(ring: usize, value: u32): bool {
  const mask = changetype<Ring>(ring).mask;
  const stride = changetype<Ring>(ring).stride;
  rseq.restart();
  rseq.start();
  const cpu = ring + CPUS + <usize>rseq.cpuId() * stride;
  const tail = load<u32>(cpu, TAIL);
  if (tail - atomic.load<u32>(cpu, HEAD) > mask) return false;
  store<u32>(cpu + <usize>(tail & mask) * 4, value, SLOTS);
  atomic.store<u32>(cpu, tail + 1, TAIL);
  rseq.end();
  return true;
}

/** Put a copy of the record at `from` on the CPU this runs on. False: it is full there. */
export function ringPutRecord(ring: usize, from: usize): bool {
  const mask = changetype<Ring>(ring).mask;
  const bytes = changetype<Ring>(ring).bytes;
  const stride = changetype<Ring>(ring).stride;
  rseq.restart();
  rseq.start();
  const cpu = ring + CPUS + <usize>rseq.cpuId() * stride;
  const tail = load<u32>(cpu, TAIL);
  if (tail - atomic.load<u32>(cpu, HEAD) > mask) return false;
  memory.copy(cpu + SLOTS + <usize>(tail & mask) * bytes, from, bytes);
  atomic.store<u32>(cpu, tail + 1, TAIL);
  rseq.end();
  return true;
}

/**
 * Take the oldest record of the CPU this runs on to the memory at `to`. False: it has none, and what is at
 * `to` may have changed.
 */
export function ringTake(ring: usize, to: usize): bool {
  const mask = changetype<Ring>(ring).mask;
  const bytes = changetype<Ring>(ring).bytes;
  const stride = changetype<Ring>(ring).stride;
  rseq.restart();
  rseq.start();
  const cpu = ring + CPUS + <usize>rseq.cpuId() * stride;
  const head = load<u32>(cpu, HEAD);
  if (head == load<u32>(cpu, TAIL)) return false;
  memory.copy(to, cpu + SLOTS + <usize>(head & mask) * bytes, bytes);
  store<u32>(cpu, head + 1, HEAD);
  rseq.end();
  return true;
}

/**
 * Take the oldest record of CPU `cpuId` to the memory at `to`. False: it has none. Precondition: nobody
 * else takes from that CPU now, in a handler neither.
 */
export function ringTakeFrom(ring: usize, cpuId: i32, to: usize): bool {
  const bytes = changetype<Ring>(ring).bytes;
  const mask = changetype<Ring>(ring).mask;
  const stride = changetype<Ring>(ring).stride;
  const cpu = ring + CPUS + <usize>cpuId * stride;
  const head = load<u32>(cpu, HEAD);
  if (head == atomic.load<u32>(cpu, TAIL)) return false;
  memory.copy(to, cpu + SLOTS + <usize>(head & mask) * bytes, bytes);
  atomic.store<u32>(cpu, head + 1, HEAD);
  return true;
}
