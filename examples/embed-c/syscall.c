// The system calls that the guests of this folder make: docs/abi.md, "System calls". Any other is
// ENOSYS.

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel.h"

enum {
  SYS_WRITE = 1,
  SYS_RT_SIGPROCMASK = 14,
  SYS_SCHED_YIELD = 24,
  SYS_GETPID = 39,
  SYS_CLONE = 56,
  SYS_EXIT = 60,
  SYS_ARCH_PRCTL = 158,
  SYS_GETTID = 186,
  SYS_EXIT_GROUP = 231,
  SYS_GETCPU = 309,
  SYS_RESTARTABLE_SEQUENCES = 323,
  SYS_JOIN = 0x1000,
  SYS_ABORT = 0x1001,
  SYS_SYSCONF = 0x1002,
};

enum { ARCH_SET_FS = 0x1002, ARCH_SET_PERCPU = 0x1f00 };
enum { CLONE_THREAD_FLAGS = 0x10f00, CLONE_SETS_CHILD_TID = 0x1000000 };
enum { SYSCONF_CPUS = 0, SYSCONF_THREADS = 1, SYSCONF_ARGUMENTS = 2 };
enum { BLOCK = 0, UNBLOCK = 1, SETMASK = 2, SET_BYTES = 8, WORD_BYTES = 4 };

static const uint32_t JOIN_ALL = UINT32_MAX;
static const uint64_t UNBLOCKABLE = 1ull << (9 - 1) | 1ull << (19 - 1); // SIGKILL, SIGSTOP

static bool store(struct kernel *kernel, uint32_t address, uint32_t value) {
  uint8_t *word = machine_memory(kernel->machine, address, WORD_BYTES);
  if (word != NULL) store_word(word, value);
  return word != NULL;
}

static int32_t write_output(struct kernel *kernel, int32_t fd, uint32_t buffer, uint32_t length) {
  if (fd != 1 && fd != 2) return -EBADF;
  const uint8_t *bytes = machine_memory(kernel->machine, buffer, length);
  if (bytes == NULL || length > INT32_MAX) return -EFAULT;
  char *output = realloc(kernel->output, kernel->output_length + length + 1);
  if (output == NULL) return -ENOMEM;
  memcpy(output + kernel->output_length, bytes, length);
  kernel->output = output;
  kernel->output_length += length;
  output[kernel->output_length] = '\0';
  return (int32_t)length;
}

static int32_t set_signal_mask(struct kernel *kernel, struct thread *thread, const int32_t *args) {
  uint32_t set = (uint32_t)args[1], old = (uint32_t)args[2];
  uint64_t before = thread->signal_mask;
  if (args[3] != SET_BYTES) return -EINVAL;
  if (set != 0) {
    const uint8_t *words = machine_memory(kernel->machine, set, SET_BYTES);
    if (words == NULL) return -EFAULT;
    uint64_t mask = load_word(words) | (uint64_t)load_word(words + WORD_BYTES) << 32;
    if (args[0] == BLOCK) mask = before | mask;
    else if (args[0] == UNBLOCK) mask = before & ~mask;
    else if (args[0] != SETMASK) return -EINVAL;
    thread->signal_mask = mask & ~UNBLOCKABLE;
  }
  if (old == 0) return 0;
  if (machine_memory(kernel->machine, old, SET_BYTES) == NULL) return -EFAULT;
  store(kernel, old, (uint32_t)before);
  store(kernel, old + WORD_BYTES, (uint32_t)(before >> 32));
  return 0;
}

static int32_t clone_thread(struct kernel *kernel, struct thread *thread, const int32_t *args) {
  int32_t flags = args[0];
  if ((flags & ~CLONE_SETS_CHILD_TID) != CLONE_THREAD_FLAGS || args[1] == 0) return -EINVAL;
  int32_t tid =
      kernel_clone(kernel, thread, (uint32_t)args[1], (uint32_t)args[2], (uint32_t)args[3]);
  // An address that cannot be written is nobody's error.
  bool is_told = tid > 0 && (flags & CLONE_SETS_CHILD_TID) != 0;
  if (is_told) store(kernel, (uint32_t)args[4], (uint32_t)tid);
  return tid;
}

static int32_t arch_prctl(struct kernel *kernel, struct thread *thread, const int32_t *args) {
  if (args[0] == ARCH_SET_FS) {
    thread->registers.tp = (uint32_t)args[1];
    return 0;
  }
  if (args[0] != ARCH_SET_PERCPU) return -EINVAL;
  kernel->percpu_base = (uint32_t)args[1];
  kernel->percpu_stride = (uint32_t)args[2];
  for (uint32_t index = 0; index < kernel->thread_count; index++) {
    struct thread *each = &kernel->threads[index];
    each->registers.gs = kernel->percpu_base + each->cpu * kernel->percpu_stride;
  }
  return 0;
}

static int32_t get_cpu(struct kernel *kernel, const struct thread *thread, const int32_t *args) {
  if (args[0] != 0 && !store(kernel, (uint32_t)args[0], thread->cpu)) return -EFAULT;
  if (args[1] != 0 && !store(kernel, (uint32_t)args[1], 0)) return -EFAULT;
  return 0;
}

/** The result of a join that has succeeded. */
static int32_t joined(struct kernel *kernel, uint32_t status_address, int32_t status) {
  if (status_address == 0) return status;
  return store(kernel, status_address, (uint32_t)status) ? 0 : -EFAULT;
}

static bool join(struct kernel *kernel, struct thread *thread, uint32_t tid, uint32_t status,
                 int32_t *result) {
  *result = 0;
  if (tid == JOIN_ALL) {
    if (kernel->alive_count == 1) return true;
  } else {
    const struct thread *target =
        tid >= 1 && tid <= kernel->thread_count ? &kernel->threads[tid - 1] : NULL;
    if (target == NULL) *result = -ESRCH;
    else if (target == thread) *result = -EDEADLK;
    else if (target->state == THREAD_DEAD) *result = joined(kernel, status, target->result);
    if (target == NULL || target == thread || target->state == THREAD_DEAD) return true;
  }
  thread->joined_tid = tid;
  thread->join_status = status;
  thread->join_order = ++kernel->joins;
  kernel_block(kernel, thread);
  return false;
}

/** Who has waited longest for `tid`; NULL when nobody does. */
static struct thread *first_joiner(struct kernel *kernel, uint32_t tid) {
  struct thread *first = NULL;
  for (uint32_t index = 0; index < kernel->thread_count; index++) {
    struct thread *each = &kernel->threads[index];
    if (each->state != THREAD_BLOCKED || each->joined_tid != tid) continue;
    if (first == NULL || each->join_order < first->join_order) first = each;
  }
  return first;
}

void kernel_wake_joiners(struct kernel *kernel, struct thread *ended) {
  struct thread *joiner;
  while ((joiner = first_joiner(kernel, ended->tid)) != NULL)
    kernel_wake(kernel, joiner, joined(kernel, joiner->join_status, ended->result));
  if (kernel->alive_count != 1) return;
  while ((joiner = first_joiner(kernel, JOIN_ALL)) != NULL) kernel_wake(kernel, joiner, 0);
}

/** The text is UTF-16; what is not ASCII is shown as a question mark. */
static void fail_assertion(struct kernel *kernel, struct thread *thread, const int32_t *args) {
  char text[128] = "assertion failed";
  uint32_t length = (uint32_t)args[1] / 2;
  const uint8_t *units = machine_memory(kernel->machine, (uint32_t)args[0], 2 * length);
  if (length >= sizeof text) length = sizeof text - 1;
  for (uint32_t index = 0; units != NULL && index < length; index++) {
    bool is_ascii = units[2 * index + 1] == 0 && units[2 * index] < 128;
    text[index] = is_ascii ? (char)units[2 * index] : '?';
    text[index + 1] = '\0';
  }
  kernel_kill(kernel, thread, SIGABRT, text);
}

static int32_t sysconf_of(const struct kernel *kernel, int32_t name) {
  if (name == SYSCONF_CPUS) return (int32_t)kernel->cpu_count;
  if (name == SYSCONF_THREADS) return (int32_t)kernel->worker_count;
  return name == SYSCONF_ARGUMENTS ? 0 : -EINVAL;
}

static int32_t unknown(int32_t sysno) {
  fprintf(stderr, "embed-c: system call %d is not implemented\n", sysno);
  return -ENOSYS;
}

bool kernel_syscall(struct kernel *kernel, struct thread *thread, int32_t sysno,
                    const int32_t *args, int32_t *result) {
  *result = 0;
  switch (sysno) {
    case SYS_WRITE:
      *result = write_output(kernel, args[0], (uint32_t)args[1], (uint32_t)args[2]);
      return true;
    case SYS_RT_SIGPROCMASK:
      *result = set_signal_mask(kernel, thread, args);
      return true;
    case SYS_SCHED_YIELD:
      kernel->is_slice_over = true;
      return true;
    case SYS_GETPID:
      *result = 1;
      return true;
    case SYS_CLONE:
      *result = clone_thread(kernel, thread, args);
      return true;
    case SYS_EXIT:
      kernel_exit_thread(kernel, thread, args[0]);
      return false;
    case SYS_ARCH_PRCTL:
      *result = arch_prctl(kernel, thread, args);
      return true;
    case SYS_GETTID:
      *result = (int32_t)thread->tid;
      return true;
    case SYS_EXIT_GROUP:
      kernel_exit_group(kernel, thread, args[0]);
      return false;
    case SYS_GETCPU:
      *result = get_cpu(kernel, thread, args);
      return true;
    case SYS_RESTARTABLE_SEQUENCES:
      *result = turner_syscall(kernel, thread, args);
      return true;
    case SYS_JOIN:
      return join(kernel, thread, (uint32_t)args[0], (uint32_t)args[1], result);
    case SYS_ABORT:
      fail_assertion(kernel, thread, args);
      return false;
    case SYS_SYSCONF:
      *result = sysconf_of(kernel, args[0]);
      return true;
    default:
      *result = unknown(sysno);
      return true;
  }
}
