/*
 * What the native rivals have in common: loops, clock, and the registration of rseq. A file that
 * includes this defines turn_<way>() for each of its ways, and prepare() and check(); the shapes and the
 * work of a turn are those of bench/guests, and time is processor time, as in bench/stopwatch.js.
 *
 *   program WAY latency|throughput TURNS     prints nanoseconds per turn
 *
 * Exit status: 0; 1 a wrong result; 2 usage; 77 this machine has no such way.
 */
#define _GNU_SOURCE
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if defined(__linux__) && defined(__x86_64__)
#define HAS_RSEQ 1
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#define STRUCTURES 8
#define STRUCTURE_BYTES 2112
#define CPU_SHIFT 15
#define MAX_CPUS 1024
#define VALUE_AT 56
#define INLINE static inline __attribute__((always_inline))

/* Accesses that the compiler neither merges nor leaves out. */
#define AT(type, base, offset) (*(type volatile *)((base) + (offset)))

struct rseq_area {
  volatile uint32_t cpu_id_start;
  volatile uint32_t cpu_id;
  volatile uint64_t rseq_cs;
  uint32_t flags;
  uint32_t padding[3];
} __attribute__((aligned(32)));

/* Ours when the C library has none. Without rseq its CPU is 0 all the time. */
static struct rseq_area own_area;
static struct rseq_area *thread_area = &own_area;
static char *structures;

#define SIGNATURE 0x53053053

#ifdef HAS_RSEQ
extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned int __rseq_size __attribute__((weak));

static int register_rseq(void) {
  if (&__rseq_size != NULL && __rseq_size != 0) {
    thread_area = (struct rseq_area *)((char *)__builtin_thread_pointer() + __rseq_offset);
    return 0;
  }
  return (int)syscall(334, &own_area, 32, 0, SIGNATURE);
}

/* One CPU, as in the emulation. */
static void pin(void) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(sched_getcpu(), &set);
  sched_setaffinity(0, sizeof set, &set);
}

/*
 * A section: descriptor, arming, body, abort handler. Like ours it starts again when it is interrupted,
 * and the CPU is read inside. In the body, %[at] is the structure's part of this CPU, and a jump to 3f
 * leaves.
 */
#define SECTION(body, outputs, inputs)                                                              \
  do {                                                                                              \
    uint64_t at;                                                                                    \
    __asm__ volatile(".pushsection __rseq_cs, \"aw\"\n\t.balign 32\n"                               \
                     "0:\t.long 0, 0\n\t.quad 2f, 3f - 2f, 4f\n\t.popsection\n"                     \
                     "1:\tleaq 0b(%%rip), %[at]\n\tmovq %[at], 8(%[area])\n"                        \
                     "2:\tmovl 4(%[area]), %k[at]\n\tshlq $15, %[at]\n\taddq %[base], %[at]\n\t"    \
                     body "\n3:\n"                                                                  \
                     ".pushsection __rseq_failure, \"ax\"\n\t.byte 0x0f, 0xb9, 0x3d\n"              \
                     "\t.long 0x53053053\n4:\tjmp 1b\n\t.popsection"                                \
                     : [at] "=&r"(at) outputs                                                       \
                     : [area] "r"(area), [base] "r"(base) inputs                                    \
                     : "memory", "cc");                                                             \
  } while (0)
#define WITH(...) , __VA_ARGS__
#endif

/* The part of a structure that is this CPU's; by the time it is used it may be another's. */
INLINE char *on_this_cpu(struct rseq_area *area, char *base) {
  return base + ((uint64_t)area->cpu_id << CPU_SHIFT);
}

/* Where the structure of the CPU that we are pinned to is, before and after the run. */
static char *own_structure(int index) {
  return on_this_cpu(thread_area, structures + index * STRUCTURE_BYTES);
}

INLINE void spin_lock(char *word) {
  uint32_t expected = 0;
  while (!__atomic_compare_exchange_n((uint32_t *)word, &expected, 1, 0, __ATOMIC_ACQUIRE,
                                      __ATOMIC_RELAXED)) {
    expected = 0;
  }
}

INLINE void spin_unlock(char *word) {
  __atomic_store_n((uint32_t *)word, 0, __ATOMIC_RELEASE);
}

typedef void (*loop_t)(long turns);

struct way {
  const char *name;
  loop_t latency, throughput;
};

/* What is in locals stays in registers: a section clobbers memory, so a global would be loaded again. */
#define FIRST(index) uint64_t value##index = AT(uint64_t, own_structure(index), VALUE_AT)
#define TURN(way, index) value##index = turn_##way(area, base + (index) * STRUCTURE_BYTES, value##index)
#define LAST(index) AT(uint64_t, own_structure(index), VALUE_AT) = value##index

#define LOOPS(way)                                                                                  \
  static __attribute__((noinline)) void latency_##way(long turns) {                                 \
    struct rseq_area *const area = thread_area;                                                     \
    char *const base = structures;                                                                  \
    FIRST(0);                                                                                       \
    for (long i = 0; i < turns; i++) TURN(way, 0);                                                  \
    LAST(0);                                                                                        \
  }                                                                                                 \
  static __attribute__((noinline)) void throughput_##way(long turns) {                              \
    struct rseq_area *const area = thread_area;                                                     \
    char *const base = structures;                                                                  \
    FIRST(0); FIRST(1); FIRST(2); FIRST(3); FIRST(4); FIRST(5); FIRST(6); FIRST(7);                 \
    for (long i = 0; i < turns; i += STRUCTURES) {                                                  \
      TURN(way, 0); TURN(way, 1); TURN(way, 2); TURN(way, 3);                                       \
      TURN(way, 4); TURN(way, 5); TURN(way, 6); TURN(way, 7);                                       \
    }                                                                                               \
    LAST(0); LAST(1); LAST(2); LAST(3); LAST(4); LAST(5); LAST(6); LAST(7);                         \
  }

#define WAY(name) {#name, latency_##name, throughput_##name}

/* Put structure `index`, all zero, into its first state. */
static void prepare(char *base, int index);
/* True when structure `index` is as `turns` turns, on it alone, must leave it. */
static int check(char *base, int index, long turns);

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void prepare_all(void) {
  for (int k = 0; k < STRUCTURES; k++) {
    memset(own_structure(k), 0, STRUCTURE_BYTES);
    prepare(own_structure(k), k);
  }
}

static int check_all(int is_throughput, long turns) {
  for (int k = 0; k < STRUCTURES; k++) {
    long expected = is_throughput ? turns / STRUCTURES : k == 0 ? turns : 0;
    if (!check(own_structure(k), k, expected)) return 0;
  }
  return 1;
}

static int run(const struct way *way, int is_throughput, long turns) {
  loop_t loop = is_throughput ? way->throughput : way->latency;
  prepare_all();
  loop(turns / 8);
  prepare_all();
  double start = now();
  loop(turns);
  double elapsed = now() - start;
  if (!check_all(is_throughput, turns)) return 1;
  printf("%.4f\n", elapsed / (double)turns);
  return 0;
}

static int run_main(const struct way *ways, int argc, char **argv) {
  if (argc != 4) return 2;
#ifdef HAS_RSEQ
  pin();
  if (register_rseq() != 0 && strcmp(argv[1], "rseq") == 0) return 77;
#endif
  structures = aligned_alloc(4096, ((size_t)MAX_CPUS << CPU_SHIFT) + (1 << CPU_SHIFT));
  if (structures == NULL || thread_area->cpu_id >= MAX_CPUS) return 77;
  int is_throughput = strcmp(argv[2], "throughput") == 0;
  for (const struct way *way = ways; way->name != NULL; way++) {
    if (strcmp(way->name, argv[1]) == 0) return run(way, is_throughput, atol(argv[3]));
  }
  return strcmp(argv[1], "rseq") == 0 ? 77 : 2;
}
