// Fingerprints: 64 bits in two lanes of 32, over words and over what has been hashed already. The same
// content has the same fingerprint in every process, whatever numbers it was given there.
//
// Constants are written as the signed words they are: larger numbers would be objects until code is compiled.

/** One look-up less at every use, until code is compiled. */
export const imul: (a: number, b: number) => number = Math.imul;

/** One more word into a lane: MurmurHash3's mixing. */
export function mix(lane: number, word: number): number {
  const product = imul(word, -0x3361d2af);
  const mixed = lane ^ imul((product << 15) | (product >>> 17), 0x1b873593);
  return (imul((mixed << 13) | (mixed >>> 19), 5) - 0x19ab949c) | 0;
}

export function finish(lane: number): number {
  let value = imul(lane ^ (lane >>> 16), -0x7a143595);
  value = imul(value ^ (value >>> 13), -0x3d4d51cb);
  return value ^ (value >>> 16);
}

/** A place in a table for three words: cheap, and no part of a fingerprint. */
export function spread(first: number, second: number, third: number): number {
  const mixed = imul(first, -0x61c8864f) ^ imul(second, -0x7a143595) ^ imul(third, -0x3d4d51cb);
  const value = imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d);
  return value ^ (value >>> 16);
}

/** Where a lane begins. */
export const LOW_SEED: number = 0x9747b28c | 0;
export const HIGH_SEED: number = 0x2f0b4c47 | 0;

/** What a lane is multiplied by before the lane of the next part is put to it. */
export const LOW_FACTOR = -0x61c8864d;
export const HIGH_FACTOR = 0x2c1b3c6f;

/** What a part with fingerprint lane `part` adds, by exclusive or, to that of a whole in which it is at `place`. */
export function placed(part: number, place: number): number {
  return finish(part ^ imul(place + 1, -0x61c8864f));
}
