// What a host reads in the bytes of a module before it runs it: whether it keeps the module
// contract, and what its code addresses mean.

#ifndef CODE_MAP_H
#define CODE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CODE_BASE = 0x1000 };

struct section {
  uint32_t start, end, restart;
};

struct code_map {
  uint32_t initial_pages, maximum_pages; // maximum 0: the program declared none
  struct section critical;
  struct section *sections;
  size_t section_count;
  uint32_t code_end; // behind the last address
};

static inline bool contains(struct section range, uint32_t ip) {
  return ip >= range.start && ip < range.end;
}

/**
 * Check a module as docs/abi.md, "The module contract", ERRORS, says; its bytes are valid, or
 * wasm2c would not have taken them. Returns NULL, or why the module is refused. Free the map with
 * code_map_free.
 */
const char *code_map_read(const char *path, uint32_t page_limit, struct code_map *map);
void code_map_free(struct code_map *map);

#endif
