// The calls of a trace, made again with the malloc of the process: `malloc-replay TRACE ROUNDS`. Prints the
// nanoseconds of each round, of processor time. The trace as in examples/malloc-replay/trace.ts, not packed.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RECORD_BYTES = 10, ALLOCATE = 1, FREE = 2 };

static uint32_t word(const unsigned char *at) {
  uint32_t value;
  memcpy(&value, at, sizeof value);
  return value;
}

/* As in bench/stopwatch.js. */
static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return time.tv_sec * 1e9 + time.tv_nsec;
}

__attribute__((noinline)) static void replay(const unsigned char *records, uint32_t count, void **objects) {
  for (const unsigned char *record = records; count > 0; count--, record += RECORD_BYTES) {
    void **object = &objects[word(record + 6)];
    if (record[0] == FREE) {
      free(*object);
      *object = NULL;
    } else if (record[0] == ALLOCATE) {
      *object = malloc(word(record + 2));
    } else {
      *object = realloc(*object, word(record + 2));
    }
  }
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  FILE *file = fopen(argv[1], "rb");
  unsigned char header[16];
  if (file == NULL || fread(header, 1, 16, file) != 16) return 1;
  uint32_t count = word(header + 4);
  uint32_t objects = word(header + 8);
  unsigned char *records = malloc((size_t)count * RECORD_BYTES);
  void **table = calloc(objects, sizeof *table);
  if (fread(records, RECORD_BYTES, count, file) != count) return 1;
  for (int round = atoi(argv[2]); round > 0; round--) {
    double start = now();
    replay(records, count, table);
    printf("%.0f\n", now() - start);
    for (uint32_t n = 0; n < objects; n++) {
      free(table[n]);
      table[n] = NULL;
    }
  }
  return 0;
}
