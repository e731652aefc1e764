// sched_setaffinity(2), sched_getaffinity(2), getcpu(2), and the ids that follow them.

/** On return the thread is there, and its ids say so, whichever CPU it was before. */
static void affinity_moves(void) {
  const struct rseq_area *area = &subject.area;
  bool results_are_zero = true, getcpu_is_cpu = true, ids_are_cpu = true, node_is_node = true;
  be_subject();
  for (int i = 0; i < cpu_count * 10; i++) {
    const uint32_t cpu = (uint32_t)cpus[i % cpu_count];
    results_are_zero &= pin(0, (int)cpu) == 0;
    ids_are_cpu &= area->cpu_id == cpu && area->cpu_id_start == cpu;
    getcpu_is_cpu &= current_cpu() == cpu;
    node_is_node &= area->node_id == current_node();
  }
  say_whether("results-are-zero", results_are_zero);
  say_whether("getcpu-is-that-cpu", getcpu_is_cpu);
  say_whether("cpu-ids-are-that-cpu", ids_are_cpu);
  say_whether("node-id-is-getcpu", node_is_node);
}

static void affinity_errors(void) {
  uint64_t mask[16] = {0}, none[16] = {0}, absent[16] = {0};
  const void *unmapped = unmapped_page();
  mask[cpus[0] / 64] = UINT64_C(1) << (cpus[0] % 64);
  absent[15] = UINT64_C(1) << 63;

  say("cpu", sys_sched_setaffinity(0, sizeof mask, mask));
  say("no-cpu", sys_sched_setaffinity(0, sizeof none, none));
  say("absent-cpu", sys_sched_setaffinity(0, sizeof absent, absent));
  say("length-zero", sys_sched_setaffinity(0, 0, mask));
  say("length-zero-unmapped", sys_sched_setaffinity(0, 0, unmapped));
  say("unmapped", sys_sched_setaffinity(0, 8, unmapped));
  say("no-such-tid", sys_sched_setaffinity(NO_TID, sizeof mask, mask));
  say("tid-negative", sys_sched_setaffinity(-1, sizeof mask, mask));
  say("no-such-tid-unmapped", sys_sched_setaffinity(NO_TID, 8, unmapped));
  say("no-such-tid-no-cpu", sys_sched_setaffinity(NO_TID, sizeof none, none));
}

/** Lengths are whole words; what comes back may be shorter than what was asked for. */
static void get_affinity_errors(void) {
  uint64_t mask[128];
  void *unmapped = unmapped_page();
  pin(0, cpus[0]);

  say_whether("longest-is-whole-words", sys_sched_getaffinity(0, sizeof mask, mask) % 8 == 0);
  say_whether("has-that-cpu", mask[cpus[0] / 64] == UINT64_C(1) << (cpus[0] % 64));
  say("length-zero", sys_sched_getaffinity(0, 0, mask));
  say("length-1022", sys_sched_getaffinity(0, 1022, mask));
  say("unmapped", sys_sched_getaffinity(0, sizeof mask, unmapped));
  say("no-such-tid", sys_sched_getaffinity(NO_TID, sizeof mask, mask));
  say("tid-negative", sys_sched_getaffinity(-1, sizeof mask, mask));
  say("no-such-tid-unmapped", sys_sched_getaffinity(NO_TID, sizeof mask, unmapped));
  say("length-zero-no-such-tid", sys_sched_getaffinity(NO_TID, 0, mask));
}

static void getcpu_errors(void) {
  uint32_t cpu, node;
  void *unmapped = unmapped_page();
  say("both", sys_getcpu(&cpu, &node));
  say("neither", sys_getcpu(NULL, NULL));
  say("cpu-unmapped", sys_getcpu(unmapped, &node));
  say("node-unmapped", sys_getcpu(&cpu, unmapped));
}

static bool may_run_on_first_only(int tid) {
  uint64_t mask[128] = {0};
  sys_sched_getaffinity(tid, sizeof mask, mask);
  return mask[cpus[0] / 64] == UINT64_C(1) << (cpus[0] % 64);
}

static void affinity_of_thread(void) {
  start_subject(ANY_CPU);
  say("set", pin(subject.tid, cpus[0]));
  say_whether("is-set", may_run_on_first_only(subject.tid));
  leave();
  pin(0, cpus[0]);
  start_subject(ANY_CPU);
  say_whether("is-inherited", may_run_on_first_only(subject.tid));
  leave();
}

/**
 * Threads that run at the same time have different ids. The main thread's own is right whenever it
 * looks; the subject's stays the same from when it is seen inside to its commit.
 */
static void mm_cids_differ(void) {
  bool all_differ = true;
  pin(0, cpus[0]);
  sys_rseq(&another_area, RSEQ_LENGTH, 0, RSEQ_SIGNATURE);
  for (int commits = 0; commits < 10;) {
    start_subject(cpus[1]);
    const bool is_other = another_area.mm_cid != subject.area.mm_cid;
    if (leave() == ABORTED) continue;
    all_differ &= is_other;
    commits++;
  }
  say_whether("all-differ", all_differ);
}

static const struct scenario AFFINITY[] = {
  {.name = "affinity-moves", .run = affinity_moves},
  {.name = "affinity-errors", .run = affinity_errors},
  {.name = "get-affinity-errors", .run = get_affinity_errors},
  {.name = "getcpu-errors", .run = getcpu_errors},
  {.name = "affinity-of-thread", .run = affinity_of_thread},
  {.name = "mm-cids-differ", .run = mm_cids_differ, .needs_two_cpus = true},
};
