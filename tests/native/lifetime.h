// Threads, processes and memory: who inherits a registration, and what ends it.

#include <sys/ptrace.h>

/** Areas are the threads' own business: nobody checks that they differ. */
static void *say_thread_registrations(void *unused) {
  (void)unused;
  say("unregister-area-of-main", sys_rseq(&subject.area, 32, RSEQ_FLAG_UNREGISTER, RSEQ_SIGNATURE));
  say("own-area", sys_rseq(&another_area, 32, 0, RSEQ_SIGNATURE));
  say("own-area-again", sys_rseq(&another_area, 32, 0, RSEQ_SIGNATURE));
  say("unregister", sys_rseq(&another_area, 32, RSEQ_FLAG_UNREGISTER, RSEQ_SIGNATURE));
  say("area-of-main", sys_rseq(&subject.area, 32, 0, RSEQ_SIGNATURE));
  return NULL;
}

static void run_thread(void *(*function)(void *)) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, function, NULL) != 0) abort();
  pthread_join(thread, NULL);
}

static void thread_is_unregistered(void) {
  be_subject();
  run_thread(say_thread_registrations);
  say("main-again", sys_rseq(&subject.area, 32, 0, RSEQ_SIGNATURE));
}

static void *register_and_exit(void *unused) {
  (void)unused;
  pin(0, cpus[0]);
  register_subject();
  return NULL;
}

/** Nothing is written when a thread ends, and its area is free. */
static void exit_leaves_area(void) {
  run_thread(register_and_exit);
  say_whether("cpu-id-is-kept", subject.area.cpu_id == (uint32_t)cpus[0]);
  say("register", sys_rseq(&subject.area, 32, 0, RSEQ_SIGNATURE));
}

static void say_child_registrations(void) {
  say("same", sys_rseq(&subject.area, 32, 0, RSEQ_SIGNATURE));
  say("other-signature", sys_rseq(&subject.area, 32, 0, OTHER_SIGNATURE));
  say("other-area", sys_rseq(&another_area, 32, 0, RSEQ_SIGNATURE));
}

static void fork_inherits(void) {
  pin(0, cpus[0]);
  be_subject();
  const pid_t child = fork();
  if (child == 0) {
    say_child_registrations();
    say_whether("cpu-id-is-getcpu", subject.area.cpu_id == current_cpu());
    _exit(0);
  }
  waitpid(child, NULL, 0);
  say("parent-again", sys_rseq(&subject.area, 32, 0, RSEQ_SIGNATURE));
}

static int say_vfork_registrations(void *unused) {
  (void)unused;
  say("unregister-area-of-parent",
      sys_rseq(&subject.area, 32, RSEQ_FLAG_UNREGISTER, RSEQ_SIGNATURE));
  say("own-area", sys_rseq(&another_area, 32, 0, RSEQ_SIGNATURE));
  _exit(0);
}

static void vfork_is_unregistered(void) {
  static char stack[65536] __attribute__((aligned(16)));
  be_subject();
  const int flags = CLONE_VM | CLONE_VFORK | SIGCHLD;
  const pid_t child = clone(say_vfork_registrations, stack + sizeof stack, flags, NULL);
  waitpid(child, NULL, 0);
  say("parent-again", sys_rseq(&subject.area, 32, 0, RSEQ_SIGNATURE));
}

/** The first thing in the new program: see main(). */
static void after_exec(void) {
  say("register", sys_rseq(&subject.area, 32, 0, RSEQ_SIGNATURE));
  say("fence", sys_membarrier(MEMBARRIER_RSEQ, 0, 0));
}

static void exec_unregisters(void) {
  be_subject();
  sys_membarrier(MEMBARRIER_REGISTER_RSEQ, 0, 0);
  execl("/proc/self/exe", "oracle", "--after-exec", scenario->name, NULL);
  say("cannot-exec", -errno);
}

static void exec_fails(void) {
  be_subject();
  sys_membarrier(MEMBARRIER_REGISTER_RSEQ, 0, 0);
  say("exec", execl("/", "/", NULL) == -1 ? -errno : 0);
  say("register-again", sys_rseq(&subject.area, 32, 0, RSEQ_SIGNATURE));
  say("fence", sys_membarrier(MEMBARRIER_RSEQ, 0, 0));
}

/** The ids of a registered thread must be writable at every event. */
static struct rseq_area *register_page(void) {
  struct rseq_area *area = map_page(PROT_READ | PROT_WRITE);
  say("register", sys_rseq(area, 32, 0, RSEQ_SIGNATURE));
  return area;
}

static void area_unmapped(void) {
  munmap(register_page(), PAGE);
  sleep_milliseconds(1);
  say_whether("survived", true);
}

static void area_read_only(void) {
  mprotect(register_page(), PAGE, PROT_READ);
  sleep_milliseconds(1);
  say_whether("survived", true);
}

/** A handler does not help: to call it is an event too. */
static void area_unmapped_segv_handler(void) {
  handle(SIGSEGV, observe, 0);
  area_unmapped();
}

#define PTRACE_GET_RSEQ 0x420f

struct rseq_configuration {
  uint64_t area;
  uint32_t length, signature, flags, padding;
};

/** Returns the bytes there are, also when it was asked for fewer. */
static long get_configuration(pid_t child, struct rseq_configuration *told, long bytes) {
  return call(SYS_ptrace, PTRACE_GET_RSEQ, child, bytes, (long)told, 0, 0);
}

/** A debugger is told what was registered. */
static void ptrace_configuration(void) {
  struct rseq_configuration told;
  const pid_t child = fork();
  if (child == 0) {
    be_subject();
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    raise(SIGSTOP);
    _exit(0);
  }
  waitpid(child, NULL, 0);
  say("bytes", get_configuration(child, &told, sizeof told));
  say_whether("area-is-registered", told.area == (uintptr_t)&subject.area);
  say("length", told.length);
  say_whether("signature-is-registered", told.signature == RSEQ_SIGNATURE);
  say("flags", told.flags);
  say("bytes-of-23", get_configuration(child, &told, 23));
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
}

static const struct scenario LIFETIME[] = {
  {.name = "thread-is-unregistered", .run = thread_is_unregistered},
  {.name = "exit-leaves-area", .run = exit_leaves_area},
  {.name = "fork-inherits", .run = fork_inherits},
  {.name = "vfork-is-unregistered", .run = vfork_is_unregistered},
  {.name = "exec-unregisters", .run = exec_unregisters},
  {.name = "exec-fails", .run = exec_fails},
  {.name = "area-unmapped", .run = area_unmapped},
  {.name = "area-read-only", .run = area_read_only},
  {.name = "area-unmapped-segv-handler", .run = area_unmapped_segv_handler},
  {.name = "ptrace-configuration", .run = ptrace_configuration},
};
