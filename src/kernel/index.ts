// The kernel for those who bring a machine of their own: the three ports, the kernel, its parts.

export type { OutputListener } from './files.js';
export { MAX_CPUS } from './cpu-set.js';
export {
  Kernel,
  type KernelOptions,
  type Outcome,
  type StopReason,
} from './kernel.js';
export type { Context, Exit, ExitKind, Fault, Machine, Registers } from './machine.js';
export type { Memory } from './memory.js';
export { KernelPanic } from './panic.js';
export { inheritByFork, resetByExec } from './lifecycle.js';
export type { Death } from './process.js';
export type { Personality, ResumeOutcome } from './rseq/personality.js';
export { EventCounterPersonality } from './rseq/event-counter.js';
export type { LoadText } from './rseq/linux-section.js';
export { type LinuxV2Options, LinuxV2Personality } from './rseq/linux-v2.js';
export { type LinuxOptions, LinuxPersonality } from './rseq/linux.js';
export { PairPersonality } from './rseq/pair.js';
export { PercpuSignalPersonality } from './rseq/percpu-signal.js';
export {
  ABI_NAMES,
  AbiError,
  type AbiName,
  createPersonality,
  type PersonalityOptions,
} from './rseq/personalities.js';
export { RasPersonality } from './rseq/ras.js';
export { GooglePersonality, TurnerPersonality } from './rseq/turner.js';
export { Schedule, ScheduleError } from './schedule.js';
export type { Choice, Scheduler, SchedulerView } from './scheduler.js';
export { RandomScheduler } from './schedulers/random.js';
export { ReplayError, ReplayScheduler } from './schedulers/replay.js';
export { RoundRobinScheduler } from './schedulers/round-robin.js';
export type { BootParameters } from './syscall.js';
export type { Starvation } from './starvation.js';
export { type Counts, type Observer, TraceEvent, TraceHash } from './trace.js';
