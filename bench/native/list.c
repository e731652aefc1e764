/* A stack of nodes per CPU: bench/guests/list.ts in C. Addresses are 64 bits here; the head of the
 * atomic way is a 32-bit distance from `structures` and a 32-bit tag, so that both fit one word. */
#include "ways.h"

#define HEAD 0
#define LOCK 8
#define TAGGED 16
#define NODES 64
#define NODE_BYTES 16
#define LISTED 3

INLINE void push(char *list, char *node) {
  AT(char *, node, 0) = AT(char *, list, HEAD);
  AT(char *, list, HEAD) = node;
}

INLINE char *pop(char *list) {
  char *node = AT(char *, list, HEAD);
  if (node != NULL) AT(char *, list, HEAD) = AT(char *, node, 0);
  return node;
}

INLINE uint64_t turn_unprotected(struct rseq_area *area, char *base, uint64_t node) {
  push(on_this_cpu(area, base), (char *)node);
  return (uint64_t)pop(on_this_cpu(area, base));
}
LOOPS(unprotected)

/* A node's link in the atomic way is its second word: a distance, 0 at the end. */
#define LINK 8

INLINE uint64_t turn_atomic(struct rseq_area *area, char *base, uint64_t node) {
  uint64_t *head = (uint64_t *)(on_this_cpu(area, base) + TAGGED);
  uint64_t distance = (uint64_t)((char *)node - structures);
  uint64_t seen = __atomic_load_n(head, __ATOMIC_RELAXED);
  do {
    AT(uint32_t, (char *)node, LINK) = (uint32_t)seen;
  } while (!__atomic_compare_exchange_n(head, &seen, (seen & ~0xffffffffULL) | distance, 0,
                                        __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));

  uint64_t *from = (uint64_t *)(on_this_cpu(area, base) + TAGGED);
  uint64_t next;
  seen = __atomic_load_n(from, __ATOMIC_ACQUIRE);
  do {
    if ((uint32_t)seen == 0) return 0;
    next = ((seen & ~0xffffffffULL) + (1ULL << 32)) | AT(uint32_t, structures + (uint32_t)seen, LINK);
  } while (!__atomic_compare_exchange_n(from, &seen, next, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
  return (uint64_t)(structures + (uint32_t)seen);
}
LOOPS(atomic)

INLINE uint64_t turn_lock(struct rseq_area *area, char *base, uint64_t node) {
  char *list = on_this_cpu(area, base);
  spin_lock(list + LOCK);
  push(list, (char *)node);
  spin_unlock(list + LOCK);

  char *from = on_this_cpu(area, base);
  spin_lock(from + LOCK);
  char *popped = pop(from);
  spin_unlock(from + LOCK);
  return (uint64_t)popped;
}
LOOPS(lock)

#ifdef HAS_RSEQ
INLINE uint64_t turn_rseq(struct rseq_area *area, char *base, uint64_t node) {
  uint64_t next, popped;
  SECTION("movq (%[at]), %[next]\n\t"
          "movq %[next], (%[node])\n\t"
          "movq %[node], (%[at])",
          WITH([next] "=&r"(next)), WITH([node] "r"(node)));
  SECTION("movq (%[at]), %[popped]\n\t"
          "testq %[popped], %[popped]\n\tjz 3f\n\t"
          "movq (%[popped]), %[next]\n\t"
          "movq %[next], (%[at])",
          WITH([popped] "=&r"(popped), [next] "=&r"(next)), );
  return popped;
}
LOOPS(rseq)
#endif

static void prepare(char *base, int index) {
  (void)index;
  uint32_t before = 0;
  for (int i = 0; i < LISTED; i++) {
    char *node = base + NODES + i * NODE_BYTES;
    push(base, node);
    AT(uint32_t, node, LINK) = before;
    before = (uint32_t)(node - structures);
  }
  AT(uint64_t, base, TAGGED) = before;
  AT(char *, base, VALUE_AT) = base + NODES + LISTED * NODE_BYTES;
}

static int check(char *base, int index, long turns) {
  (void)index, (void)turns;
  int plain = 0, tagged = 0;
  for (char *node = AT(char *, base, HEAD); node != NULL; node = AT(char *, node, 0)) plain++;
  uint32_t node = (uint32_t)AT(uint64_t, base, TAGGED);
  for (; node != 0; node = AT(uint32_t, structures + node, LINK)) tagged++;
  return plain == LISTED && tagged == LISTED && AT(uint64_t, base, VALUE_AT) != 0;
}

int main(int argc, char **argv) {
  static const struct way ways[] = {WAY(unprotected), WAY(atomic), WAY(lock),
#ifdef HAS_RSEQ
                                    WAY(rseq),
#endif
                                    {0}};
  return run_main(ways, argc, argv);
}
