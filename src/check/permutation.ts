// Threads that change places: what becomes of a number, an address or a word when each thread takes the
// place of another, with its control block. Whether a program can tell is not known here: `Symmetry`.

import { TCB_BYTES } from '../abi/thread.js';
import { type Action, tidOf, withTid } from './action.js';
import { signalsOf, threadOfSignals } from './dependence.js';

interface Move {
  readonly tid: number;
  readonly from: number;
  readonly to: number;
}

export class Permutation {
  /** From 0, equal for equal permutations. */
  readonly id: number;
  /** Index n is where thread n goes. */
  readonly #tids: readonly number[];
  /** The threads that move: where their blocks are, and where these go. */
  readonly moves: readonly Move[];

  /** blocks: addresses of the control blocks, by tid. */
  constructor(id: number, tids: readonly number[], blocks: readonly number[]) {
    this.id = id;
    this.#tids = tids;
    this.moves = tids.flatMap((to, tid) =>
      to === tid ? [] : [{ tid, from: blocks[tid] as number, to: blocks[to] as number }],
    );
  }

  thread(tid: number): number {
    return this.#tids[tid] ?? tid;
  }

  /** A word that is an address in a block moves with it; others may be anything and stay. */
  address(word: number): number {
    const address = word >>> 0;
    const { moves } = this;
    // By index: an iterator would be an object for every word of every thread.
    for (let at = 0; at < moves.length; at++) {
      const { from, to } = moves[at] as Move;
      if (address >= from && address < from + TCB_BYTES) return (address - from + to) | 0;
    }
    return word;
  }

  /** An address that something is kept at, also of what only stands for a system call. */
  place(address: number): number {
    const tid = threadOfSignals(address);
    if (tid !== undefined) return signalsOf(this.thread(tid));
    return address < 2 ** 32 ? this.address(address) >>> 0 : address;
  }

  /** Who accesses a word: as in WordAccess. */
  agent(agent: number): number {
    return this.thread(agent >> 1) * 2 + (agent & 1);
  }

  action(action: Action): Action {
    return withTid(action, this.thread(tidOf(action)));
  }
}
