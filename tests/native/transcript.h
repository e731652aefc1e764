// What a run prints: `<scenario> <step>: <result>`, one line a step. Nothing that depends on the
// machine, such as an address, a pid or the number of a CPU: those are printed as relations.

#include <stdio.h>
#include <string.h>

struct scenario {
  const char *name;
  void (*run)(void);
  void (*spoil)(void);  // what is wrong, where one function runs several scenarios
  bool needs_two_cpus;
};

/** The scenario that runs in this process. */
static const struct scenario *scenario;

/** One write a line: a process that is killed has printed all it said. */
static void say_word(const char *step, const char *result) {
  char line[160];
  const int length = snprintf(line, sizeof line, "%s %s: %s\n", scenario->name, step, result);
  if (write(STDOUT_FILENO, line, (size_t)length) != length) _exit(2);
}

/** The result of a system call: 0, a small number, or the name of an errno. */
static void say(const char *step, long result) {
  char text[32];
  const char *name = result < 0 ? strerrorname_np((int)-result) : NULL;
  if (name != NULL) {
    snprintf(text, sizeof text, "-%s", name);
  } else {
    snprintf(text, sizeof text, "%ld", result);
  }
  say_word(step, text);
}

static void say_whether(const char *step, bool truth) {
  say_word(step, truth ? "yes" : "no");
}
