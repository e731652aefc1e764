// syscall_errors_test: what rseq() says to a thread that registers, one call after another.

import { describe, expect, test } from 'vitest';
import { Errno, RSEQ_SIG } from '../../src/abi/index.js';
import { compileText, run } from './guest.js';

const { EBUSY, EFAULT, EINVAL, EPERM } = Errno;
const UNREGISTER = 1;
const WRONG = RSEQ_SIG + 1;

interface Call {
  readonly law: string;
  /** area, length, flags, signature. `area` is one in guest memory, aligned to 64. */
  readonly call: readonly [string, number, number, number];
  readonly result: number;
}

const CALLS: readonly Call[] = [
  { law: 'nothing is -EINVAL: it is there', call: ['0', 0, 0, 0], result: -EINVAL },
  { law: 'an unknown flag is -EINVAL', call: ['area', 32, 4, RSEQ_SIG], result: -EINVAL },
  { law: 'all flags are -EINVAL', call: ['area', 32, -1, RSEQ_SIG], result: -EINVAL },
  { law: 'a misaligned area is -EINVAL', call: ['area + 1', 32, 0, RSEQ_SIG], result: -EINVAL },
  { law: 'a length of 31 is -EINVAL', call: ['area', 31, 0, RSEQ_SIG], result: -EINVAL },
  { law: 'kernel space is -EFAULT', call: ['-4096', 32, 0, RSEQ_SIG], result: -EFAULT },
  { law: 'beyond the memory is -EFAULT', call: ['0x7fff0000', 32, 0, RSEQ_SIG], result: -EFAULT },
  { law: 'an area registers', call: ['area', 32, 0, RSEQ_SIG], result: 0 },
  { law: 'the same once more is -EBUSY', call: ['area', 32, 0, RSEQ_SIG], result: -EBUSY },
  { law: 'another signature is -EPERM', call: ['area', 32, 0, WRONG], result: -EPERM },
  { law: 'another area is -EINVAL', call: ['area + 64', 32, 0, RSEQ_SIG], result: -EINVAL },
  {
    law: 'another signature does not unregister: -EPERM',
    call: ['area', 32, UNREGISTER, WRONG],
    result: -EPERM,
  },
  {
    law: 'another area does not unregister: -EINVAL',
    call: ['area + 64', 32, UNREGISTER, RSEQ_SIG],
    result: -EINVAL,
  },
  {
    law: 'another length does not unregister: -EINVAL',
    call: ['area', 64, UNREGISTER, RSEQ_SIG],
    result: -EINVAL,
  },
  { law: 'the area unregisters', call: ['area', 32, UNREGISTER, RSEQ_SIG], result: 0 },
  {
    law: 'a second time is -EINVAL',
    call: ['area', 32, UNREGISTER, RSEQ_SIG],
    result: -EINVAL,
  },
  { law: 'the area registers again', call: ['area', 32, 0, RSEQ_SIG], result: 0 },
];

const SOURCE = `import { printNumber, syscall } from 'wasm-rseq/assembly';
const room: usize = memory.data(192);
function rseq(area: i32, length: i32, flags: i32, signature: i32): void {
  printNumber(syscall(334, area, length, flags, signature, 0, 0));
}
export function main(): i32 {
  const area = <i32>(room + 63) & ~63;
${CALLS.map(({ call }) => `  rseq(${call.join(', ')});`).join('\n')}
  return 0;
}`;

describe.each(['linux', 'linux-v2'] as const)('rseq() of %s', (abi) => {
  const results = compileText(SOURCE, { abi }).then((module) => run(module, { abi }));

  test.each(CALLS.map((each, index) => ({ ...each, index })))('$law', async ({ index, result }) => {
    const { printed } = await results;

    expect(printed[index]).toBe(result);
  });
});
