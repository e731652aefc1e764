// membarrier(2): the rseq fence.

/** Another user of the memory, asleep: without one, a fence has nothing to do. */
static void *sleep_for_ever(void *unused) {
  (void)unused;
  pause();
  return NULL;
}

static void start_sleeper(void) {
  pthread_t sleeper;
  if (pthread_create(&sleeper, NULL, sleep_for_ever, NULL) != 0) abort();
}

static void fence_all(void) {
  sys_membarrier(MEMBARRIER_RSEQ, 0, 0);
}

static void fence_cpu(int cpu) {
  sys_membarrier(MEMBARRIER_RSEQ, MEMBARRIER_FLAG_CPU, cpu);
}

static void register_fence(void) {
  sys_membarrier(MEMBARRIER_REGISTER_RSEQ, 0, 0);
}

static void fence_errors(void) {
  say("before-register", sys_membarrier(MEMBARRIER_RSEQ, 0, 0));
  say("cpu-before-register", sys_membarrier(MEMBARRIER_RSEQ, 1, 0));
  say("flag-two-before-register", sys_membarrier(MEMBARRIER_RSEQ, 2, 0));
  say("register-flag-one", sys_membarrier(MEMBARRIER_REGISTER_RSEQ, 1, 0));
  say("register", sys_membarrier(MEMBARRIER_REGISTER_RSEQ, 0, 0));
  say("register-again", sys_membarrier(MEMBARRIER_REGISTER_RSEQ, 0, 0));
  say("fence", sys_membarrier(MEMBARRIER_RSEQ, 0, 0));
  say("cpu-is-ignored-without-flag", sys_membarrier(MEMBARRIER_RSEQ, 0, 9999));
  say("flag-two", sys_membarrier(MEMBARRIER_RSEQ, 2, 0));
  say("flag-three", sys_membarrier(MEMBARRIER_RSEQ, 3, 0));
  say("cpu-own", sys_membarrier(MEMBARRIER_RSEQ, 1, (int)current_cpu()));
  say("cpu-out-of-range", sys_membarrier(MEMBARRIER_RSEQ, 1, 9999));
  say("cpu-negative", sys_membarrier(MEMBARRIER_RSEQ, 1, -1));
}

static bool has_bits(long mask, long bits) {
  return mask >= 0 && (mask & bits) == bits;
}

static void membarrier_commands(void) {
  const long commands = sys_membarrier(MEMBARRIER_QUERY, 0, 0);
  say_whether("query-has-rseq", has_bits(commands, MEMBARRIER_RSEQ | MEMBARRIER_REGISTER_RSEQ));
  say_whether("query-has-expedited",
              has_bits(commands, MEMBARRIER_EXPEDITED | MEMBARRIER_REGISTER_EXPEDITED));
  say("query-flag-one", sys_membarrier(MEMBARRIER_QUERY, 1, 0));
  say("global", sys_membarrier(MEMBARRIER_GLOBAL, 0, 0));
  say("global-flag-one", sys_membarrier(MEMBARRIER_GLOBAL, 1, 0));
  say("expedited-before-register", sys_membarrier(MEMBARRIER_EXPEDITED, 0, 0));
  say("register-expedited", sys_membarrier(MEMBARRIER_REGISTER_EXPEDITED, 0, 0));
  say("expedited", sys_membarrier(MEMBARRIER_EXPEDITED, 0, 0));
  say("expedited-flag-one", sys_membarrier(MEMBARRIER_EXPEDITED, 1, 0));
  say("two-commands", sys_membarrier(MEMBARRIER_EXPEDITED | MEMBARRIER_RSEQ, 0, 0));
  say("unknown", sys_membarrier(1 << 30, 0, 0));
  say("unknown-flag-one", sys_membarrier(1 << 30, 1, 0));
  say("negative", sys_membarrier(-1, 0, 0));
}

/** What is registered for the fence shows as registered for the plain barrier too, and is not. */
static void membarrier_registrations(void) {
  say("none", sys_membarrier(MEMBARRIER_GET_REGISTRATIONS, 0, 0));
  say("flag-one", sys_membarrier(MEMBARRIER_GET_REGISTRATIONS, 1, 0));
  register_fence();
  const long registrations = sys_membarrier(MEMBARRIER_GET_REGISTRATIONS, 0, 0);
  say_whether("shows-rseq", has_bits(registrations, MEMBARRIER_REGISTER_RSEQ));
  say_whether("shows-expedited", has_bits(registrations, MEMBARRIER_REGISTER_EXPEDITED));
  say("expedited", sys_membarrier(MEMBARRIER_EXPEDITED, 0, 0));
}

static void fence_in_fork(void) {
  register_fence();
  const pid_t child = fork();
  if (child == 0) {
    say("child", sys_membarrier(MEMBARRIER_RSEQ, 0, 0));
    _exit(0);
  }
  waitpid(child, NULL, 0);
}

/**
 * When the fence has returned, a section that ran meanwhile cannot commit any more: the subject is
 * let go at once, and must not.
 */
static void fence_aborts(void (*fence)(void)) {
  register_fence();
  pin(0, cpus[0]);
  start_subject(cpus[1]);
  fence();
  say_outcome(leave());
}

static void fence_second_cpu(void) {
  fence_cpu(cpus[1]);
}

static void fence_all_aborts(void) {
  fence_aborts(fence_all);
}

static void fence_cpu_aborts(void) {
  fence_aborts(fence_second_cpu);
}

static void fence_first_cpu_often(void) {
  for (int i = 0; i < 100; i++) fence_cpu(cpus[0]);
}

static void fence_no_cpu_often(void) {
  for (int i = 0; i < 100; i++) fence_cpu(9999);
}

static void expedited_often(void) {
  for (int i = 0; i < 100; i++) sys_membarrier(MEMBARRIER_EXPEDITED, 0, 0);
}

static void fence_wrong_cpu(void) {
  register_fence();
  say_commits_once(fence_first_cpu_often);
}

static void fence_no_cpu(void) {
  register_fence();
  say_commits_once(fence_no_cpu_often);
}

/** A process on the second CPU that goes through spin; returns its outcome. */
static enum outcome disturb_process(struct words *words, void (*disturb)(void)) {
  memset((void *)words, 0, sizeof *words);
  const pid_t child = fork();
  if (child == 0) {
    long outcome;
    pin(0, cpus[1]);
    register_subject();
    do {
      outcome = spin(&subject.area.rseq_cs, &subject.descriptor, words);
    } while (!words->entered);
    _exit((int)outcome);
  }
  while (!words->entered) continue;
  disturb();
  words->release = 1;
  int status;
  waitpid(child, &status, 0);
  return (enum outcome)WEXITSTATUS(status);
}

static void fence_both_ways(void) {
  for (int i = 0; i < 100; i++) fence_all();
  for (int i = 0; i < 100; i++) fence_cpu(cpus[1]);
}

/** A CPU that runs another process is none of ours. */
static void fence_other_process(void) {
  struct words *words = map_shared_page();
  register_fence();
  start_sleeper();
  pin(0, cpus[0]);
  bool commits = false;
  for (int i = 0; i < ATTEMPTS && !commits; i++) {
    commits = disturb_process(words, fence_both_ways) == COMMITTED;
  }
  say_whether("commits", commits);
}

/** The plain barrier interrupts the same CPUs, and is no event. */
static void expedited_spares_sections(void) {
  sys_membarrier(MEMBARRIER_REGISTER_EXPEDITED, 0, 0);
  say_commits_once(expedited_often);
}

/** The ids are written along with the abort, and before the program goes on. */
static void fence_rewrites_ids(void) {
  register_fence();
  pin(0, cpus[0]);
  start_subject(cpus[1]);
  subject.area.cpu_id_start = UINT32_MAX;
  fence_all();
  say_outcome(leave());
  say_whether("cpu-id-start-is-restored", subject.cpu_id_start_behind == (uint32_t)cpus[1]);
}

static bool ids_outlast(void (*fence)(void)) {
  forget_ids();
  fence();
  return subject.area.cpu_id_start == UINT32_MAX;
}

static void fence_first_cpu(void) {
  fence_cpu(cpus[0]);
}

static bool ids_outlast_fence_all(void) {
  return ids_outlast(fence_all);
}

static bool ids_outlast_fence_cpu(void) {
  return ids_outlast(fence_first_cpu);
}

static bool fence_all_commits(void) {
  return make_inside(SYS_membarrier, MEMBARRIER_RSEQ, 0, 0) == COMMITTED;
}

static bool fence_cpu_commits(void) {
  return make_inside(SYS_membarrier, MEMBARRIER_RSEQ, MEMBARRIER_FLAG_CPU, cpus[0]) == COMMITTED;
}

/** What fences do to their caller, which is on the first CPU. */
static void say_own_fences(void) {
  register_fence();
  pin(0, cpus[0]);
  be_subject();
  say_whether("ids-outlast-all", succeeds_once(ids_outlast_fence_all));
  say_whether("ids-outlast-own-cpu", succeeds_once(ids_outlast_fence_cpu));
  say_whether("all-inside-commits", succeeds_once(fence_all_commits));
  say_whether("own-cpu-inside-commits", succeeds_once(fence_cpu_commits));
}

static void own_fence_alone(void) {
  say_own_fences();
}

static void own_fence_with_sleeper(void) {
  start_sleeper();
  say_own_fences();
}

static const struct scenario MEMBARRIER[] = {
  {.name = "fence-errors", .run = fence_errors},
  {.name = "membarrier-commands", .run = membarrier_commands},
  {.name = "membarrier-registrations", .run = membarrier_registrations},
  {.name = "fence-in-fork", .run = fence_in_fork},
  {.name = "fence-all-aborts", .run = fence_all_aborts, .needs_two_cpus = true},
  {.name = "fence-cpu-aborts", .run = fence_cpu_aborts, .needs_two_cpus = true},
  {.name = "fence-wrong-cpu", .run = fence_wrong_cpu, .needs_two_cpus = true},
  {.name = "fence-no-cpu", .run = fence_no_cpu, .needs_two_cpus = true},
  {.name = "fence-other-process", .run = fence_other_process, .needs_two_cpus = true},
  {.name = "expedited-spares-sections", .run = expedited_spares_sections, .needs_two_cpus = true},
  {.name = "fence-rewrites-ids", .run = fence_rewrites_ids, .needs_two_cpus = true},
  {.name = "own-fence-alone", .run = own_fence_alone},
  {.name = "own-fence-with-sleeper", .run = own_fence_with_sleeper, .needs_two_cpus = true},
};
