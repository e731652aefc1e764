// The other calls: time, random numbers, threads, writing, and how a process ends.

#include <asm/prctl.h>

#define NO_CLOCK 1000

static int64_t nanoseconds_between(const struct timespec *a, const struct timespec *b) {
  return (b->tv_sec - a->tv_sec) * INT64_C(1000000000) + b->tv_nsec - a->tv_nsec;
}

static void clock_errors(void) {
  struct timespec time, later;
  void *unmapped = unmapped_page();

  say("realtime", sys_clock_gettime(CLOCK_REALTIME, &time));
  say("monotonic", sys_clock_gettime(CLOCK_MONOTONIC, &time));
  sleep_milliseconds(1);
  sys_clock_gettime(CLOCK_MONOTONIC, &later);
  say_whether("sleep-takes-its-time", nanoseconds_between(&time, &later) >= 1000000);
  say("no-such-clock", sys_clock_gettime(NO_CLOCK, &time));
  say("unmapped", sys_clock_gettime(CLOCK_MONOTONIC, unmapped));
  say("no-such-clock-unmapped", sys_clock_gettime(NO_CLOCK, unmapped));
}

static long sleep_long(void) {
  const struct timespec time = {FAR_FUTURE, 0};
  return sys_nanosleep(&time, NULL);
}

static struct timespec remaining;

static long sleep_long_remaining(void) {
  const struct timespec time = {FAR_FUTURE, 0};
  return sys_nanosleep(&time, &remaining);
}

static long sleep_long_remaining_unmapped(void) {
  const struct timespec time = {FAR_FUTURE, 0};
  return sys_nanosleep(&time, unmapped_page());
}

static void nanosleep_errors(void) {
  void *unmapped = unmapped_page();

  say("one-millisecond", sys_nanosleep(&ONE_MILLISECOND, NULL));
  say("no-time", sys_nanosleep(&NO_TIME, NULL));
  say("nanoseconds-too-many", sys_nanosleep(&BAD_NANOSECONDS, NULL));
  say("nanoseconds-negative", sys_nanosleep(&NEGATIVE_NANOSECONDS, NULL));
  say("seconds-negative", sys_nanosleep(&NEGATIVE_SECONDS, NULL));
  say("unmapped", sys_nanosleep(unmapped, NULL));
  say("remaining-unmapped", sys_nanosleep(&ONE_MILLISECOND, unmapped));
  say("interrupted", interrupted(sleep_long, 0));
  say("interrupted-restart", interrupted(sleep_long, SA_RESTART));
  say("interrupted-remaining", interrupted(sleep_long_remaining, 0));
  say_whether("remaining-is-less", remaining.tv_sec > 0 && remaining.tv_sec < FAR_FUTURE);
  say("interrupted-remaining-unmapped", interrupted(sleep_long_remaining_unmapped, 0));
}

static void clock_nanosleep_errors(void) {
  const struct timespec past = {1, 0};
  void *unmapped = unmapped_page();

  say("one-millisecond", sys_clock_nanosleep(CLOCK_MONOTONIC, 0, &ONE_MILLISECOND, NULL));
  say("realtime", sys_clock_nanosleep(CLOCK_REALTIME, 0, &ONE_MILLISECOND, NULL));
  say("until-past", sys_clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &past, NULL));
  say("until-past-realtime", sys_clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &past, NULL));
  say("flag-two", sys_clock_nanosleep(CLOCK_MONOTONIC, 2, &NO_TIME, NULL));
  say("nanoseconds-too-many", sys_clock_nanosleep(CLOCK_MONOTONIC, 0, &BAD_NANOSECONDS, NULL));
  say("seconds-negative", sys_clock_nanosleep(CLOCK_MONOTONIC, 0, &NEGATIVE_SECONDS, NULL));
  say("no-such-clock", sys_clock_nanosleep(NO_CLOCK, 0, &NO_TIME, NULL));
  say("thread-cpu-clock", sys_clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &NO_TIME, NULL));
  say("unmapped", sys_clock_nanosleep(CLOCK_MONOTONIC, 0, unmapped, NULL));
  say("no-such-clock-unmapped", sys_clock_nanosleep(NO_CLOCK, 0, unmapped, NULL));
}

static void getrandom_errors(void) {
  char bytes[64];
  void *unmapped = unmapped_page();

  say("sixteen", sys_getrandom(bytes, 16, 0));
  say("none", sys_getrandom(bytes, 0, 0));
  say("nonblock", sys_getrandom(bytes, 16, 1));
  say("random", sys_getrandom(bytes, 16, 2));
  say("insecure", sys_getrandom(bytes, 16, 4));
  say("random-and-insecure", sys_getrandom(bytes, 16, 6));
  say("flag-eight", sys_getrandom(bytes, 16, 8));
  say("unmapped", sys_getrandom(unmapped, 16, 0));
  say("unmapped-none", sys_getrandom(unmapped, 0, 0));
  say("flag-eight-unmapped", sys_getrandom(unmapped, 16, 8));
  say("flag-eight-none", sys_getrandom(bytes, 0, 8));
}

static void unknown_calls(void) {
  say("after-the-last", call(9999, 0, 0, 0, 0, 0, 0));
  say("negative", call(-1, 0, 0, 0, 0, 0, 0));
}

/** Combinations of flags that would share too little. */
static void clone_errors(void) {
  say("thread-without-sighand", call(SYS_clone, CLONE_THREAD, 0, 0, 0, 0, 0));
  say("thread-without-vm", call(SYS_clone, CLONE_THREAD | CLONE_SIGHAND, 0, 0, 0, 0, 0));
  say("sighand-without-vm", call(SYS_clone, CLONE_SIGHAND, 0, 0, 0, 0, 0));
}

static void arch_prctl_errors(void) {
  uint64_t pointer = 0;
  say("get-fs", call(SYS_arch_prctl, ARCH_GET_FS, (long)&pointer, 0, 0, 0, 0));
  say_whether("fs-is-set", pointer != 0);
  say("get-fs-unmapped", call(SYS_arch_prctl, ARCH_GET_FS, (long)unmapped_page(), 0, 0, 0, 0));
  say("unknown", call(SYS_arch_prctl, 9999, (long)&pointer, 0, 0, 0, 0));
}

static void write_errors(void) {
  const void *unmapped = unmapped_page();
  say("no-such-file", call(SYS_write, 9999, (long)"", 1, 0, 0, 0));
  say("file-negative", call(SYS_write, -1, (long)"", 1, 0, 0, 0));
  say("no-such-file-unmapped", call(SYS_write, 9999, (long)unmapped, 1, 0, 0, 0));
  say("no-such-file-nothing", call(SYS_write, 9999, (long)"", 0, 0, 0, 0));
  say("unmapped", call(SYS_write, STDOUT_FILENO, (long)unmapped, 1, 0, 0, 0));
  say("nothing", call(SYS_write, STDOUT_FILENO, (long)"", 0, 0, 0, 0));
  say("read-no-such-file", call(SYS_read, 9999, (long)unmapped, 1, 0, 0, 0));
}

static int thread_tid;

static void *record_tid(void *unused) {
  thread_tid = sys_gettid();
  return unused;
}

static void thread_ids(void) {
  say_whether("main-tid-is-pid", sys_gettid() == getpid());
  run_thread(record_tid);
  say_whether("thread-tid-is-pid", thread_tid == getpid());
  say("yield", sys_sched_yield());
}

static void exit_seven(void) {
  call(SYS_exit_group, 7, 0, 0, 0, 0, 0);
}

static void exit_is_cut_to_a_byte(void) {
  call(SYS_exit_group, 256 + 3, 0, 0, 0, 0, 0);
}

static void exit_minus_one(void) {
  call(SYS_exit_group, -1, 0, 0, 0, 0, 0);
}

/** The tid of the first thread, until the kernel clears it when that thread is gone. */
static volatile int first_thread;

/** Ends the first thread with status 5, while another goes on. */
static void leave_to(void *(*other)(void *)) {
  pthread_t thread;
  first_thread = (int)call(SYS_set_tid_address, (long)&first_thread, 0, 0, 0, 0, 0);
  pthread_create(&thread, NULL, other, NULL);
  call(SYS_exit, 5, 0, 0, 0, 0, 0);
}

static void *exit_six(void *unused) {
  while (first_thread != 0) sys_sched_yield();
  call(SYS_exit, 6, 0, 0, 0, 0, 0);
  return unused;
}

/** The status is that of the thread that exits last. */
static void exit_of_last_thread(void) {
  leave_to(exit_six);
}

/** The first thread being gone does not end the process. */
static void *exit_group_six(void *unused) {
  while (first_thread != 0) sys_sched_yield();
  say_whether("outlives-first-thread", true);
  call(SYS_exit_group, 6, 0, 0, 0, 0, 0);
  return unused;
}

static void exit_of_first_thread(void) {
  leave_to(exit_group_six);
}

static void *return_at_once(void *unused) {
  return unused;
}

static void exit_after_thread(void) {
  run_thread(return_at_once);
  call(SYS_exit, 5, 0, 0, 0, 0, 0);
}

static void exit_group_ends_all(void) {
  start_sleeper();
  call(SYS_exit_group, 4, 0, 0, 0, 0, 0);
}

static void killed_by_default(void) {
  signal_self();
  say_whether("survived", true);
}

static const struct scenario CALLS[] = {
  {.name = "clock-errors", .run = clock_errors},
  {.name = "nanosleep-errors", .run = nanosleep_errors},
  {.name = "clock-nanosleep-errors", .run = clock_nanosleep_errors},
  {.name = "getrandom-errors", .run = getrandom_errors},
  {.name = "unknown-calls", .run = unknown_calls},
  {.name = "clone-errors", .run = clone_errors},
  {.name = "arch-prctl-errors", .run = arch_prctl_errors},
  {.name = "write-errors", .run = write_errors},
  {.name = "thread-ids", .run = thread_ids},
  {.name = "exit-seven", .run = exit_seven},
  {.name = "exit-is-cut-to-a-byte", .run = exit_is_cut_to_a_byte},
  {.name = "exit-minus-one", .run = exit_minus_one},
  {.name = "exit-after-thread", .run = exit_after_thread},
  {.name = "exit-of-last-thread", .run = exit_of_last_thread},
  {.name = "exit-of-first-thread", .run = exit_of_first_thread},
  {.name = "exit-group-ends-all", .run = exit_group_ends_all},
  {.name = "killed-by-default", .run = killed_by_default},
};
