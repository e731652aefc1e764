// System calls made inside a section: allowed, and only what they cause counts.

static struct call_words call_words;

/** Make the call inside; the result of the call is call_words.result if it committed. */
static enum outcome make_inside(long number, long a1, long a2, long a3) {
  call_words = (struct call_words){number, {a1, a2, a3}, INT64_MIN};
  describe(&subject.descriptor, call_start, call_end, call_abort);
  return (enum outcome)call_inside(&subject.area.rseq_cs, &subject.descriptor, &call_words);
}

static bool getpid_commits(void) {
  return make_inside(SYS_getpid, 0, 0, 0) == COMMITTED && call_words.result == getpid() &&
         subject.area.rseq_cs != 0;
}

/** No event, no abort: rseq_cs is still set behind the section. */
static void getpid_inside(void) {
  be_subject();
  say_whether("commits-and-keeps-rseq-cs", succeeds_once(getpid_commits));
}

/** Blocking is leaving the CPU. */
static void nanosleep_inside(void) {
  const struct timespec time = {0, 1000000};
  be_subject();
  say_outcome(make_inside(SYS_nanosleep, (long)&time, 0, 0));
  say_whether("result-is-stored", call_words.result != INT64_MIN);
  say_whether("rseq-cs-is-zero", subject.area.rseq_cs == 0);
}

static void tgkill_inside(void) {
  handle(SIGUSR1, observe, 0);
  be_subject();
  enum outcome outcome;
  do {
    outcome = make_inside(SYS_tgkill, getpid(), subject.tid, SIGUSR1);
  } while (seen.count == 0);
  say_word("saved-ip", WHERE_NAMES[seen.where]);
  say_whether("rseq-cs-is-zero-in-handler", seen.slot_is_zero);
  say_outcome(outcome);
}

static int pipe_ends[2];

/** A signal while the main thread is in its read, most probably; then something to read. */
static void *disturb_read(void *unused) {
  (void)unused;
  sleep_milliseconds(1);
  sys_tgkill(getpid(), subject.tid, SIGUSR1);
  sleep_milliseconds(1);
  if (write(pipe_ends[1], "", 1) != 1) abort();
  return NULL;
}

/** One read from an empty pipe, in a section from `start` on. */
static enum outcome read_from(const char *start) {
  static char byte;
  pthread_t disturber;
  if (pipe(pipe_ends) != 0) abort();
  pthread_create(&disturber, NULL, disturb_read, NULL);
  call_words = (struct call_words){SYS_read, {pipe_ends[0], (long)&byte, 1}, INT64_MIN};
  describe(&subject.descriptor, start, call_end, call_abort);
  const long outcome = call_inside(&subject.area.rseq_cs, &subject.descriptor, &call_words);
  pthread_join(disturber, NULL);
  close(pipe_ends[0]);
  close(pipe_ends[1]);
  return (enum outcome)outcome;
}

/** Until the signal met the read, and the section. */
static void read_aborted(const char *start, int flags) {
  handle(SIGUSR1, observe, flags);
  be_subject();
  enum outcome outcome;
  do {
    outcome = read_from(start);
  } while (seen.where != AT_ABORT && seen.where != INSIDE);
  say_word("saved-ip", WHERE_NAMES[seen.where]);
  say_outcome(outcome);
}

static void read_inside_interrupted(void) {
  read_aborted(call_start, 0);
}

/** A call that is to be made again after the handler is not: the section is left instead. */
static void read_inside_restarted(void) {
  read_aborted(call_start, SA_RESTART);
}

/** The section starts where the read returns to, so an interrupted read returns into it ... */
static void read_before_interrupted(void) {
  read_aborted(call_start + 2, 0);
}

/**
 * ... and one that is made again does not: first the ip goes back to the call, which is outside,
 * then the section is looked for. rseq_cs is cleared, so what follows is a section no more.
 */
static void read_before_restarted(void) {
  handle(SIGUSR1, observe, SA_RESTART);
  be_subject();
  enum outcome outcome;
  do {
    outcome = read_from(call_start + 2);
  } while (outcome != COMMITTED);
  say_word("saved-ip", WHERE_NAMES[seen.where]);
  say_outcome(outcome);
  say("read", call_words.result);
}

/** The child begins where its parent was, inside, and with the event of having been placed. */
static void fork_inside(void) {
  be_subject();
  const pid_t parent = getpid();
  do {
    const enum outcome outcome = make_inside(SYS_fork, 0, 0, 0);
    if (getpid() != parent) {
      say_word("child", outcome_name(outcome));
      _exit(0);
    }
  } while (wait(NULL) == -1); // the parent may abort before it forks
}

/** Replaces an open file: closing it is left to resume work, without an event of rseq. */
static enum outcome resume_inside(void) {
  const int victim = dup(STDOUT_FILENO);
  if (pipe(pipe_ends) != 0 || dup2(pipe_ends[0], victim) != victim) abort();
  close(pipe_ends[0]);
  close(pipe_ends[1]);
  const enum outcome outcome = make_inside(SYS_dup2, STDOUT_FILENO, victim, 0);
  close(victim);
  return outcome;
}

static bool resume_commits(void) {
  make_inside(SYS_nanosleep, (long)&(struct timespec){0, 1000}, 0, 0);
  return resume_inside() == COMMITTED;
}

/**
 * Events are forgotten by an abort only: one that came outside is still there when resume work, for
 * whatever reason, finds the thread inside.
 */
static void resume_work_inside(void) {
  be_subject();
  say_whether("commits-after-abort", succeeds_once(resume_commits));
  sleep_milliseconds(1);
  say_word("after-event-outside", outcome_name(resume_inside()));
}

static const struct scenario CALLS_INSIDE[] = {
  {.name = "getpid-inside", .run = getpid_inside},
  {.name = "nanosleep-inside", .run = nanosleep_inside},
  {.name = "tgkill-inside", .run = tgkill_inside},
  {.name = "read-inside-interrupted", .run = read_inside_interrupted},
  {.name = "read-inside-restarted", .run = read_inside_restarted},
  {.name = "read-before-interrupted", .run = read_before_interrupted},
  {.name = "read-before-restarted", .run = read_before_restarted},
  {.name = "fork-inside", .run = fork_inside},
  {.name = "resume-work-inside", .run = resume_work_inside},
};
