/* A lock per CPU: bench/guests/lock.ts in C. The way `lock` is the C library's mutex. */
#include "ways.h"
#include <pthread.h>

#define COUNT 4
#define MUTEX 64

INLINE void count(char *word) {
  AT(uint32_t, word, COUNT) = AT(uint32_t, word, COUNT) + 1;
}

INLINE uint64_t turn_unprotected(struct rseq_area *area, char *base, uint64_t value) {
  char *word = on_this_cpu(area, base);
  while (AT(uint32_t, word, 0) != 0) {
  }
  AT(uint32_t, word, 0) = 1;
  count(word);
  AT(uint32_t, word, 0) = 0;
  return value;
}
LOOPS(unprotected)

INLINE uint64_t turn_atomic(struct rseq_area *area, char *base, uint64_t value) {
  char *word = on_this_cpu(area, base);
  spin_lock(word);
  count(word);
  spin_unlock(word);
  return value;
}
LOOPS(atomic)

INLINE uint64_t turn_lock(struct rseq_area *area, char *base, uint64_t value) {
  char *word = on_this_cpu(area, base);
  pthread_mutex_lock((pthread_mutex_t *)(word + MUTEX));
  count(word);
  pthread_mutex_unlock((pthread_mutex_t *)(word + MUTEX));
  return value;
}
LOOPS(lock)

#ifdef HAS_RSEQ
INLINE uint64_t turn_rseq(struct rseq_area *area, char *base, uint64_t value) {
  uint32_t found;
  uint64_t word;
  do {
    SECTION("movq %[at], %[word]\n\t"
            "movl (%[at]), %[found]\n\t"
            "testl %[found], %[found]\n\tjnz 3f\n\t"
            "movl $1, (%[at])",
            WITH([found] "=&r"(found), [word] "=&r"(word)), );
  } while (found != 0);
  count((char *)word);
  __atomic_store_n((uint32_t *)word, 0, __ATOMIC_RELEASE);
  return value;
}
LOOPS(rseq)
#endif

static void prepare(char *base, int index) {
  (void)index;
  pthread_mutex_init((pthread_mutex_t *)(base + MUTEX), NULL);
}

static int check(char *base, int index, long turns) {
  (void)index;
  return AT(uint32_t, base, 0) == 0 && AT(uint32_t, base, COUNT) == (uint32_t)turns;
}

int main(int argc, char **argv) {
  static const struct way ways[] = {WAY(unprotected), WAY(atomic), WAY(lock),
#ifdef HAS_RSEQ
                                    WAY(rseq),
#endif
                                    {0}};
  return run_main(ways, argc, argv);
}
