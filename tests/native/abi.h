// Numbers and layouts of the calls under test, spelled out so that old system headers do, and the
// calls themselves: raw, and returning a negative errno as the kernel does.

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SYS_RSEQ 334

#define RSEQ_FLAG_UNREGISTER 1
#define RSEQ_SIGNATURE 0x53053053
#define RSEQ_LENGTH 32

/** Shared by a thread and the kernel; the kernel writes the ids, and clears rseq_cs. */
struct rseq_area {
  volatile uint32_t cpu_id_start;
  volatile uint32_t cpu_id;
  volatile uint64_t rseq_cs; // descriptor of the section being entered, or 0
  volatile uint32_t flags;
  volatile uint32_t node_id;
  volatile uint32_t mm_cid;
  volatile uint32_t reserved;
} __attribute__((aligned(32)));

#define CPU_ID_UNINITIALIZED UINT32_MAX

/** A section: inside is `ip - start_ip < post_commit_offset`, unsigned. */
struct rseq_cs {
  uint32_t version;
  uint32_t flags;
  uint64_t start_ip;
  uint64_t post_commit_offset;
  uint64_t abort_ip; // the signature is in the four bytes before
} __attribute__((aligned(32)));

enum membarrier_command {
  MEMBARRIER_QUERY = 0,
  MEMBARRIER_GLOBAL = 1 << 0,
  MEMBARRIER_EXPEDITED = 1 << 3,
  MEMBARRIER_REGISTER_EXPEDITED = 1 << 4,
  MEMBARRIER_RSEQ = 1 << 7,
  MEMBARRIER_REGISTER_RSEQ = 1 << 8,
  MEMBARRIER_GET_REGISTRATIONS = 1 << 9,
};
#define MEMBARRIER_FLAG_CPU 1

enum futex_operation {
  FUTEX_WAIT = 0,
  FUTEX_WAKE = 1,
  FUTEX_REQUEUE = 3,
  FUTEX_CMP_REQUEUE = 4,
  FUTEX_WAIT_BITSET = 9,
  FUTEX_WAKE_BITSET = 10,
  FUTEX_PRIVATE = 128,
  FUTEX_CLOCK_REALTIME = 256,
};

static long call(long number, long a1, long a2, long a3, long a4, long a5, long a6) {
  const long result = syscall(number, a1, a2, a3, a4, a5, a6);
  return result == -1 ? -errno : result;
}

static long sys_rseq(const void *area, uint32_t length, int flags, uint32_t signature) {
  return call(SYS_RSEQ, (long)area, length, flags, signature, 0, 0);
}

static long sys_membarrier(int command, unsigned flags, int cpu) {
  return call(SYS_membarrier, command, flags, cpu, 0, 0, 0);
}

/** `value2` is a timeout for the waits and a count for the requeues. */
static long sys_futex(const void *word, int operation, uint32_t value, const void *value2,
                      const void *word2, uint32_t value3) {
  return call(SYS_futex, (long)word, operation, value, (long)value2, (long)word2, value3);
}

static long sys_sched_setaffinity(int tid, unsigned length, const void *mask) {
  return call(SYS_sched_setaffinity, tid, length, (long)mask, 0, 0, 0);
}

static long sys_sched_getaffinity(int tid, unsigned length, void *mask) {
  return call(SYS_sched_getaffinity, tid, length, (long)mask, 0, 0, 0);
}

static long sys_getcpu(void *cpu, void *node) {
  return call(SYS_getcpu, (long)cpu, (long)node, 0, 0, 0, 0);
}

static long sys_rt_sigaction(int signo, const void *action, void *old, size_t set_bytes) {
  return call(SYS_rt_sigaction, signo, (long)action, (long)old, (long)set_bytes, 0, 0);
}

static long sys_rt_sigprocmask(int how, const void *set, void *old, size_t set_bytes) {
  return call(SYS_rt_sigprocmask, how, (long)set, (long)old, (long)set_bytes, 0, 0);
}

static long sys_tgkill(int pid, int tid, int signo) {
  return call(SYS_tgkill, pid, tid, signo, 0, 0, 0);
}

static long sys_nanosleep(const void *request, void *remaining) {
  return call(SYS_nanosleep, (long)request, (long)remaining, 0, 0, 0, 0);
}

static long sys_clock_nanosleep(int clock, int flags, const void *request, void *remaining) {
  return call(SYS_clock_nanosleep, clock, flags, (long)request, (long)remaining, 0, 0);
}

static long sys_clock_gettime(int clock, void *time) {
  return call(SYS_clock_gettime, clock, (long)time, 0, 0, 0, 0);
}

static long sys_getrandom(void *buffer, size_t length, unsigned flags) {
  return call(SYS_getrandom, (long)buffer, (long)length, flags, 0, 0, 0);
}

static int sys_gettid(void) {
  return (int)call(SYS_gettid, 0, 0, 0, 0, 0, 0);
}

static long sys_sched_yield(void) {
  return call(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
}

static void sleep_milliseconds(long milliseconds) {
  const struct timespec time = {0, milliseconds * 1000000};
  sys_nanosleep(&time, NULL);
}
