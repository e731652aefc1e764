// struct rseq and struct rseq_cs in user memory, as the kernel reads and writes them. Every access
// can fault; what a fault means is the caller's to say.

import {
  RSEQ_CPU_ID,
  RSEQ_CPU_ID_START,
  RSEQ_CPU_ID_UNINITIALIZED,
  RSEQ_CS_ABORT,
  RSEQ_CS_FLAGS,
  RSEQ_CS_LENGTH,
  RSEQ_CS_START,
  RSEQ_CS_VERSION,
  RSEQ_FLAGS,
  RSEQ_MM_CID,
  RSEQ_NODE_ID,
  RSEQ_RSEQ_CS,
  RSEQ_SLICE_REQUEST,
} from '../../abi/linux-rseq.js';
import type { Memory } from '../memory.js';
import type { Thread } from '../thread.js';
import type { RseqIds } from './registration.js';
import { clearU64, loadU64 } from './u64.js';

/** What an area holds that is not registered any more. */
export const UNREGISTERED_IDS: RseqIds = {
  cpuIdStart: 0,
  cpuId: RSEQ_CPU_ID_UNINITIALIZED,
  nodeId: 0,
  mmCid: 0,
};

/** What an area is to hold for the thread where it is now. There is one NUMA node. */
export function currentIds({ cpu, concurrencyId }: Thread): RseqIds {
  return { cpuIdStart: cpu, cpuId: cpu, nodeId: 0, mmCid: concurrencyId };
}

/** struct rseq_cs: a section, and where a thread goes on that was interrupted in it. */
export interface Descriptor {
  readonly address: number;
  readonly version: number;
  readonly flags: number;
  readonly start: bigint;
  readonly length: bigint;
  readonly abort: bigint;
}

/** The descriptor at a user address, or undefined on a fault. */
export function loadDescriptor(memory: Memory, address: number): Descriptor | undefined {
  const version = memory.loadI32(address + RSEQ_CS_VERSION);
  const flags = memory.loadI32(address + RSEQ_CS_FLAGS);
  const start = loadU64(memory, address + RSEQ_CS_START);
  const length = loadU64(memory, address + RSEQ_CS_LENGTH);
  const abort = loadU64(memory, address + RSEQ_CS_ABORT);
  if (version === undefined || flags === undefined) return undefined;
  if (start === undefined || length === undefined || abort === undefined) return undefined;
  return { address, version, flags, start, length, abort };
}

/** struct rseq at an address. */
export class RseqArea {
  constructor(
    readonly memory: Memory,
    readonly address: number,
  ) {}

  loadIds(): RseqIds | undefined {
    const cpuIdStart = this.#load(RSEQ_CPU_ID_START);
    const cpuId = this.#load(RSEQ_CPU_ID);
    const nodeId = this.#load(RSEQ_NODE_ID);
    const mmCid = this.#load(RSEQ_MM_CID);
    if (cpuIdStart === undefined || cpuId === undefined) return undefined;
    if (nodeId === undefined || mmCid === undefined) return undefined;
    return { cpuIdStart, cpuId, nodeId, mmCid };
  }

  storeIds({ cpuIdStart, cpuId, nodeId, mmCid }: RseqIds): boolean {
    return (
      this.#store(RSEQ_CPU_ID_START, cpuIdStart) &&
      this.#store(RSEQ_CPU_ID, cpuId) &&
      this.#store(RSEQ_NODE_ID, nodeId) &&
      this.#store(RSEQ_MM_CID, mmCid)
    );
  }

  /** rseq_cs: the address of a descriptor, 0 for none. */
  loadSection(): bigint | undefined {
    return loadU64(this.memory, this.address + RSEQ_RSEQ_CS);
  }

  clearSection(): boolean {
    return clearU64(this.memory, this.address + RSEQ_RSEQ_CS);
  }

  loadFlags(): number | undefined {
    return this.#load(RSEQ_FLAGS);
  }

  storeFlags(flags: number): boolean {
    return this.#store(RSEQ_FLAGS, flags);
  }

  /** The word of the bytes request and granted. */
  loadSliceControl(): number | undefined {
    return this.#load(RSEQ_SLICE_REQUEST);
  }

  storeSliceControl(word: number): boolean {
    return this.#store(RSEQ_SLICE_REQUEST, word);
  }

  #load(offset: number): number | undefined {
    return this.memory.loadI32(this.address + offset);
  }

  #store(offset: number, value: number): boolean {
    return this.memory.storeI32(this.address + offset, value);
  }
}
