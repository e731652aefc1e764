// Contents of the guest's memory, each known by a number; 0 is that at the beginning. They are kept by the inner
// part of the search: assembly/search/memory-states.ts.

import { GLOBALS_BASE } from '../abi/module.js';
import type { SearchCore } from './search-core.js';

const LINE_WORDS = 16;

export class MemoryStates {
  readonly #core: SearchCore;
  readonly #contents: number;

  /** words: what memory holds at the beginning; variables: words of the program's globals, from GLOBALS_BASE on. */
  constructor(core: SearchCore, words: Int32Array, variables: readonly number[]) {
    this.#core = core;
    const { functions } = core;
    this.#contents = functions.contents();
    const memory = functions.initialMemory(words.length) >>> 2;
    core.words.set(words, memory);
    const globals = functions.initialVariables(variables.length, GLOBALS_BASE) >>> 2;
    core.words.set(variables, globals);
  }

  /** The lanes of a content's fingerprint; that of the initial content is 0. */
  low(content: number): number {
    return this.#core.functions.low(this.#contents, content);
  }

  high(content: number): number {
    return this.#core.functions.high(this.#contents, content);
  }

  /** The word at `address`, a multiple of 4. */
  read(content: number, address: number): number {
    return this.#core.functions.read(content, address);
  }

  /** The content that comes of storing `word` at `address`. */
  write(content: number, address: number, word: number): number {
    return this.#core.functions.write(content, address, word);
  }

  /** The same for many words: pairs of address and word. */
  writeAll(content: number, stores: readonly number[]): number {
    if (stores.length === 0) return content;
    this.#core.give(stores);
    return this.#core.functions.writeAll(content, stores.length);
  }

  /**
   * Call `visit` with the address and the words of every line in which two contents differ: those of `to`, valid
   * during the call. It must not ask for anything.
   */
  difference(from: number, to: number, visit: (address: number, words: Int32Array) => void): void {
    if (from === to) return;
    const { functions } = this.#core;
    const count = functions.compare(from, to);
    const found = functions.differing() >>> 2;
    for (let at = found; at < found + count * 2; at += 2) {
      const { words } = this.#core;
      const address = (words[at + 1] as number) >>> 0;
      const line = functions.lineWords(words[at] as number, address) >>> 2;
      visit(address, words.subarray(line, line + LINE_WORDS));
    }
  }
}
