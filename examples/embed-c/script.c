// Reads the scripts of tests/contract/suite: its README is the reference. A line that expects
// something is written again from what this host did; the law holds when both are the same text.

#include "script.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel.h"

enum { LINE_BYTES = 512, MOST_WORDS = 16, MOST_SUBJECTS = 8, MOST_SLICES = 100000 };
enum { MEMORY_LIMIT = 64 };

/** A thread of the script, and the next run of it. */
struct subject {
  struct context context;
  struct registers registers;
  struct resumption next;
  int64_t used;
};

/** One law under way. */
struct law {
  const char *folder;
  struct machine machine;
  bool is_started;
  struct subject subjects[MOST_SUBJECTS];
  struct exit exit;
  struct registers after; // that run
  const uint8_t *access; // the next of the list
  struct kernel *kernel;
  const char *output; // what has not been looked at
  char actual[LINE_BYTES]; // what the line would have to be; empty: it expects nothing
  char failure[2 * LINE_BYTES + 64];
};

struct line {
  char *words[MOST_WORDS];
  int count;
};

static void fail(struct law *law, const char *format, ...) {
  if (law->failure[0] != '\0') return;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(law->failure, sizeof law->failure, format, arguments);
  va_end(arguments);
}

static void expect(struct law *law, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(law->actual, sizeof law->actual, format, arguments);
  va_end(arguments);
}

static const char *word(const struct line *line, int index) {
  return index < line->count ? line->words[index] : "";
}

/** A word of 32 bits, signed or not. */
static uint32_t number(const struct line *line, int index) {
  return (uint32_t)strtoll(word(line, index), NULL, 10);
}

/** `laws-block.wasm` is module `laws-block`. */
static const char *module_name(const struct line *line, int index) {
  static char name[64];
  snprintf(name, sizeof name, "%.*s", (int)strcspn(word(line, index), "."), word(line, index));
  return name;
}

static struct subject *subject(struct law *law, const struct line *line) {
  uint32_t index = number(line, 1);
  if (index < MOST_SUBJECTS) return &law->subjects[index];
  fail(law, "thread %u: there are %d at most", index, MOST_SUBJECTS);
  return &law->subjects[0];
}

static void start(struct law *law) {
  if (law->is_started) return;
  law->is_started = true;
  const char *refusal = machine_start(&law->machine);
  if (refusal != NULL) fail(law, "%s", refusal);
}

// === Events. ===================================================================================

static void do_limit(struct law *law, const struct line *line) {
  machine_free(&law->machine);
  machine_init(&law->machine, number(line, 1));
}

static void do_module(struct law *law, const struct line *line) {
  const char *name = module_name(line, 1);
  const char *refusal = machine_add(&law->machine, law->folder, name, number(line, 2));
  if (refusal != NULL) fail(law, "%s: %s", name, refusal);
}

static void do_thread(struct law *law, const struct line *line) {
  struct subject *thread = subject(law, line);
  *thread = (struct subject){0};
  thread->context.program = &law->machine.programs[number(line, 3) % MOST_PROGRAMS];
  thread->context.function = number(line, 5);
  thread->context.argument = number(line, 7);
}

static void do_register(struct law *law, const struct line *line) {
  struct registers *registers = &subject(law, line)->registers;
  const char *name = word(line, 2);
  uint32_t value = number(line, 3);
  if (strcmp(name, "tp") == 0) registers->tp = value;
  else if (strcmp(name, "gs") == 0) registers->gs = value;
  else if (strcmp(name, "r10") == 0) registers->r10 = value;
  else if (strcmp(name, "cx") == 0) registers->cx = value;
  else if (strcmp(name, "dx") == 0) registers->dx = value;
  else fail(law, "there is no register %s", name);
}

static void do_signal(struct law *law, const struct line *line) {
  struct subject *thread = subject(law, line);
  thread->next.handler = number(line, 3);
  thread->next.signal = number(line, 5);
}

static void do_note(struct law *law, const struct line *line) {
  subject(law, line)->next.notes_accesses = true;
}

static void run(struct law *law, struct subject *thread, int32_t fuel) {
  if (thread->context.program->instance == NULL) {
    fail(law, "there is no such thread, or module");
    return;
  }
  law->exit =
      machine_run(&law->machine, &thread->context, &thread->registers, thread->next, fuel);
  law->after = thread->registers;
  thread->used += law->exit.fuel_used;
  thread->next = (struct resumption){0};
  const uint8_t *end;
  if (!machine_accesses(&law->machine, &law->access, &end)) law->access = NULL;
}

static void do_run(struct law *law, const struct line *line) {
  struct subject *thread = subject(law, line);
  thread->next.is_address = strcmp(word(line, 4), "at") == 0;
  thread->next.value = number(line, 5);
  run(law, thread, (int32_t)number(line, 3));
}

static void do_finish(struct law *law, const struct line *line) {
  struct subject *thread = subject(law, line);
  do_run(law, line);
  for (int slice = 0; law->exit.kind == EXIT_INTERRUPTED && law->failure[0] == '\0'; slice++) {
    thread->next.is_address = true;
    thread->next.value = law->after.ip;
    run(law, thread, (int32_t)number(line, 3));
    if (slice == MOST_SLICES) fail(law, "the thread does not end");
  }
}

static void do_set(struct law *law, const struct line *line) {
  uint8_t *at = machine_memory(&law->machine, number(line, 1), 4);
  if (at == NULL) fail(law, "no memory at %u", number(line, 1));
  else store_word(at, number(line, 2));
}

static uint32_t *global(struct law *law, const struct line *line) {
  static uint32_t nowhere;
  const struct program *program = &law->machine.programs[number(line, 1) % MOST_PROGRAMS];
  uint32_t *at = module_global(program->linked, program->instance, number(line, 2));
  if (at == NULL) fail(law, "there is no global %u", number(line, 2));
  return at == NULL ? &nowhere : at;
}

static void do_set_global(struct law *law, const struct line *line) {
  *global(law, line) = number(line, 3);
}

static void do_program(struct law *law, const struct line *line) {
  const char *refusal = machine_add(&law->machine, law->folder, module_name(line, 1), 0);
  if (refusal != NULL) {
    fail(law, "%s: %s", word(line, 1), refusal);
    return;
  }
  start(law);
  law->kernel = kernel_boot(&law->machine, number(line, 3), number(line, 5), number(line, 7));
  if (kernel_run(law->kernel) != RUN_ENDED) fail(law, "the program does not end");
  law->output = law->kernel->output == NULL ? "" : law->kernel->output;
}

// === Expectations. =============================================================================

static void expect_accepted(struct law *law, const struct line *line) {
  char path[LINE_BYTES];
  struct code_map map;
  snprintf(path, sizeof path, "%s/%s", law->folder, word(line, 1));
  const char *refusal = code_map_read(path, law->machine.page_limit, &map);
  code_map_free(&map);
  bool is_kept = (refusal == NULL) == (strcmp(word(line, 0), "accepted") == 0);
  expect(law, "%s %s", word(line, 0), is_kept ? word(line, 1) : "not");
}

static void expect_exit(struct law *law, const struct line *line) {
  const struct exit *exit = &law->exit;
  (void)line;
  switch (exit->kind) {
    case EXIT_RETURNED:
      expect(law, "exit returned %d used %" PRId64, exit->value, exit->fuel_used);
      break;
    case EXIT_INTERRUPTED:
      expect(law, "exit interrupted ip %u used %" PRId64, law->after.ip, exit->fuel_used);
      break;
    case EXIT_SYSCALL:
      expect(law, "exit syscall %d ip %u used %" PRId64, exit->value, law->after.ip, exit->fuel_used);
      break;
    case EXIT_TRAPPED:
      expect(law, "exit trapped signal %d used %" PRId64, exit->value, exit->fuel_used);
      break;
  }
}

static void expect_args(struct law *law, const struct line *line) {
  const int32_t *args = law->exit.args;
  (void)line;
  expect(law, "args %d %d %d %d %d %d", args[0], args[1], args[2], args[3], args[4], args[5]);
}

static void expect_registers(struct law *law, const struct line *line) {
  (void)line;
  expect(law, "registers cx %u dx %u", law->after.cx, law->after.dx);
}

static void expect_fuel(struct law *law, const struct line *line) {
  expect(law, "fuel %u %" PRId64, number(line, 1), subject(law, line)->used);
}

static void expect_access(struct law *law, const struct line *line) {
  static const char *const KINDS[] = {"", "load", "store", "both"};
  const uint8_t *first, *end;
  (void)line;
  if (law->access == NULL || !machine_accesses(&law->machine, &first, &end)) {
    expect(law, "access lost");
  } else if (law->access == end) {
    expect(law, "access end");
  } else {
    uint32_t access = load_word(law->access + 4);
    expect(law, "access %s %u %u", KINDS[access & 3], load_word(law->access), access >> 2);
    law->access += 8;
  }
}

static void expect_memory(struct law *law, const struct line *line) {
  const uint8_t *at = machine_memory(&law->machine, number(line, 1), 4);
  if (at == NULL) fail(law, "no memory at %u", number(line, 1));
  else expect(law, "memory %u %d", number(line, 1), (int32_t)load_word(at));
}

static void expect_pages(struct law *law, const struct line *line) {
  (void)line;
  expect(law, "pages %u", machine_bytes(&law->machine) / PAGE_BYTES);
}

static void expect_entered(struct law *law, const struct line *line) {
  const struct program *program = &law->machine.programs[number(line, 1) % MOST_PROGRAMS];
  uint32_t entered = *program->linked->sections_entered(program->instance);
  expect(law, "entered %u %u", number(line, 1), entered);
}

static void expect_global(struct law *law, const struct line *line) {
  expect(law, "global %u %u %d", number(line, 1), number(line, 2), (int32_t)*global(law, line));
}

static void expect_redirect(struct law *law, const struct line *line) {
  uint32_t from = number(line, 1), to = number(line, 2);
  bool is_allowed = machine_can_redirect(&law->machine, from, to);
  expect(law, "redirect %u %u %s", from, to, is_allowed ? "allowed" : "forbidden");
}

static void expect_output(struct law *law, const struct line *line) {
  size_t length = strcspn(law->output, "\n");
  (void)line;
  expect(law, "output %.*s", (int)length, law->output);
  law->output += length + (law->output[length] == '\n');
}

static void expect_ended(struct law *law, const struct line *line) {
  const struct kernel *kernel = law->kernel;
  (void)line;
  if (law->output[0] != '\0') expect(law, "output %s", law->output);
  else if (kernel->death_signal != 0) expect(law, "ended signal %d", kernel->death_signal);
  else expect(law, "ended exit %d", kernel->exit_status);
}

static void expect_counts(struct law *law, const struct line *line) {
  const struct kernel *kernel = law->kernel;
  (void)line;
  expect(law,
         "counts preemptions %" PRIu64 " restarts %" PRIu64 " migrations %" PRIu64 " fuel %" PRIu64,
         kernel->preemptions, kernel->restarts, kernel->migrations, kernel->fuel);
}

static void expect_trace(struct law *law, const struct line *line) {
  char digits[17];
  (void)line;
  kernel_trace(law->kernel, digits);
  expect(law, "trace %s", digits);
}

// === Lines. ====================================================================================

enum scope { BEFORE_START, STARTED, OF_PROGRAM };

static const struct {
  const char *verb;
  enum scope scope;
  void (*perform)(struct law *law, const struct line *line);
} PERFORMERS[] = {
    {"limit", BEFORE_START, do_limit},       {"module", BEFORE_START, do_module},
    {"accepted", BEFORE_START, expect_accepted}, {"refused", BEFORE_START, expect_accepted},
    {"program", BEFORE_START, do_program},   {"thread", STARTED, do_thread},
    {"register", STARTED, do_register},      {"signal", STARTED, do_signal},
    {"note", STARTED, do_note},              {"run", STARTED, do_run},
    {"finish", STARTED, do_finish},          {"set", STARTED, do_set},
    {"set-global", STARTED, do_set_global},  {"exit", STARTED, expect_exit},
    {"args", STARTED, expect_args},          {"registers", STARTED, expect_registers},
    {"fuel", STARTED, expect_fuel},          {"access", STARTED, expect_access},
    {"memory", STARTED, expect_memory},      {"pages", STARTED, expect_pages},
    {"entered", STARTED, expect_entered},    {"global", STARTED, expect_global},
    {"redirect", STARTED, expect_redirect},  {"output", OF_PROGRAM, expect_output},
    {"ended", OF_PROGRAM, expect_ended},     {"counts", OF_PROGRAM, expect_counts},
    {"trace", OF_PROGRAM, expect_trace},
};

static struct line split(char *text) {
  struct line line = {{NULL}, 0};
  for (char *at = strtok(text, " "); at != NULL && line.count < MOST_WORDS; at = strtok(NULL, " "))
    line.words[line.count++] = at;
  return line;
}

static void perform(struct law *law, const char *text) {
  char copy[LINE_BYTES];
  snprintf(copy, sizeof copy, "%s", text);
  struct line line = split(copy);
  law->actual[0] = '\0';
  for (size_t index = 0; index < sizeof PERFORMERS / sizeof *PERFORMERS; index++) {
    if (strcmp(PERFORMERS[index].verb, word(&line, 0)) != 0) continue;
    if (PERFORMERS[index].scope == STARTED) start(law);
    bool needs_kernel = PERFORMERS[index].scope == OF_PROGRAM;
    if (needs_kernel && law->kernel == NULL) fail(law, "no program has run");
    if (law->failure[0] != '\0') return;
    PERFORMERS[index].perform(law, &line);
    if (law->actual[0] != '\0' && strcmp(law->actual, text) != 0)
      fail(law, "expected '%s', got '%s'", text, law->actual);
    return;
  }
  fail(law, "unknown: %s", text);
}

static void law_end(struct law *law) {
  for (int index = 0; index < MOST_SUBJECTS; index++) free(law->subjects[index].context.stack);
  if (law->kernel != NULL) kernel_free(law->kernel);
  machine_free(&law->machine);
}

static bool is_law(const char *text) { return strncmp(text, "law ", 4) == 0; }

/** The lines before the first law, and those from `first` up to the next. */
static void run_law(const char *folder, const char *script, char **lines, int count, int first,
                    struct report *report) {
  static struct law law;
  law = (struct law){.folder = folder, .output = ""};
  machine_init(&law.machine, MEMORY_LIMIT);
  int failed_at = 0;
  for (int pass = 0; pass < 2; pass++) {
    for (int index = pass == 0 ? 0 : first + 1; index < count && !is_law(lines[index]); index++) {
      const char *text = lines[index];
      if (text[0] == '\0' || text[0] == '#' || law.failure[0] != '\0') continue;
      perform(&law, text);
      failed_at = index + 1;
    }
  }
  const char *name = lines[first] + strlen("law ");
  if (law.failure[0] == '\0') {
    report->passed++;
    printf("ok %s: %s\n", script, name);
  } else {
    report->failed++;
    printf("not ok %s: %s: line %d: %s\n", script, name, failed_at, law.failure);
  }
  law_end(&law);
}

static char *read_text(const char *folder, const char *name) {
  char path[LINE_BYTES];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "r");
  if (file == NULL) return NULL;
  size_t length = 0, room = 1 << 20;
  char *text = malloc(room);
  if (text != NULL) length = fread(text, 1, room - 1, file);
  if (text != NULL) text[length] = '\0';
  fclose(file);
  return text;
}

void script_run(const char *folder, const char *script, struct report *report) {
  char *text = read_text(folder, script);
  if (text == NULL) {
    printf("not ok %s: cannot be read\n", script);
    report->failed++;
    return;
  }
  int count = 1;
  for (const char *at = text; *at != '\0'; at++) count += *at == '\n';
  char **lines = calloc((size_t)count, sizeof *lines);
  char *at = text;
  for (int index = 0; index < count; index++) {
    lines[index] = at;
    at += strcspn(at, "\n");
    if (*at != '\0') *at++ = '\0';
  }
  for (int index = 0; index < count; index++)
    if (is_law(lines[index])) run_law(folder, script, lines, count, index, report);
  free(lines);
  free(text);
}
