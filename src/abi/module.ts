// The names of the module contract: what an instrumented module imports and exports, and what the
// label imports are called before the toolchain has removed them. docs/abi.md is the specification.

/** Version of the contract; the first word of the code map. */
export const CONTRACT_VERSION = 2;

/** Module of every import but the memory. */
export const RSEQ_MODULE = 'rseq';
/** interrupt(ip) -> ip: called when fuel has run out at the interruption point `ip`. */
export const IMPORT_INTERRUPT = 'interrupt';
/** syscall(ip, number, a1..a6) -> result. */
export const IMPORT_SYSCALL = 'syscall';
export const MEMORY_MODULE = 'env';
export const MEMORY_NAME = 'memory';

/** enter(function, argument) -> i32: function 0 is main, any other a table index. */
export const EXPORT_ENTER = 'rseq.enter';
export const EXPORT_FUEL = 'rseq.fuel';
export const EXPORT_TP = 'rseq.tp';
export const EXPORT_R10 = 'rseq.r10';
export const EXPORT_CX = 'rseq.cx';
export const EXPORT_DX = 'rseq.dx';
export const EXPORT_GS = 'rseq.gs';
export const EXPORT_LOAD_BIAS = 'rseq.load_bias';
export const EXPORT_SIGNAL_HANDLER = 'rseq.signal_handler';
export const EXPORT_SIGNAL_NUMBER = 'rseq.signal_number';
export const EXPORT_SECTIONS_ENTERED = 'rseq.sections_entered';

export const EXPORT_START_UNWIND = 'asyncify_start_unwind';
export const EXPORT_STOP_UNWIND = 'asyncify_stop_unwind';
export const EXPORT_START_REWIND = 'asyncify_start_rewind';
export const EXPORT_STOP_REWIND = 'asyncify_stop_rewind';
export const EXPORT_UNWIND_STATE = 'asyncify_get_state';

/** Every function and every register global that a module exports by contract. */
export const CONTRACT_FUNCTIONS: readonly string[] = [
  EXPORT_ENTER,
  EXPORT_START_UNWIND,
  EXPORT_STOP_UNWIND,
  EXPORT_START_REWIND,
  EXPORT_STOP_REWIND,
  EXPORT_UNWIND_STATE,
];
export const CONTRACT_GLOBALS: readonly string[] = [
  EXPORT_FUEL,
  EXPORT_TP,
  EXPORT_R10,
  EXPORT_SIGNAL_HANDLER,
  EXPORT_SIGNAL_NUMBER,
  EXPORT_SECTIONS_ENTERED,
  EXPORT_LOAD_BIAS,
];
/** Registers that a module exports if its code uses them. */
export const OPTIONAL_GLOBALS: readonly string[] = [EXPORT_CX, EXPORT_DX, EXPORT_GS];

/** Custom section that holds the code map. */
export const CODE_MAP_SECTION = 'rseq';

/** The last pages of the memory are the host's: a stack is unwound there. The guest does not see them. */
export const UNWIND_PAGES = 4;
export const PAGE_BYTES = 65536;

/** First code address; below it nothing is code, so 0 is never an ip. */
export const CODE_BASE = 0x1000;
/** User addresses, data and code, are below; the last 64 KiB of 4 GiB are not. */
export const TASK_SIZE = 0xffff0000;
