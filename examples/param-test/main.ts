// param_test of Linux's selftests: threads that do one thing to per-CPU data, again and again, by librseq's
// operations, each time disturbed in some way. Nothing may be lost. README.md has the letters.

import { print, rseq } from 'wasm-rseq/assembly';
import { abi } from 'wasm-rseq/assembly/abi';
import { Abi } from 'wasm-rseq/src/abi/personality';
import { PercpuMode } from 'wasm-rseq/assembly/percpu/ops';
import { lostPointers, movePointer, prepareBuffer } from './buffer';
import { increment, lostIncrements, prepareIncrement } from './increment';
import { prepareInjections } from './inject';
import { lostNodes, moveNode, prepareList } from './list';
import { countInActive, lostInSets, manage, prepareMembarrier } from './membarrier';
import { lostItems, moveItem, prepareMemcpy } from './memcpy';
import {
  isHelp,
  isVerbose,
  mode,
  printUsage,
  readOptions,
  test,
  unregisteredEvery,
} from './options';
import { countLocked, lostLocked, prepareSpinlock } from './spinlock';
import { joinThreads, startRepetitions, startWork, Work } from './threads';

const REFUSED: i32 = 2;

export function main(): i32 {
  if (!readOptions() || isHelp) {
    printUsage();
    return isHelp ? 0 : REFUSED;
  }
  const reason = whyUndefined();
  if (reason != '') return refuse(reason);
  if (rseq.register() != 0) return refuse('rseq.register() failed');
  prepareInjections();
  if (isVerbose) print(`testing ${String.fromCharCode(test)}\n`);
  if (test == 0x73) return repeat(prepareSpinlock, countLocked, lostLocked);
  if (test == 0x6c) return repeat(prepareList, moveNode, lostNodes);
  if (test == 0x62) return repeat(prepareBuffer, movePointer, lostPointers);
  if (test == 0x6d) return repeat(prepareMemcpy, moveItem, lostItems);
  if (test == 0x69) return repeat(prepareIncrement, increment, lostIncrements);
  return test == 0x72 ? testMembarrier() : refuse('no such test');
}

/** Empty: what the options ask for is defined with this ABI. */
function whyUndefined(): string {
  const isLinux = abi() == Abi.Linux || abi() == Abi.LinuxV2;
  if (mode == PercpuMode.MmCid && !isLinux) return 'the ABI has no concurrency ids';
  if (test == 0x72 && !isLinux) return 'the ABI has no fence';
  if (unregisteredEvery == 0) return '';
  if (abi() == Abi.Ras) return 'with ras, no thread is unregistered';
  if (mode == PercpuMode.MmCid) return 'an unregistered thread has no concurrency id';
  return test == 0x72 ? 'all threads of -T r register' : '';
}

function refuse(reason: string): i32 {
  print(`param-test: ${reason}\n`);
  return REFUSED;
}

function repeat(prepare: () => void, each: Work, lost: () => i64): i32 {
  prepare();
  startRepetitions(each);
  return joinThreads() ? verdict(lost()) : refuse('a signal was lost');
}

function testMembarrier(): i32 {
  if (!prepareMembarrier()) return refuse('membarrier failed');
  startWork(countInActive);
  const changes = manage();
  return joinThreads() ? verdict(changes + abs(lostInSets())) : refuse('a signal was lost');
}

function verdict(lost: i64): i32 {
  if (lost == 0) return 0;
  print(`param-test: ${lost} lost\n`);
  return 1;
}
