// Numbers that both sides of the search know, src/check and assembly/search: compiled by tsc and by asc.

/** Where the parts of an action are in its word: tid, event, CPU. */
export const CPU_BITS = 5;
export const CPU_MASK = 31;
/** An event, or 0 where the thread runs. */
export const EVENT_MASK = 4064;
export const TID_SHIFT = 12;

// What is known at a node of the tree that steps are looked up in.
export const UNKNOWN = 0;
/** The word at the address that is the node's value decides how it goes on. */
export const READ = 1;
/** The value is the index of a leaf. */
export const LEAF = 2;
/** Like a word that is read: another thread, all of them, all of memory, or the kernel's services. */
export const THREAD = 3;
export const ALL_THREADS = 4;
export const ALL_MEMORY = 5;
export const ALL_SERVICES = 6;
/** What is known from here on was found by what is no longer so: value is the node that it begins at anew. */
export const MOVED = 7;

// What may stand for something else when threads have changed places. Contents of memory do too, in assembly/search.
export const THREAD_PART = 0;
export const SHARED_PART = 1;
export const SERVICES_PART = 2;

/** Of a class of threads that are alike: there would be more permutations. */
export const MOST_MEMBERS = 4;

// Words that say what has become of a state.
export const OUTCOME_LENGTH = 0;
/** It is the one that stands for it, and the next two are its fingerprint. */
export const OUTCOME_IS_SETTLED = 1;
export const OUTCOME_LOW = 2;
export const OUTCOME_HIGH = 3;
/** The address of the state that is worked on. */
export const OUTCOME_STATE = 4;
