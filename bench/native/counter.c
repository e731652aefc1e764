/* A number per CPU: bench/guests/counter.ts in C. */
#include "ways.h"

#define LOCK 8

INLINE uint64_t turn_unprotected(struct rseq_area *area, char *base, uint64_t value) {
  char *slot = on_this_cpu(area, base);
  AT(uint32_t, slot, 0) = AT(uint32_t, slot, 0) + 1;
  return value;
}
LOOPS(unprotected)

INLINE uint64_t turn_atomic(struct rseq_area *area, char *base, uint64_t value) {
  __atomic_fetch_add((uint32_t *)on_this_cpu(area, base), 1, __ATOMIC_SEQ_CST);
  return value;
}
LOOPS(atomic)

INLINE uint64_t turn_lock(struct rseq_area *area, char *base, uint64_t value) {
  char *slot = on_this_cpu(area, base);
  spin_lock(slot + LOCK);
  AT(uint32_t, slot, 0) = AT(uint32_t, slot, 0) + 1;
  spin_unlock(slot + LOCK);
  return value;
}
LOOPS(lock)

#ifdef HAS_RSEQ
INLINE uint64_t turn_rseq(struct rseq_area *area, char *base, uint64_t value) {
  SECTION("addl $1, (%[at])", , );
  return value;
}
LOOPS(rseq)
#endif

static void prepare(char *base, int index) {
  (void)base, (void)index;
}

static int check(char *base, int index, long turns) {
  (void)index;
  return AT(uint32_t, base, 0) == (uint32_t)turns;
}

int main(int argc, char **argv) {
  static const struct way ways[] = {WAY(unprotected), WAY(atomic), WAY(lock),
#ifdef HAS_RSEQ
                                    WAY(rseq),
#endif
                                    {0}};
  return run_main(ways, argc, argv);
}
