// Guest of the groups instruction, abi and cpu, and the program that asconfig.json names: the counter in
// latency form only, so that its sections fit the 16 that the ABI ras takes.

import { letter } from './guests/arguments';
import {
  Atomic,
  COUNTER_STRIDE,
  Lock,
  Section,
  SectionByRegister,
  Unprotected,
} from './guests/counter-ways';
import { latency, structures, turns } from './guests/loops';
import { rseq } from './guests/machine';

export function main(): i32 {
  assert(rseq.register() == 0);
  switch (letter(0)) {
    case 0x75: {
      latency<Unprotected>(turns());
      break;
    }
    case 0x73: {
      latency<Section>(turns());
      break;
    }
    case 0x61: {
      latency<Atomic>(turns());
      break;
    }
    case 0x6c: {
      latency<Lock>(turns());
      break;
    }
    case 0x72: {
      rseq.setPercpuArea(structures, COUNTER_STRIDE);
      latency<SectionByRegister>(turns());
      break;
    }
    default:
      return 2;
  }
  return load<i32>(structures) == turns() ? 0 : 1;
}
