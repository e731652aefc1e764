// The system calls that scenarios make, as tests/native/abi.h has them: raw, and returning a negative
// errno as the kernel does. Addresses and masks are the caller's.

import { FUTEX_PRIVATE_FLAG, type FutexOp } from '../../src/abi/futex.js';
import { CLONE_THREAD_FLAGS, Sysno } from '../../src/abi/syscall.js';
import { Errno } from '../../src/abi/errno.js';
import type { Guest } from './guest.js';
import { LIBC_CALL } from './section.js';

export function* systemCall(sysno: number, ...args: number[]): Guest<number> {
  return yield { kind: 'syscall', ip: LIBC_CALL, sysno, args };
}

export function rseq(
  area: number,
  length: number,
  flags: number,
  signature: number,
): Guest<number> {
  return systemCall(Sysno.Rseq, area, length, flags, signature);
}

export function membarrier(command: number, flags = 0, cpu = 0): Guest<number> {
  return systemCall(Sysno.Membarrier, command, flags, cpu);
}

/** A futex of this process only. */
export function privateFutex(op: FutexOp, address: number, ...args: number[]): Guest<number> {
  const [value = 0, ...more] = args;
  return systemCall(Sysno.Futex, address, op | FUTEX_PRIVATE_FLAG, value, ...more);
}

export function setAffinity(tid: number, length: number, mask: number): Guest<number> {
  return systemCall(Sysno.SchedSetaffinity, tid, length, mask);
}

export function getAffinity(tid: number, length: number, mask: number): Guest<number> {
  return systemCall(Sysno.SchedGetaffinity, tid, length, mask);
}

export function getCpu(cpu: number, node: number): Guest<number> {
  return systemCall(Sysno.Getcpu, cpu, node);
}

export function sigaction(
  signo: number,
  action: number,
  old: number,
  bytes: number,
): Guest<number> {
  return systemCall(Sysno.RtSigaction, signo, action, old, bytes);
}

export function sigprocmask(how: number, set: number, old: number, bytes: number): Guest<number> {
  return systemCall(Sysno.RtSigprocmask, how, set, old, bytes);
}

export function tgkill(pid: number, tid: number, signo: number): Guest<number> {
  return systemCall(Sysno.Tgkill, pid, tid, signo);
}

export function getpid(): Guest<number> {
  return systemCall(Sysno.Getpid);
}

export function gettid(): Guest<number> {
  return systemCall(Sysno.Gettid);
}

export function yieldCpu(): Guest<number> {
  return systemCall(Sysno.SchedYield);
}

export function nanosleep(request: number, remaining: number): Guest<number> {
  return systemCall(Sysno.Nanosleep, request, remaining);
}

export function clockGettime(clock: number, time: number): Guest<number> {
  return systemCall(Sysno.ClockGettime, clock, time);
}

export function clockNanosleep(clock: number, flags: number, request: number): Guest<number> {
  return systemCall(Sysno.ClockNanosleep, clock, flags, request, 0);
}

export function getrandom(buffer: number, length: number, flags: number): Guest<number> {
  return systemCall(Sysno.Getrandom, buffer, length, flags);
}

export function write(fd: number, buffer: number, length: number): Guest<number> {
  return systemCall(Sysno.Write, fd, buffer, length);
}

export function exit(status: number): Guest<number> {
  return systemCall(Sysno.Exit, status);
}

export function exitGroup(status: number): Guest<number> {
  return systemCall(Sysno.ExitGroup, status);
}

export function clone(entry: number, argument: number): Guest<number> {
  return systemCall(Sysno.Clone, CLONE_THREAD_FLAGS, entry, argument, 0);
}

/** Wait for a thread's end, whatever signals come meanwhile, as pthread_join does. */
export function* join(tid: number): Guest<number> {
  for (;;) {
    const status = yield* systemCall(Sysno.Join, tid, 0);
    if (status !== -Errno.EINTR) return status;
  }
}
