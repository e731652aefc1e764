// === trace: what a program asked its allocator for =================================================
//
//   header  16 bytes: "MTR1" │ u32 records │ u32 objects │ u32 peak of live bytes
//   record  10 bytes: u8 op: 1 allocate, 2 free, 3 reallocate │ u8 thread │ u32 size, 0 for free │ u32 object
//
// Little endian, gzip around it or not. Objects are numbered from 0; one that is never freed is live at the end.

import { argument, close, open, read } from 'wasm-rseq/assembly';
import { isGzip, MOST_PACKED, unpack, unpackedBytes } from './inflate';

export const ALLOCATE: i32 = 1;
export const FREE: i32 = 2;
export const REALLOCATE: i32 = 3;

export const RECORD_BYTES: usize = 10;
export const RECORD_SIZE: usize = 2;
export const RECORD_OBJECT: usize = 6;

const HEADER_BYTES: usize = 16;
const MAGIC: u32 = 0x3152544d;
const PATH_BYTES: i32 = 4096;
const DAMAGED = 'the trace is a damaged gzip file';
const BLOCK_BYTES: i32 = 1 << 16;

/** Address of the first record. */
export let records: usize = 0;
export let recordCount: i32 = 0;
export let objectCount: i32 = 0;

/** Read the trace that argument 0 names. Errors: says why, and aborts. */
export function loadTrace(): void {
  const path = memory.data(4096);
  const length = argument(0, path, PATH_BYTES - 1);
  assert(length > 0, 'usage: malloc-replay TRACE [check|time ROUNDS]');
  const fd = open(path, 0);
  assert(fd >= 0, 'the trace cannot be opened');
  let bytes: usize = 0;
  // Whole pages at the end of memory, which nobody else has: no allocator is asked.
  const from = <usize>memory.size() << 16;
  for (let got = 1; got > 0; bytes += <usize>got) {
    if (from + bytes + BLOCK_BYTES > <usize>memory.size() << 16) {
      assert(memory.grow(max(1, memory.size() >> 3)) >= 0, 'no memory for the trace');
    }
    got = read(fd, from + bytes, BLOCK_BYTES);
    assert(got >= 0, 'the trace cannot be read');
  }
  close(fd);
  useTrace(from, bytes);
}

function useTrace(from: usize, bytes: usize): void {
  let trace = from;
  let size = bytes;
  if (isGzip(from, bytes)) {
    size = unpackedBytes(from, bytes);
    assert(size / MOST_PACKED <= bytes, DAMAGED);
    trace = takePages(size);
    assert(unpack(from, bytes, trace), DAMAGED);
  }
  assert(size >= HEADER_BYTES && load<u32>(trace) == MAGIC, 'the trace does not begin with MTR1');
  recordCount = load<i32>(trace, 4);
  objectCount = load<i32>(trace, 8);
  records = trace + HEADER_BYTES;
  const bytesOfRecords = <u64>load<u32>(trace, 4) * RECORD_BYTES;
  assert(size == HEADER_BYTES + bytesOfRecords, 'the trace has another length than it says');
  assert(<u32>objectCount <= <u32>recordCount, 'the trace has more objects than records');
}

/** Zero pages for `bytes`, behind all there is. */
export function takePages(bytes: usize): usize {
  const before = memory.grow(<i32>((bytes + 0xffff) >> 16));
  assert(before >= 0, 'no memory');
  return <usize>before << 16;
}
