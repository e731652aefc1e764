// The modules that this host was built with: C made of instrumented modules by wasm2c.

#ifndef MODULES_H
#define MODULES_H

#include <stddef.h>
#include <stdint.h>

#include "wasm-rt.h"

/** What a module imports: `env.memory`. wasm2c declares the struct, the host defines it. */
struct Z_env_instance_t {
  wasm_rt_memory_t memory;
};

/** The exports of the module contract. An instance is `bytes` long. */
struct linked_module {
  const char *name;
  size_t bytes;
  void (*instantiate)(void *instance, struct Z_env_instance_t *env);
  void (*release)(void *instance);
  uint32_t (*run)(void *instance, uint32_t context);
  uint32_t *(*fuel)(void *instance);
  uint32_t *(*load_bias)(void *instance);
  uint32_t *(*sections_entered)(void *instance);
};

/** NULL: the host was built without it. */
const struct linked_module *find_module(const char *name);

/** `rseq.global.NUMBER` of an instance; NULL when it exports none, or one that is no word. */
uint32_t *module_global(const struct linked_module *module, void *instance, unsigned number);

#endif
