// The inner part of the search, which is WebAssembly: assembly/search. What it knows is in its memory; here are
// the ways in. Addresses are bytes, everything else words.

import { CheckError } from './errors.js';
import { OUTCOME_STATE } from './search-layout.js';
import { SEARCH_MODULE } from './search-module.js';

/** An interner in it. */
export type Handle = number;

/** Its functions. Those with `words` take so many from where `argument` says. */
interface SearchFunctions {
  readonly memory: WebAssembly.Memory;
  bytes(): number;
  argument(words: number): number;
  vector(words: number): number;
  renamed(): number;
  outcome(): number;
  differing(): number;

  newInterner(): Handle;
  threads(): Handle;
  shared(): Handle;
  services(): Handle;
  contents(): Handle;
  size(interner: Handle): number;
  intern(interner: Handle, words: number): number;
  internAs(interner: Handle, words: number, low: number, high: number): number;
  internShared(besides: Handle, words: number): number;
  tuple(interner: Handle, id: number): number;
  length(interner: Handle, id: number): number;
  low(interner: Handle, id: number): number;
  high(interner: Handle, id: number): number;

  initialMemory(words: number): number;
  initialVariables(words: number, base: number): number;
  read(content: number, address: number): number;
  write(content: number, address: number, word: number): number;
  writeAll(content: number, words: number): number;
  compare(before: number, after: number): number;
  lineWords(line: number, address: number): number;

  root(action: number, shared: number, thread: number): number;
  child(node: number, value: number): number;
  kindOf(node: number): number;
  valueOf(node: number): number;
  setNode(node: number, kind: number, value: number): void;
  threadsOf(length: number): number;
  setLeaf(index: number): void;
  setPlain(leaf: number, threads: number): void;
  find(action: number, thread: number, length: number): number;
  apply(leaf: number, length: number): number;
  contentAfter(leaf: number, before: number): number;

  setPermutation(id: number, words: number): void;
  setGroup(threads: number, words: number): void;
  forgetGroups(): void;
  setQueues(services: number, words: number): void;
  imageOf(part: number, number: number, permutation: number): number;
  setImage(part: number, number: number, permutation: number, image: number): void;
  rename(permutation: number, length: number): number;
  renamedContent(content: number, permutation: number): number;

  settle(length: number, hasSymmetry: boolean): number;
  advance(action: number, length: number, hasSymmetry: boolean): number;
  push(length: number): void;
  peek(length: number): void;
  pop(length: number): void;
  clear(): void;
}

/** Bytes that it can have. */
const MOST_BYTES = 2 ** 32;

let compiled: WebAssembly.Module | undefined;

/**
 * Have checks work with a module that was compiled elsewhere: that of wasm-rseq/search.wasm, where programs cannot
 * compile any. Before the first check.
 */
export function useSearchModule(module: WebAssembly.Module): void {
  compiled = module;
}

/** Errors: CheckError where WebAssembly cannot be compiled. */
export function searchModule(): WebAssembly.Module {
  try {
    return (compiled ??= new WebAssembly.Module(SEARCH_MODULE));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const rule = 'give useSearchModule the module of wasm-rseq/search.wasm';
    throw new CheckError(`the search cannot be compiled here: ${reason}; ${rule}`, { cause });
  }
}

export class SearchCore {
  readonly functions: SearchFunctions;
  #words: Int32Array;

  constructor() {
    const instance = new WebAssembly.Instance(searchModule(), { search: { full: refuse } });
    this.functions = instance.exports as unknown as SearchFunctions;
    this.#words = new Int32Array(this.functions.memory.buffer);
    this.outcomeAt = this.functions.outcome() >>> 2;
  }

  /** Bytes it uses. */
  get bytes(): number {
    return this.functions.bytes() >>> 0;
  }

  /** What it needs next may be more than it can have: what grows is doubled. */
  get isNearlyFull(): boolean {
    return this.bytes > MOST_BYTES / 2;
  }

  /** All its memory. Valid until the next call of any function that may need more. */
  get words(): Int32Array {
    // Memory that has grown is another buffer, and a view of the old one is empty.
    if (this.#words.length === 0) this.#words = new Int32Array(this.functions.memory.buffer);
    return this.#words;
  }

  /** These come with the next call. */
  give(words: Int32Array | readonly number[]): void {
    const at = this.functions.argument(words.length) >>> 2;
    this.words.set(words, at);
  }

  /** The state to work on. */
  giveState(states: Int32Array): void {
    const at = this.functions.vector(states.length) >>> 2;
    this.words.set(states, at);
  }

  /** Where in `words` there is what has become of the state: the words OUTCOME_... behind it. */
  readonly outcomeAt: number;

  /** Where in `words` the state is that is worked on. Valid until the next state. */
  get stateAt(): number {
    return (this.words[this.outcomeAt + OUTCOME_STATE] as number) >>> 2;
  }

  /** A copy of the state that is worked on. */
  state(length: number): Int32Array {
    const at = this.stateAt;
    return this.words.slice(at, at + length);
  }

  /** A copy of the one that `rename` has made. */
  renamed(length: number): Int32Array {
    const at = this.functions.renamed() >>> 2;
    return this.words.slice(at, at + length);
  }
}

function refuse(): never {
  throw new CheckError('the states take more memory than a search can have, 4 GiB');
}
