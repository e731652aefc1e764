// rseq(area, length, flags, signature), number 334, as in Linux 4.18 and later: what a thread and the
// kernel share. Sources: include/uapi/linux/rseq.h. Compiled by both tsc and asc.
//
// struct rseq, the area: writer kernel before user code runs, reader this thread, unless said
//    0  u32 cpu_id_start  a CPU number always; 0 before registration
//    4  u32 cpu_id        the CPU, or -1 not registered, -2 registration failed
//    8  u64 rseq_cs       0, or the descriptor: writer this thread, and the kernel, which clears it
//   16  u32 flags         must be 0; linux-v2: slice extension bits, writer kernel
//   20  u32 node_id       NUMA node
//   24  u32 mm_cid        concurrency id
//   28  u8  request       linux-v2: the thread asks for a longer slice: writer this thread, kernel
//   29  u8  granted       linux-v2: it has got one: writer kernel
//
// struct rseq_cs, the descriptor of a section, 32 bytes: writer this process, reader kernel
//    0  u32 version 0     4  u32 flags 0     8  u64 start     16  u64 length     24  u64 abort

export const RSEQ_CPU_ID_START = 0;
export const RSEQ_CPU_ID = 4;
export const RSEQ_RSEQ_CS = 8;
export const RSEQ_FLAGS = 16;
export const RSEQ_NODE_ID = 20;
export const RSEQ_MM_CID = 24;
export const RSEQ_SLICE_REQUEST = 28;
export const RSEQ_SLICE_GRANTED = 29;

/** Length and alignment in bytes of an area, the only ones of a legacy registration. */
export const RSEQ_LEGACY_BYTES = 32;
/** Bytes of an area that linux knows (AT_RSEQ_FEATURE_SIZE); its areas are aligned to 32. */
export const RSEQ_FEATURE_BYTES = 28;
/** The same for linux-v2, whose areas that are not 32 bytes long are aligned to 64. */
export const RSEQ_V2_FEATURE_BYTES = 33;
export const RSEQ_V2_ALIGN = 64;

export const RSEQ_CPU_ID_UNINITIALIZED = -1;

export const RSEQ_FLAG_UNREGISTER = 1;
/** linux-v2: registered with the slice extension on. */
export const RSEQ_FLAG_SLICE_EXT_DEFAULT_ON = 2;
/** linux-v2, in the area's flags. */
export const RSEQ_CS_FLAG_SLICE_EXT_AVAILABLE = 0x10;
export const RSEQ_CS_FLAG_SLICE_EXT_ENABLED = 0x20;

/** The word in front of every abort label, as on x86. */
export const RSEQ_SIG = 0x53053053;

export const RSEQ_CS_VERSION = 0;
export const RSEQ_CS_FLAGS = 4;
export const RSEQ_CS_START = 8;
export const RSEQ_CS_LENGTH = 16;
export const RSEQ_CS_ABORT = 24;
export const RSEQ_CS_BYTES = 32;

/** prctl code of the slice extension, its operations and the bit that enables it. */
export const PR_RSEQ_SLICE_EXTENSION = 79;
export const PR_RSEQ_SLICE_EXTENSION_GET = 1;
export const PR_RSEQ_SLICE_EXTENSION_SET = 2;
export const PR_RSEQ_SLICE_EXT_ENABLE = 1;
