// Memory over a WebAssembly.Memory. The last UNWIND_PAGES are the host's: to the guest's system
// calls they do not exist.

import { PAGE_BYTES, UNWIND_PAGES } from '../abi/module.js';
import type { Memory } from '../kernel/memory.js';

export class LinearMemory implements Memory {
  readonly #memory: WebAssembly.Memory;
  #bytes: Uint8Array;
  #words: Int32Array;
  #view: DataView;
  #hostBase = 0;

  constructor(memory: WebAssembly.Memory) {
    this.#memory = memory;
    this.#bytes = new Uint8Array(memory.buffer);
    this.#words = new Int32Array(memory.buffer);
    this.#view = new DataView(memory.buffer);
    this.#hostBase = hostBaseOf(memory.buffer);
  }

  get sizeBytes(): number {
    return this.hostBase;
  }

  /** Address of the first byte that is the host's. */
  get hostBase(): number {
    if (this.#bytes.length === 0) this.#refresh();
    return this.#hostBase;
  }

  /**
   * All of the memory, the host's pages too. Growth detaches the old view, whose length is 0 then;
   * asking the memory for its buffer every time costs ten times as much.
   */
  get bytes(): Uint8Array {
    if (this.#bytes.length === 0) this.#refresh();
    return this.#bytes;
  }

  /** The same memory in words of 32 bits. */
  get words(): Int32Array {
    if (this.#bytes.length === 0) this.#refresh();
    return this.#words;
  }

  /** As the guest's own memory.grow, between two runs. */
  grow(pages: number): void {
    const base = this.hostBase;
    this.#memory.grow(pages);
    // What was the host's is the guest's now.
    this.bytes.fill(0, base, Math.min(base + UNWIND_PAGES * PAGE_BYTES, this.hostBase));
    this.bytes.fill(0, this.hostBase);
  }

  loadI32(address: number): number | undefined {
    return this.#isMapped(address, 4) ? this.#view.getInt32(address, true) : undefined;
  }

  storeI32(address: number, value: number): boolean {
    if (!this.#isMapped(address, 4)) return false;
    this.#view.setInt32(address, value, true);
    return true;
  }

  copyIn(address: number, length: number): Uint8Array | undefined {
    return this.#isMapped(address, length)
      ? this.bytes.slice(address, address + length)
      : undefined;
  }

  copyOut(address: number, bytes: Uint8Array): boolean {
    if (!this.#isMapped(address, bytes.length)) return false;
    this.bytes.set(bytes, address);
    return true;
  }

  /** The memory has grown. */
  #refresh(): void {
    this.#bytes = new Uint8Array(this.#memory.buffer);
    this.#words = new Int32Array(this.#memory.buffer);
    this.#view = new DataView(this.#memory.buffer);
    this.#hostBase = hostBaseOf(this.#memory.buffer);
  }

  #isMapped(address: number, length: number): boolean {
    return address >= 0 && address + length <= this.sizeBytes;
  }
}

function hostBaseOf({ byteLength }: ArrayBufferLike): number {
  return byteLength - UNWIND_PAGES * PAGE_BYTES;
}
