// Signal numbers, the sigaction layout and the how-words of rt_sigprocmask (Linux x86-64 numbers).
//
// struct sigaction in guest memory, 16 bytes, any alignment:
//   0  u32 handler   table index of a function (signo: i32) => void, or SIG_DFL, SIG_IGN
//   4  u32 flags     SA_NODEFER, SA_RESETHAND; other bits are accepted and ignored
//   8  u64 mask      bit n-1 blocks signal n while the handler runs

export enum Signal {
  SIGHUP = 1,
  SIGINT = 2,
  SIGQUIT = 3,
  SIGILL = 4,
  SIGTRAP = 5,
  SIGABRT = 6,
  SIGBUS = 7,
  SIGFPE = 8,
  SIGKILL = 9,
  SIGUSR1 = 10,
  SIGSEGV = 11,
  SIGUSR2 = 12,
  SIGPIPE = 13,
  SIGALRM = 14,
  SIGTERM = 15,
  SIGCHLD = 17,
  SIGCONT = 18,
  SIGSTOP = 19,
  SIGURG = 23,
  SIGWINCH = 28,
}

/** Signals are 1..NSIG. */
export const NSIG = 64;
/** Size in bytes of a signal set in guest memory; the sigsetsize argument must equal it. */
export const SIGSET_BYTES = 8;

export const SIG_DFL = 0;
/** Not 1, which is a table index like any other. */
export const SIG_IGN = -2;

export const SIGACTION_HANDLER = 0;
export const SIGACTION_FLAGS = 4;
export const SIGACTION_MASK = 8;
export const SIGACTION_BYTES = 16;

export const SA_NODEFER = 0x40000000;
/** 0x80000000 written as a positive constant; compare after `>>> 0`. */
export const SA_RESETHAND = 0x80000000;

/** signal_context(op, depth, register, value): depth 0 is the newest frame. */
export enum SignalContextOp {
  Get = 0,
  Set = 1,
}

export enum FrameRegister {
  Ip = 0,
  R10 = 1,
}

export const SIG_BLOCK = 0;
export const SIG_UNBLOCK = 1;
export const SIG_SETMASK = 2;
