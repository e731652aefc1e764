// getrandom: bytes of a seeded generator, so that a run that asks for them can be repeated.

import { xoroshiro128plus, xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus';
import { Errno } from '../abi/errno.js';
import { TASK_SIZE } from '../abi/module.js';
import { GRND_INSECURE, GRND_NONBLOCK, GRND_RANDOM } from '../abi/syscall.js';
import type { Memory } from './memory.js';

const ALL_FLAGS = GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE;
/** Most bytes of one call, as in Linux. */
const MAX_LENGTH = 0x7ffff000;
/** Bytes made before they are copied out. */
const BLOCK_BYTES = 256;

export class RandomBytes {
  #generator: ReturnType<typeof xoroshiro128plus>;
  readonly #block = new Uint8Array(BLOCK_BYTES);
  readonly #words = new DataView(this.#block.buffer);

  /** seed: any 32-bit integer. */
  constructor(seed: number) {
    this.#generator = xoroshiro128plus(seed);
  }

  get state(): readonly number[] {
    return this.#generator.getState();
  }

  set state(state: readonly number[]) {
    this.#generator = xoroshiro128plusFromState(state);
  }

  /** The next `length` bytes, BLOCK_BYTES at most; valid until the next call. */
  take(length: number): Uint8Array {
    for (let at = 0; at < length; at += 4) {
      this.#words.setInt32(at, this.#generator.next(), true);
    }
    return this.#block.subarray(0, length);
  }
}

/**
 * getrandom -> bytes written: fewer than asked for when the buffer is mapped in part. Errors, in this
 * order: EINVAL flags; EFAULT a buffer that leaves user space, or is not mapped at all.
 */
export function getRandom(
  random: RandomBytes,
  memory: Memory,
  buffer: number,
  length: number,
  flags: number,
): number {
  const exclusive = GRND_RANDOM | GRND_INSECURE;
  if ((flags & ~ALL_FLAGS) !== 0 || (flags & exclusive) === exclusive) return -Errno.EINVAL;
  const asked = Math.min(length, MAX_LENGTH);
  if (buffer + asked > TASK_SIZE) return -Errno.EFAULT;
  const size = Math.min(asked, Math.max(0, memory.sizeBytes - buffer));
  for (let at = 0; at < size; at += BLOCK_BYTES) {
    memory.copyOut(buffer + at, random.take(Math.min(BLOCK_BYTES, size - at)));
  }
  return size === 0 && asked > 0 ? -Errno.EFAULT : size;
}
