// Three sections in assembly, each a function `enter(slot, descriptor, work)` that stores the
// address of the descriptor in the thread's rseq_cs, goes through the section and tells how it was
// left. Which part of them is a section is up to the descriptor: scenarios write odd ones.
//
//   spin   entered = 1; wait for release; commit
//   stay   one instruction that jumps to itself until somebody changes its target
//   call   a system call; commit its result
//
// The descriptor is stored by the last instruction before start, so a thread that is switched out
// behind that store is inside already.

#ifndef __x86_64__
#error "the sections are written for x86-64"
#endif

enum outcome { COMMITTED = 0, ABORTED = 1 };

/** Memory of spin and stay, shared by the thread inside and the one that disturbs it. */
struct words {
  volatile int entered;   // written inside spin, before stay
  volatile int release;   // by the other thread: let spin commit
  volatile int committed; // the commit store of spin
  volatile int unused;
  const void *volatile target; // where stay jumps
  volatile uint64_t r10;       // r10 behind an abort of spin; it was the address of these words
};

/** Memory of call. */
struct call_words {
  long number;
  long arguments[3];
  volatile long result; // the commit store
};

_Static_assert(offsetof(struct words, release) == 4, "used in assembly");
_Static_assert(offsetof(struct words, committed) == 8, "used in assembly");
_Static_assert(offsetof(struct words, target) == 16, "used in assembly");
_Static_assert(offsetof(struct words, r10) == 24, "used in assembly");
_Static_assert(offsetof(struct call_words, result) == 32, "used in assembly");

typedef long section(volatile uint64_t *slot, const void *descriptor, volatile void *work);

section spin, stay, call_inside;

// start and end as the function means them; its abort label, with the signature before it; further
// labels where scenarios need them
extern const char spin_start[], spin_end[], spin_abort[];
extern const char stay_before[], stay_start[], stay_end[], stay_leave[], stay_abort[];
extern const char call_start[], call_end[], call_abort[];
// more abort labels of spin: in front of it; with zero for a signature; with OTHER_SIGNATURE
extern const char spin_abort_before[], spin_abort_unsigned[], spin_abort_other[];

#define OTHER_SIGNATURE 0x12345678

__asm__(
  "  .pushsection .text\n"

  "  .long 0x53053053\n"
  "spin_abort_before:\n"
  "  movl $1, %eax\n"
  "  ret\n"
  "spin:\n"
  "  movq %rdx, %r10\n"
  "  movq %rsi, (%rdi)\n"
  "spin_start:\n"
  "  movl $1, (%rdx)\n"
  "1:\n"
  "  cmpl $0, 4(%rdx)\n"
  "  je 1b\n"
  "  movl $1, 8(%rdx)\n"
  "spin_end:\n"
  "  xorl %eax, %eax\n"
  "  ret\n"
  "  .long 0x53053053\n"
  "spin_abort:\n"
  "  movq %r10, 24(%rdx)\n"
  "  movl $1, %eax\n"
  "  ret\n"
  "  .long 0\n"
  "spin_abort_unsigned:\n"
  "  movl $1, %eax\n"
  "  ret\n"
  "  .long 0x12345678\n"
  "spin_abort_other:\n"
  "  movl $1, %eax\n"
  "  ret\n"

  "stay:\n"
  "  movl $1, (%rdx)\n"
  "  movq %rsi, (%rdi)\n"
  "stay_start:\n"
  "  jmp *16(%rdx)\n"
  "stay_end:\n"
  "stay_leave:\n"
  "  xorl %eax, %eax\n"
  "  ret\n"
  "  .long 0x53053053\n"
  "stay_abort:\n"
  "  movl $1, %eax\n"
  "  ret\n"

  "call_inside:\n"
  "  movq %rdi, %r9\n"
  "  movq %rsi, %r10\n"
  "  movq %rdx, %r8\n"
  "  movq (%r8), %rax\n"
  "  movq 8(%r8), %rdi\n"
  "  movq 16(%r8), %rsi\n"
  "  movq 24(%r8), %rdx\n"
  "  movq %r10, (%r9)\n"
  "call_start:\n"
  "  syscall\n"
  "  movq %rax, 32(%r8)\n"
  "call_end:\n"
  "  xorl %eax, %eax\n"
  "  ret\n"
  "  .long 0x53053053\n"
  "call_abort:\n"
  "  movl $1, %eax\n"
  "  ret\n"

  // within the instruction in front of it, where no ip can be
  "  .set stay_before, stay_start - 1\n"

  "  .popsection\n");

static void describe(struct rseq_cs *descriptor, const char *start, const char *end,
                     const char *abort_label) {
  descriptor->version = 0;
  descriptor->flags = 0;
  descriptor->start_ip = (uintptr_t)start;
  descriptor->post_commit_offset = (uint64_t)(end - start);
  descriptor->abort_ip = (uintptr_t)abort_label;
}

static const char *outcome_name(long outcome) {
  return outcome == COMMITTED ? "committed" : "aborted";
}
