// Fingerprints: 64 bits in two lanes of 32, over words and over what has been hashed already. The same
// content has the same fingerprint in every process, whatever numbers it was given there.

/** One more word into a lane: MurmurHash3's mixing. */
export function mix(lane: number, word: number): number {
  const product = Math.imul(word, 0xcc9e2d51);
  const mixed = lane ^ Math.imul((product << 15) | (product >>> 17), 0x1b873593);
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0;
}

export function finish(lane: number): number {
  let value = Math.imul(lane ^ (lane >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return value ^ (value >>> 16);
}

/** A place in a table for three words: cheap, and no part of a fingerprint. */
export function spread(first: number, second: number, third: number): number {
  const sum =
    Math.imul(first, 0x9e3779b1) + Math.imul(second, 0x85ebca6b) + Math.imul(third, 0xc2b2ae35);
  const value = Math.imul(sum ^ (sum >>> 15), 0x2c1b3c6d);
  return value ^ (value >>> 16);
}

/** Where a lane begins. */
export const LOW_SEED: number = 0x9747b28c | 0;
export const HIGH_SEED: number = 0x2f0b4c47 | 0;

/** What a part with fingerprint lane `part` adds, by exclusive or, to that of a whole in which it is at `place`. */
export function placed(part: number, place: number): number {
  return finish(mix(mix(place, part), part >>> 16));
}
