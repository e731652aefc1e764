// The module contract, version 4, as a host keeps it: modules in one memory, threads at rest, and
// one function that runs a thread until it stops. docs/abi.md is the specification.

#ifndef MACHINE_H
#define MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "code-map.h"
#include "modules.h"

enum { PAGE_BYTES = 65536, HOST_PAGES = 4, MOST_PROGRAMS = 4, ARGUMENTS = 6 };

/** The words of the context that a kernel writes and reads. */
struct registers {
  uint32_t ip, r10, cx, dx, tp, gs;
};

struct program {
  const struct linked_module *linked;
  void *instance;
  struct code_map map;
  uint32_t load_bias;
};

/** A thread at rest: the words of its context that stay the same, and its unwound stack. */
struct context {
  struct program *program;
  uint32_t function, argument;
  uint8_t *stack;
  size_t stack_bytes;
};

/** What a thread goes on with. */
struct resumption {
  uint32_t value;  // an address of code, or what a system call returned
  bool is_address;
  uint32_t handler, signal; // a handler to call first, 0 for none
  bool notes_accesses;
};

enum exit_kind { EXIT_RETURNED, EXIT_INTERRUPTED, EXIT_SYSCALL, EXIT_TRAPPED };

struct exit {
  enum exit_kind kind;
  int64_t fuel_used;
  int32_t value; // what was returned, the number of the call, or the signal of a trap
  int32_t args[ARGUMENTS];
};

struct machine {
  struct Z_env_instance_t env;
  struct program programs[MOST_PROGRAMS];
  size_t program_count;
  uint32_t page_limit; // of the guest
  uint32_t used;       // bytes of the host's pages that were ever written
};

/** Programs are added, and then the machine is started: that makes the memory and the instances. */
void machine_init(struct machine *machine, uint32_t page_limit);
/** Returns NULL, or why the module is refused. `folder` has NAME.wasm. */
const char *machine_add(struct machine *machine, const char *folder, const char *name,
                        uint32_t load_bias);
const char *machine_start(struct machine *machine);
void machine_free(struct machine *machine);

/** Run a thread until its fuel is spent, it makes a system call, returns or traps. */
struct exit machine_run(struct machine *machine, struct context *context,
                        struct registers *registers, struct resumption resumption, int32_t fuel);

/** May code that is stopped at `from` go on at `to`? */
bool machine_can_redirect(const struct machine *machine, uint32_t from, uint32_t to);

/** Bytes of memory that the guest has. */
uint32_t machine_bytes(const struct machine *machine);
/** NULL when not all of it is the guest's. */
uint8_t *machine_memory(const struct machine *machine, uint32_t address, uint32_t length);

uint32_t load_word(const uint8_t *at);
void store_word(uint8_t *at, uint32_t value);

/** The list of accesses of the last run. Returns false when it is lost. */
bool machine_accesses(const struct machine *machine, const uint8_t **first, const uint8_t **end);

#endif
