// The subject: the one thread of a scenario that goes through sections. It is a thread of its own,
// started by start_subject(), where another thread has to disturb it inside; else the main thread.
//
// The protocol that makes a scenario say the same every time:
//   start_subject()   returns when the subject is inside its section
//   ... disturb ...
//   leave()           lets the section go on; it commits now unless it was, or is to be, aborted
// What must abort is done once. What must not abort is tried until one try commits, since any
// thread may be switched out at any time: commits_once().

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>

#define ATTEMPTS 1000
#define ANY_CPU (-1)
#define PAGE 4096
/** An address that no process can use. */
#define KERNEL_POINTER ((void *)-PAGE)
/** Beyond the highest number that Linux ever gives to a thread. */
#define NO_TID 0x3fffffff

/** The first two of the allowed CPUs, or the only one. */
static int cpus[2];
static int cpu_count;

static struct {
  struct rseq_area area;
  struct rseq_cs descriptor;
  const void *pointer; // what goes into area.rseq_cs
  struct words words;
  section *enter;
  uint32_t signature;
  bool is_unregistered;
  int cpu;
  volatile int tid;
  volatile int may_exit;
  pthread_t thread;
  long outcome;
  uint32_t cpu_id_start_behind; // what it was as soon as the section was left
} subject;

/** For scenarios that need a second one. */
static struct rseq_area another_area;

/** Where a handler found the saved ip, seen from the subject's descriptor: BEFORE is one byte. */
enum where { NOT_SEEN, OUTSIDE, BEFORE, INSIDE, AT_END, AT_ABORT };
static const char *const WHERE_NAMES[] = {"not-seen", "outside", "before", "inside",
                                          "end", "abort"};

static struct {
  volatile enum where where;
  volatile bool slot_is_zero;
  volatile int count;
} seen;

/** Before each scenario: a subject that goes through spin, as spin is meant. */
static void reset_subject(void) {
  subject.enter = spin;
  subject.pointer = &subject.descriptor;
  subject.signature = RSEQ_SIGNATURE;
  subject.area.cpu_id = CPU_ID_UNINITIALIZED;
  describe(&subject.descriptor, spin_start, spin_end, spin_abort);
}

static void use_stay(const char *start, const char *end) {
  subject.enter = stay;
  describe(&subject.descriptor, start, end, stay_abort);
}

/** Restrict a thread, 0 for the caller, to one CPU. */
static long pin(int tid, int cpu) {
  uint64_t mask[16] = {0};
  mask[cpu / 64] = UINT64_C(1) << (cpu % 64);
  return sys_sched_setaffinity(tid, sizeof mask, mask);
}

static void register_subject(void) {
  const long result = sys_rseq(&subject.area, RSEQ_LENGTH, 0, subject.signature);
  if (result == 0) return;
  say("cannot-register", result);
  _exit(2);
}

/** The main thread as the subject. */
static void be_subject(void) {
  subject.tid = sys_gettid();
  register_subject();
}

static void *subject_main(void *unused) {
  (void)unused;
  subject.tid = sys_gettid();
  if (subject.cpu != ANY_CPU) pin(0, subject.cpu);
  if (!subject.is_unregistered) register_subject();
  // Aborted before anybody could see it inside: that one does not count.
  do {
    subject.outcome = subject.enter(&subject.area.rseq_cs, subject.pointer, &subject.words);
  } while (!subject.words.entered);
  subject.cpu_id_start_behind = subject.area.cpu_id_start;
  while (!subject.may_exit) sys_sched_yield();
  return NULL;
}

/**
 * The main thread is on the first CPU when the subject is on the second, and stays on it while it
 * waits: to give it away now is to come back when the subject has lost its own.
 */
static void wait_for_subject(void) {
  if (cpu_count < 2 || subject.cpu != cpus[1]) sys_sched_yield();
}

static void start_subject(int cpu) {
  memset((void *)&subject.words, 0, sizeof subject.words);
  subject.words.target = stay_start;
  subject.may_exit = 0;
  subject.cpu = cpu;
  if (pthread_create(&subject.thread, NULL, subject_main, NULL) != 0) abort();
  while (!subject.words.entered) wait_for_subject();
}

static void release(void) {
  subject.words.target = stay_leave;
  subject.words.release = 1;
}

/** Let the section go on, and wait for the subject to end. */
static enum outcome leave(void) {
  release();
  subject.may_exit = 1;
  pthread_join(subject.thread, NULL);
  return subject.outcome;
}

static void say_outcome(enum outcome outcome) {
  say_word("outcome", outcome_name(outcome));
}

static bool succeeds_once(bool (*attempt)(void)) {
  for (int i = 0; i < ATTEMPTS; i++) {
    if (attempt()) return true;
  }
  return false;
}

/** Is the subject, on the second CPU, ever let commit when the first disturbs it so? */
static bool commits_once(void (*disturb)(void)) {
  pin(0, cpus[0]);
  for (int i = 0; i < ATTEMPTS; i++) {
    start_subject(cpus[1]);
    disturb();
    if (leave() == COMMITTED) return true;
  }
  return false;
}

static enum where locate(uint64_t ip) {
  const struct rseq_cs *descriptor = &subject.descriptor;
  const uint64_t distance = ip - descriptor->start_ip;
  if (ip == descriptor->abort_ip) return AT_ABORT;
  if (distance < descriptor->post_commit_offset) return INSIDE;
  if (distance == descriptor->post_commit_offset) return AT_END;
  return distance == UINT64_MAX ? BEFORE : OUTSIDE;
}

static void observe(int signo, siginfo_t *info, void *context) {
  (void)signo, (void)info;
  const ucontext_t *saved = context;
  seen.where = locate((uint64_t)saved->uc_mcontext.gregs[REG_RIP]);
  seen.slot_is_zero = subject.area.rseq_cs == 0;
  seen.count++;
}

static void handle(int signo, void (*handler)(int, siginfo_t *, void *), int flags) {
  struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};
  sigaction(signo, &action, NULL);
}

/** Send SIGUSR1 to the subject and wait until its handler, observe(), has been called. */
static void signal_subject(void) {
  const int count = seen.count;
  sys_tgkill(getpid(), subject.tid, SIGUSR1);
  while (seen.count == count) sys_sched_yield();
}

static void signal_self(void) {
  sys_tgkill(getpid(), sys_gettid(), SIGUSR1);
}

static void *map(int protection, int sharing) {
  void *page = mmap(NULL, PAGE, protection, sharing | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) abort();
  return page;
}

static void *map_page(int protection) {
  return map(protection, MAP_PRIVATE);
}

/** A page that a child has in common with its parent. */
static void *map_shared_page(void) {
  return map(PROT_READ | PROT_WRITE, MAP_SHARED);
}

/** An address where nothing is mapped, though something could be. */
static void *unmapped_page(void) {
  void *page = map_page(PROT_NONE);
  munmap(page, PAGE);
  return page;
}

static uint32_t current_cpu(void) {
  uint32_t cpu = UINT32_MAX;
  sys_getcpu(&cpu, NULL);
  return cpu;
}

static uint32_t current_node(void) {
  uint32_t node = UINT32_MAX;
  sys_getcpu(NULL, &node);
  return node;
}
