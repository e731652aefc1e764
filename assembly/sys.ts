// === sys: system call stubs ======================================================================
//
// Every call returns 0 or more, or a negative errno. docs/abi.md has a row for each.

import { ARCH_SET_FS, CLONE_THREAD_FLAGS, SysconfName, Sysno } from '../src/abi/syscall';
import { SIGSET_BYTES } from '../src/abi/signal';

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

/** Store the thread's exit status at `status`. -EINTR when a signal came first. */
export function joinThread(tid: i32, status: usize): i32 {
  return syscall(Sysno.Join, tid, <i32>status, 0, 0, 0, 0);
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
