// Where the parts of an action are in its word: for src/check/action.ts and for assembly/search.

export const CPU_BITS = 5;
export const TID_SHIFT = 12;
export const CPU_MASK = 31;
/** An event, or 0 where the thread runs. */
export const EVENT_MASK = 4064;
