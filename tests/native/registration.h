// rseq(2): registering and unregistering an area; the order of the checks.

#include <sys/auxv.h>

#ifndef AT_RSEQ_ALIGN
#define AT_RSEQ_FEATURE_SIZE 27
#define AT_RSEQ_ALIGN 28
#endif

/** Every refusal of a thread that has no area, alone and then in pairs: the first check wins. */
static void register_errors(void) {
  struct rseq_area *area = &subject.area;
  const char *bytes = (const char *)area;
  const void *unmapped = unmapped_page();

  say("flag-two", sys_rseq(area, 32, 2, RSEQ_SIGNATURE));
  say("flag-highest", sys_rseq(area, 32, INT32_MIN, RSEQ_SIGNATURE));
  say("length-zero", sys_rseq(area, 0, 0, RSEQ_SIGNATURE));
  say("length-too-short", sys_rseq(area, 31, 0, RSEQ_SIGNATURE));
  say("misaligned-by-one", sys_rseq(bytes + 1, 32, 0, RSEQ_SIGNATURE));
  say("misaligned-by-sixteen", sys_rseq(bytes + 16, 32, 0, RSEQ_SIGNATURE));
  say("long-and-misaligned", sys_rseq(bytes + 16, 33, 0, RSEQ_SIGNATURE));
  say("null", sys_rseq(NULL, 32, 0, RSEQ_SIGNATURE));
  say("unmapped", sys_rseq(unmapped, 32, 0, RSEQ_SIGNATURE));
  say("kernel-pointer", sys_rseq(KERNEL_POINTER, 32, 0, RSEQ_SIGNATURE));
  say("flag-two-unmapped", sys_rseq(unmapped, 32, 2, RSEQ_SIGNATURE));
  say("length-too-short-unmapped", sys_rseq(unmapped, 31, 0, RSEQ_SIGNATURE));
  say("misaligned-unmapped", sys_rseq((const char *)unmapped + 16, 32, 0, RSEQ_SIGNATURE));
  say("after-all", sys_rseq(area, 32, 0, RSEQ_SIGNATURE));
}

/** The version of the ABI, told to a new program. */
static void auxiliary_vector(void) {
  say("feature-size", (long)getauxval(AT_RSEQ_FEATURE_SIZE));
  say("align", (long)getauxval(AT_RSEQ_ALIGN));
}

static void register_twice(void) {
  struct rseq_area *area = &subject.area;
  const char *bytes = (const char *)area;

  say("first", sys_rseq(area, 32, 0, RSEQ_SIGNATURE));
  say("same", sys_rseq(area, 32, 0, RSEQ_SIGNATURE));
  say("other-signature", sys_rseq(area, 32, 0, OTHER_SIGNATURE));
  say("other-length", sys_rseq(area, 64, 0, RSEQ_SIGNATURE));
  say("other-length-too-short", sys_rseq(area, 31, 0, RSEQ_SIGNATURE));
  say("other-length-and-signature", sys_rseq(area, 64, 0, OTHER_SIGNATURE));
  say("other-area", sys_rseq(&another_area, 32, 0, RSEQ_SIGNATURE));
  say("other-area-and-signature", sys_rseq(&another_area, 32, 0, OTHER_SIGNATURE));
  say("other-area-misaligned", sys_rseq(bytes + 1, 32, 0, RSEQ_SIGNATURE));
  say("other-area-kernel-pointer", sys_rseq(KERNEL_POINTER, 32, 0, RSEQ_SIGNATURE));
  say("flag-two", sys_rseq(area, 32, 2, RSEQ_SIGNATURE));
  say("null-without-length", sys_rseq(NULL, 0, 0, 0));
}

/** The ids are right when the call returns. */
static void register_writes_ids(void) {
  struct rseq_area *area = &subject.area;
  pin(0, cpus[0]);
  area->cpu_id_start = 12345;
  area->node_id = 12345;
  area->mm_cid = 12345;
  area->flags = 0;
  area->reserved = 12345;

  say("register", sys_rseq(area, 32, 0, RSEQ_SIGNATURE));
  say_whether("cpu-id-is-getcpu", area->cpu_id == current_cpu());
  say_whether("cpu-id-start-is-cpu-id", area->cpu_id_start == area->cpu_id);
  say_whether("node-id-is-getcpu", area->node_id == current_node());
  say_whether("mm-cid-is-below-cpus", area->mm_cid < (uint32_t)sysconf(_SC_NPROCESSORS_CONF));
  say_whether("reserved-is-kept", area->reserved == 12345);
}

/** A value left in rseq_cs would kill the thread; it is cleared, wherever it points. */
static void register_clears_rseq_cs(void) {
  subject.area.rseq_cs = (uintptr_t)KERNEL_POINTER;
  say("register", sys_rseq(&subject.area, 32, 0, RSEQ_SIGNATURE));
  say_whether("rseq-cs-is-zero", subject.area.rseq_cs == 0);
}

static void register_lengths(void) {
  static struct {
    struct rseq_area area;
    unsigned char more[224];
  } large __attribute__((aligned(64)));
  large.area.reserved = 0xabababab;
  memset(large.more, 0xab, sizeof large.more);

  say("length-33", sys_rseq(&large, 33, 0, RSEQ_SIGNATURE));
  say("unregister-length-32", sys_rseq(&large, 32, RSEQ_FLAG_UNREGISTER, RSEQ_SIGNATURE));
  say("unregister-length-33", sys_rseq(&large, 33, RSEQ_FLAG_UNREGISTER, RSEQ_SIGNATURE));
  say("length-256", sys_rseq(&large, 256, 0, RSEQ_SIGNATURE));
  sleep_milliseconds(1);
  bool is_kept = large.area.reserved == 0xabababab;
  for (size_t i = 0; i < sizeof large.more; i++) is_kept &= large.more[i] == 0xab;
  say_whether("bytes-behind-mm-cid-are-kept", is_kept);
}

/** The check reads; the first write is made on the way back to the program. */
static void register_read_only(void) {
  struct rseq_area *area = map_page(PROT_READ);
  say("register", sys_rseq(area, 32, 0, RSEQ_SIGNATURE));
}

/** ... unless there is something to clear. */
static void register_read_only_with_rseq_cs(void) {
  struct rseq_area *area = map_page(PROT_READ | PROT_WRITE);
  area->rseq_cs = (uintptr_t)&subject.descriptor;
  mprotect(area, PAGE, PROT_READ);
  say("register", sys_rseq(area, 32, 0, RSEQ_SIGNATURE));
  say_whether("rseq-cs-is-kept", area->rseq_cs == (uintptr_t)&subject.descriptor);
}

static void unregister_errors(void) {
  struct rseq_area *area = &subject.area;
  const int unregister = RSEQ_FLAG_UNREGISTER;

  say("not-registered", sys_rseq(area, 32, unregister, RSEQ_SIGNATURE));
  say("not-registered-null", sys_rseq(NULL, 32, unregister, RSEQ_SIGNATURE));
  say("register", sys_rseq(area, 32, 0, RSEQ_SIGNATURE));
  say("flag-two-too", sys_rseq(area, 32, unregister | 2, RSEQ_SIGNATURE));
  say("null", sys_rseq(NULL, 32, unregister, RSEQ_SIGNATURE));
  say("other-area", sys_rseq(&another_area, 32, unregister, RSEQ_SIGNATURE));
  say("other-area-and-signature", sys_rseq(&another_area, 32, unregister, OTHER_SIGNATURE));
  say("other-length", sys_rseq(area, 64, unregister, RSEQ_SIGNATURE));
  say("other-length-and-signature", sys_rseq(area, 64, unregister, OTHER_SIGNATURE));
  say("other-signature", sys_rseq(area, 32, unregister, OTHER_SIGNATURE));
  say("same", sys_rseq(area, 32, unregister, RSEQ_SIGNATURE));
  say("again", sys_rseq(area, 32, unregister, RSEQ_SIGNATURE));
}

/** No event since rseq_cs was set: unregistering leaves it as it is. */
static bool unregister_keeps_rseq_cs(void) {
  register_subject();
  subject.area.rseq_cs = (uintptr_t)&subject.descriptor;
  sys_rseq(&subject.area, 32, RSEQ_FLAG_UNREGISTER, RSEQ_SIGNATURE);
  return subject.area.rseq_cs != 0;
}

static void unregister_resets_ids(void) {
  struct rseq_area *area = &subject.area;
  be_subject();
  area->flags = 8;
  area->reserved = 12345;

  say("unregister", sys_rseq(area, 32, RSEQ_FLAG_UNREGISTER, RSEQ_SIGNATURE));
  say("cpu-id-start", area->cpu_id_start);
  say_whether("cpu-id-is-uninitialized", area->cpu_id == CPU_ID_UNINITIALIZED);
  say("node-id", area->node_id);
  say("mm-cid", area->mm_cid);
  say("flags", area->flags);
  say_whether("reserved-is-kept", area->reserved == 12345);
  area->flags = 0;
  say_whether("rseq-cs-is-kept", succeeds_once(unregister_keeps_rseq_cs));
}

/** Nothing of the old registration is left. */
static void register_again(void) {
  pin(0, cpus[0]);
  be_subject();
  sys_rseq(&subject.area, 32, RSEQ_FLAG_UNREGISTER, RSEQ_SIGNATURE);
  say("other-area", sys_rseq(&another_area, 32, 0, OTHER_SIGNATURE));
  say("other-area-again", sys_rseq(&another_area, 32, 0, OTHER_SIGNATURE));
  say_whether("cpu-id-is-getcpu", another_area.cpu_id == current_cpu());
  say_whether("old-area-is-kept", subject.area.cpu_id == CPU_ID_UNINITIALIZED);
}

/** Results of a child, seen by its parent. */
static long *shared_results;

/** The ids cannot be reset: still registered. Writable again at once, as the next event writes. */
static void unregister_read_only_attempt(void) {
  struct rseq_area *area = map_page(PROT_READ | PROT_WRITE);
  sys_rseq(area, 32, 0, RSEQ_SIGNATURE);
  mprotect(area, PAGE, PROT_READ);
  shared_results[0] = sys_rseq(area, 32, RSEQ_FLAG_UNREGISTER, RSEQ_SIGNATURE);
  mprotect(area, PAGE, PROT_READ | PROT_WRITE);
  shared_results[1] = sys_rseq(area, 32, 0, RSEQ_SIGNATURE);
}

/** A switch between the two mprotects kills the child; another is tried then. */
static void unregister_read_only(void) {
  shared_results = map_shared_page();
  int status = -1;
  for (int i = 0; i < ATTEMPTS && status != 0; i++) {
    const pid_t child = fork();
    if (child == 0) {
      unregister_read_only_attempt();
      _exit(0);
    }
    waitpid(child, &status, 0);
  }
  say("unregister", shared_results[0]);
  say("register-again", shared_results[1]);
}

static const struct scenario REGISTRATION[] = {
  {.name = "auxiliary-vector", .run = auxiliary_vector},
  {.name = "register-errors", .run = register_errors},
  {.name = "register-twice", .run = register_twice},
  {.name = "register-writes-ids", .run = register_writes_ids},
  {.name = "register-clears-rseq-cs", .run = register_clears_rseq_cs},
  {.name = "register-lengths", .run = register_lengths},
  {.name = "register-read-only", .run = register_read_only},
  {.name = "register-read-only-with-rseq-cs", .run = register_read_only_with_rseq_cs},
  {.name = "register-again", .run = register_again},
  {.name = "unregister-errors", .run = unregister_errors},
  {.name = "unregister-resets-ids", .run = unregister_resets_ids},
  {.name = "unregister-read-only", .run = unregister_read_only},
};
