// === sha256: the hash of a buffer of pseudo-random bytes. Argument: kilobytes ======================

import { decimal } from '../arguments';
import { report } from '../machine';

@unmanaged
class Words {
  // @ts-ignore: decorator
  @inline
  at(index: i32): u32 {
    return load<u32>(changetype<usize>(this) + ((<usize>index) << 2));
  }

  // @ts-ignore: decorator
  @inline
  set(index: i32, value: u32): void {
    store<u32>(changetype<usize>(this) + ((<usize>index) << 2), value);
  }
}

const K = changetype<Words>(
  memory.data<u32>([
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
  ]),
);
const H = changetype<Words>(
  memory.data<u32>([
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
  ]),
);
const W = changetype<Words>(memory.data(64 * 4));
const BLOCK_BYTES: usize = 64;

function expand(block: usize): void {
  for (let i = 0; i < 16; i++) W.set(i, bswap(changetype<Words>(block).at(i)));
  for (let i = 16; i < 64; i++) {
    const a = W.at(i - 15);
    const b = W.at(i - 2);
    const s0 = rotr(a, 7) ^ rotr(a, 18) ^ (a >>> 3);
    const s1 = rotr(b, 17) ^ rotr(b, 19) ^ (b >>> 10);
    W.set(i, W.at(i - 16) + s0 + W.at(i - 7) + s1);
  }
}

function compress(block: usize): void {
  expand(block);
  let a = H.at(0);
  let b = H.at(1);
  let c = H.at(2);
  let d = H.at(3);
  let e = H.at(4);
  let f = H.at(5);
  let g = H.at(6);
  let h = H.at(7);
  for (let i = 0; i < 64; i++) {
    const s1 = rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25);
    const t1 = h + s1 + ((e & f) ^ (~e & g)) + K.at(i) + W.at(i);
    const s0 = rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22);
    const t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
    h = g;
    g = f;
    f = e;
    e = d + t1;
    d = c;
    c = b;
    b = a;
    a = t1 + t2;
  }
  H.set(0, H.at(0) + a);
  H.set(1, H.at(1) + b);
  H.set(2, H.at(2) + c);
  H.set(3, H.at(3) + d);
  H.set(4, H.at(4) + e);
  H.set(5, H.at(5) + f);
  H.set(6, H.at(6) + g);
  H.set(7, H.at(7) + h);
}

/** `buffer` has room for the padding behind its `length` bytes, a multiple of 64. */
function sha256(buffer: usize, length: usize): void {
  const padding = buffer + length;
  memory.fill(padding, 0, BLOCK_BYTES);
  store<u8>(padding, 0x80);
  store<u64>(padding, bswap<u64>((<u64>length) << 3), 56);
  for (let at: usize = 0; at <= length; at += BLOCK_BYTES) compress(buffer + at);
}

export function main(): i32 {
  const length = (<usize>decimal(0, 64)) << 10;
  const buffer = heap.alloc(length + BLOCK_BYTES);
  let state: u32 = 1;
  for (let at: usize = 0; at < length; at++) {
    state = state * 1664525 + 1013904223;
    store<u8>(buffer + at, state >>> 24);
  }
  sha256(buffer, length);
  report(H.at(0) ^ H.at(7));
  return 0;
}
