// Threads on virtual CPUs, slice by slice. Order matters everywhere here: it is that of src/kernel,
// so that the same program with the same options has the same run, event for event.

#include "kernel.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// === The trace: MurmurHash3's mixing over the words of every event. ============================

static uint32_t rotate(uint32_t value, int bits) { return value << bits | value >> (32 - bits); }

static uint32_t mix(uint32_t lane, uint32_t value) {
  uint32_t word = lane ^ rotate(value * 0xcc9e2d51u, 15) * 0x1b873593u;
  return rotate(word, 13) * 5 + 0xe6546b64u;
}

static uint32_t finish(uint32_t lane) {
  uint32_t value = (lane ^ lane >> 16) * 0x85ebca6bu;
  value = (value ^ value >> 13) * 0xc2b2ae35u;
  return value ^ value >> 16;
}

void trace(struct kernel *kernel, enum trace_event event, const struct thread *thread, uint32_t a,
           uint32_t b) {
  struct trace_hash *hash = &kernel->trace;
  uint32_t time = (uint32_t)kernel->fuel;
  uint32_t low = mix(mix(mix(hash->low, event | thread->cpu << 8), thread->tid), time);
  if (kernel->fuel > UINT32_MAX) low = mix(low, (uint32_t)(kernel->fuel >> 32));
  hash->low = mix(mix(low, a), b);
  hash->high = (rotate(hash->high ^ hash->low, 17) * 9 + (a ^ time) * 0x52dce729u) ^ b;
}

void kernel_trace(const struct kernel *kernel, char digits[17]) {
  const struct trace_hash *hash = &kernel->trace;
  snprintf(digits, 17, "%08x%08x", finish(hash->high), finish(hash->low ^ hash->high));
}

// === Who is on which CPU. ======================================================================

static void enqueue(struct kernel *kernel, struct thread *thread) {
  struct cpu *cpu = &kernel->cpus[thread->cpu];
  cpu->queue[cpu->queue_length++] = thread;
}

/** Preconditions: the thread is the first in its queue. The scheduler picks no other. */
static void dequeue(struct kernel *kernel, const struct thread *thread) {
  struct cpu *cpu = &kernel->cpus[thread->cpu];
  memmove(cpu->queue, cpu->queue + 1, --cpu->queue_length * sizeof *cpu->queue);
}

static uint32_t idlest_cpu(const struct kernel *kernel) {
  uint32_t best = 0;
  size_t best_load = SIZE_MAX;
  for (uint32_t id = 0; id < kernel->cpu_count; id++) {
    const struct cpu *cpu = &kernel->cpus[id];
    size_t load = cpu->queue_length + (cpu->current != NULL);
    if (load >= best_load) continue;
    best = id;
    best_load = load;
  }
  return best;
}

/** User memory is not touched: what is due is done before the thread runs again. */
static void switch_out(struct kernel *kernel, struct cpu *cpu) {
  struct thread *thread = cpu->current;
  bool is_runnable = thread->state == THREAD_RUNNABLE;
  bool is_preempted = is_runnable && cpu->is_current_interrupted;
  cpu->current = NULL;
  thread->notify_resume = true;
  if (is_runnable) enqueue(kernel, thread);
  if (is_preempted) kernel->preemptions++;
  trace(kernel, TRACE_SWITCH_OUT, thread, is_preempted, 0);
}

static void migrate(struct kernel *kernel, struct thread *thread, uint32_t to) {
  uint32_t from = thread->cpu;
  thread->cpu = to;
  thread->registers.gs = kernel->percpu_base + to * kernel->percpu_stride;
  thread->notify_resume = true;
  kernel->migrations++;
  trace(kernel, TRACE_MIGRATE, thread, from, 0);
}

static void switch_to(struct kernel *kernel, uint32_t id, struct thread *thread) {
  struct cpu *cpu = &kernel->cpus[id];
  if (cpu->current != NULL) switch_out(kernel, cpu);
  dequeue(kernel, thread);
  if (thread->cpu != id) migrate(kernel, thread, id);
  cpu->current = thread;
}

/** The thread, which is on a CPU, can run no more. */
static void stop(struct kernel *kernel, struct thread *thread, enum thread_state state) {
  thread->state = state;
  kernel->runnable_count--;
  switch_out(kernel, &kernel->cpus[thread->cpu]);
}

void kernel_block(struct kernel *kernel, struct thread *thread) {
  stop(kernel, thread, THREAD_BLOCKED);
}

void kernel_wake(struct kernel *kernel, struct thread *thread, int32_t result) {
  thread->state = THREAD_RUNNABLE;
  thread->result = result;
  kernel->runnable_count++;
  enqueue(kernel, thread);
}

// === Threads begin and end. ====================================================================

static struct thread *add_thread(struct kernel *kernel, uint32_t function, uint32_t argument) {
  uint32_t cpu = idlest_cpu(kernel);
  struct thread *thread = &kernel->threads[kernel->thread_count++];
  *thread = (struct thread){.tid = kernel->thread_count, .cpu = cpu};
  thread->context.program = &kernel->machine->programs[0];
  thread->context.function = function;
  thread->context.argument = argument;
  thread->registers.gs = kernel->percpu_base + cpu * kernel->percpu_stride;
  kernel->alive_count++;
  kernel_wake(kernel, thread, 0);
  return thread;
}

int32_t kernel_clone(struct kernel *kernel, struct thread *parent, uint32_t function,
                     uint32_t argument, uint32_t tls) {
  if (kernel->thread_count == MOST_THREADS) return -EAGAIN;
  struct thread *child = add_thread(kernel, function, argument);
  child->registers.tp = tls;
  child->signal_mask = parent->signal_mask;
  trace(kernel, TRACE_SPAWN, parent, child->tid, 0);
  return (int32_t)child->tid;
}

void kernel_exit_thread(struct kernel *kernel, struct thread *thread, int32_t status) {
  thread->result = status;
  trace(kernel, TRACE_EXIT, thread, (uint32_t)status, 0);
  kernel->alive_count--;
  stop(kernel, thread, THREAD_DEAD);
  thread->notify_resume = false;
  kernel_wake_joiners(kernel, thread);
  if (kernel->alive_count > 0) return;
  // The status of a process whose threads all left one by one is the last one's.
  kernel->has_exited = true;
  kernel->exit_status = status;
}

void kernel_exit_group(struct kernel *kernel, struct thread *thread, int32_t status) {
  trace(kernel, TRACE_EXIT, thread, (uint32_t)status, 1);
  kernel->has_exited = true;
  kernel->exit_status = status;
}

void kernel_kill(struct kernel *kernel, struct thread *thread, int32_t signal,
                 const char *message) {
  if (kernel->has_exited) return;
  fprintf(stderr, "embed-c: thread %u killed by signal %d at 0x%x: %s\n", thread->tid, signal,
          thread->point, message);
  kernel->has_exited = true;
  kernel->exit_status = 128 + signal;
  kernel->death_signal = signal;
  trace(kernel, TRACE_DEATH, thread, (uint32_t)signal, 0);
}

// === A slice. ==================================================================================

/** The first thread of the longest other queue. */
static struct thread *steal_for(struct kernel *kernel, uint32_t id) {
  const struct cpu *longest = NULL;
  for (uint32_t other = 0; other < kernel->cpu_count; other++) {
    const struct cpu *cpu = &kernel->cpus[other];
    if (other == id || cpu->queue_length == 0) continue;
    if (longest == NULL || cpu->queue_length > longest->queue_length) longest = cpu;
  }
  return longest == NULL ? NULL : longest->queue[0];
}

/** CPUs in turn, each gives its queue's head one quantum. An idle CPU steals. */
static struct thread *pick(struct kernel *kernel, uint32_t *id) {
  for (uint32_t step = 0; step < kernel->cpu_count; step++) {
    kernel->last_cpu = (kernel->last_cpu + 1) % kernel->cpu_count;
    *id = kernel->last_cpu;
    struct cpu *cpu = &kernel->cpus[*id];
    if (cpu->queue_length > 0) return cpu->queue[0];
    if (cpu->current != NULL) return cpu->current;
    struct thread *stolen = steal_for(kernel, *id);
    if (stolen != NULL) return stolen;
  }
  return NULL;
}

/** False when the process died of it. */
static bool prepare_return_to_user(struct kernel *kernel, struct thread *thread) {
  if (thread->notify_resume) {
    thread->notify_resume = false;
    if (!turner_resume(kernel, thread)) {
      kernel_kill(kernel, thread, SIGSEGV, "cpu pointer cannot be written");
      return false;
    }
  }
  uint32_t ip = thread->registers.ip;
  if (ip == thread->point || machine_can_redirect(kernel->machine, thread->point, ip)) return true;
  kernel_kill(kernel, thread, SIGSEGV, "jump to what is no restart label here");
  return false;
}

static void handle_syscall(struct kernel *kernel, struct thread *thread, const struct exit *exit) {
  int32_t result;
  thread->point = thread->registers.ip;
  thread->is_interrupted = false;
  bool returns = kernel_syscall(kernel, thread, exit->value, exit->args, &result);
  if (returns) thread->result = result;
  trace(kernel, TRACE_SYSCALL, thread, (uint32_t)exit->value, returns ? (uint32_t)result : 0);
}

static void handle_exit(struct kernel *kernel, struct thread *thread, const struct exit *exit) {
  switch (exit->kind) {
    case EXIT_INTERRUPTED:
      thread->point = thread->registers.ip;
      thread->is_interrupted = true;
      trace(kernel, TRACE_INTERRUPT, thread, thread->point, (uint32_t)exit->fuel_used);
      break;
    case EXIT_SYSCALL:
      handle_syscall(kernel, thread, exit);
      break;
    case EXIT_RETURNED:
      if (thread->tid == 1) kernel_exit_group(kernel, thread, exit->value);
      else kernel_exit_thread(kernel, thread, exit->value);
      break;
    case EXIT_TRAPPED:
      kernel_kill(kernel, thread, exit->value, "trap");
      break;
  }
}

/** Into user code, again and again until the slice is over. */
static void run_user(struct kernel *kernel, struct cpu *cpu, struct thread *thread, int64_t fuel) {
  while (prepare_return_to_user(kernel, thread)) {
    struct resumption resumption = {
        .value = thread->is_interrupted ? thread->registers.ip : (uint32_t)thread->result,
        .is_address = thread->is_interrupted,
    };
    struct exit exit = machine_run(kernel->machine, &thread->context, &thread->registers,
                                   resumption, (int32_t)fuel);
    fuel -= exit.fuel_used;
    kernel->fuel += (uint64_t)exit.fuel_used;
    handle_exit(kernel, thread, &exit);
    if (kernel->is_slice_over || thread->state != THREAD_RUNNABLE || kernel->has_exited) return;
    if (fuel > 0) continue;
    cpu->is_current_interrupted = true;
    return;
  }
}

enum run_end kernel_run(struct kernel *kernel) {
  while (!kernel->has_exited) {
    uint32_t id;
    uint64_t left = FUEL_LIMIT > kernel->fuel ? FUEL_LIMIT - kernel->fuel : 0;
    if (left == 0) return RUN_FUEL_LIMIT;
    struct thread *thread = pick(kernel, &id);
    if (thread == NULL) return RUN_DEADLOCK;
    uint32_t fuel = left < kernel->quantum ? (uint32_t)left : kernel->quantum;
    struct cpu *cpu = &kernel->cpus[id];
    if (cpu->current != thread) switch_to(kernel, id, thread);
    trace(kernel, TRACE_RUN, thread, fuel, 0);
    kernel->is_slice_over = false;
    cpu->is_current_interrupted = false;
    run_user(kernel, cpu, thread, fuel);
  }
  return RUN_ENDED;
}

struct kernel *kernel_boot(struct machine *machine, uint32_t cpus, uint32_t workers,
                           uint32_t quantum) {
  struct kernel *kernel = calloc(1, sizeof *kernel);
  if (kernel == NULL) return NULL;
  kernel->machine = machine;
  kernel->cpu_count = cpus;
  kernel->worker_count = workers;
  kernel->quantum = quantum;
  kernel->last_cpu = cpus - 1;
  kernel->trace = (struct trace_hash){0x9747b28cu, 0x85ebca6bu};
  add_thread(kernel, 0, 0);
  return kernel;
}

void kernel_free(struct kernel *kernel) {
  for (uint32_t index = 0; index < kernel->thread_count; index++)
    free(kernel->threads[index].context.stack);
  free(kernel->output);
  free(kernel);
}
