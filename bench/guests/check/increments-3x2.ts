import { increments } from './increments';

export function main(): i32 {
  return increments(3, 2);
}
