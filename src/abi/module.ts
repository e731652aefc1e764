// The names of the module contract: what an instrumented module imports and exports, and what the
// label imports are called before the toolchain has removed them. docs/abi.md is the specification.

/** Version of the contract; the first word of the code map. */
export const CONTRACT_VERSION = 4;

/** Module of the label imports, and of whatever else a program asks the toolchain for. */
export const RSEQ_MODULE = 'rseq';
/** syscall(number, a1..a6) -> result. */
export const IMPORT_SYSCALL = 'syscall';
/** The only import of an instrumented module. */
export const MEMORY_MODULE = 'env';
export const MEMORY_NAME = 'memory';

/** run(context) -> exit: run the thread whose context lies at that address until it exits. */
export const EXPORT_RUN = 'rseq.run';
/** Fuel left at the last call or return; what counts after a trap. */
export const EXPORT_FUEL = 'rseq.fuel';
export const EXPORT_LOAD_BIAS = 'rseq.load_bias';
export const EXPORT_SECTIONS_ENTERED = 'rseq.sections_entered';

/** Every function and every global that a module exports by contract. */
export const CONTRACT_FUNCTIONS: readonly string[] = [EXPORT_RUN];
export const CONTRACT_GLOBALS: readonly string[] = [
  EXPORT_FUEL,
  EXPORT_LOAD_BIAS,
  EXPORT_SECTIONS_ENTERED,
];

// What `run` returns.
/** The thread's function has returned CONTEXT_VALUE. */
export const EXIT_RETURNED = 0;
/** Fuel is spent, at CONTEXT_IP. */
export const EXIT_INTERRUPTED = 1;
/** It makes the system call CONTEXT_SYSNO, at CONTEXT_IP. */
export const EXIT_SYSCALL = 2;

// The context of a thread, words at the start of the host's pages. In: the host writes it before a
// run. Out: it is there after the run; where it has moved to, when the guest's memory has grown.
/** In and out: address behind the thread's unwound stack, CONTEXT_STACK when it has none. */
export const CONTEXT_STACK_END = 0;
/**
 * In: 0. Set while the stack unwinds, to where it must not go: a trap with this word set is a stack too
 * deep to suspend.
 */
export const CONTEXT_STACK_LIMIT = 4;
/** In: the grant, 1 to 2^30. Out: what is left, which may be negative. Not after a trap. */
export const CONTEXT_FUEL = 8;
export const CONTEXT_TP = 12;
export const CONTEXT_GS = 16;
export const CONTEXT_R10 = 20;
/** In and out, event counter ABI. */
export const CONTEXT_CX = 24;
export const CONTEXT_DX = 28;
/** In: the ip to go on at after an interrupt, the result after a system call. */
export const CONTEXT_RESUME_VALUE = 32;
/** In: table index of the handler to call first, 0 for none, and its argument. */
export const CONTEXT_SIGNAL_HANDLER = 36;
export const CONTEXT_SIGNAL_NUMBER = 40;
/** In: table index of the thread's function, 0 for main, and its argument. The same every time. */
export const CONTEXT_FUNCTION = 44;
export const CONTEXT_ARGUMENT = 48;
/** Out. */
export const CONTEXT_IP = 52;
export const CONTEXT_SYSNO = 56;
/** Out: six words. */
export const CONTEXT_ARGS = 60;
export const CONTEXT_VALUE = 84;
/** In: bytes of the host's pages, from the first on, that may not be 0: the guest must not find them. */
export const CONTEXT_USED = 88;
/**
 * In: 0, or where to write down what is accessed, ACCESS_BYTES each; instruction metering only. Out: behind
 * the last entry; 0 when the memory has grown, and what came after is not written down.
 */
export const CONTEXT_ACCESSES = 92;
/** The unwound stack, up to CONTEXT_STACK_END. */
export const CONTEXT_STACK = 96;

// An entry of that list: the address of the first byte, then bytes * 4 + what is done to them.
export const ACCESS_BYTES = 8;
export const ACCESS_LOAD = 1;
export const ACCESS_STORE = 2;
/** The module's mutable global n, as far as it is exported, is 8 bytes here, where no memory is. */
export const GLOBALS_BASE = 0xffff0000;
export const GLOBAL_BYTES = 8;
/**
 * With instruction metering, global n is exported as this and n. Number 0 is not the program's but the
 * address of the sections' descriptors; nothing is written down of it.
 */
export const EXPORT_GLOBAL = 'rseq.global.';

/** Custom section that holds the code map. */
export const CODE_MAP_SECTION = 'rseq';

/** The last pages of the memory are the host's: a stack is unwound there. The guest does not see them. */
export const UNWIND_PAGES = 4;
export const PAGE_BYTES = 65536;

/** Fuel is charged for bytes that one instruction or system call moves: a unit for so many. */
export const BYTES_PER_FUEL = 64;

/** First code address; below it nothing is code, so 0 is never an ip. */
export const CODE_BASE = 0x1000;
/** User addresses, data and code, are below; the last 64 KiB of 4 GiB are not. */
export const TASK_SIZE = 0xffff0000;
