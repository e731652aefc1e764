// What an embedder in Node need not write again: programs from files, output, a check on all cores.

export { InputError, readFiles } from './files.js';
export { createNodeHost, type NodeHostOptions, writeOutput } from './host.js';
export { type LoadedProgram, loadProgram, type Program } from './program.js';
export { readCheckpoint, writeCheckpoint } from './checkpoint.js';
export {
  type Checkpoint,
  checkInParallel,
  type ParallelCheckOptions,
  type ParallelResult,
  type Shard,
} from './parallel-check.js';
