// rseq(area, flags), number 323: event counters, the ABI between the RFC of June 2015 and the one
// that Linux took, in the form of its last version (2016). Compiled by both tsc and asc.
//
// The area, 16 bytes, aligned 8:
//    0  u32 cpu_id          writer: kernel, before user code runs; reader: this thread
//    4  u32 event_counter   likewise; another number after every event
//    8  u64 post_commit_ip  writer: this thread, before its section; the kernel clears it
//
// In a section dx holds the event counter it began with, and cx the address to go on at.

export const EVENT_CPU_ID = 0;
export const EVENT_COUNTER = 4;
export const EVENT_POST_COMMIT_IP = 8;
export const EVENT_AREA_BYTES = 16;
export const EVENT_AREA_ALIGN = 8;
