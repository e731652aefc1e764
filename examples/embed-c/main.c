// A host of instrumented modules without JavaScript: runs a program on virtual CPUs, or scripts of
// the contract suite.

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel.h"
#include "script.h"

static const uint32_t PAGE_LIMIT = 4096;

static int usage(void) {
  fputs("usage: embed-c run FOLDER MODULE CPUS THREADS QUANTUM\n"
        "       embed-c check FOLDER SCRIPT...\n"
        "FOLDER has the modules, NAME.wasm, and the scripts\n",
        stderr);
  return 2;
}

/** Returns 0 when it is no number from 1 to `most`. */
static uint32_t count(const char *text, uint32_t most) {
  char *end;
  long value = strtol(text, &end, 10);
  return *end == '\0' && value >= 1 && value <= (long)most ? (uint32_t)value : 0;
}

static int run(const char *folder, const char *name, uint32_t cpus, uint32_t threads,
               uint32_t quantum) {
  struct machine machine;
  machine_init(&machine, PAGE_LIMIT);
  const char *refusal = machine_add(&machine, folder, name, 0);
  if (refusal == NULL) refusal = machine_start(&machine);
  if (refusal != NULL) {
    fprintf(stderr, "embed-c: %s: %s\n", name, refusal);
    return 2;
  }
  struct kernel *kernel = kernel_boot(&machine, cpus, threads, quantum);
  enum run_end end = kernel_run(kernel);
  char digits[17];
  kernel_trace(kernel, digits);
  if (kernel->output != NULL) fputs(kernel->output, stdout);
  if (end == RUN_DEADLOCK) fputs("embed-c: every thread waits for another\n", stderr);
  if (end == RUN_FUEL_LIMIT) fputs("embed-c: fuel limit reached\n", stderr);
  printf("exit %d preemptions %" PRIu64 " restarts %" PRIu64 " migrations %" PRIu64
         " fuel %" PRIu64 " trace %s\n",
         kernel->exit_status, kernel->preemptions, kernel->restarts, kernel->migrations,
         kernel->fuel, digits);
  int status = end == RUN_ENDED && kernel->exit_status == 0 ? 0 : 1;
  kernel_free(kernel);
  machine_free(&machine);
  return status;
}

static int check(const char *folder, char **scripts, int count_of_scripts) {
  struct report report = {0, 0};
  for (int index = 0; index < count_of_scripts; index++)
    script_run(folder, scripts[index], &report);
  printf("passed %d failed %d\n", report.passed, report.failed);
  return report.failed == 0 ? 0 : 1;
}

int main(int argument_count, char **arguments) {
  wasm_rt_init();
  if (argument_count >= 4 && strcmp(arguments[1], "check") == 0)
    return check(arguments[2], arguments + 3, argument_count - 3);
  if (argument_count != 7 || strcmp(arguments[1], "run") != 0) return usage();
  uint32_t cpus = count(arguments[4], MOST_CPUS), threads = count(arguments[5], MOST_THREADS - 1);
  uint32_t quantum = count(arguments[6], 1 << 29);
  if (cpus == 0 || threads == 0 || quantum == 0) return usage();
  return run(arguments[2], arguments[3], cpus, threads, quantum);
}
