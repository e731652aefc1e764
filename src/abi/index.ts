// The numbers, layouts and names that guest, kernel and host share.

export * from './code-map.js';
export * from './errno.js';
export * from './event-counter.js';
export * from './futex.js';
export * from './linux-rseq.js';
export * from './membarrier.js';
export * from './module.js';
export * from './percpu-signal.js';
export * from './personality.js';
export * from './ras.js';
export * from './rseq.js';
export * from './signal.js';
export * from './syscall.js';
export * from './thread.js';
export * from './time.js';
