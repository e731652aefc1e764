// The system call table. A handler decodes its arguments, calls the subsystem that knows, and
// returns the result: 0 or more, or a negative errno. Pointers are unsigned 32-bit.

import { Errno } from '../abi/errno.js';
import {
  ARCH_GET_FS,
  ARCH_SET_FS,
  CLONE_THREAD_FLAGS,
  Sysno,
  SysconfName,
} from '../abi/syscall.js';
import { getAffinity, getCpu, type Placement, setAffinity } from './affinity.js';
import type { Console } from './console.js';
import { isSignal, setAction, setMask } from './signal.js';
import type { Thread } from './thread.js';
import type { Wait } from './wait.js';

/** What a program can ask about its boot. */
export interface BootParameters {
  readonly threads: number;
  readonly args: readonly Uint8Array[];
}

/** The services of the kernel that system calls are made of. */
export interface Services extends Placement {
  readonly console: Console;
  readonly boot: BootParameters;
  clone(parent: Thread, entry: number, argument: number, tls: number): number;
  yield(thread: Thread): number;
  /** Virtual time in nanoseconds. */
  readonly now: number;
  block(thread: Thread, wait: Wait): number | undefined;
  wake(thread: Thread, result: number): void;
  fence(caller: Thread, cpu: number | undefined): void;
  setOnline(cpu: number, isOnline: boolean): number;
  join(thread: Thread, tid: number, status: number): number | undefined;
  exitThread(thread: Thread, status: number): undefined;
  exitGroup(thread: Thread, status: number): undefined;
  signal(target: Thread, signo: number): void;
  returnFromSignal(thread: Thread): undefined;
  abort(thread: Thread, args: Int32Array): undefined;
}

/** The result, or undefined when the thread does not return from the call now: it blocks or ends. */
export type SyscallHandler = (
  thread: Thread,
  args: Int32Array,
  kernel: Services,
) => number | undefined;

const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;

export const SYSCALLS: ReadonlyMap<number, SyscallHandler> = new Map<number, SyscallHandler>([
  [
    Sysno.Read,
    (thread, [fd = 0, buffer = 0, length = 0], kernel) => {
      if (fd !== STDIN) return -Errno.EBADF;
      const bytes = kernel.console.peek(length >>> 0);
      if (!thread.process.memory.copyOut(buffer >>> 0, bytes)) return -Errno.EFAULT;
      return kernel.console.advance(bytes.length);
    },
  ],
  [
    Sysno.Write,
    (thread, [fd = 0, buffer = 0, length = 0], kernel) => {
      if (fd !== STDOUT && fd !== STDERR) return -Errno.EBADF;
      const bytes = thread.process.memory.copyIn(buffer >>> 0, length >>> 0);
      if (bytes === undefined) return -Errno.EFAULT;
      kernel.console.write(fd, bytes);
      return bytes.length;
    },
  ],
  [
    Sysno.RtSigaction,
    (thread, [signo = 0, action = 0, old = 0, bytes = 0]) =>
      setAction(thread, signo, action >>> 0, old >>> 0, bytes),
  ],
  [
    Sysno.RtSigprocmask,
    (thread, [how = 0, set = 0, old = 0, bytes = 0]) =>
      setMask(thread, how, set >>> 0, old >>> 0, bytes),
  ],
  [Sysno.RtSigreturn, (thread, _args, kernel) => kernel.returnFromSignal(thread)],
  [Sysno.SchedYield, (thread, _args, kernel) => kernel.yield(thread)],
  [Sysno.Getpid, (thread) => thread.process.pid],
  [Sysno.Gettid, (thread) => thread.tid],
  [
    Sysno.Clone,
    (thread, [flags = 0, entry = 0, argument = 0, tls = 0], kernel) => {
      if (flags !== CLONE_THREAD_FLAGS || entry === 0) return -Errno.EINVAL;
      return kernel.clone(thread, entry, argument, tls);
    },
  ],
  [Sysno.Exit, (thread, [status = 0], kernel) => kernel.exitThread(thread, status)],
  [Sysno.ExitGroup, (thread, [status = 0], kernel) => kernel.exitGroup(thread, status)],
  [
    Sysno.ArchPrctl,
    (thread, [code = 0, address = 0]) => {
      if (code === ARCH_SET_FS) {
        thread.registers.tp = address;
        return 0;
      }
      if (code !== ARCH_GET_FS) return -Errno.EINVAL;
      const { memory } = thread.process;
      return memory.storeI32(address >>> 0, thread.registers.tp) ? 0 : -Errno.EFAULT;
    },
  ],
  [
    Sysno.SchedSetaffinity,
    (thread, [tid = 0, length = 0, mask = 0], kernel) =>
      setAffinity(kernel, thread, tid, length >>> 0, mask >>> 0),
  ],
  [
    Sysno.SchedGetaffinity,
    (thread, [tid = 0, length = 0, mask = 0], kernel) =>
      getAffinity(kernel, thread, tid, length >>> 0, mask >>> 0),
  ],
  [Sysno.Getcpu, (thread, [cpu = 0, node = 0]) => getCpu(thread, cpu >>> 0, node >>> 0)],
  [
    Sysno.Tgkill,
    (thread, [pid = 0, tid = 0, signo = 0], kernel) => {
      if (pid <= 0 || tid <= 0) return -Errno.EINVAL;
      const target = pid === thread.process.pid ? thread.process.threads.get(tid) : undefined;
      if (target === undefined || target.state === 'dead') return -Errno.ESRCH;
      if (signo === 0) return 0;
      if (!isSignal(signo)) return -Errno.EINVAL;
      kernel.signal(target, signo);
      return 0;
    },
  ],
  [Sysno.Join, (thread, [tid = 0, status = 0], kernel) => kernel.join(thread, tid, status >>> 0)],
  [Sysno.Abort, (thread, args, kernel) => kernel.abort(thread, args)],
  [
    Sysno.Sysconf,
    (_thread, [name = 0], kernel) => {
      if (name === SysconfName.NrCpus) return kernel.cpus.length;
      if (name === SysconfName.Threads) return kernel.boot.threads;
      return name === SysconfName.Arguments ? kernel.boot.args.length : -Errno.EINVAL;
    },
  ],
  [
    Sysno.Argument,
    (thread, [index = 0, buffer = 0, size = 0], kernel) => {
      const bytes = kernel.boot.args[index];
      if (bytes === undefined) return -Errno.ENOENT;
      const part = bytes.subarray(0, size >>> 0);
      return thread.process.memory.copyOut(buffer >>> 0, part) ? bytes.length : -Errno.EFAULT;
    },
  ],
]);
