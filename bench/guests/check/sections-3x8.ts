import { sections } from './sections';

export function main(): i32 {
  return sections(3, 8);
}
