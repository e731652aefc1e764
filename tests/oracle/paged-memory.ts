// Memory of which pages can be taken away or made read-only, as mmap, mprotect and munmap do it. The
// emulated kernel has none of these calls: what is tested is how it takes the faults.

import type { Memory } from '../../src/kernel/memory.js';

export type Protection = 'none' | 'read' | 'read-write';

export const PAGE = 4096;
const PAGES = 64;
/** The first page that map() gives away; static data is below. */
const FIRST_FREE_PAGE = 32;

export class PagedMemory implements Memory {
  readonly #bytes = new Uint8Array(PAGES * PAGE);
  readonly #view = new DataView(this.#bytes.buffer);
  readonly #protections: Protection[] = Array.from({ length: PAGES }, () => 'read-write');
  #freePage = FIRST_FREE_PAGE;

  get sizeBytes(): number {
    return this.#bytes.length;
  }

  loadI32(address: number): number | undefined {
    return this.#allows('read', address, 4) ? this.#view.getInt32(address, true) : undefined;
  }

  storeI32(address: number, value: number): boolean {
    if (!this.#allows('read-write', address, 4)) return false;
    this.#view.setInt32(address, value, true);
    return true;
  }

  copyIn(address: number, length: number): Uint8Array | undefined {
    const isReadable = this.#allows('read', address, length);
    return isReadable ? this.#bytes.slice(address, address + length) : undefined;
  }

  copyOut(address: number, bytes: Uint8Array): boolean {
    if (!this.#allows('read-write', address, bytes.length)) return false;
    this.#bytes.set(bytes, address);
    return true;
  }

  /** A page that nobody has used. */
  map(protection: Protection): number {
    if (this.#freePage === PAGES) throw new Error('no page is left');
    const address = this.#freePage++ * PAGE;
    this.protect(address, protection);
    return address;
  }

  protect(page: number, protection: Protection): void {
    this.#protections[page / PAGE] = protection;
  }

  /** What fork makes of it. */
  copy(): PagedMemory {
    const copy = new PagedMemory();
    copy.#bytes.set(this.#bytes);
    copy.#freePage = this.#freePage;
    this.#protections.forEach((protection, page) => copy.protect(page * PAGE, protection));
    return copy;
  }

  /** What exec makes of it. */
  clear(): void {
    this.#bytes.fill(0);
    this.#protections.fill('read-write');
    this.#freePage = FIRST_FREE_PAGE;
  }

  // The guest's own accesses: no scenario makes one that faults.

  read32(address: number): number {
    const word = this.loadI32(address);
    if (word === undefined) throw new Error(`the guest cannot read at ${address}`);
    return word >>> 0;
  }

  write32(address: number, value: number): void {
    if (!this.storeI32(address, value)) throw new Error(`the guest cannot write at ${address}`);
  }

  read64(address: number): bigint {
    return (BigInt(this.read32(address + 4)) << 32n) | BigInt(this.read32(address));
  }

  write64(address: number, value: bigint): void {
    this.write32(address, Number(BigInt.asIntN(32, value)));
    this.write32(address + 4, Number(BigInt.asIntN(32, value >> 32n)));
  }

  #allows(access: 'read' | 'read-write', address: number, length: number): boolean {
    if (address < 0 || address + length > this.#bytes.length) return false;
    for (let page = Math.floor(address / PAGE); page * PAGE < address + length; page++) {
      const protection = this.#protections[page];
      if (protection !== 'read-write' && protection !== access) return false;
    }
    return true;
  }
}
