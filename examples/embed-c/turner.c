// restartable_sequences, the RFC's system call, and its fixup: docs/abi.md, "Turner".

#include <errno.h>

#include "kernel.h"

enum { SET_CRITICAL = 0, SET_CPU_POINTER = 1 };
static const uint32_t TASK_SIZE = 0xffff0000;

static struct thread *leader(struct kernel *kernel) { return &kernel->threads[0]; }

static int32_t set_critical(struct kernel *kernel, struct section region) {
  if (region.start >= region.end) return -EINVAL;
  if (region.end > TASK_SIZE || region.restart >= TASK_SIZE) return -EINVAL;
  if (leader(kernel)->cpu_pointer != 0) return -EBUSY;
  if (kernel->region.end != 0) return -EBUSY;
  kernel->region = region;
  return 0;
}

static int32_t set_cpu_pointer(struct kernel *kernel, struct thread *thread, uint32_t pointer) {
  if (pointer == thread->cpu_pointer) return 0;
  if (pointer != 0) {
    if (pointer > TASK_SIZE - 4) return -EINVAL;
    if (thread != leader(kernel) && leader(kernel)->cpu_pointer == 0) return -EINVAL;
    // The word must hold the CPU before the call returns.
    thread->notify_resume = true;
  }
  thread->cpu_pointer = pointer;
  return 0;
}

int32_t turner_syscall(struct kernel *kernel, struct thread *thread, const int32_t *args) {
  struct section region = {(uint32_t)args[2], (uint32_t)args[3], (uint32_t)args[4]};
  if (args[0] == SET_CRITICAL) return set_critical(kernel, region);
  if (args[0] == SET_CPU_POINTER) return set_cpu_pointer(kernel, thread, region.start);
  return -EINVAL;
}

/** The heart of it: an interrupted ip inside the region goes to the restart handler. */
static void interrupt_section(struct kernel *kernel, struct thread *thread) {
  struct registers *registers = &thread->registers;
  if (registers->ip < CODE_BASE || !contains(kernel->region, registers->ip)) return;
  registers->r10 = registers->ip;
  registers->ip = kernel->region.restart;
  kernel->restarts++;
  trace(kernel, TRACE_RESTART, thread, registers->r10, registers->ip);
}

bool turner_resume(struct kernel *kernel, struct thread *thread) {
  if (thread->cpu_pointer == 0) return true;
  // The cpu word first, then the ip.
  uint8_t *word = machine_memory(kernel->machine, thread->cpu_pointer, 4);
  if (word != NULL) store_word(word, thread->cpu);
  interrupt_section(kernel, thread);
  return word != NULL;
}
