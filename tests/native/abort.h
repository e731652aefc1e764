// What an event does to a thread: inside a section, outside with rseq_cs set, and with a descriptor
// that is wrong.

/**
 * Both threads on one CPU: when the main thread sees the subject inside, the subject was switched
 * out there.
 */
static void preempted_inside(void) {
  pin(0, cpus[0]);
  start_subject(cpus[0]);
  say_outcome(leave());
  say("commit-store", subject.words.committed);
  say("store-before-commit", subject.words.entered);
  say_whether("rseq-cs-is-zero", subject.area.rseq_cs == 0);
  say_whether("r10-is-kept", subject.words.r10 == (uintptr_t)&subject.words);
}

/** On return of the call the subject has left its CPU; it cannot commit any more. */
static void migrated_inside(void) {
  pin(0, cpus[0]);
  start_subject(cpus[1]);
  say("move", pin(subject.tid, cpus[0]));
  say_outcome(leave());
  say_whether("cpu-id-is-new-cpu", subject.area.cpu_id == (uint32_t)cpus[0]);
  say_whether("cpu-id-start-is-new-cpu", subject.area.cpu_id_start == (uint32_t)cpus[0]);
}

static void unregistered_inside(void) {
  subject.is_unregistered = true;
  handle(SIGUSR1, observe, 0);
  start_subject(ANY_CPU);
  signal_subject();
  say_word("saved-ip", WHERE_NAMES[seen.where]);
  say_whether("rseq-cs-is-kept", subject.area.rseq_cs != 0);
  say_outcome(leave());
}

/** Signal a subject in stay until it was caught there, not on its way there or away. */
static void signal_staying(void) {
  handle(SIGUSR1, observe, 0);
  enum outcome outcome;
  do {
    start_subject(ANY_CPU);
    signal_subject();
    outcome = leave();
  } while (seen.where == OUTSIDE);
  say_word("saved-ip", WHERE_NAMES[seen.where]);
  say_whether("rseq-cs-is-zero-in-handler", seen.slot_is_zero);
  say_outcome(outcome);
}

/** stay is one instruction; the section is [start, end) and that instruction is at its ... */
static void ip_at_start(void) {
  use_stay(stay_start, stay_end);
  signal_staying();
}

static void ip_at_last_byte(void) {
  use_stay(stay_before, stay_start + 1);
  signal_staying();
}

static void ip_at_end(void) {
  use_stay(stay_before, stay_start);
  signal_staying();
}

static void ip_before_start(void) {
  use_stay(stay_start + 1, stay_end);
  signal_staying();
}

/** No ip is inside; the descriptor is valid and forgotten at the first event. */
static void empty_section(void) {
  describe(&subject.descriptor, spin_start, spin_start, spin_abort);
  handle(SIGUSR1, observe, 0);
  start_subject(ANY_CPU);
  signal_subject();
  say_whether("rseq-cs-is-zero-in-handler", seen.slot_is_zero);
  say_outcome(leave());
}

/** A signal to a subject in spin: a handler is called, and the subject aborts. */
static void abort_inside_spin(void) {
  handle(SIGUSR1, observe, 0);
  start_subject(ANY_CPU);
  signal_subject();
  say_outcome(leave());
}

static void abort_before_start(void) {
  describe(&subject.descriptor, spin_start, spin_end, spin_abort_before);
  abort_inside_spin();
}

/** The first address behind the section is outside, also for this. */
static void abort_at_end(void) {
  describe(&subject.descriptor, spin_start, spin_abort, spin_abort);
  abort_inside_spin();
}

static void other_signature(void) {
  describe(&subject.descriptor, spin_start, spin_end, spin_abort_other);
  subject.signature = OTHER_SIGNATURE;
  abort_inside_spin();
}

/** Any address will do for a descriptor. */
static void descriptor_misaligned(void) {
  static char copy[sizeof subject.descriptor + 1] __attribute__((aligned(32)));
  memcpy(copy + 1, &subject.descriptor, sizeof subject.descriptor);
  subject.pointer = copy + 1;
  abort_inside_spin();
}

static bool rseq_cs_lasts(void) {
  subject.area.rseq_cs = (uintptr_t)&subject.descriptor;
  call(SYS_getpid, 0, 0, 0, 0, 0, 0);
  return subject.area.rseq_cs != 0;
}

/** Outside, rseq_cs is cleared at the next event, not before. */
static void outside(void) {
  handle(SIGUSR1, observe, 0);
  be_subject();
  say_whether("rseq-cs-lasts-without-event", succeeds_once(rseq_cs_lasts));
  subject.area.rseq_cs = (uintptr_t)&subject.descriptor;
  sleep_milliseconds(1);
  say_whether("rseq-cs-is-zero-after-sleep", subject.area.rseq_cs == 0);
  subject.area.rseq_cs = (uintptr_t)&subject.descriptor;
  signal_self();
  say_word("saved-ip", WHERE_NAMES[seen.where]);
  say_whether("rseq-cs-is-zero-in-handler", seen.slot_is_zero);
}

static void forget_ids(void) {
  subject.area.cpu_id_start = UINT32_MAX;
  subject.area.cpu_id = UINT32_MAX;
  subject.area.node_id = UINT32_MAX;
  subject.area.mm_cid = UINT32_MAX;
}

static bool ids_are_right(void) {
  const struct rseq_area *area = &subject.area;
  const uint32_t cpu = current_cpu();
  return area->cpu_id_start == cpu && area->cpu_id == cpu && area->node_id == current_node() &&
         area->mm_cid < (uint32_t)sysconf(_SC_NPROCESSORS_CONF);
}

static bool ids_were_right_in_handler;

static void check_ids(int signo, siginfo_t *info, void *context) {
  (void)signo, (void)info, (void)context;
  ids_were_right_in_handler = ids_are_right();
}

static bool forgotten_ids_last(void) {
  forget_ids();
  call(SYS_getpid, 0, 0, 0, 0, 0, 0);
  return subject.area.cpu_id_start == UINT32_MAX && subject.area.mm_cid == UINT32_MAX;
}

/** Every event writes all ids, also when nothing has changed. */
static void ids_rewritten(void) {
  handle(SIGUSR1, check_ids, 0);
  pin(0, cpus[0]);
  be_subject();
  say_whether("last-without-event", succeeds_once(forgotten_ids_last));
  forget_ids();
  sleep_milliseconds(1);
  say_whether("right-after-sleep", ids_are_right());
  forget_ids();
  signal_self();
  say_whether("right-in-handler", ids_were_right_in_handler);
  say_whether("right-after-handler", ids_are_right());
}

// The spoiled scenarios: something is wrong with the descriptor or the flags of the area.

/** A signal finds the main thread outside, with the spoiled descriptor in rseq_cs. */
static void spoiled_outside(void) {
  handle(SIGUSR1, observe, 0);
  be_subject();
  scenario->spoil();
  subject.area.rseq_cs = (uintptr_t)subject.pointer;
  signal_self();
  say_whether("survived", true);
  say_whether("rseq-cs-is-zero-in-handler", seen.slot_is_zero);
}

/** A signal finds the subject in spin, which it entered with the spoiled descriptor. */
static void spoiled_inside(void) {
  handle(SIGUSR1, observe, 0);
  scenario->spoil();
  start_subject(ANY_CPU);
  signal_subject();
  say_whether("survived", true);
  say_outcome(leave());
}

static void spoiled_asleep(void) {
  be_subject();
  scenario->spoil();
  subject.area.rseq_cs = (uintptr_t)subject.pointer;
  sleep_milliseconds(1);
  say_whether("survived", true);
}

/** As in preempted-inside. */
static void spoiled_preempted(void) {
  pin(0, cpus[0]);
  scenario->spoil();
  start_subject(cpus[0]);
  say_outcome(leave());
}

/** Nobody reads the descriptor of a thread that is not registered. */
static void spoiled_unregistered(void) {
  subject.is_unregistered = true;
  spoiled_inside();
}

/** The fault is reported by SIGSEGV, and to deliver that fails in the same way. */
static void spoiled_with_segv_handler(void) {
  handle(SIGSEGV, observe, 0);
  spoiled_inside();
}

static void pointer_in_kernel(void) {
  subject.pointer = KERNEL_POINTER;
}

static void pointer_unmapped(void) {
  subject.pointer = unmapped_page();
}

static void version_one(void) {
  subject.descriptor.version = 1;
}

static void start_in_kernel(void) {
  subject.descriptor.start_ip = (uintptr_t)KERNEL_POINTER;
}

// A section that long contains all code behind its start. The abort label is in front, else it
// would be inside as well; to be outside, the section starts where there is no code behind.

#define LAST_USER_PAGE UINT64_C(0x7fffffffe000)

static void end_in_kernel(void) {
  subject.descriptor.post_commit_offset = UINT64_C(1) << 63;
  subject.descriptor.abort_ip = (uintptr_t)spin_abort_before;
}

static void end_in_kernel_far(void) {
  subject.descriptor.start_ip = LAST_USER_PAGE;
  subject.descriptor.post_commit_offset = 2 * PAGE;
}

/** start + offset wraps round to an address of user space. */
static void end_wraps(void) {
  subject.descriptor.post_commit_offset = PAGE - subject.descriptor.start_ip;
  subject.descriptor.abort_ip = (uintptr_t)spin_abort_before;
}

static void end_wraps_far(void) {
  subject.descriptor.start_ip = LAST_USER_PAGE;
  subject.descriptor.post_commit_offset = PAGE - LAST_USER_PAGE;
}

static void abort_in_kernel(void) {
  subject.descriptor.abort_ip = (uintptr_t)KERNEL_POINTER;
}

// The section is made to reach round an abort label that has the right signature.

static void abort_at_start(void) {
  describe(&subject.descriptor, spin_abort_before, spin_end, spin_abort_before);
}

static void abort_at_last_byte(void) {
  describe(&subject.descriptor, spin_start, spin_abort + 1, spin_abort);
}

static void signature_unmapped(void) {
  subject.descriptor.abort_ip = (uintptr_t)unmapped_page() + 64;
}

static void signature_wrong(void) {
  subject.descriptor.abort_ip = (uintptr_t)spin_abort_unsigned;
}

static void descriptor_flag_preempt(void) {
  subject.descriptor.flags = 1;
}

static void descriptor_flag_signal(void) {
  subject.descriptor.flags = 2;
}

static void descriptor_flag_migrate(void) {
  subject.descriptor.flags = 4;
}

static void descriptor_flag_unknown(void) {
  subject.descriptor.flags = 8;
}

static void area_flag_preempt(void) {
  subject.area.flags = 1;
}

static void area_flag_unknown(void) {
  subject.area.flags = 8;
}

#define SPOILED(title, inside, outside)                                \
  {.name = title "-inside", .run = spoiled_inside, .spoil = inside},   \
  {.name = title "-outside", .run = spoiled_outside, .spoil = outside}
#define INSIDE_AND_OUTSIDE(title, spoil) SPOILED(title, spoil, spoil)

static const struct scenario ABORT[] = {
  {.name = "preempted-inside", .run = preempted_inside},
  {.name = "migrated-inside", .run = migrated_inside, .needs_two_cpus = true},
  {.name = "unregistered-inside", .run = unregistered_inside},
  {.name = "ip-at-start", .run = ip_at_start},
  {.name = "ip-at-last-byte", .run = ip_at_last_byte},
  {.name = "ip-at-end", .run = ip_at_end},
  {.name = "ip-before-start", .run = ip_before_start},
  {.name = "empty-section", .run = empty_section},
  {.name = "abort-before-start", .run = abort_before_start},
  {.name = "abort-at-end", .run = abort_at_end},
  {.name = "other-signature", .run = other_signature},
  {.name = "descriptor-misaligned", .run = descriptor_misaligned},
  {.name = "outside", .run = outside},
  {.name = "ids-rewritten", .run = ids_rewritten},
  INSIDE_AND_OUTSIDE("pointer-in-kernel", pointer_in_kernel),
  INSIDE_AND_OUTSIDE("pointer-unmapped", pointer_unmapped),
  INSIDE_AND_OUTSIDE("version-one", version_one),
  INSIDE_AND_OUTSIDE("start-in-kernel", start_in_kernel),
  SPOILED("end-in-kernel", end_in_kernel, end_in_kernel_far),
  SPOILED("end-wraps", end_wraps, end_wraps_far),
  INSIDE_AND_OUTSIDE("abort-in-kernel", abort_in_kernel),
  INSIDE_AND_OUTSIDE("abort-at-start", abort_at_start),
  INSIDE_AND_OUTSIDE("abort-at-last-byte", abort_at_last_byte),
  INSIDE_AND_OUTSIDE("signature-unmapped", signature_unmapped),
  INSIDE_AND_OUTSIDE("signature-wrong", signature_wrong),
  INSIDE_AND_OUTSIDE("descriptor-flag-preempt", descriptor_flag_preempt),
  INSIDE_AND_OUTSIDE("descriptor-flag-signal", descriptor_flag_signal),
  INSIDE_AND_OUTSIDE("descriptor-flag-migrate", descriptor_flag_migrate),
  INSIDE_AND_OUTSIDE("descriptor-flag-unknown", descriptor_flag_unknown),
  INSIDE_AND_OUTSIDE("area-flag-preempt", area_flag_preempt),
  INSIDE_AND_OUTSIDE("area-flag-unknown", area_flag_unknown),
  {.name = "version-one-asleep", .run = spoiled_asleep, .spoil = version_one},
  {.name = "version-one-preempted", .run = spoiled_preempted, .spoil = version_one},
  {.name = "area-flag-unknown-preempted", .run = spoiled_preempted, .spoil = area_flag_unknown},
  {.name = "pointer-unmapped-unregistered", .run = spoiled_unregistered, .spoil = pointer_unmapped},
  {.name = "signature-wrong-unregistered", .run = spoiled_unregistered, .spoil = signature_wrong},
  {.name = "version-one-segv-handler", .run = spoiled_with_segv_handler, .spoil = version_one},
};
