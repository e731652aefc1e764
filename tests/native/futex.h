// futex(2): refusals and their order, time-outs, who is woken and what is counted.

#define FAR_FUTURE 1000
#define WAKE_ALL INT32_MAX

static uint32_t futex_word, futex_target;
static const struct timespec ONE_MILLISECOND = {0, 1000000};
static const struct timespec BAD_NANOSECONDS = {0, 1000000000};
static const struct timespec NEGATIVE_NANOSECONDS = {0, -1};
static const struct timespec NEGATIVE_SECONDS = {-1, 0};
static const struct timespec NO_TIME = {0, 0};

static long futex(int operation, uint32_t value) {
  return sys_futex(&futex_word, operation | FUTEX_PRIVATE, value, NULL, NULL, 0);
}

static long futex_at(const void *word, int operation, uint32_t value) {
  return sys_futex(word, operation | FUTEX_PRIVATE, value, NULL, NULL, 0);
}

static long futex_wait(uint32_t value, const void *timeout) {
  return sys_futex(&futex_word, FUTEX_WAIT | FUTEX_PRIVATE, value, timeout, NULL, 0);
}

static long futex_bitset(int operation, uint32_t value, const void *timeout, uint32_t bits) {
  return sys_futex(&futex_word, operation | FUTEX_PRIVATE, value, timeout, NULL, bits);
}

/** The value of `futex_word` is 0 here and in all that follows. */
static void futex_wait_errors(void) {
  const char *bytes = (const char *)&futex_word;
  const void *unmapped = unmapped_page();

  say("other-value", futex_wait(1, NULL));
  say("time-out", futex_wait(0, &ONE_MILLISECOND));
  say("no-time", futex_wait(0, &NO_TIME));
  say("nanoseconds-too-many", futex_wait(0, &BAD_NANOSECONDS));
  say("nanoseconds-negative", futex_wait(0, &NEGATIVE_NANOSECONDS));
  say("seconds-negative", futex_wait(0, &NEGATIVE_SECONDS));
  say("misaligned", futex_at(bytes + 1, FUTEX_WAIT, 0));
  say("unmapped", futex_at(unmapped, FUTEX_WAIT, 0));
  say("kernel-pointer", futex_at(KERNEL_POINTER, FUTEX_WAIT, 0));
  say("time-out-unmapped", futex_wait(0, unmapped));
  say("other-value-no-time", futex_wait(1, &NO_TIME));
  say("other-value-bad-time", futex_wait(1, &BAD_NANOSECONDS));
  say("other-value-time-out-unmapped", futex_wait(1, unmapped));
  say("misaligned-unmapped", futex_at((const char *)unmapped + 1, FUTEX_WAIT, 0));
  say("misaligned-bad-time",
      sys_futex(bytes + 1, FUTEX_WAIT | FUTEX_PRIVATE, 0, &BAD_NANOSECONDS, NULL, 0));
  say("unmapped-time-out-unmapped",
      sys_futex(unmapped, FUTEX_WAIT | FUTEX_PRIVATE, 0, unmapped, NULL, 0));
  say("shared-unmapped", sys_futex(unmapped, FUTEX_WAIT, 0, NULL, NULL, 0));
  say("shared-other-value", sys_futex(&futex_word, FUTEX_WAIT, 1, NULL, NULL, 0));
}

static void futex_wake_errors(void) {
  const char *bytes = (const char *)&futex_word;
  const void *unmapped = unmapped_page();

  say("no-waiter", futex(FUTEX_WAKE, 1));
  say("no-waiter-zero", futex(FUTEX_WAKE, 0));
  say("misaligned", futex_at(bytes + 1, FUTEX_WAKE, 1));
  say("unmapped", futex_at(unmapped, FUTEX_WAKE, 1));
  say("kernel-pointer", futex_at(KERNEL_POINTER, FUTEX_WAKE, 1));
  say("shared-no-waiter", sys_futex(&futex_word, FUTEX_WAKE, 1, NULL, NULL, 0));
  say("shared-unmapped", sys_futex(unmapped, FUTEX_WAKE, 1, NULL, NULL, 0));
  say("time-out-is-ignored", sys_futex(&futex_word, FUTEX_WAKE, 1, unmapped, unmapped, 7));
}

static void futex_bitset_errors(void) {
  const struct timespec past = {1, 0};
  say("wait-no-bits", futex_bitset(FUTEX_WAIT_BITSET, 0, NULL, 0));
  say("wait-no-bits-other-value", futex_bitset(FUTEX_WAIT_BITSET, 1, NULL, 0));
  say("wait-no-bits-bad-time", futex_bitset(FUTEX_WAIT_BITSET, 0, &BAD_NANOSECONDS, 0));
  say("wait-no-bits-time-out-unmapped", futex_bitset(FUTEX_WAIT_BITSET, 0, unmapped_page(), 0));
  say("wait-until-past", futex_bitset(FUTEX_WAIT_BITSET, 0, &past, 1));
  say("wait-until-past-realtime",
      futex_bitset(FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &past, 1));
  say("wait-other-value", futex_bitset(FUTEX_WAIT_BITSET, 1, NULL, 1));
  say("wake-no-bits", futex_bitset(FUTEX_WAKE_BITSET, 1, NULL, 0));
  say("wake-no-waiter", futex_bitset(FUTEX_WAKE_BITSET, 1, NULL, 1));
}

/** Move: wake `wake` of those who wait at `from`, and let `move` others wait at `to`. */
static long requeue(const void *from, const void *to, int wake, int move) {
  return sys_futex(from, FUTEX_REQUEUE | FUTEX_PRIVATE, (uint32_t)wake,
                   (const void *)(long)move, to, 0);
}

static long requeue_if(uint32_t value, int wake, int move) {
  return sys_futex(&futex_word, FUTEX_CMP_REQUEUE | FUTEX_PRIVATE, (uint32_t)wake,
                   (const void *)(long)move, &futex_target, value);
}

static void futex_requeue_errors(void) {
  const char *bytes = (const char *)&futex_word;
  const void *unmapped = unmapped_page();

  say("no-waiter", requeue(&futex_word, &futex_target, 1, 1));
  say("same-word", requeue(&futex_word, &futex_word, 1, 1));
  say("wake-negative", requeue(&futex_word, &futex_target, -1, 1));
  say("move-negative", requeue(&futex_word, &futex_target, 1, -1));
  say("from-misaligned", requeue(bytes + 1, &futex_target, 1, 1));
  say("to-misaligned", requeue(&futex_word, bytes + 1, 1, 1));
  say("from-unmapped", requeue(unmapped, &futex_target, 1, 1));
  say("to-unmapped", requeue(&futex_word, unmapped, 1, 1));
  say("to-kernel-pointer", requeue(&futex_word, KERNEL_POINTER, 1, 1));
  say("equal", requeue_if(0, 1, 1));
  say("not-equal", requeue_if(1, 1, 1));
  say("not-equal-wake-negative", requeue_if(1, -1, 1));
  say("equal-from-unmapped",
      sys_futex(unmapped, FUTEX_CMP_REQUEUE | FUTEX_PRIVATE, 1, NULL, &futex_target, 0));
}

static void futex_operations(void) {
  say("unknown", futex(100, 0));
  say("unknown-misaligned", futex_at((const char *)&futex_word + 1, 100, 0));
  say("unknown-bad-time", sys_futex(&futex_word, 100, 0, &BAD_NANOSECONDS, NULL, 0));
  say("negative", sys_futex(&futex_word, -1, 0, NULL, NULL, 0));
  say("wake-with-clock", futex(FUTEX_WAKE | FUTEX_CLOCK_REALTIME, 1));
  say("requeue-with-clock", futex(FUTEX_REQUEUE | FUTEX_CLOCK_REALTIME, 1));
}

struct waiter {
  pthread_t thread;
  uint32_t bits;
  volatile int tid;
  long result;
};

static void *wait_in_thread(void *argument) {
  struct waiter *waiter = argument;
  waiter->tid = sys_gettid();
  waiter->result = futex_bitset(FUTEX_WAIT_BITSET, 0, NULL, waiter->bits);
  return NULL;
}

static void start_waiter(struct waiter *waiter, uint32_t bits) {
  waiter->bits = bits;
  if (pthread_create(&waiter->thread, NULL, wait_in_thread, waiter) != 0) abort();
}

static long join_waiter(struct waiter *waiter) {
  pthread_join(waiter->thread, NULL);
  return waiter->result;
}

/**
 * Returns when so many threads wait at the word: they are moved away as they come, then back all at
 * once. Moving does not wake.
 */
static void await_waiters(int count) {
  for (long moved = 0; moved < count; sys_sched_yield()) {
    moved += requeue(&futex_word, &futex_target, 0, WAKE_ALL);
  }
  requeue(&futex_target, &futex_word, 0, WAKE_ALL);
}

static void futex_wake_counts(void) {
  struct waiter waiters[3];
  for (int i = 0; i < 3; i++) start_waiter(&waiters[i], UINT32_MAX);
  await_waiters(3);
  say("wake-one", futex(FUTEX_WAKE, 1));
  say("wake-zero", futex(FUTEX_WAKE, 0));
  say("wake-nine", futex(FUTEX_WAKE, 9));
  say("wake-again", futex(FUTEX_WAKE, 9));
  for (int i = 0; i < 3; i++) say("woken", join_waiter(&waiters[i]));
}

static void futex_bits_choose(void) {
  struct waiter one, two;
  start_waiter(&one, 1);
  start_waiter(&two, 2);
  await_waiters(2);
  say("wake-four", futex_bitset(FUTEX_WAKE_BITSET, WAKE_ALL, NULL, 4));
  say("wake-two", futex_bitset(FUTEX_WAKE_BITSET, WAKE_ALL, NULL, 2));
  say("woken-two", join_waiter(&two));
  say("wake-six", futex_bitset(FUTEX_WAKE_BITSET, WAKE_ALL, NULL, 6));
  say("wake-any", futex(FUTEX_WAKE, WAKE_ALL));
  say("woken-one", join_waiter(&one));
}

static void futex_requeue_counts(void) {
  struct waiter waiters[4];
  for (int i = 0; i < 4; i++) start_waiter(&waiters[i], UINT32_MAX);
  await_waiters(4);
  say("not-equal", requeue_if(1, 1, 1));
  say("wake-one-move-one", requeue_if(0, 1, 1));
  say("wake-none-move-one", requeue(&futex_word, &futex_target, 0, 1));
  say("left", futex(FUTEX_WAKE, WAKE_ALL));
  say("moved", futex_at(&futex_target, FUTEX_WAKE, WAKE_ALL));
  for (int i = 0; i < 4; i++) say("woken", join_waiter(&waiters[i]));
}

/** Interrupts the main thread until it has seen enough. */
static void *disturb_main(void *is_enough) {
  while (!*(volatile bool *)is_enough) {
    sleep_milliseconds(1);
    signal_subject();
  }
  return NULL;
}

/** The result of a call of the main thread that a signal interrupts. */
static long interrupted(long (*make_call)(void), int flags) {
  bool is_enough = false;
  pthread_t disturber;
  handle(SIGUSR1, observe, flags);
  subject.tid = sys_gettid();
  pthread_create(&disturber, NULL, disturb_main, &is_enough);
  const long result = make_call();
  is_enough = true;
  pthread_join(disturber, NULL);
  return result;
}

static long wait_for_ever(void) {
  return futex_wait(0, NULL);
}

static long wait_long(void) {
  const struct timespec time = {FAR_FUTURE, 0};
  return futex_wait(0, &time);
}

static void futex_interrupted(void) {
  say("wait", interrupted(wait_for_ever, 0));
  say("wait-with-time-out", interrupted(wait_long, 0));
  say("wait-with-time-out-restart", interrupted(wait_long, SA_RESTART));
}

/** A restarted wait looks at the value again; here it finds another, which ends it. */
static void change_word(int signo, siginfo_t *info, void *context) {
  futex_word = seen.count >= 3;
  observe(signo, info, context);
}

static void *disturb_until_changed(void *unused) {
  while (futex_word == 0) {
    sleep_milliseconds(1);
    signal_subject();
  }
  return unused;
}

static void futex_restarted(void) {
  pthread_t disturber;
  handle(SIGUSR1, change_word, SA_RESTART);
  subject.tid = sys_gettid();
  pthread_create(&disturber, NULL, disturb_until_changed, NULL);
  say("wait-restart", futex_wait(0, NULL));
  pthread_join(disturber, NULL);
  say_whether("handler-was-called-before", seen.count > 1);
}

static const struct scenario FUTEX[] = {
  {.name = "futex-wait-errors", .run = futex_wait_errors},
  {.name = "futex-wake-errors", .run = futex_wake_errors},
  {.name = "futex-bitset-errors", .run = futex_bitset_errors},
  {.name = "futex-requeue-errors", .run = futex_requeue_errors},
  {.name = "futex-operations", .run = futex_operations},
  {.name = "futex-wake-counts", .run = futex_wake_counts},
  {.name = "futex-bits-choose", .run = futex_bits_choose},
  {.name = "futex-requeue-counts", .run = futex_requeue_counts},
  {.name = "futex-interrupted", .run = futex_interrupted},
  {.name = "futex-restarted", .run = futex_restarted},
};
