// The table of linked modules. The Makefile writes modules.inc: an #include for every module, a
// line LINKED(c_name, "name"), and a line GLOBAL(c_name, number) for every word it exports as a
// global.

#include "modules.h"

#define HEADERS
#include "modules.inc"
#undef HEADERS

wasm_rt_memory_t *Z_envZ_memory(struct Z_env_instance_t *env) { return &env->memory; }

// wasm2c gives every module functions of its own types; here are the same ones for any instance.
#define LINKED(C_NAME, NAME)                                                        \
  static void C_NAME##_instantiate(void *instance, struct Z_env_instance_t *env) {  \
    Z_##C_NAME##_init_module();                                                     \
    Z_##C_NAME##_instantiate(instance, env);                                        \
  }                                                                                 \
  static void C_NAME##_release(void *instance) { Z_##C_NAME##_free(instance); }     \
  static uint32_t C_NAME##_run(void *instance, uint32_t context) {                  \
    return Z_##C_NAME##Z_rseqZ2Erun(instance, context);                             \
  }                                                                                 \
  static uint32_t *C_NAME##_fuel(void *instance) {                                  \
    return Z_##C_NAME##Z_rseqZ2Efuel(instance);                                     \
  }                                                                                 \
  static uint32_t *C_NAME##_load_bias(void *instance) {                             \
    return Z_##C_NAME##Z_rseqZ2Eload_bias(instance);                                \
  }                                                                                 \
  static uint32_t *C_NAME##_sections_entered(void *instance) {                      \
    return Z_##C_NAME##Z_rseqZ2Esections_entered(instance);                         \
  }
#define GLOBAL(C_NAME, NUMBER)                                                      \
  static uint32_t *C_NAME##_global_##NUMBER(void *instance) {                       \
    return Z_##C_NAME##Z_rseqZ2EglobalZ2E##NUMBER(instance);                        \
  }
#include "modules.inc"
#undef LINKED
#undef GLOBAL

static const struct linked_module MODULES[] = {
#define LINKED(C_NAME, NAME)                                                        \
  {NAME, sizeof(Z_##C_NAME##_instance_t), C_NAME##_instantiate, C_NAME##_release,   \
   C_NAME##_run, C_NAME##_fuel, C_NAME##_load_bias, C_NAME##_sections_entered},
#define GLOBAL(C_NAME, NUMBER)
#include "modules.inc"
#undef LINKED
#undef GLOBAL
};

static const struct {
  uint32_t (*run)(void *instance, uint32_t context); // tells the module
  unsigned number;
  uint32_t *(*address)(void *instance);
} GLOBALS[] = {
#define LINKED(C_NAME, NAME)
#define GLOBAL(C_NAME, NUMBER) {C_NAME##_run, NUMBER, C_NAME##_global_##NUMBER},
#include "modules.inc"
#undef LINKED
#undef GLOBAL
    {NULL, 0, NULL},
};

const struct linked_module *find_module(const char *name) {
  for (size_t index = 0; index < sizeof MODULES / sizeof *MODULES; index++) {
    if (strcmp(MODULES[index].name, name) == 0) return &MODULES[index];
  }
  return NULL;
}

uint32_t *module_global(const struct linked_module *module, void *instance, unsigned number) {
  for (size_t index = 0; GLOBALS[index].run != NULL; index++) {
    if (GLOBALS[index].run != module->run || GLOBALS[index].number != number) continue;
    return GLOBALS[index].address(instance);
  }
  return NULL;
}
