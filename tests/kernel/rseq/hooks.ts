// A personality called by hand: a thread with a memory that can fault at chosen words, the system
// calls, and the hooks. What a whole kernel makes of them is tested with scripts.

import type { Memory } from '../../../src/kernel/memory.js';
import type { Personality } from '../../../src/kernel/rseq/personality.js';
import { Process } from '../../../src/kernel/process.js';
import type { Services } from '../../../src/kernel/syscall.js';
import { Thread } from '../../../src/kernel/thread.js';
import { ArrayMemory } from '../array-memory.js';
import { MEMORY_BYTES } from '../boot.js';
import { newThread } from '../turner-scripts.js';

/** Notes every access, and lets those to chosen words fault. */
export class FaultyMemory extends ArrayMemory {
  readonly unreadable: Set<number> = new Set();
  readonly unwritable: Set<number> = new Set();
  /** Addresses of words written since the test last cleared it. */
  readonly written: number[] = [];
  accesses = 0;

  override loadI32(address: number): number | undefined {
    this.accesses++;
    return this.unreadable.has(address) ? undefined : super.loadI32(address);
  }

  override storeI32(address: number, value: number): boolean {
    this.accesses++;
    if (this.unwritable.has(address)) return false;
    this.written.push(address);
    return super.storeI32(address, value);
  }

  override copyIn(address: number, length: number): Uint8Array | undefined {
    this.accesses++;
    return super.copyIn(address, length);
  }

  override copyOut(address: number, bytes: Uint8Array): boolean {
    this.accesses++;
    return super.copyOut(address, bytes);
  }
}

export interface Bench {
  readonly memory: FaultyMemory;
  readonly process: Process;
  /** The leader, on CPU 0, in code. */
  readonly thread: Thread;
}

export function bench(): Bench {
  const memory = new FaultyMemory(MEMORY_BYTES);
  const process = new Process(1, memory);
  const thread = newThread(process, 1);
  thread.suspension = 'interrupt';
  return { memory, process, thread };
}

/** What the fixture does when a call yields, signals or blocks: nothing. */
const NO_SERVICES = { yield: () => 0 } as unknown as Services;

export function call(
  personality: Personality,
  thread: Thread,
  sysno: number,
  ...args: readonly number[]
): number | undefined {
  const handler = personality.syscalls.get(sysno);
  if (handler === undefined) throw new Error(`${personality.name} has no system call ${sysno}`);
  const words = new Int32Array(6);
  words.set(args);
  return handler(thread, words, NO_SERVICES);
}

/** A new process whose leader is the child of a fork of `parent`; its memory is a copy. */
export function forkOf(personality: Personality, parent: Thread): Thread {
  const memory = new FaultyMemory(MEMORY_BYTES);
  memory.bytes.set((parent.process.memory as FaultyMemory).bytes);
  const child = newThread(new Process(1, memory), 1);
  personality.onFork(parent, child);
  return child;
}

/** A second thread of the process. */
export function cloneOf(personality: Personality, parent: Thread): Thread {
  const child = newThread(parent.process, parent.process.threads.size + 1);
  personality.onClone(parent, child);
  return child;
}

export function words(memory: Memory, address: number, count: number): (number | undefined)[] {
  return Array.from({ length: count }, (_, index) => memory.loadI32(address + 4 * index));
}
