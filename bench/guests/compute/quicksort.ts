// === quicksort: Hoare's, recursive, insertion sort for short parts, of pseudo-random u32 ===========
//
// Argument: how many. The checksum depends on the order.

import { decimal } from '../arguments';
import { report } from '../machine';

const SHORT: i32 = 12;

@unmanaged
class Numbers {
  // @ts-ignore: decorator
  @inline
  get(index: i32): u32 {
    return load<u32>(changetype<usize>(this) + ((<usize>index) << 2));
  }

  // @ts-ignore: decorator
  @inline
  set(index: i32, value: u32): void {
    store<u32>(changetype<usize>(this) + ((<usize>index) << 2), value);
  }
}

function insertionSort(array: Numbers, low: i32, high: i32): void {
  for (let i = low + 1; i <= high; i++) {
    const value = array.get(i);
    let j = i - 1;
    while (j >= low && array.get(j) > value) {
      array.set(j + 1, array.get(j));
      j--;
    }
    array.set(j + 1, value);
  }
}

/** Returns the last index of the lower part. */
function partition(array: Numbers, low: i32, high: i32): i32 {
  const pivot = array.get((low + high) >>> 1);
  let i = low - 1;
  let j = high + 1;
  while (true) {
    do i++;
    while (array.get(i) < pivot);
    do j--;
    while (array.get(j) > pivot);
    if (i >= j) return j;
    const value = array.get(i);
    array.set(i, array.get(j));
    array.set(j, value);
  }
}

function quicksort(array: Numbers, low: i32, high: i32): void {
  if (high - low < SHORT) {
    insertionSort(array, low, high);
    return;
  }
  const middle = partition(array, low, high);
  quicksort(array, low, middle);
  quicksort(array, middle + 1, high);
}

export function main(): i32 {
  const count = decimal(0, 1000);
  const array = changetype<Numbers>(heap.alloc((<usize>count) << 2));
  let state: u32 = 1;
  for (let i = 0; i < count; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    array.set(i, state);
  }
  quicksort(array, 0, count - 1);
  let sum: u32 = 0;
  for (let i = 0; i < count; i++) sum = (sum ^ array.get(i)) * 16777619;
  report(sum);
  return 0;
}
