// Mutants that the checker does not kill, by name, and why: each was thought through. An entry that does
// not hold any more fails the run.

const SAME_TRY = 'a try that loads it too loads what an earlier one has: nobody ever changes it';
const ONLY_SIGNAL = 'nothing interrupts the handler: the thread gets one signal';
const AT_START = 'stopped behind its only load, the thread stands at start(), and loads again';

/** No schedule makes them do what their subject would not. */
export const EQUIVALENT = new Map([
  [
    'aba-list-pop pop: node != 0 to node != 1',
    'the list is empty: the word at address 0, which is 0, becomes the head, which is 0',
  ],
  [
    'handler-without-section onSignal: `store<i32>(COUNT, load<i32>(COUNT, 4) + 1, 4)` before `store<i32>(COUNT, load<i32>(COUNT) + 1)`',
    ONLY_SIGNAL,
  ],
  [
    "handler-without-section main: restart() before `assert(signal(10, onSignal) == 0, 'no handler')`",
    'a second try installs the handler that is there',
  ],
  [
    'ring-overtaken take: restart() before `let value = 0`',
    'every try begins with 0 either way: the next statement says so again',
  ],
  [
    'unlock-from-another-cpu tryWork: end() behind `if (found != 0) return 0`',
    'who leaves there has stored nothing; who has stored touches no memory before end()',
  ],
  ['late-lowering increment: restart() before `const base = load<usize>(HOLDER)`', SAME_TRY],
  ['late-lowering increment: `const base = load<usize>(HOLDER)` behind start()', SAME_TRY],
  [
    'late-lowering increment: start() behind `const slot = base + load<usize>(base) + <usize>(rseq.cpuI...`',
    'the CPU is loaded last: stopped behind that, the thread stands at start(); the offset never changes',
  ],
  [
    'one-word-check pop: restart() before `item = load<i32>(top)`',
    'a second try loads the item again; the section compares it and the count all the same',
  ],
  [
    'one-word-check pop: `item = load<i32>(top)` behind start()',
    'loaded in the section it is the item that is there; the count is compared all the same',
  ],
  [
    'percpu/hash-map hashMapAdd: restart() before `const bytes = changetype<HashMap>(map).bytesPerCpu`',
    SAME_TRY,
  ],
  [
    'percpu/refcount addHere: start() behind `if (load<i32>(refcount, KILLED) != 0) return false`',
    AT_START,
  ],
  [
    'percpu/refcount addHere: `const slot = refcount + <usize>rseq.cpuId() * CPU_BYTES` before start()',
    AT_START,
  ],
  [
    'percpu/ring ringPut: restart() before `const stride = changetype<Ring>(ring).stride`',
    SAME_TRY,
  ],
  [
    'percpu/ring ringPutRecord: restart() before `const stride = changetype<Ring>(ring).stride`',
    SAME_TRY,
  ],
  [
    'percpu/ring ringTake: restart() before `const stride = changetype<Ring>(ring).stride`',
    SAME_TRY,
  ],
]);

/** Mistakes. */
export const MISSED = new Map([]);
