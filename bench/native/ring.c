/* A bounded queue per CPU: bench/guests/ring.ts in C. */
#include "ways.h"

#define TAKEN 0
#define PUT 4
#define LOCK 8
#define CELLS 64
#define CELL_COUNT 16
#define SEQUENCE 4
#define EMPTY 0xffffffffu

INLINE char *cell_of(char *ring, uint32_t position) {
  return ring + CELLS + (size_t)(position & (CELL_COUNT - 1)) * 8;
}

INLINE void put(char *ring, uint32_t value) {
  uint32_t position = AT(uint32_t, ring, PUT);
  if (position - AT(uint32_t, ring, TAKEN) < CELL_COUNT) {
    AT(uint32_t, cell_of(ring, position), 0) = value;
    AT(uint32_t, ring, PUT) = position + 1;
  }
}

INLINE uint32_t take(char *ring) {
  uint32_t position = AT(uint32_t, ring, TAKEN);
  if (position == AT(uint32_t, ring, PUT)) return EMPTY;
  uint32_t value = AT(uint32_t, cell_of(ring, position), 0);
  AT(uint32_t, ring, TAKEN) = position + 1;
  return value;
}

INLINE uint64_t turn_unprotected(struct rseq_area *area, char *base, uint64_t value) {
  put(on_this_cpu(area, base), (uint32_t)value);
  return take(on_this_cpu(area, base));
}
LOOPS(unprotected)

/* Moves `position`, the word's value, on by one when the cell's sequence says so. Returns the cell, or
 * NULL when the queue is full, or empty. */
INLINE char *claim(char *ring, size_t word, uint32_t lead, uint32_t *position) {
  *position = __atomic_load_n((uint32_t *)(ring + word), __ATOMIC_RELAXED);
  for (;;) {
    char *cell = cell_of(ring, *position);
    uint32_t sequence = __atomic_load_n((uint32_t *)(cell + SEQUENCE), __ATOMIC_ACQUIRE);
    int32_t ahead = (int32_t)(sequence - (*position + lead));
    if (ahead < 0) return NULL;
    if (ahead > 0) {
      *position = __atomic_load_n((uint32_t *)(ring + word), __ATOMIC_RELAXED);
    } else if (__atomic_compare_exchange_n((uint32_t *)(ring + word), position, *position + 1, 0,
                                           __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
      return cell;
    }
  }
}

INLINE uint64_t turn_atomic(struct rseq_area *area, char *base, uint64_t value) {
  uint32_t position;
  char *cell = claim(on_this_cpu(area, base), PUT, 0, &position);
  if (cell == NULL) return EMPTY;
  AT(uint32_t, cell, 0) = (uint32_t)value;
  __atomic_store_n((uint32_t *)(cell + SEQUENCE), position + 1, __ATOMIC_RELEASE);

  cell = claim(on_this_cpu(area, base), TAKEN, 1, &position);
  if (cell == NULL) return EMPTY;
  uint32_t taken = AT(uint32_t, cell, 0);
  __atomic_store_n((uint32_t *)(cell + SEQUENCE), position + CELL_COUNT, __ATOMIC_RELEASE);
  return taken;
}
LOOPS(atomic)

INLINE uint64_t turn_lock(struct rseq_area *area, char *base, uint64_t value) {
  char *ring = on_this_cpu(area, base);
  spin_lock(ring + LOCK);
  put(ring, (uint32_t)value);
  spin_unlock(ring + LOCK);

  char *from = on_this_cpu(area, base);
  spin_lock(from + LOCK);
  uint32_t taken = take(from);
  spin_unlock(from + LOCK);
  return taken;
}
LOOPS(lock)

#ifdef HAS_RSEQ
INLINE uint64_t turn_rseq(struct rseq_area *area, char *base, uint64_t value) {
  uint64_t position, cell;
  uint32_t taken;
  SECTION("movl 4(%[at]), %k[position]\n\t"
          "movl %k[position], %k[cell]\n\t"
          "subl (%[at]), %k[cell]\n\tcmpl $15, %k[cell]\n\tja 3f\n\t"
          "movl %k[position], %k[cell]\n\tandl $15, %k[cell]\n\t"
          "movl %k[value], 64(%[at], %[cell], 8)\n\t"
          "addl $1, %k[position]\n\tmovl %k[position], 4(%[at])",
          WITH([position] "=&r"(position), [cell] "=&r"(cell)), WITH([value] "r"(value)));
  SECTION("movl $-1, %[taken]\n\t"
          "movl (%[at]), %k[position]\n\t"
          "cmpl 4(%[at]), %k[position]\n\tje 3f\n\t"
          "movl %k[position], %k[cell]\n\tandl $15, %k[cell]\n\t"
          "movl 64(%[at], %[cell], 8), %[taken]\n\t"
          "addl $1, %k[position]\n\tmovl %k[position], (%[at])",
          WITH([position] "=&r"(position), [cell] "=&r"(cell), [taken] "=&r"(taken)), );
  return taken;
}
LOOPS(rseq)
#endif

static void prepare(char *base, int index) {
  AT(uint64_t, base, VALUE_AT) = (uint64_t)index + 1;
  for (uint32_t i = 0; i < CELL_COUNT; i++) AT(uint32_t, cell_of(base, i), SEQUENCE) = i;
}

static int check(char *base, int index, long turns) {
  return AT(uint32_t, base, PUT) == (uint32_t)turns && AT(uint32_t, base, TAKEN) == (uint32_t)turns &&
         AT(uint64_t, base, VALUE_AT) == (uint64_t)index + 1;
}

int main(int argc, char **argv) {
  static const struct way ways[] = {WAY(unprotected), WAY(atomic), WAY(lock),
#ifdef HAS_RSEQ
                                    WAY(rseq),
#endif
                                    {0}};
  return run_main(ways, argc, argv);
}
