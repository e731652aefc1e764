// oracle: runs small scenarios of rseq(2), membarrier(2), signals, affinity and futexes on the
// kernel it is started on, and prints what happened, so that the same scenarios can be run by the
// emulated kernel and must print the same. x86-64 Linux.
//
//   cc -O1 -Wall -Wextra -Werror -pthread -o oracle oracle.c
//   ./oracle             all scenarios
//   ./oracle NAME...     these
//   ./oracle --list      their names
//
// Every scenario runs in a process of its own, which it may lose. The output is the same every
// time: what depends on when threads are switched is arranged by waiting, or tried again (see
// subject.h).

#define _GNU_SOURCE

#include "abi.h"
#include "transcript.h"
#include "section.h"
#include "subject.h"

// The scenarios, chapter by chapter; later chapters use means of earlier ones.
#include "registration.h"
#include "abort.h"
#include "calls-inside.h"
#include "signals.h"
#include "lifetime.h"
#include "membarrier.h"
#include "affinity.h"
#include "futex.h"
#include "calls.h"

#include <sys/resource.h>

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])
#define CHAPTER(scenarios) {scenarios, LENGTH(scenarios)}

static const struct chapter {
  const struct scenario *scenarios;
  size_t length;
} CHAPTERS[] = {
  CHAPTER(REGISTRATION), CHAPTER(ABORT),      CHAPTER(CALLS_INSIDE),
  CHAPTER(SIGNALS),      CHAPTER(LIFETIME),   CHAPTER(MEMBARRIER),
  CHAPTER(AFFINITY),     CHAPTER(FUTEX),      CHAPTER(CALLS),
};

#define FOR_EACH_SCENARIO(it)                                                \
  for (const struct chapter *chapter = CHAPTERS;                             \
       chapter < CHAPTERS + LENGTH(CHAPTERS); chapter++)                     \
    for (const struct scenario *it = chapter->scenarios;                     \
         it < chapter->scenarios + chapter->length; it++)

/** glibc registers an area for each thread, unless it is told not to before it starts. */
#define TUNABLE "glibc.pthread.rseq=0"

static void restart_without_libc_rseq(char **arguments) {
  const char *tunables = getenv("GLIBC_TUNABLES");
  if (tunables != NULL && strstr(tunables, TUNABLE) != NULL) return;
  setenv("GLIBC_TUNABLES", TUNABLE, 1);
  execv("/proc/self/exe", arguments);
}

/** Why there is nothing to run here, or NULL. */
static const char *reason_to_skip(void) {
  struct rseq_area *area = &subject.area;
  const long result = sys_rseq(area, RSEQ_LENGTH, 0, RSEQ_SIGNATURE);
  if (result == -ENOSYS) return "no rseq system call";
  if (result != 0) return "the C library has registered rseq";
  sys_rseq(area, RSEQ_LENGTH, RSEQ_FLAG_UNREGISTER, RSEQ_SIGNATURE);
  return NULL;
}

static void find_cpus(void) {
  uint64_t mask[128] = {0};
  sys_sched_getaffinity(0, sizeof mask, mask);
  for (int cpu = 0; cpu < 8192 && cpu_count < 2; cpu++) {
    if (mask[cpu / 64] >> (cpu % 64) & 1) cpus[cpu_count++] = cpu;
  }
}

static void run_in_child(void) {
  setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
  alarm(20); // a scenario that waits for what never happens
  reset_subject();
  scenario->run();
  _exit(0);
}

static void say_end(int status) {
  char text[32];
  if (WIFEXITED(status)) {
    snprintf(text, sizeof text, "exit %d", WEXITSTATUS(status));
  } else {
    snprintf(text, sizeof text, "killed SIG%s", sigabbrev_np(WTERMSIG(status)));
  }
  say_word("end", text);
}

static void run(const struct scenario *chosen) {
  scenario = chosen;
  if (scenario->needs_two_cpus && cpu_count < 2) {
    say_word("end", "skipped one-cpu");
    return;
  }
  const pid_t child = fork();
  if (child == 0) run_in_child();
  int status;
  waitpid(child, &status, 0);
  say_end(status);
}

static const struct scenario *find(const char *name) {
  FOR_EACH_SCENARIO(it) if (strcmp(it->name, name) == 0) return it;
  fprintf(stderr, "oracle: no scenario '%s'; see oracle --list\n", name);
  exit(2);
}

static void run_arguments(int count, char **names) {
  for (int i = 0; i < count; i++) find(names[i]);
  for (int i = 0; i < count; i++) run(find(names[i]));
  if (count == 0) FOR_EACH_SCENARIO(it) run(it);
}

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "--list") == 0) {
    FOR_EACH_SCENARIO(it) puts(it->name);
    return 0;
  }
  restart_without_libc_rseq(argv);
  if (argc == 3 && strcmp(argv[1], "--after-exec") == 0) {
    scenario = find(argv[2]);
    after_exec();
    return 0;
  }
  const char *reason = reason_to_skip();
  if (reason != NULL) {
    printf("skip: %s\n", reason);
    return 0;
  }
  find_cpus();
  run_arguments(argc - 1, argv + 1);
  return 0;
}
