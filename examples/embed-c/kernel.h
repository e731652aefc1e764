// A kernel for one process on virtual CPUs: threads, a round-robin scheduler, and the restartable
// sequences of Paul Turner's RFC. The same decisions as src/kernel, in as many files as it takes.

#ifndef KERNEL_H
#define KERNEL_H

#include "machine.h"

enum { MOST_CPUS = 256, MOST_THREADS = 1024 };

/** Instructions that a run may take. */
static const uint64_t FUEL_LIMIT = 10000000000;

enum run_end { RUN_ENDED, RUN_DEADLOCK, RUN_FUEL_LIMIT };

enum thread_state { THREAD_RUNNABLE, THREAD_BLOCKED, THREAD_DEAD };

struct thread {
  uint32_t tid;
  struct context context;
  struct registers registers;
  enum thread_state state;
  uint32_t cpu;         // runs there, or ran there last
  bool is_interrupted;  // at a point; otherwise in a system call
  uint32_t point;       // the address it is stopped at, whatever registers.ip is since
  int32_t result;       // of its last system call; exit status when it is dead
  uint32_t cpu_pointer; // 0: it takes no part
  bool notify_resume;   // there is work before user code runs again
  uint64_t signal_mask;
  uint32_t joined_tid;  // it waits for that thread's end; JOIN_ALL: for everybody's
  uint32_t join_status; // address for the exit status, or 0
  uint64_t join_order;  // who waits for a thread longest is woken first
};

struct cpu {
  struct thread *current;
  bool is_current_interrupted;
  struct thread *queue[MOST_THREADS];
  size_t queue_length;
};

/** 64 bits over every event of a run, as src/kernel/trace.ts computes it. */
struct trace_hash {
  uint32_t low, high;
};

struct kernel {
  struct machine *machine;
  uint32_t cpu_count, worker_count, quantum;
  struct cpu cpus[MOST_CPUS];
  uint32_t last_cpu;
  struct thread threads[MOST_THREADS]; // thread n + 1 at n
  uint32_t thread_count, alive_count, runnable_count;
  bool is_slice_over;
  // The process.
  struct section region; // end 0: none
  uint32_t percpu_base, percpu_stride;
  bool has_exited;
  int32_t exit_status;
  int32_t death_signal; // 0: it was not killed
  uint64_t joins;
  // What it came to.
  uint64_t preemptions, restarts, migrations, fuel;
  struct trace_hash trace;
  char *output;
  size_t output_length;
};

/** One process, whose first thread will run the main of the machine's first program. */
struct kernel *kernel_boot(struct machine *machine, uint32_t cpus, uint32_t workers,
                           uint32_t quantum);
/** To the end of the process, unless no thread can run any more, or the fuel of a run is spent. */
enum run_end kernel_run(struct kernel *kernel);
void kernel_free(struct kernel *kernel);
/** 16 hexadecimal digits and a zero. */
void kernel_trace(const struct kernel *kernel, char digits[17]);

// Between the files of the kernel.

enum trace_event {
  TRACE_RUN = 1,
  TRACE_INTERRUPT = 2,
  TRACE_SWITCH_OUT = 3,
  TRACE_MIGRATE = 4,
  TRACE_RESTART = 5,
  TRACE_SYSCALL = 7,
  TRACE_SPAWN = 8,
  TRACE_EXIT = 9,
  TRACE_DEATH = 10,
};

void trace(struct kernel *kernel, enum trace_event event, const struct thread *thread, uint32_t a,
           uint32_t b);
int32_t kernel_clone(struct kernel *kernel, struct thread *parent, uint32_t function,
                     uint32_t argument, uint32_t tls);
void kernel_exit_thread(struct kernel *kernel, struct thread *thread, int32_t status);
void kernel_exit_group(struct kernel *kernel, struct thread *thread, int32_t status);
void kernel_kill(struct kernel *kernel, struct thread *thread, int32_t signal,
                 const char *message);
/** The thread waits; whoever ends the wait gives its call a result. */
void kernel_block(struct kernel *kernel, struct thread *thread);

/** Returns false when the thread does not return from the call now: it waits, or is no more. */
bool kernel_syscall(struct kernel *kernel, struct thread *thread, int32_t sysno,
                    const int32_t *args, int32_t *result);
/** For every thread that waits for the one that has ended. */
void kernel_wake_joiners(struct kernel *kernel, struct thread *ended);
void kernel_wake(struct kernel *kernel, struct thread *thread, int32_t result);

// Restartable sequences: the RFC's ABI.

int32_t turner_syscall(struct kernel *kernel, struct thread *thread, const int32_t *args);
/** Before user code runs again. Returns false when the cpu word cannot be written. */
bool turner_resume(struct kernel *kernel, struct thread *thread);

#endif
