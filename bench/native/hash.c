/* A histogram per CPU: bench/guests/hash.ts in C. */
#include "ways.h"

#define LOCK 0
#define SLOTS 64
#define SLOT_MASK 255u
#define COUNT 4

INLINE uint32_t key_of(uint32_t value) {
  return (value >> 25) + 1;
}

INLINE uint32_t hash_of(uint32_t key) {
  return (key * 2654435761u) >> 24;
}

INLINE uint64_t next(uint32_t value, uint32_t count) {
  return value * 1664525u + 1013904223u + (count >> 31);
}

INLINE char *slot_at(char *table, uint32_t hash) {
  return table + SLOTS + (size_t)(hash & SLOT_MASK) * 8;
}

/* Returns the new count. */
INLINE uint32_t count(char *table, uint32_t key) {
  uint32_t hash = hash_of(key);
  char *slot = slot_at(table, hash);
  uint32_t found = AT(uint32_t, slot, 0);
  while (found != key && found != 0) {
    slot = slot_at(table, ++hash);
    found = AT(uint32_t, slot, 0);
  }
  uint32_t counted = found == 0 ? 1 : AT(uint32_t, slot, COUNT) + 1;
  AT(uint64_t, slot, 0) = ((uint64_t)counted << 32) | key;
  return counted;
}

INLINE uint64_t turn_unprotected(struct rseq_area *area, char *base, uint64_t value) {
  return next((uint32_t)value, count(on_this_cpu(area, base), key_of((uint32_t)value)));
}
LOOPS(unprotected)

INLINE uint64_t turn_atomic(struct rseq_area *area, char *base, uint64_t value) {
  char *table = on_this_cpu(area, base);
  uint32_t key = key_of((uint32_t)value), hash = hash_of(key);
  char *slot = slot_at(table, hash);
  for (;;) {
    uint32_t found = AT(uint32_t, slot, 0);
    if (found == 0) {
      __atomic_compare_exchange_n((uint32_t *)slot, &found, key, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    }
    if (found == 0 || found == key) break;
    slot = slot_at(table, ++hash);
  }
  return next((uint32_t)value,
              __atomic_fetch_add((uint32_t *)(slot + COUNT), 1, __ATOMIC_SEQ_CST) + 1);
}
LOOPS(atomic)

INLINE uint64_t turn_lock(struct rseq_area *area, char *base, uint64_t value) {
  char *table = on_this_cpu(area, base);
  spin_lock(table + LOCK);
  uint32_t counted = count(table, key_of((uint32_t)value));
  spin_unlock(table + LOCK);
  return next((uint32_t)value, counted);
}
LOOPS(lock)

#ifdef HAS_RSEQ
INLINE uint64_t turn_rseq(struct rseq_area *area, char *base, uint64_t value) {
  uint64_t key = key_of((uint32_t)value), first = hash_of((uint32_t)key), hash, counted;
  SECTION("movl %k[first], %k[hash]\n"
          "5:\tmovl 64(%[at], %[hash], 8), %k[counted]\n\t"
          "cmpl %k[key], %k[counted]\n\tje 6f\n\t"
          "testl %k[counted], %k[counted]\n\tjz 7f\n\t"
          "addl $1, %k[hash]\n\tandl $255, %k[hash]\n\tjmp 5b\n"
          "6:\tmovl 68(%[at], %[hash], 8), %k[counted]\n"
          "7:\taddl $1, %k[counted]\n\t"
          "shlq $32, %[counted]\n\torq %[key], %[counted]\n\t"
          "movq %[counted], 64(%[at], %[hash], 8)",
          WITH([hash] "=&r"(hash), [counted] "=&r"(counted)),
          WITH([first] "r"(first), [key] "r"(key)));
  return next((uint32_t)value, (uint32_t)(counted >> 32));
}
LOOPS(rseq)
#endif

static void prepare(char *base, int index) {
  AT(uint64_t, base, VALUE_AT) = (uint64_t)index + 1;
}

static int check(char *base, int index, long turns) {
  (void)index;
  uint32_t sum = 0;
  for (uint32_t slot = 0; slot <= SLOT_MASK; slot++) sum += AT(uint32_t, slot_at(base, slot), COUNT);
  return sum == (uint32_t)turns;
}

int main(int argc, char **argv) {
  static const struct way ways[] = {WAY(unprotected), WAY(atomic), WAY(lock),
#ifdef HAS_RSEQ
                                    WAY(rseq),
#endif
                                    {0}};
  return run_main(ways, argc, argv);
}
