// === matmul: the product of two square matrices of f64, loops in the order i, k, j =================
//
// Argument: rows. The elements are small integers, so the checksum, their sum, is exact.

import { decimal } from '../arguments';
import { report } from '../machine';

@unmanaged
class Matrix {
  /** Address of an element; n columns. */
  // @ts-ignore: decorator
  @inline
  at(n: i32, row: i32, column: i32): usize {
    return changetype<usize>(this) + ((<usize>(row * n + column)) << 3);
  }
}

function fill(n: i32, factor: i32): Matrix {
  const matrix = changetype<Matrix>(heap.alloc((<usize>(n * n)) << 3));
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) store<f64>(matrix.at(n, i, j), <f64>((i * factor + j) % 17));
  }
  return matrix;
}

function multiply(a: Matrix, b: Matrix, c: Matrix, n: i32): void {
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < n; k++) {
      const factor = load<f64>(a.at(n, i, k));
      for (let j = 0; j < n; j++) {
        const sum = c.at(n, i, j);
        store<f64>(sum, load<f64>(sum) + factor * load<f64>(b.at(n, k, j)));
      }
    }
  }
}

export function main(): i32 {
  const n = decimal(0, 64);
  const a = fill(n, 3);
  const b = fill(n, 5);
  const c = changetype<Matrix>(heap.alloc((<usize>(n * n)) << 3));
  memory.fill(changetype<usize>(c), 0, (<usize>(n * n)) << 3);
  multiply(a, b, c, n);
  let sum: f64 = 0;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) sum += load<f64>(c.at(n, i, j)) * <f64>((i + 2 * j) % 7);
  }
  report(<u32>(<u64>sum));
  return 0;
}
