// One run of a thread, as docs/abi.md has it: write the context, with the stack of the last run;
// call rseq.run; find the context again; take the stack out.

#include "machine.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wasm-rt-impl.h"

// Offsets in the context, which begins where the guest's memory ends.
enum {
  STACK_END = 0,
  STACK_LIMIT = 4,
  FUEL = 8,
  TP = 12,
  GS = 16,
  R10 = 20,
  CX = 24,
  DX = 28,
  RESUME_VALUE = 32,
  SIGNAL_HANDLER = 36,
  SIGNAL_NUMBER = 40,
  FUNCTION = 44,
  ARGUMENT = 48,
  IP = 52,
  SYSNO = 56,
  ARGS = 60,
  VALUE = 84,
  USED = 88,
  ACCESSES = 92,
  STACK = 96,
};

enum { HOST_BYTES = HOST_PAGES * PAGE_BYTES, ACCESS_LIST = HOST_BYTES / 2 };

// What rseq.run returns.
enum { REASON_RETURNED = 0, REASON_INTERRUPTED = 1, REASON_SYSCALL = 2 };

uint32_t load_word(const uint8_t *at) {
  return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

void store_word(uint8_t *at, uint32_t value) {
  for (int byte = 0; byte < 4; byte++) at[byte] = (uint8_t)(value >> (8 * byte));
}

void machine_init(struct machine *machine, uint32_t page_limit) {
  *machine = (struct machine){.page_limit = page_limit, .used = STACK};
}

const char *machine_add(struct machine *machine, const char *folder, const char *name,
                        uint32_t load_bias) {
  if (machine->program_count == MOST_PROGRAMS) return "too many modules";
  struct program *program = &machine->programs[machine->program_count];
  *program = (struct program){.linked = find_module(name), .load_bias = load_bias};
  if (program->linked == NULL) return "is not linked";
  char path[1024];
  snprintf(path, sizeof path, "%s/%s.wasm", folder, name);
  const char *refusal = code_map_read(path, machine->page_limit, &program->map);
  if (refusal == NULL) machine->program_count++;
  else code_map_free(&program->map);
  return refusal;
}

/** As large as the program that declares most wants it, and no larger than any allows. */
static const char *make_memory(struct machine *machine) {
  uint32_t initial = 0, maximum = machine->page_limit;
  for (size_t index = 0; index < machine->program_count; index++) {
    const struct code_map *map = &machine->programs[index].map;
    if (map->initial_pages > initial) initial = map->initial_pages;
    if (map->maximum_pages != 0 && map->maximum_pages < maximum) maximum = map->maximum_pages;
  }
  if (maximum < initial) return "memory maximum is below initial";
  wasm_rt_allocate_memory(&machine->env.memory, initial + HOST_PAGES, maximum + HOST_PAGES);
  return NULL;
}

const char *machine_start(struct machine *machine) {
  const char *refusal = make_memory(machine);
  if (refusal != NULL) return refusal;
  for (size_t index = 0; index < machine->program_count; index++) {
    struct program *program = &machine->programs[index];
    program->instance = calloc(1, program->linked->bytes);
    if (program->instance == NULL) return "no memory for an instance";
    program->linked->instantiate(program->instance, &machine->env);
    *program->linked->load_bias(program->instance) = program->load_bias;
  }
  return NULL;
}

void machine_free(struct machine *machine) {
  for (size_t index = 0; index < machine->program_count; index++) {
    struct program *program = &machine->programs[index];
    if (program->instance != NULL) program->linked->release(program->instance);
    free(program->instance);
    code_map_free(&program->map);
  }
  if (machine->env.memory.data != NULL) wasm_rt_free_memory(&machine->env.memory);
  *machine = (struct machine){0};
}

uint32_t machine_bytes(const struct machine *machine) {
  return machine->env.memory.size - HOST_BYTES;
}

uint8_t *machine_memory(const struct machine *machine, uint32_t address, uint32_t length) {
  bool is_mapped = (uint64_t)address + length <= machine_bytes(machine);
  return is_mapped ? machine->env.memory.data + address : NULL;
}

/** The context, wherever it is now. */
static uint8_t *host_pages(const struct machine *machine) {
  return machine->env.memory.data + machine_bytes(machine);
}

static void use(struct machine *machine, uint32_t bytes) {
  if (bytes > machine->used) machine->used = bytes;
}

static void write_context(struct machine *machine, const struct context *context,
                          const struct registers *registers, struct resumption resumption,
                          int32_t fuel) {
  uint8_t *at = host_pages(machine);
  uint32_t address = machine_bytes(machine);
  uint32_t bias = resumption.is_address ? context->program->load_bias : 0;
  if (resumption.notes_accesses) use(machine, HOST_BYTES);
  store_word(at + STACK_END, address + STACK + (uint32_t)context->stack_bytes);
  store_word(at + STACK_LIMIT, 0);
  store_word(at + FUEL, (uint32_t)fuel);
  store_word(at + TP, registers->tp);
  store_word(at + GS, registers->gs);
  store_word(at + R10, registers->r10);
  store_word(at + CX, registers->cx);
  store_word(at + DX, registers->dx);
  store_word(at + RESUME_VALUE, resumption.value - bias);
  store_word(at + SIGNAL_HANDLER, resumption.handler);
  store_word(at + SIGNAL_NUMBER, resumption.signal);
  store_word(at + FUNCTION, context->function);
  store_word(at + ARGUMENT, context->argument);
  store_word(at + USED, machine->used);
  store_word(at + ACCESSES, resumption.notes_accesses ? address + ACCESS_LIST : 0);
  if (context->stack_bytes > 0) memcpy(at + STACK, context->stack, context->stack_bytes);
}

/** The fault that a processor would have raised. */
static int32_t signal_of(wasm_rt_trap_t trap) {
  switch (trap) {
    case WASM_RT_TRAP_INT_OVERFLOW:
    case WASM_RT_TRAP_DIV_BY_ZERO:
    case WASM_RT_TRAP_INVALID_CONVERSION:
      return SIGFPE;
    case WASM_RT_TRAP_UNREACHABLE:
      return SIGILL;
    case WASM_RT_TRAP_UNCAUGHT_EXCEPTION:
      return SIGABRT;
    default:
      return SIGSEGV;
  }
}

/** What a run has used; nothing when the module claims to have more than it was given. */
static int64_t fuel_used(int32_t grant, int32_t left) {
  return left > grant ? 0 : (int64_t)grant - left;
}

static struct exit trapped(struct machine *machine, const struct program *program,
                           wasm_rt_trap_t trap, int32_t fuel) {
  bool is_too_deep = load_word(host_pages(machine) + STACK_LIMIT) != 0;
  int32_t left = (int32_t)*program->linked->fuel(program->instance);
  use(machine, HOST_BYTES); // nobody knows how much of it
  return (struct exit){.kind = EXIT_TRAPPED,
                       .value = is_too_deep ? SIGSEGV : signal_of(trap),
                       .fuel_used = fuel_used(fuel, left)};
}

/** False when the stack is none that a module of the toolchain leaves. */
static bool take_stack(struct machine *machine, struct context *context) {
  const uint8_t *at = host_pages(machine);
  int64_t bytes = (int64_t)load_word(at + STACK_END) - machine_bytes(machine) - STACK;
  if (bytes <= 0 || bytes > HOST_BYTES - STACK || bytes % 4 != 0) return false;
  if ((size_t)bytes > context->stack_bytes) {
    uint8_t *stack = realloc(context->stack, (size_t)bytes);
    if (stack == NULL) return false;
    context->stack = stack;
  }
  memcpy(context->stack, at + STACK, (size_t)bytes);
  context->stack_bytes = (size_t)bytes;
  use(machine, STACK + (uint32_t)bytes);
  return true;
}

static struct exit read_context(struct machine *machine, struct context *context,
                                struct registers *registers, uint32_t reason, int32_t fuel) {
  const uint8_t *at = host_pages(machine);
  int32_t left = (int32_t)load_word(at + FUEL);
  struct exit exit = {.kind = EXIT_RETURNED, .fuel_used = fuel_used(fuel, left)};
  registers->cx = load_word(at + CX);
  registers->dx = load_word(at + DX);
  if (reason == REASON_RETURNED && left <= fuel) {
    exit.value = (int32_t)load_word(at + VALUE);
    return exit;
  }
  bool is_stopped = reason == REASON_INTERRUPTED ? left <= 0 : reason == REASON_SYSCALL;
  if (!is_stopped || left > fuel || !take_stack(machine, context)) {
    exit.kind = EXIT_TRAPPED; // the module breaks the contract
    exit.value = SIGSEGV;
    return exit;
  }
  registers->ip = load_word(at + IP) + context->program->load_bias;
  exit.kind = reason == REASON_INTERRUPTED ? EXIT_INTERRUPTED : EXIT_SYSCALL;
  exit.value = (int32_t)load_word(at + SYSNO);
  for (int index = 0; index < ARGUMENTS; index++)
    exit.args[index] = (int32_t)load_word(at + ARGS + 4 * index);
  return exit;
}

struct exit machine_run(struct machine *machine, struct context *context,
                        struct registers *registers, struct resumption resumption, int32_t fuel) {
  const struct program *program = context->program;
  write_context(machine, context, registers, resumption, fuel);
  wasm_rt_trap_t trap = (wasm_rt_trap_t)wasm_rt_impl_try();
  if (trap != WASM_RT_TRAP_NONE) return trapped(machine, program, trap, fuel);
  uint32_t reason = program->linked->run(program->instance, machine_bytes(machine));
  return read_context(machine, context, registers, reason, fuel);
}

bool machine_can_redirect(const struct machine *machine, uint32_t from, uint32_t to) {
  for (size_t index = 0; index < machine->program_count; index++) {
    const struct code_map *map = &machine->programs[index].map;
    uint32_t own = from - machine->programs[index].load_bias;
    uint32_t target = to - machine->programs[index].load_bias;
    if (own < CODE_BASE || own >= map->code_end) continue;
    if (contains(map->critical, own) && target == map->critical.restart) return true;
    for (size_t number = 0; number < map->section_count; number++) {
      struct section section = map->sections[number];
      if (!contains(section, own)) continue;
      return target == section.restart || target == section.start;
    }
    return false;
  }
  return false;
}

bool machine_accesses(const struct machine *machine, const uint8_t **first, const uint8_t **end) {
  const uint8_t *at = host_pages(machine);
  uint32_t last = load_word(at + ACCESSES);
  *first = at + ACCESS_LIST;
  *end = machine->env.memory.data + last;
  return last != 0;
}
