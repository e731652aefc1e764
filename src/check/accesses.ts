// What a step does to memory, in the order in which it does it: the guest by its list of accesses, the
// kernel by way of its port.

import { ACCESS_LOAD, ACCESS_STORE } from '../abi/module.js';
import type { LinearMemory } from '../host/linear-memory.js';
import type { Memory } from '../kernel/memory.js';

/** A range of bytes that was accessed. */
export interface Access {
  readonly address: number;
  readonly bytes: number;
  readonly isLoad: boolean;
  readonly isStore: boolean;
  /** The kernel did it before the thread ran or when it had stopped: to its words, because it was switched or moved. */
  readonly isResume: boolean;
  /** The kernel stored something else than was there. */
  readonly isChange: boolean;
}

/** How far the guest is in this step. */
export interface GuestProgress {
  /** How often user code has run. */
  readonly runs: number;
  /** Words of its list of accesses. */
  readonly accesses: number;
}

/** What the kernel has accessed, and how far the guest was then. */
export interface KernelAccess extends Access {
  readonly runs: number;
  /** Words of the guest's list. */
  readonly after: number;
}

/** The kernel's way to memory, written down. */
export class WatchedMemory implements Memory {
  readonly #memory: LinearMemory;
  readonly #progress: () => GuestProgress;
  readonly accesses: KernelAccess[] = [];
  /** The kernel switches threads, and none runs on before the step is over. */
  isSwitch = false;

  /** progress: asked for at every access. */
  constructor(memory: LinearMemory, progress: () => GuestProgress) {
    this.#memory = memory;
    this.#progress = progress;
  }

  get sizeBytes(): number {
    return this.#memory.sizeBytes;
  }

  loadI32(address: number): number | undefined {
    this.#note(address, 4, ACCESS_LOAD, false);
    return this.#memory.loadI32(address);
  }

  storeI32(address: number, value: number): boolean {
    this.#note(address, 4, ACCESS_STORE, this.#memory.loadI32(address) !== value);
    return this.#memory.storeI32(address, value);
  }

  copyIn(address: number, length: number): Uint8Array | undefined {
    this.#note(address, length, ACCESS_LOAD, false);
    return this.#memory.copyIn(address, length);
  }

  copyOut(address: number, bytes: Uint8Array): boolean {
    const old = this.#memory.copyIn(address, bytes.length);
    const isChange = bytes.some((byte, at) => old?.[at] !== byte);
    this.#note(address, bytes.length, ACCESS_STORE, isChange);
    return this.#memory.copyOut(address, bytes);
  }

  #note(address: number, bytes: number, kind: number, isChange: boolean): void {
    const { runs, accesses } = this.#progress();
    const access = toAccess(address, bytes, kind);
    const isResume = runs === 0 || this.isSwitch;
    this.accesses.push({ ...access, isChange, isResume, runs, after: accesses });
  }
}

function toAccess(address: number, bytes: number, kind: number): Access {
  return {
    address,
    bytes,
    isLoad: (kind & ACCESS_LOAD) !== 0,
    isStore: (kind & ACCESS_STORE) !== 0,
    isResume: false,
    isChange: false,
  };
}

/** Both lists as one. guest: as the machine gives it. */
export function mergeAccesses(guest: Int32Array, kernel: readonly KernelAccess[]): Access[] {
  const all: Access[] = [];
  let next = 0;
  for (let at = 0; at <= guest.length; at += 2) {
    for (; (kernel[next]?.after ?? Number.POSITIVE_INFINITY) <= at; next++) {
      all.push(kernel[next] as Access);
    }
    if (at === guest.length) break;
    const access = guest[at + 1] as number;
    all.push(toAccess((guest[at] as number) >>> 0, access >>> 2, access & 3));
  }
  return all;
}
