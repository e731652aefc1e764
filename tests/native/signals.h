// Signals and sections.

/** Signal a subject in spin until it was caught there, not just aborted and on its way in again. */
static enum outcome signal_spinning(int cpu) {
  enum outcome outcome;
  do {
    start_subject(cpu);
    signal_subject();
    outcome = leave();
  } while (seen.where == OUTSIDE);
  return outcome;
}

/** The frame is built behind the abort: a handler never sees an ip inside. */
static void signal_inside(void) {
  handle(SIGUSR1, observe, 0);
  const enum outcome outcome = signal_spinning(ANY_CPU);
  say_word("saved-ip", WHERE_NAMES[seen.where]);
  say_whether("rseq-cs-is-zero-in-handler", seen.slot_is_zero);
  say_outcome(outcome);
  say("commit-store", subject.words.committed);
}

/** Switched out inside, then signalled: the thread comes back to both, and aborts once. */
static void signal_to_preempted(void) {
  handle(SIGUSR1, observe, 0);
  pin(0, cpus[0]);
  const enum outcome outcome = signal_spinning(cpus[0]);
  say_word("saved-ip", WHERE_NAMES[seen.where]);
  say_outcome(outcome);
}

static struct words handler_words = {.release = 1};
static volatile enum outcome handler_outcome;

/** Goes through a section of its own; tried again, as that may be interrupted like any other. */
static void commit_in_handler(int signo, siginfo_t *info, void *context) {
  volatile uint64_t *slot = &subject.area.rseq_cs;
  do {
    handler_outcome = (enum outcome)spin(slot, &subject.descriptor, &handler_words);
  } while (handler_outcome != COMMITTED);
  observe(signo, info, context);
}

static void section_in_handler(void) {
  handle(SIGUSR1, commit_in_handler, 0);
  const enum outcome outcome = signal_spinning(ANY_CPU);
  say_word("saved-ip", WHERE_NAMES[seen.where]);
  say_word("in-handler", outcome_name(handler_outcome));
  say("commit-store-in-handler", handler_words.committed);
  say_outcome(outcome);
}

static void send_usr1(void) {
  sys_tgkill(getpid(), subject.tid, SIGUSR1);
}

static void say_commits_once(void (*disturb)(void)) {
  say_whether("commits", commits_once(disturb));
}

static void ignored_signal_inside(void) {
  signal(SIGUSR1, SIG_IGN);
  say_commits_once(send_usr1);
}

static void block(int signo) {
  const uint64_t set = UINT64_C(1) << (signo - 1);
  sys_rt_sigprocmask(SIG_BLOCK, &set, NULL, sizeof set);
}

/** Threads inherit the mask. */
static void blocked_signal_inside(void) {
  handle(SIGUSR1, observe, 0);
  block(SIGUSR1);
  say_commits_once(send_usr1);
  say("handlers-called", seen.count);
}

static void fatal_signal_inside(void) {
  start_subject(ANY_CPU);
  send_usr1();
  say_outcome(leave());
}

/** Sent twice while blocked is pending once; delivered before the unblocking call returns. */
static void blocked_signal(void) {
  handle(SIGUSR1, observe, 0);
  block(SIGUSR1);
  signal_self();
  signal_self();
  say("called-while-blocked", seen.count);
  sys_rt_sigprocmask(SIG_SETMASK, &(uint64_t){0}, NULL, sizeof(uint64_t));
  say("called-after-unblock", seen.count);
}

static uint64_t mask_in_handler;

static void record_mask(int signo, siginfo_t *info, void *context) {
  (void)signo, (void)info, (void)context;
  sys_rt_sigprocmask(SIG_BLOCK, NULL, &mask_in_handler, sizeof mask_in_handler);
}

static bool blocks_itself(int flags) {
  handle(SIGUSR1, record_mask, flags);
  signal_self();
  return mask_in_handler >> (SIGUSR1 - 1) & 1;
}

static void handler_mask(void) {
  say_whether("itself-is-blocked", blocks_itself(0));
  say_whether("itself-is-blocked-nodefer", blocks_itself(SA_NODEFER));
  sys_rt_sigprocmask(SIG_BLOCK, NULL, &mask_in_handler, sizeof mask_in_handler);
  say("mask-behind-handler", (long)mask_in_handler);
}

static void handler_once(void) {
  handle(SIGUSR1, observe, (int)SA_RESETHAND);
  signal_self();
  say("called", seen.count);
  signal_self();
  say_whether("survived", true);
}

/** struct sigaction as the kernel has it. */
struct kernel_action {
  uint64_t handler, flags, restorer, mask;
};

static void sigaction_errors(void) {
  const struct kernel_action action = {(uintptr_t)SIG_IGN, 0, 0, 0};
  struct kernel_action old;
  void *unmapped = unmapped_page();

  say("signal-zero", sys_rt_sigaction(0, &action, NULL, 8));
  say("signal-64", sys_rt_sigaction(64, &action, NULL, 8));
  say("signal-65", sys_rt_sigaction(65, &action, NULL, 8));
  say("signal-negative", sys_rt_sigaction(-1, &action, NULL, 8));
  say("kill", sys_rt_sigaction(SIGKILL, &action, NULL, 8));
  say("stop", sys_rt_sigaction(SIGSTOP, &action, NULL, 8));
  say("kill-ask-only", sys_rt_sigaction(SIGKILL, NULL, &old, 8));
  say("size-four", sys_rt_sigaction(SIGUSR1, &action, NULL, 4));
  say("action-unmapped", sys_rt_sigaction(SIGUSR1, unmapped, NULL, 8));
  say("old-unmapped", sys_rt_sigaction(SIGUSR2, &action, unmapped, 8));
  say("size-four-action-unmapped", sys_rt_sigaction(SIGUSR1, unmapped, NULL, 4));
  say("signal-zero-action-unmapped", sys_rt_sigaction(0, unmapped, NULL, 8));
  say("signal-zero-old-unmapped", sys_rt_sigaction(0, &action, unmapped, 8));
  say("kill-old-unmapped", sys_rt_sigaction(SIGKILL, NULL, unmapped, 8));
  sys_rt_sigaction(SIGUSR2, NULL, &old, 8);
  say_whether("set-though-old-unmapped", old.handler == (uintptr_t)SIG_IGN);
}

static void sigprocmask_errors(void) {
  const uint64_t set = UINT64_C(1) << (SIGUSR1 - 1);
  uint64_t old = 0;
  void *unmapped = unmapped_page();

  say("how-three", sys_rt_sigprocmask(3, &set, NULL, 8));
  say("how-negative", sys_rt_sigprocmask(-1, &set, NULL, 8));
  say("how-three-without-set", sys_rt_sigprocmask(3, NULL, &old, 8));
  say("size-four", sys_rt_sigprocmask(SIG_BLOCK, &set, NULL, 4));
  say("set-unmapped", sys_rt_sigprocmask(SIG_BLOCK, unmapped, NULL, 8));
  say("size-four-set-unmapped", sys_rt_sigprocmask(SIG_BLOCK, unmapped, NULL, 4));
  say("how-three-set-unmapped", sys_rt_sigprocmask(3, unmapped, NULL, 8));
  say("how-three-old-unmapped", sys_rt_sigprocmask(3, &set, unmapped, 8));
  say("old-unmapped", sys_rt_sigprocmask(SIG_BLOCK, &set, unmapped, 8));
  sys_rt_sigprocmask(SIG_BLOCK, NULL, &old, 8);
  say_whether("set-though-old-unmapped", old == set);
  sys_rt_sigprocmask(SIG_SETMASK, &(uint64_t){UINT64_MAX}, NULL, 8);
  sys_rt_sigprocmask(SIG_BLOCK, NULL, &old, 8);
  say_whether("kill-is-blocked", old >> (SIGKILL - 1) & 1);
  say_whether("stop-is-blocked", old >> (SIGSTOP - 1) & 1);
}

static void tgkill_errors(void) {
  const int pid = getpid();

  say("pid-zero", sys_tgkill(0, pid, 0));
  say("pid-negative", sys_tgkill(-1, pid, 0));
  say("tid-zero", sys_tgkill(pid, 0, 0));
  say("tid-negative", sys_tgkill(pid, -1, 0));
  say("no-such-tid", sys_tgkill(pid, NO_TID, 0));
  say("no-such-pid", sys_tgkill(NO_TID, pid, 0));
  say("other-process", sys_tgkill(pid, getppid(), 0));
  say("signal-zero", sys_tgkill(pid, pid, 0));
  say("signal-65", sys_tgkill(pid, pid, 65));
  say("signal-negative", sys_tgkill(pid, pid, -1));
  say("no-such-tid-signal-65", sys_tgkill(pid, NO_TID, 65));
  say("tid-zero-signal-65", sys_tgkill(pid, 0, 65));
}

static const struct scenario SIGNALS[] = {
  {.name = "signal-inside", .run = signal_inside},
  {.name = "signal-to-preempted", .run = signal_to_preempted},
  {.name = "section-in-handler", .run = section_in_handler},
  {.name = "ignored-signal-inside", .run = ignored_signal_inside, .needs_two_cpus = true},
  {.name = "blocked-signal-inside", .run = blocked_signal_inside, .needs_two_cpus = true},
  {.name = "fatal-signal-inside", .run = fatal_signal_inside},
  {.name = "blocked-signal", .run = blocked_signal},
  {.name = "handler-mask", .run = handler_mask},
  {.name = "handler-once", .run = handler_once},
  {.name = "sigaction-errors", .run = sigaction_errors},
  {.name = "sigprocmask-errors", .run = sigprocmask_errors},
  {.name = "tgkill-errors", .run = tgkill_errors},
};
