// System call numbers: one table for the kernel, which dispatches on it, and for the guest library,
// which calls through it. Linux x86-64 numbers where Linux has the call; 0x1000 and up are the
// emulator's own. Compiled by both tsc and asc: no imports, no annotations, no objects.

export enum Sysno {
  Read = 0,
  Write = 1,
  /** open(path, flags): a file that the host has given the program, for reading. */
  Open = 2,
  Close = 3,
  RtSigaction = 13,
  RtSigprocmask = 14,
  RtSigreturn = 15,
  SchedYield = 24,
  Nanosleep = 35,
  Getpid = 39,
  /** clone(flags, function, argument, tls): see docs/abi.md for the Wasm calling convention. */
  Clone = 56,
  Exit = 60,
  Prctl = 157,
  ArchPrctl = 158,
  Gettid = 186,
  Futex = 202,
  SchedSetaffinity = 203,
  SchedGetaffinity = 204,
  ClockGettime = 228,
  ClockNanosleep = 230,
  ExitGroup = 231,
  Tgkill = 234,
  Getcpu = 309,
  Getrandom = 318,
  /** turner and google; the same number was percpu's, and here is the event counter's. */
  RestartableSequences = 323,
  Membarrier = 324,
  Rseq = 334,
  /** NetBSD's number. */
  Rasctl = 343,
  RseqSliceYield = 471,

  /** join(tid, status) -> 0, the exit status stored at `status`; at 0, the exit status itself. */
  Join = 0x1000,
  /** abort(message, messageBytes, file, fileBytes, line, column): a failed assertion. Never returns. */
  Abort = 0x1001,
  /** sysconf(name): a constant of the boot. */
  Sysconf = 0x1002,
  /** argument(index, buffer, size) -> length in bytes of argument `index`; -ENOENT past the last. */
  Argument = 0x1003,
  /** signal_context(op, depth, register, value): a register of a signal frame, SignalContextOp. */
  SignalContext = 0x1004,
  /** set_cpu_online(cpu, online): hot-plug. */
  SetCpuOnline = 0x1005,
}

/** Names that `Sysno.Sysconf` answers. */
export enum SysconfName {
  /** Virtual CPUs, online or not. */
  NrCpus = 0,
  /** Worker threads the user asked for; a program may ignore it. */
  Threads = 1,
  /** Arguments after `--`. */
  Arguments = 2,
}

/** Flags of open: what it is opened for. Others mean nothing here. */
export enum OpenFlag {
  ReadOnly = 0,
  AccessMode = 3,
}

/** Bytes of the longest path, with the zero behind it. */
export const PATH_MAX = 4096;

/** clone flags: a thread of this address space. The only form there is. */
export const CLONE_THREAD_FLAGS = 0x10f00;
/** clone flag that may be added: the tid is stored for the new thread before it runs. */
export const CLONE_CHILD_SETTID = 0x1000000;

/** join: in the place of a tid, every thread but the caller, as with waitpid. */
export const JOIN_ALL = -1;

/** arch_prctl code: set the thread-pointer register. */
export const ARCH_SET_FS = 0x1002;
export const ARCH_GET_FS = 0x1003;
/** arch_prctl(code, base, stride), this kernel's own: the register gs is base + cpu x stride. */
export const ARCH_SET_PERCPU = 0x1f00;

/** getrandom flags. All random bytes come from the same place; the last two exclude each other. */
export const GRND_NONBLOCK = 1;
export const GRND_RANDOM = 2;
export const GRND_INSECURE = 4;
