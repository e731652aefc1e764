// Ridiculous pointers: what every system call that takes an address makes of one that is not mapped,
// that the memory ends in, that wraps around, and that is misaligned.

import { describe, expect, test } from 'vitest';
import { Errno } from '../../src/abi/errno.js';
import { FUTEX_BITSET_MATCH_ANY, FUTEX_PRIVATE_FLAG, FutexOp } from '../../src/abi/futex.js';
import { RSEQ_LEGACY_BYTES, RSEQ_SIG } from '../../src/abi/linux-rseq.js';
import { RseqOp } from '../../src/abi/rseq.js';
import { SIGSET_BYTES, Signal } from '../../src/abi/signal.js';
import { ARCH_GET_FS, ARCH_SET_FS, ARCH_SET_PERCPU, Sysno } from '../../src/abi/syscall.js';
import { Clock, TIMER_ABSTIME } from '../../src/abi/time.js';
import { type AbiName, createPersonality } from '../../src/kernel/rseq/personalities.js';
import { SYSCALLS } from '../../src/kernel/syscall.js';
import { type Booted, boot, MEMORY_BYTES, spawn, tracked, WILD } from './boot.js';
import { act, type Step, type Word } from './scripted-machine.js';

const BUFFER = 0x100;
const TASK_END = 0xffff0000;

type Call = readonly [number, ...Word[]];

/** What a call returns, or what it dies of. */
type Result = number | 'SIGSEGV';

interface Row {
  readonly name: string;
  /** Bytes at the address that the call needs. */
  readonly size: number;
  readonly call: (address: number) => Call;
  /** What becomes of an address: EFAULT unless said otherwise. */
  readonly unmapped?: Result;
  /** The last bytes of memory, one too few of them. */
  readonly last?: Result;
  /** 0xfffffffc, from where four bytes lead around. */
  readonly wrapping?: Result;
  /** One off, and mapped: what the call returns when all is well, unless it insists on alignment. */
  readonly misaligned: Result;
  /** turner, unless the call is another's. */
  readonly abi?: AbiName;
  readonly before?: readonly Step[];
}

const futex = (at: number, op: FutexOp, ...rest: number[]): Call => [Sysno.Futex, at, op, ...rest];
const PRIVATE = FUTEX_PRIVATE_FLAG;
const { EFAULT, EINVAL, ETIMEDOUT } = Errno;

const ROWS: readonly Row[] = [
  { name: 'read', size: 4, call: (at) => [Sysno.Read, 0, at, 4], misaligned: 4 },
  {
    name: 'open',
    size: 1,
    call: (at) => [Sysno.Open, at, 0],
    misaligned: -Errno.ENOENT,
  },
  { name: 'write', size: 4, call: (at) => [Sysno.Write, 1, at, 4], misaligned: 4 },
  {
    name: 'rt_sigaction, new',
    size: 16,
    call: (at) => [Sysno.RtSigaction, 10, at, 0, SIGSET_BYTES],
    misaligned: 0,
  },
  {
    name: 'rt_sigaction, old',
    size: 16,
    call: (at) => [Sysno.RtSigaction, 10, 0, at, SIGSET_BYTES],
    misaligned: 0,
  },
  {
    name: 'rt_sigprocmask, new',
    size: 8,
    call: (at) => [Sysno.RtSigprocmask, 0, at, 0, SIGSET_BYTES],
    misaligned: 0,
  },
  {
    name: 'rt_sigprocmask, old',
    size: 8,
    call: (at) => [Sysno.RtSigprocmask, 0, 0, at, SIGSET_BYTES],
    misaligned: 0,
  },
  { name: 'nanosleep', size: 16, call: (at) => [Sysno.Nanosleep, at, 0], misaligned: 0 },
  {
    name: 'nanosleep, rest, at which it looks only when interrupted',
    size: 16,
    call: (at) => [Sysno.Nanosleep, BUFFER, at],
    unmapped: 0,
    last: 0,
    wrapping: 0,
    misaligned: 0,
  },
  {
    name: 'arch_prctl ARCH_GET_FS',
    size: 4,
    call: (at) => [Sysno.ArchPrctl, ARCH_GET_FS, at],
    misaligned: 0,
  },
  {
    name: 'arch_prctl ARCH_SET_FS, which only keeps it',
    size: 4,
    call: (at) => [Sysno.ArchPrctl, ARCH_SET_FS, at],
    unmapped: 0,
    last: 0,
    wrapping: 0,
    misaligned: 0,
  },
  {
    name: 'arch_prctl ARCH_SET_PERCPU, which only counts with it',
    size: 4,
    call: (at) => [Sysno.ArchPrctl, ARCH_SET_PERCPU, at, 64],
    unmapped: 0,
    last: 0,
    wrapping: 0,
    misaligned: 0,
  },
  {
    name: 'futex wait',
    size: 4,
    call: (at) => futex(at, FutexOp.Wait, 0, BUFFER),
    last: -EINVAL,
    misaligned: -EINVAL,
  },
  {
    name: 'futex wait, private',
    size: 4,
    call: (at) => futex(at, FutexOp.Wait | PRIVATE, 0, BUFFER),
    last: -EINVAL,
    misaligned: -EINVAL,
  },
  {
    name: 'futex wait, timeout',
    size: 16,
    call: (at) => futex(BUFFER, FutexOp.Wait, 0, at),
    misaligned: -ETIMEDOUT,
  },
  {
    name: 'futex wait for bits, timeout',
    size: 16,
    call: (at) => futex(BUFFER, FutexOp.WaitBitset, 0, at, 0, FUTEX_BITSET_MATCH_ANY),
    misaligned: -ETIMEDOUT,
  },
  {
    name: 'futex wake',
    size: 4,
    call: (at) => futex(at, FutexOp.Wake, 1),
    last: -EINVAL,
    misaligned: -EINVAL,
  },
  {
    name: 'futex wake, private, to which the address is a name',
    size: 4,
    call: (at) => futex(at, FutexOp.Wake | PRIVATE, 1),
    unmapped: 0,
    last: -EINVAL,
    misaligned: -EINVAL,
  },
  {
    name: 'futex requeue, from',
    size: 4,
    call: (at) => futex(at, FutexOp.Requeue, 1, 1, BUFFER),
    last: -EINVAL,
    misaligned: -EINVAL,
  },
  {
    name: 'futex requeue, to',
    size: 4,
    call: (at) => futex(BUFFER, FutexOp.Requeue, 1, 1, at),
    last: -EINVAL,
    misaligned: -EINVAL,
  },
  {
    name: 'futex requeue if, private',
    size: 4,
    call: (at) => futex(at, FutexOp.CmpRequeue | PRIVATE, 1, 1, BUFFER),
    last: -EINVAL,
    misaligned: -EINVAL,
  },
  {
    name: 'futex wake, with the addresses that it does not take',
    size: 4,
    call: (at) => futex(BUFFER, FutexOp.Wake, 1, at, at),
    unmapped: 0,
    last: 0,
    wrapping: 0,
    misaligned: 0,
  },
  {
    name: 'sched_setaffinity',
    size: 4,
    call: (at) => [Sysno.SchedSetaffinity, 0, 4, at],
    misaligned: -EINVAL,
  },
  {
    name: 'sched_getaffinity',
    size: 4,
    call: (at) => [Sysno.SchedGetaffinity, 0, 4, at],
    misaligned: 4,
  },
  {
    name: 'clock_gettime',
    size: 16,
    call: (at) => [Sysno.ClockGettime, Clock.Monotonic, at],
    misaligned: 0,
  },
  {
    name: 'clock_nanosleep',
    size: 16,
    call: (at) => [Sysno.ClockNanosleep, Clock.Monotonic, 0, at, 0],
    misaligned: 0,
  },
  {
    name: 'clock_nanosleep until',
    size: 16,
    call: (at) => [Sysno.ClockNanosleep, Clock.Monotonic, TIMER_ABSTIME, at, WILD],
    misaligned: 0,
  },
  { name: 'getcpu, cpu', size: 4, call: (at) => [Sysno.Getcpu, at, 0], misaligned: 0 },
  { name: 'getcpu, node', size: 4, call: (at) => [Sysno.Getcpu, 0, at], misaligned: 0 },
  {
    name: 'getrandom, which writes what it can',
    size: 8,
    call: (at) => [Sysno.Getrandom, at, 8, 0],
    last: 7,
    misaligned: 8,
  },
  {
    name: 'join',
    size: 4,
    call: (at) => [Sysno.Join, 2, at],
    misaligned: 0,
    before: [spawn(1)],
  },
  { name: 'argument', size: 4, call: (at) => [Sysno.Argument, 0, at, 4], misaligned: 8 },

  // A pointer that the ABI takes unseen is found out when it is used: before the call returns.
  {
    name: 'restartable_sequences of turner',
    size: 4,
    call: (at) => [Sysno.RestartableSequences, RseqOp.SetCpuPointer, 0, at],
    unmapped: 'SIGSEGV',
    last: 'SIGSEGV',
    wrapping: -EINVAL,
    misaligned: 0,
  },
  {
    name: 'rseq of event-counter',
    abi: 'event-counter',
    size: 16,
    call: (at) => [Sysno.RestartableSequences, at, 0],
    unmapped: 'SIGSEGV',
    last: -EINVAL,
    wrapping: -EINVAL,
    misaligned: -EINVAL,
  },
  {
    name: 'percpu of percpu-signal',
    abi: 'percpu-signal',
    size: 16,
    call: (at) => [Sysno.RestartableSequences, at, 0],
    last: -EINVAL,
    misaligned: -EINVAL,
  },
  ...(['linux', 'linux-v2'] as const).map((abi) => ({
    name: `rseq of ${abi}`,
    abi,
    size: RSEQ_LEGACY_BYTES,
    call: (at: number): Call => [Sysno.Rseq, at, RSEQ_LEGACY_BYTES, 0, RSEQ_SIG],
    last: -EINVAL,
    wrapping: -EINVAL,
    misaligned: -EINVAL,
  })),
];

const ARGUMENT = new Uint8Array(8).fill(0x61);

function run(row: Row, address: number): Booted & { result: Result | undefined } {
  const results: number[] = [];
  const main = [...(row.before ?? []), ...tracked(results, ...row.call(address)), act(() => {})];
  const personality = createPersonality([row.abi ?? 'turner'], { loadText: () => undefined });
  const options = { personality, stdin: ARGUMENT, boot: { threads: 1, args: [ARGUMENT] } };
  const booted = boot({ 0: main, 1: [] }, options);
  const outcome = booted.kernel.run();
  const died = outcome.death?.signal === Signal.SIGSEGV ? ('SIGSEGV' as const) : undefined;
  return { ...booted, result: died ?? results[0] };
}

describe.each(ROWS)('$name', (row) => {
  test('at an address that is not mapped', () => {
    expect(run(row, WILD).result).toBe(row.unmapped ?? -EFAULT);
  });

  test('at the last bytes of memory', () => {
    const { result, memory } = run(row, MEMORY_BYTES - row.size + 1);

    expect(result).toBe(row.last ?? -EFAULT);
    // All or nothing, but for the one call that says how much.
    const written = memory.bytes.findLastIndex((byte) => byte !== 0);
    expect(written).toBeLessThan(typeof result === 'number' && result > 0 ? MEMORY_BYTES : BUFFER);
  });

  test('at an address that wraps around', () => {
    expect(run(row, -4).result).toBe(row.wrapping ?? -EFAULT);
  });

  test('at an address that is misaligned', () => {
    expect(run(row, BUFFER + 1).result).toBe(row.misaligned);
  });

  test('has a result anywhere around the end of user space', () => {
    for (const address of [-1, TASK_END, TASK_END - 1, TASK_END - row.size, 0x80000000]) {
      const { result } = run(row, address | 0);

      expect(result).not.toBeUndefined();
    }
  });
});

describe('the table of pointers', () => {
  test('has every system call that is given an address', () => {
    const listed = new Set(ROWS.map(({ call }) => call(BUFFER)[0]));
    const without = [
      Sysno.RtSigreturn,
      Sysno.Close,
      Sysno.SchedYield,
      Sysno.Getpid,
      Sysno.Clone,
      Sysno.Exit,
      Sysno.Gettid,
      Sysno.ExitGroup,
      Sysno.Tgkill,
      Sysno.Membarrier,
      // Its texts are for people: one that cannot be read is left out. syscall.test.ts.
      Sysno.Abort,
      Sysno.Sysconf,
      Sysno.SignalContext,
      Sysno.SetCpuOnline,
    ];
    const missing = [...SYSCALLS.keys()].filter(
      (sysno) => !listed.has(sysno) && !without.includes(sysno),
    );

    expect(missing).toEqual([]);
  });
});
