// A set of CPU numbers, and its form in guest memory: bit n of byte n/8 is CPU n, as in cpu_set_t.

/** Most virtual CPUs a kernel can be booted with. */
export const MAX_CPUS = 256;

export class CpuSet {
  readonly #words = new Int32Array(MAX_CPUS / 32);

  static firstCpus(count: number): CpuSet {
    const set = new CpuSet();
    for (let cpu = 0; cpu < count; cpu++) set.add(cpu);
    return set;
  }

  static fromBytes(bytes: Uint8Array): CpuSet {
    const set = new CpuSet();
    for (let cpu = 0; cpu < Math.min(MAX_CPUS, bytes.length * 8); cpu++) {
      if (((bytes[cpu >> 3] as number) & (1 << (cpu & 7))) !== 0) set.add(cpu);
    }
    return set;
  }

  add(cpu: number): void {
    this.#words[cpu >> 5] = (this.#words[cpu >> 5] as number) | (1 << (cpu & 31));
  }

  delete(cpu: number): void {
    this.#words[cpu >> 5] = (this.#words[cpu >> 5] as number) & ~(1 << (cpu & 31));
  }

  /** Add the lowest number that is not in the set, and return it; MAX_CPUS when the set is full. */
  addFirstAbsent(): number {
    const words = this.#words;
    let index = 0;
    while (words[index] === -1) index++;
    if (index === words.length) return MAX_CPUS;
    const word = words[index] as number;
    const lowest = ~word & (word + 1);
    words[index] = word | lowest;
    return index * 32 + 31 - Math.clz32(lowest);
  }

  clear(): void {
    this.#words.fill(0);
  }

  /** Bit n of word n / 32 is CPU n; valid as long as the set. */
  get words(): Int32Array {
    return this.#words;
  }

  assign(other: CpuSet): void {
    this.#words.set(other.#words);
  }

  has(cpu: number): boolean {
    return (((this.#words[cpu >> 5] as number) >>> cpu) & 1) !== 0;
  }

  /** The CPUs in both sets. */
  intersect(other: CpuSet): CpuSet {
    const result = new CpuSet();
    for (let at = 0; at < this.#words.length; at++) {
      result.#words[at] = (this.#words[at] as number) & (other.#words[at] as number);
    }
    return result;
  }

  clone(): CpuSet {
    const result = new CpuSet();
    result.assign(this);
    return result;
  }

  get size(): number {
    let size = 0;
    for (let cpu = 0; cpu < MAX_CPUS; cpu++) if (this.has(cpu)) size++;
    return size;
  }

  isEmpty(): boolean {
    return this.#words.every((word) => word === 0);
  }

  toBytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let cpu = 0; cpu < Math.min(MAX_CPUS, length * 8); cpu++) {
      if (this.has(cpu)) bytes[cpu >> 3] = (bytes[cpu >> 3] as number) | (1 << (cpu & 7));
    }
    return bytes;
  }
}
