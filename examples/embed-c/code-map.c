// The binary format of a module, as far as the contract is about it: imports, exports, the types of
// globals, and the custom section `rseq`.

#include "code-map.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONTRACT_VERSION = 4, ABIS = 7, HEADER_BYTES = 8 };
enum {
  SECTION_CUSTOM = 0,
  SECTION_IMPORT = 2,
  SECTION_GLOBAL = 6,
  SECTION_EXPORT = 7,
  SECTION_START = 8,
};
enum { KIND_FUNCTION = 0, KIND_MEMORY = 2, KIND_GLOBAL = 3 };
enum { TYPE_I32 = 0x7f, MUTABLE_I32 = 1, OTHER_GLOBAL = 0, MOST_GLOBALS = 4096 };

/** Bytes that are read one after the other. Behind their end everything is 0 and `failed`. */
struct reader {
  const uint8_t *at, *end;
  bool failed;
};

struct module_facts {
  int code_maps;
  struct reader code_map;
  bool has_start, imports_memory, imports_other;
  uint8_t globals[MOST_GLOBALS]; // MUTABLE_I32 or OTHER_GLOBAL
  size_t global_count;
  bool has_run;
  int registers; // of the three that are exported, and are words
};

static size_t bytes_left(const struct reader *from) { return (size_t)(from->end - from->at); }

static uint8_t read_byte(struct reader *from) {
  if (from->at < from->end) return *from->at++;
  from->failed = true;
  return 0;
}

static uint32_t read_word(struct reader *from) {
  uint64_t value = 0;
  for (int shift = 0; shift < 35; shift += 7) {
    uint8_t byte = read_byte(from);
    value |= (uint64_t)(byte & 127) << shift;
    if (byte < 128) {
      if (value > UINT32_MAX) from->failed = true;
      return (uint32_t)value;
    }
  }
  from->failed = true;
  return 0;
}

/** The length of a vector: every item is a byte at least. */
static uint32_t read_length(struct reader *from) {
  uint32_t length = read_word(from);
  if (length <= bytes_left(from)) return length;
  from->failed = true;
  return 0;
}

static struct reader read_bytes(struct reader *from, uint32_t length) {
  if (length > bytes_left(from)) {
    from->failed = true;
    length = 0;
  }
  struct reader bytes = {from->at, from->at + length, false};
  from->at += length;
  return bytes;
}

static struct reader read_string(struct reader *from) { return read_bytes(from, read_word(from)); }

static bool is_text(struct reader string, const char *text) {
  return bytes_left(&string) == strlen(text) && memcmp(string.at, text, strlen(text)) == 0;
}

static void skip_limits(struct reader *from) {
  if (read_byte(from) & 1) read_word(from);
  read_word(from);
}

static void read_imports(struct reader from, struct module_facts *facts) {
  uint32_t count = read_length(&from);
  for (uint32_t index = 0; index < count; index++) {
    struct reader module = read_string(&from), name = read_string(&from);
    bool is_memory = read_byte(&from) == KIND_MEMORY;
    if (is_memory && is_text(module, "env") && is_text(name, "memory")) {
      facts->imports_memory = true;
      skip_limits(&from);
    } else {
      facts->imports_other = true;
      return;
    }
  }
}

/** A constant expression: what it holds besides its end is not looked at. */
static void skip_constant(struct reader *from) {
  switch (read_byte(from)) {
    case 0x41: // i32.const
    case 0x42: // i64.const
    case 0x23: // global.get
    case 0xd0: // ref.null
    case 0xd2: // ref.func
      while (read_byte(from) >= 128) continue;
      break;
    case 0x43: // f32.const
      read_bytes(from, 4);
      break;
    case 0x44: // f64.const
      read_bytes(from, 8);
      break;
    default:
      from->failed = true;
  }
  read_byte(from);
}

static void read_globals(struct reader from, struct module_facts *facts) {
  uint32_t count = read_length(&from);
  for (uint32_t index = 0; index < count && index < MOST_GLOBALS && !from.failed; index++) {
    uint8_t type = read_byte(&from);
    bool is_mutable = read_byte(&from) == 1;
    facts->globals[index] = type == TYPE_I32 && is_mutable ? MUTABLE_I32 : OTHER_GLOBAL;
    facts->global_count = index + 1;
    skip_constant(&from);
  }
}

static bool is_register(struct reader name) {
  return is_text(name, "rseq.fuel") || is_text(name, "rseq.load_bias") ||
         is_text(name, "rseq.sections_entered");
}

static void read_exports(struct reader from, struct module_facts *facts) {
  uint32_t count = read_length(&from);
  for (uint32_t number = 0; number < count && !from.failed; number++) {
    struct reader name = read_string(&from);
    uint8_t kind = read_byte(&from);
    uint32_t index = read_word(&from);
    if (kind == KIND_FUNCTION && is_text(name, "rseq.run")) facts->has_run = true;
    if (kind != KIND_GLOBAL || !is_register(name)) continue;
    if (index < facts->global_count && facts->globals[index] == MUTABLE_I32) facts->registers++;
  }
}

/** Globals come before exports in a module. */
static void read_module(struct reader from, struct module_facts *facts) {
  read_bytes(&from, HEADER_BYTES);
  while (bytes_left(&from) > 0 && !from.failed) {
    uint8_t id = read_byte(&from);
    struct reader section = read_string(&from);
    if (id == SECTION_START) facts->has_start = true;
    if (id == SECTION_IMPORT) read_imports(section, facts);
    if (id == SECTION_GLOBAL) read_globals(section, facts);
    if (id == SECTION_EXPORT) read_exports(section, facts);
    if (id != SECTION_CUSTOM || !is_text(read_string(&section), "rseq")) continue;
    facts->code_maps++;
    facts->code_map = section;
  }
}

static struct section read_addresses(struct reader *from) {
  struct section range;
  range.start = read_word(from);
  range.end = read_word(from);
  range.restart = read_word(from);
  return range;
}

static void skip_strings(struct reader *from) {
  uint32_t count = read_length(from);
  while (count-- > 0) read_string(from);
}

static uint32_t count_strings(struct reader *from) {
  struct reader ahead = *from;
  uint32_t count = read_length(&ahead);
  skip_strings(from);
  return count;
}

/** The function that owns an address; UINT32_MAX where there is no code. */
static uint32_t owner_of(const struct code_map *map, const uint32_t *owners, uint32_t ip) {
  return ip >= CODE_BASE && ip < map->code_end ? owners[ip - CODE_BASE] : UINT32_MAX;
}

static const char *check_section(const struct code_map *map, const uint32_t *owners, size_t index) {
  struct section section = map->sections[index];
  uint32_t owner = owner_of(map, owners, section.start);
  if (section.start >= section.end) return "section end must exceed start";
  if (owner == UINT32_MAX) return "section start is no code";
  if (owner_of(map, owners, section.end) != owner) return "section end is outside its function";
  if (owner_of(map, owners, section.restart) != owner) return "restart is outside its function";
  if (contains(section, section.restart)) return "restart is inside its section";
  if (section.start < map->critical.start || section.end > map->critical.end)
    return "section is outside the critical range";
  for (size_t other = 0; other < index; other++) {
    struct section range = map->sections[other];
    if (section.start < range.end && range.start < section.end) return "sections overlap";
  }
  return NULL;
}

static const char *check_sections(const struct code_map *map, const uint32_t *owners) {
  for (size_t index = 0; index < map->section_count; index++) {
    const char *refusal = check_section(map, owners, index);
    if (refusal != NULL) return refusal;
  }
  if (map->section_count == 0) return NULL;
  if (map->critical.start >= map->critical.end) return "critical end must exceed start";
  uint32_t restart = map->critical.restart;
  if (owner_of(map, owners, restart) == UINT32_MAX) return "critical restart is no code";
  if (contains(map->critical, restart)) return "critical restart is inside its range";
  return NULL;
}

static void read_sections(struct reader *from, struct code_map *map) {
  map->section_count = read_length(from);
  map->sections = calloc(map->section_count + 1, sizeof *map->sections);
  for (size_t index = 0; index < map->section_count && !from->failed; index++) {
    map->sections[index] = read_addresses(from);
    read_word(from); // fuel that it takes
    skip_strings(from);
  }
}

static const char *read_code_map(struct reader from, struct code_map *map) {
  if (read_word(&from) != CONTRACT_VERSION) return "code map of another version";
  if (read_word(&from) > 1) return "code map with another metering";
  if (read_word(&from) >= ABIS) return "code map with another abi";
  map->initial_pages = read_word(&from);
  map->maximum_pages = read_word(&from);
  if (map->maximum_pages != 0 && map->maximum_pages < map->initial_pages)
    return "memory maximum is below initial";
  map->critical = read_addresses(&from);
  uint32_t files = count_strings(&from), functions = count_strings(&from);
  uint32_t points = read_length(&from);
  uint32_t *owners = calloc(points + 1, sizeof *owners);
  bool is_named = true;
  for (uint32_t index = 0; index < points && !from.failed; index++) {
    owners[index] = read_word(&from);
    is_named &= read_word(&from) < files && owners[index] < functions;
    read_word(&from); // line
  }
  map->code_end = CODE_BASE + points;
  read_sections(&from, map);
  const char *refusal = from.failed || bytes_left(&from) > 0 ? "code map has another length"
                        : !is_named ? "point of no function or file"
                                    : check_sections(map, owners);
  free(owners);
  return refusal;
}

static uint8_t *read_file(const char *path, size_t *length) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) return NULL;
  uint8_t *bytes = NULL;
  if (fseek(file, 0, SEEK_END) == 0 && (*length = (size_t)ftell(file)) > 0) {
    rewind(file);
    bytes = malloc(*length);
    if (bytes != NULL && fread(bytes, 1, *length, file) != *length) *length = 0;
  }
  fclose(file);
  return bytes;
}

const char *code_map_read(const char *path, uint32_t page_limit, struct code_map *map) {
  *map = (struct code_map){0};
  size_t length = 0;
  uint8_t *bytes = read_file(path, &length);
  if (bytes == NULL) return "cannot be read";
  struct module_facts facts = {0};
  read_module((struct reader){bytes, bytes + length, false}, &facts);
  const char *refusal = NULL;
  if (facts.code_maps != 1) refusal = "not one code map";
  else if (facts.has_start) refusal = "has a start function";
  else if (facts.imports_other || !facts.imports_memory) refusal = "imports another thing";
  else if (!facts.has_run) refusal = "does not export rseq.run";
  else if (facts.registers != 3) refusal = "does not export its registers, each a mutable i32";
  else refusal = read_code_map(facts.code_map, map);
  if (refusal == NULL && map->initial_pages > page_limit) refusal = "wants too much memory";
  free(bytes);
  return refusal;
}

void code_map_free(struct code_map *map) {
  free(map->sections);
  map->sections = NULL;
}
