// Memory over a plain array: every byte below the size can be read and written, nothing above.

import type { Memory } from '../../src/kernel/memory.js';

export class ArrayMemory implements Memory {
  readonly bytes: Uint8Array;
  readonly #view: DataView;

  constructor(sizeBytes: number) {
    this.bytes = new Uint8Array(sizeBytes);
    this.#view = new DataView(this.bytes.buffer);
  }

  get sizeBytes(): number {
    return this.bytes.length;
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

  #isMapped(address: number, length: number): boolean {
    return address >= 0 && address + length <= this.bytes.length;
  }
}
