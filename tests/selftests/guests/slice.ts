// @ts-nocheck AssemblyScript
// slice_test, of linux-v2: main asks for a longer slice, works, takes the request back, and gives the CPU
// up if it has got one; another thread makes noise. main prints
//
//     grants, how many of them rseq_slice_yield took back, requests that were gone without a grant,
//     turns in which the noise came in between request and grant, in which it came right after a grant
//
//   argument  0 turns
//             1 work     how long it takes
//             2 enable   0 not, 1 by prctl, 2 by the flag of the registration
//             3 end      0 rseq_slice_yield, 1 getpid

import { getpid, join, printNumber, prctl, rseq, spawn, syscall } from 'wasm-rseq/assembly';
import { ensureThreadPointer } from 'wasm-rseq/assembly/tcb';
import {
  PR_RSEQ_SLICE_EXT_ENABLE,
  PR_RSEQ_SLICE_EXTENSION,
  PR_RSEQ_SLICE_EXTENSION_GET,
  PR_RSEQ_SLICE_EXTENSION_SET,
  RSEQ_FLAG_SLICE_EXT_DEFAULT_ON,
  RSEQ_SIG,
  RSEQ_SLICE_GRANTED,
  RSEQ_SLICE_REQUEST,
  RSEQ_V2_ALIGN,
} from 'wasm-rseq/src/abi/linux-rseq';
import { Sysno } from 'wasm-rseq/src/abi/syscall';
import { numberAt } from './arguments';

const noise: usize = memory.data(4);
const stop: usize = memory.data(4);
const scratch: usize = memory.data(4);

let grants: i32 = 0;
let yields: i32 = 0;
let lost: i32 = 0;
let intrusions: i32 = 0;
let successions: i32 = 0;

function makeNoise(_unused: usize): i32 {
  while (atomic.load<i32>(stop) == 0) atomic.add<i32>(noise, 1);
  return 0;
}

function enable(how: i32): void {
  const area = ensureThreadPointer();
  if (how == 2) {
    const flags = RSEQ_FLAG_SLICE_EXT_DEFAULT_ON;
    assert(syscall(Sysno.Rseq, <i32>area, RSEQ_V2_ALIGN, flags, RSEQ_SIG, 0, 0) == 0);
  } else {
    assert(rseq.register() == 0);
  }
  const enabled = PR_RSEQ_SLICE_EXT_ENABLE;
  if (how == 1) {
    assert(prctl(PR_RSEQ_SLICE_EXTENSION, PR_RSEQ_SLICE_EXTENSION_SET, enabled, 0, 0) == 0);
  }
  const found = prctl(PR_RSEQ_SLICE_EXTENSION, PR_RSEQ_SLICE_EXTENSION_GET, 0, 0, 0);
  assert(found == (how == 0 ? 0 : enabled));
}

function takeTurn(area: usize, work: i32, end: i32): void {
  store<u8>(area, 1, RSEQ_SLICE_REQUEST);
  const before = load<i32>(noise);
  for (let n = 0; n < work; n++) store<i32>(scratch, n);
  const after = load<i32>(noise);
  const isKept = load<u8>(area, RSEQ_SLICE_REQUEST) != 0;
  store<u8>(area, 0, RSEQ_SLICE_REQUEST);
  if (load<u8>(area, RSEQ_SLICE_GRANTED) == 0) {
    if (!isKept) lost++;
    if (after != before) intrusions++;
    return;
  }
  grants++;
  if (after != before) intrusions++;
  if (end != 0) getpid();
  else yields += syscall(Sysno.RseqSliceYield, 0, 0, 0, 0, 0, 0);
  assert(load<u8>(area, RSEQ_SLICE_GRANTED) == 0);
  if (load<i32>(noise) != after) successions++;
}

export function main(): i32 {
  enable(numberAt(2));
  const tid = spawn(makeNoise, 0);
  const area = ensureThreadPointer();
  for (let turn = 0; turn < numberAt(0); turn++) takeTurn(area, numberAt(1), numberAt(3));
  assert(syscall(Sysno.RseqSliceYield, 0, 0, 0, 0, 0, 0) == 0);
  atomic.store<i32>(stop, 1);
  join(tid);
  printNumber(grants);
  printNumber(yields);
  printNumber(lost);
  printNumber(intrusions);
  printNumber(successions);
  return 0;
}
