// === sys: system call stubs ======================================================================
//
// Every call returns 0 or more, or a negative errno. docs/abi.md has a row for each.

import { FUTEX_PRIVATE_FLAG, FutexOp } from '../src/abi/futex';
import { MembarrierCommand } from '../src/abi/membarrier';
import { FrameRegister, SignalContextOp, SIGSET_BYTES } from '../src/abi/signal';
import {
  ARCH_SET_FS,
  ARCH_SET_PERCPU,
  CLONE_CHILD_SETTID,
  CLONE_THREAD_FLAGS,
  JOIN_ALL,
  SysconfName,
  Sysno,
} from '../src/abi/syscall';
import { Clock } from '../src/abi/time';

export { Clock, FrameRegister, MembarrierCommand };

// @ts-ignore: decorator
@external("rseq", "syscall")
export declare function syscall(
  number: i32,
  a1: i32,
  a2: i32,
  a3: i32,
  a4: i32,
  a5: i32,
  a6: i32,
): i32;

/** Read standard input. Returns bytes read, 0 at its end. */
export function read(fd: i32, buffer: usize, length: i32): i32 {
  return syscall(Sysno.Read, fd, <i32>buffer, length, 0, 0, 0);
}

/**
 * A file that the host has given, for reading: path is zero-terminated. Returns its descriptor, from 3 on;
 * -ENOENT there is none of that name.
 */
export function open(path: usize, flags: i32): i32 {
  return syscall(Sysno.Open, <i32>path, flags, 0, 0, 0, 0);
}

export function close(fd: i32): i32 {
  return syscall(Sysno.Close, fd, 0, 0, 0, 0, 0);
}

export function write(fd: i32, buffer: usize, length: i32): i32 {
  return syscall(Sysno.Write, fd, <i32>buffer, length, 0, 0, 0);
}

export function getpid(): i32 {
  return syscall(Sysno.Getpid, 0, 0, 0, 0, 0, 0);
}

export function gettid(): i32 {
  return syscall(Sysno.Gettid, 0, 0, 0, 0, 0, 0);
}

export function schedYield(): i32 {
  return syscall(Sysno.SchedYield, 0, 0, 0, 0, 0, 0);
}

/** mask: bit n of byte n/8 is CPU n. tid 0 is the caller. */
export function schedSetaffinity(tid: i32, length: i32, mask: usize): i32 {
  return syscall(Sysno.SchedSetaffinity, tid, length, <i32>mask, 0, 0, 0);
}

/** Returns the bytes written. */
export function schedGetaffinity(tid: i32, length: i32, mask: usize): i32 {
  return syscall(Sysno.SchedGetaffinity, tid, length, <i32>mask, 0, 0, 0);
}

/** Either address may be 0. */
export function getcpu(cpu: usize, node: usize): i32 {
  return syscall(Sysno.Getcpu, <i32>cpu, <i32>node, 0, 0, 0, 0);
}

export function tgkill(pid: i32, tid: i32, signo: i32): i32 {
  return syscall(Sysno.Tgkill, pid, tid, signo, 0, 0, 0);
}

/** action, oldAction: addresses of 16 bytes laid out as in src/abi/signal.ts, or 0. */
export function rtSigaction(signo: i32, action: usize, oldAction: usize): i32 {
  return syscall(Sysno.RtSigaction, signo, <i32>action, <i32>oldAction, SIGSET_BYTES, 0, 0);
}

/** set, oldSet: addresses of 8 bytes, or 0. */
export function rtSigprocmask(how: i32, set: usize, oldSet: usize): i32 {
  return syscall(Sysno.RtSigprocmask, how, <i32>set, <i32>oldSet, SIGSET_BYTES, 0, 0);
}

/** Thread at table index `entry`, thread pointer `tls`. Returns its tid. */
export function clone(entry: i32, argument: usize, tls: usize): i32 {
  return syscall(Sysno.Clone, CLONE_THREAD_FLAGS, entry, <i32>argument, <i32>tls, 0, 0);
}

/** The same; its tid is stored at `childTid` before it runs. */
export function cloneTold(entry: i32, argument: usize, tls: usize, childTid: usize): i32 {
  const flags = CLONE_THREAD_FLAGS | CLONE_CHILD_SETTID;
  return syscall(Sysno.Clone, flags, entry, <i32>argument, <i32>tls, <i32>childTid, 0);
}

/** Store the thread's exit status at `status`. -EINTR when a signal came first. */
export function joinThread(tid: i32, status: usize): i32 {
  return syscall(Sysno.Join, tid, <i32>status, 0, 0, 0, 0);
}

/** Wait until every other thread has ended. -EINTR when a signal came first. */
export function joinAllThreads(): i32 {
  return syscall(Sysno.Join, JOIN_ALL, 0, 0, 0, 0, 0);
}

export function exitThread(status: i32): void {
  syscall(Sysno.Exit, status, 0, 0, 0, 0, 0);
}

export function exitGroup(status: i32): void {
  syscall(Sysno.ExitGroup, status, 0, 0, 0, 0, 0);
}

export function setThreadPointer(address: usize): i32 {
  return syscall(Sysno.ArchPrctl, ARCH_SET_FS, <i32>address, 0, 0, 0, 0);
}

/** gs, the per-CPU base of every thread, is `base` + its CPU x `stride` from now on; 0, 0: it is 0. */
export function setPercpuArea(base: usize, stride: i32): i32 {
  return syscall(Sysno.ArchPrctl, ARCH_SET_PERCPU, <i32>base, stride, 0, 0, 0);
}

/**
 * Sleep while the i32 at `word` is `value`. timeout: address of a duration, 16 bytes laid out as in
 * src/abi/time.ts, or 0. Returns 0 when woken; -EAGAIN the word is another; -ETIMEDOUT; -EINTR.
 */
export function futexWait(word: usize, value: i32, timeout: usize): i32 {
  return syscall(Sysno.Futex, <i32>word, FutexOp.Wait | FUTEX_PRIVATE_FLAG, value, <i32>timeout, 0, 0);
}

/** The same until a moment, for the `bits` of futexWakeBits. */
export function futexWaitBits(word: usize, value: i32, moment: usize, bits: i32): i32 {
  const op = FutexOp.WaitBitset | FUTEX_PRIVATE_FLAG;
  return syscall(Sysno.Futex, <i32>word, op, value, <i32>moment, 0, bits);
}

/** Wake up to `count` threads that sleep on `word`, one at least. Returns how many. */
export function futexWake(word: usize, count: i32): i32 {
  return syscall(Sysno.Futex, <i32>word, FutexOp.Wake | FUTEX_PRIVATE_FLAG, count, 0, 0, 0);
}

/** The same of those that sleep for a bit of `bits`. */
export function futexWakeBits(word: usize, count: i32, bits: i32): i32 {
  const op = FutexOp.WakeBitset | FUTEX_PRIVATE_FLAG;
  return syscall(Sysno.Futex, <i32>word, op, count, 0, 0, bits);
}

/** Wake `wakeCount` threads, let up to `moveCount` more sleep on `target`. Returns how many of both. */
export function futexRequeue(word: usize, wakeCount: i32, moveCount: i32, target: usize): i32 {
  const op = FutexOp.Requeue | FUTEX_PRIVATE_FLAG;
  return syscall(Sysno.Futex, <i32>word, op, wakeCount, moveCount, <i32>target, 0);
}

/** The same if the i32 at `word` is `value`; -EAGAIN otherwise. */
export function futexRequeueIf(
  word: usize,
  value: i32,
  wakeCount: i32,
  moveCount: i32,
  target: usize,
): i32 {
  const op = FutexOp.CmpRequeue | FUTEX_PRIVATE_FLAG;
  return syscall(Sysno.Futex, <i32>word, op, wakeCount, moveCount, <i32>target, value);
}

/** -EPERM when the process has not registered for `command`. */
export function membarrier(command: MembarrierCommand, flags: i32, cpu: i32): i32 {
  return syscall(Sysno.Membarrier, command, flags, cpu, 0, 0, 0);
}

/** The time, by any clock, goes to the 16 bytes at `time`. */
export function clockGettime(clock: Clock, time: usize): i32 {
  return syscall(Sysno.ClockGettime, clock, <i32>time, 0, 0, 0, 0);
}

/** Sleep for the duration at `request`. -EINTR: what is left of it is at `remaining`, unless that is 0. */
export function nanosleep(request: usize, remaining: usize): i32 {
  return syscall(Sysno.Nanosleep, <i32>request, <i32>remaining, 0, 0, 0, 0);
}

/** The same by a clock; with flags TIMER_ABSTIME, 1, until the moment at `request`. */
export function clockNanosleep(clock: Clock, flags: i32, request: usize, remaining: usize): i32 {
  return syscall(Sysno.ClockNanosleep, clock, flags, <i32>request, <i32>remaining, 0, 0);
}

/** Random bytes, the same in every run of a seed. Returns how many. */
export function getrandom(buffer: usize, length: i32, flags: i32): i32 {
  return syscall(Sysno.Getrandom, <i32>buffer, length, flags, 0, 0, 0);
}

/** -ENOSYS unless the ABI has options. */
export function prctl(option: i32, a2: i32, a3: i32, a4: i32, a5: i32): i32 {
  return syscall(Sysno.Prctl, option, a2, a3, a4, a5, 0);
}

/** Hot-plug. -EBUSY: it is the last CPU. The caller may be elsewhere when this returns. */
export function setCpuOnline(cpu: i32, online: bool): i32 {
  return syscall(Sysno.SetCpuOnline, cpu, online ? 1 : 0, 0, 0, 0, 0);
}

/** In a handler: a register of what it interrupted; depth 0 is the newest frame. */
export function signalContext(depth: i32, register: FrameRegister): i32 {
  return syscall(Sysno.SignalContext, SignalContextOp.Get, depth, register, 0, 0, 0);
}

/** In a handler: what that register is when the frame is taken down. ip: a restart label only. */
export function setSignalContext(depth: i32, register: FrameRegister, value: i32): i32 {
  return syscall(Sysno.SignalContext, SignalContextOp.Set, depth, register, value, 0, 0);
}

/** Virtual CPUs of this boot. */
export function nrCpus(): i32 {
  return syscall(Sysno.Sysconf, SysconfName.NrCpus, 0, 0, 0, 0, 0);
}

/** Worker threads the user asked for. */
export function nrThreads(): i32 {
  return syscall(Sysno.Sysconf, SysconfName.Threads, 0, 0, 0, 0, 0);
}

/** Arguments after `--`. */
export function argumentCount(): i32 {
  return syscall(Sysno.Sysconf, SysconfName.Arguments, 0, 0, 0, 0, 0);
}

/** Copy argument `index`, UTF-8, to `buffer`. Returns its length in bytes; -ENOENT past the last. */
export function argument(index: i32, buffer: usize, size: i32): i32 {
  return syscall(Sysno.Argument, index, <i32>buffer, size, 0, 0, 0);
}
