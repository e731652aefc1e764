// A state of a program as a vector of numbers: what threads share, what the kernel's services know, the
// memory's content, and the threads in the order of their numbers. Compiled by tsc, and by asc for
// assembly/search.

/** Who is on which CPU, and what the process has registered: any step can depend on that. */
export const SHARED = 0;
/** Queues, open files, random bytes: only system calls, signals, timers and ends of threads depend on that. */
export const SERVICES = 1;
export const CONTENT = 2;
/** Where the threads begin. */
export const THREADS = 3;
