// The guest library: import { rseq, spawn, join } from "wasm-rseq/assembly";

export { rseq } from './rseq';
export { exit, join, self, spawn, ThreadFunction, yield } from './thread';
export { signal, kill } from './signal';
export { print, printNumber } from './console';
export { counterAdd, counterCreate, counterSum, COUNTER_STRIDE } from './percpu/counter';
export * from './sys';
