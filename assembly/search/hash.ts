// Fingerprints: 64 bits in two lanes of 32, over words and over what has been hashed already. The same
// content has the same fingerprint in every process, whatever numbers it was given there.

/** Where a lane begins. */
export const LOW_SEED: i32 = 0x9747b28c;
export const HIGH_SEED: i32 = 0x2f0b4c47;

/** What a lane is multiplied by before the lane of the next part is put to it. */
export const LOW_FACTOR: i32 = 0x9e3779b3;
export const HIGH_FACTOR: i32 = 0x2c1b3c6f;

/** One more word into a lane: MurmurHash3's mixing. */
export function mix(lane: i32, word: i32): i32 {
  const mixed = lane ^ (rotl(word * 0xcc9e2d51, 15) * 0x1b873593);
  return rotl(mixed, 13) * 5 + 0xe6546b64;
}

/** MurmurHash3's end. */
export function finish(lane: i32): i32 {
  let value = (lane ^ (lane >>> 16)) * 0x85ebca6b;
  value = (value ^ (value >>> 13)) * 0xc2b2ae35;
  return value ^ (value >>> 16);
}

/** What a part with fingerprint lane `part` adds, by exclusive or, to that of a whole in which it is at `place`. */
export function placed(part: i32, place: i32): i32 {
  return finish(part ^ ((place + 1) * 0x9e3779b1));
}

/** Where three words belong in a table, in the top bits: cheap, and no part of a fingerprint. */
// @ts-ignore: decorator
@inline
export function spread(first: i32, second: i32, third: i32): u32 {
  return <u32>((first * 0x9e3779b1) ^ (second * 0x85ebca6b) ^ (third * 0xc2b2ae35));
}
