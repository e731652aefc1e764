// What linux and linux-v2 keep in a thread: plain values, replaced and never changed.

/** An area that is registered, as rseq(area, length, flags, signature) named it. */
export interface Registration {
  readonly area: number;
  readonly length: number;
  readonly signature: number;
}

/** The words of an area that only the kernel writes. */
export interface RseqIds {
  readonly cpuIdStart: number;
  readonly cpuId: number;
  readonly nodeId: number;
  readonly mmCid: number;
}

/** Whether the thread may ask for longer slices, and whether it runs in one that it has got. */
export type SliceExtension = 'off' | 'on' | 'granted';
