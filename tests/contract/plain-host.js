// @ts-check
// The smallest host that keeps the module contract: instances of instrumented modules in one memory, and
// threads at rest. Written from docs/abi.md alone, for any engine with WebAssembly; it imports nothing. It is
// what the contract suite runs on where nobody brings a host, and what a host's author may read.

const PAGE_BYTES = 65536;
/** The last pages of the memory, which the guest does not see. */
const HOST_PAGES = 4;
const HOST_BYTES = HOST_PAGES * PAGE_BYTES;
const CONTRACT_VERSION = 4;
const CODE_BASE = 0x1000;
const ABIS = 7;

// Offsets in the context.
const STACK_END = 0;
const STACK_LIMIT = 4;
const FUEL = 8;
const TP = 12;
const GS = 16;
const R10 = 20;
const CX = 24;
const DX = 28;
const RESUME_VALUE = 32;
const SIGNAL_HANDLER = 36;
const SIGNAL_NUMBER = 40;
const FUNCTION = 44;
const ARGUMENT = 48;
const IP = 52;
const SYSNO = 56;
const ARGS = 60;
const VALUE = 84;
const USED = 88;
const ACCESSES = 92;
const STACK = 96;

/** Where the list of accesses begins, from the context on: behind where the stacks of the suite come to. */
const ACCESS_LIST = HOST_BYTES / 2;
const ACCESS_KINDS = ['', 'load', 'store', 'both'];

const RETURNED = 0;
const INTERRUPTED = 1;
const SYSTEM_CALL = 2;

const SIGILL = 4;
const SIGBUS = 7;
const SIGFPE = 8;
const SIGSEGV = 11;

/** What engines say when a guest traps. Everything else is SIGSEGV. */
const TRAPS = /** @type {const} */ ([
  [/unreachable/i, SIGILL],
  [/unaligned/i, SIGBUS],
  [/unrepresentable|integer overflow|by zero/i, SIGFPE],
]);

/**
 * @typedef {object} Section
 * @property {number} start
 * @property {number} end
 * @property {number} restart
 *
 * @typedef {object} CodeMap
 * @property {{ initial: number, maximum: number }} memory pages; maximum 0: none
 * @property {Section} critical
 * @property {Section[]} sections
 * @property {number} codeEnd behind the last address
 *
 * @typedef {object} Program
 * @property {CodeMap} map
 * @property {number} bias
 * @property {WebAssembly.Exports} exports
 *
 * @typedef {object} Thread
 * @property {Program} program
 * @property {number} entry
 * @property {number} argument
 * @property {Uint8Array} stack
 *
 * @typedef {import('./runner.js').RunOptions} RunOptions
 * @typedef {import('./runner.js').Exit} Exit
 * @typedef {import('./runner.js').ModuleSource} ModuleSource
 */

/**
 * Load modules into one memory. Throws when one does not keep the contract.
 * @param {readonly { source: ModuleSource, bias: number }[]} modules
 * @param {number} memoryLimit pages that the guest may have
 */
export async function newPlainHost(modules, memoryLimit) {
  return new PlainHost(await loadPrograms(modules, memoryLimit));
}

/**
 * @param {readonly { source: ModuleSource, bias: number }[]} modules
 * @param {number} memoryLimit
 */
export async function loadPrograms(modules, memoryLimit) {
  const loaded = [];
  for (const { source, bias } of modules) {
    const module = await compile(source);
    loaded.push({ module, bias, map: checkModule(module) });
  }
  const memory = createMemory(
    loaded.map(({ map }) => map.memory),
    memoryLimit,
  );
  const programs = [];
  for (const { module, bias, map } of loaded) {
    const { exports } = await WebAssembly.instantiate(module, { env: { memory } });
    requireGlobals(exports);
    word(exports['rseq.load_bias']).value = bias;
    programs.push({ map, bias, exports });
  }
  return { memory, programs };
}

export class PlainHost {
  /** Bytes of the host's pages that were ever written. */
  used = STACK;

  /** @param {{ memory: WebAssembly.Memory, programs: Program[] }} loaded */
  constructor({ memory, programs }) {
    this.memory = memory;
    this.programs = programs;
  }

  /** Of the guest. */
  get pages() {
    return this.memory.buffer.byteLength / PAGE_BYTES - HOST_PAGES;
  }

  /** Where the host's pages begin now: growth moves them. */
  get context() {
    return this.pages * PAGE_BYTES;
  }

  get view() {
    return new DataView(this.memory.buffer);
  }

  /**
   * @param {number} module
   * @param {number} entry
   * @param {number} argument
   * @returns {Thread}
   */
  createThread(module, entry, argument) {
    return { program: this.program(module), entry, argument, stack: new Uint8Array() };
  }

  /**
   * @param {Thread} thread
   * @param {RunOptions} options
   * @returns {Exit}
   */
  run(thread, options) {
    const { exports } = thread.program;
    this.writeContext(thread, options);
    let reason;
    try {
      const run = /** @type {(context: number) => unknown} */ (exports['rseq.run']);
      reason = run(this.context | 0);
    } catch (error) {
      return this.trapped(error, options.fuel - word(exports['rseq.fuel']).value);
    }
    return this.readContext(thread, options, reason);
  }

  /**
   * @param {Thread} thread
   * @param {RunOptions} options
   */
  writeContext(thread, options) {
    const { context, view } = this;
    /** @type {(offset: number, value: number) => void} */
    const put = (offset, value) => view.setInt32(context + offset, value, true);
    if (options.isNoted) this.used = HOST_BYTES;
    put(STACK_END, context + STACK + thread.stack.length);
    put(STACK_LIMIT, 0);
    put(FUEL, options.fuel);
    put(TP, options.tp);
    put(GS, options.gs);
    put(R10, options.r10);
    put(CX, options.cx);
    put(DX, options.dx);
    put(RESUME_VALUE, this.resumeValue(thread, options));
    put(SIGNAL_HANDLER, options.handler);
    put(SIGNAL_NUMBER, options.signal);
    put(FUNCTION, thread.entry);
    put(ARGUMENT, thread.argument);
    put(USED, this.used);
    put(ACCESSES, options.isNoted ? context + ACCESS_LIST : 0);
    this.putStack(thread.stack);
  }

  /**
   * An address to go on at is the module's own, without its load bias.
   * @param {Thread} thread
   * @param {RunOptions} options
   */
  resumeValue(thread, { resume }) {
    return resume.kind === 'ip' ? resume.value - thread.program.bias : resume.value;
  }

  /** @param {Uint8Array} stack */
  putStack(stack) {
    new Uint8Array(this.memory.buffer).set(stack, this.context + STACK);
  }

  /**
   * @param {Thread} thread
   * @param {RunOptions} options
   * @param {unknown} reason
   * @returns {Exit}
   */
  readContext(thread, options, reason) {
    const { context, view } = this;
    /** @type {(offset: number) => number} */
    const get = (offset) => view.getInt32(context + offset, true);
    const left = get(FUEL);
    const registers = { used: Math.max(0, options.fuel - left), cx: get(CX), dx: get(DX) };
    if (reason === RETURNED && left <= options.fuel)
      return { kind: 'returned', value: get(VALUE), ...registers };
    const bytes = (get(STACK_END) - context - STACK) | 0;
    const isStopped = reason === INTERRUPTED ? left <= 0 : reason === SYSTEM_CALL;
    const isStack = bytes > 0 && bytes <= HOST_BYTES - STACK && bytes % 4 === 0;
    if (!isStopped || left > options.fuel || !isStack)
      return { kind: 'trapped', value: SIGSEGV, ...registers };
    this.takeStack(thread, bytes);
    const ip = get(IP) + thread.program.bias;
    if (reason === INTERRUPTED) return { kind: 'interrupted', ip, ...registers };
    const args = [0, 1, 2, 3, 4, 5].map((index) => get(ARGS + 4 * index));
    return { kind: 'syscall', value: get(SYSNO), ip, args, ...registers };
  }

  /**
   * @param {Thread} thread
   * @param {number} bytes
   */
  takeStack(thread, bytes) {
    const start = this.context + STACK;
    thread.stack = new Uint8Array(this.memory.buffer).slice(start, start + bytes);
    this.used = Math.max(this.used, STACK + bytes);
  }

  /**
   * @param {unknown} error
   * @param {number} used
   * @returns {Exit}
   */
  trapped(error, used) {
    this.used = HOST_BYTES;
    const { context, view } = this;
    const isTooDeep = view.getInt32(context + STACK_LIMIT, true) !== 0;
    const message = error instanceof Error ? error.message : '';
    const [, signal = SIGSEGV] = TRAPS.find(([pattern]) => pattern.test(message)) ?? [];
    const value = isTooDeep ? SIGSEGV : signal;
    return { kind: 'trapped', value, used: Math.max(0, used), cx: 0, dx: 0 };
  }

  /** What the last run has written down; undefined when the memory has grown meanwhile. */
  get accesses() {
    const { context, view } = this;
    const end = view.getUint32(context + ACCESSES, true);
    if (end === 0) return undefined;
    const entries = [];
    for (let at = context + ACCESS_LIST; at < end; at += 8) {
      const access = view.getUint32(at + 4, true);
      const kind = /** @type {string} */ (ACCESS_KINDS[access & 3]);
      entries.push({ kind, address: view.getUint32(at, true), bytes: access >>> 2 });
    }
    return entries;
  }

  /**
   * May code that is stopped at `from` go on at `to`?
   * @param {number} from
   * @param {number} to
   */
  canRedirect(from, to) {
    return this.programs.some(({ map, bias }) => {
      const [own, target] = [from - bias, to - bias];
      if (own < CODE_BASE || own >= map.codeEnd) return false;
      if (contains(map.critical, own) && target === map.critical.restart) return true;
      const section = map.sections.find((each) => contains(each, own));
      return section !== undefined && (target === section.restart || target === section.start);
    });
  }

  /** @param {number} address */
  load(address) {
    return this.view.getInt32(address, true);
  }

  /**
   * @param {number} address
   * @param {number} value
   */
  store(address, value) {
    this.view.setInt32(address, value, true);
  }

  /** @param {number} module */
  sectionsEntered(module) {
    return word(this.program(module).exports['rseq.sections_entered']).value;
  }

  /**
   * @param {number} module
   * @param {number} number
   */
  global(module, number) {
    return word(this.program(module).exports[`rseq.global.${number}`]);
  }

  /** @param {number} module */
  program(module) {
    const program = this.programs[module];
    if (program === undefined) throw new Error(`there is no module ${module}`);
    return program;
  }
}

/** @param {ModuleSource} source */
async function compile(source) {
  if (source instanceof WebAssembly.Module) return source;
  const bytes = new Uint8Array(/** @type {ArrayBuffer} */ (source));
  const module = await WebAssembly.compile(bytes);
  if (hasStart(bytes)) throw new Error('module has a start function');
  return module;
}

/** @param {Uint8Array} bytes of a module that is valid */
function hasStart(bytes) {
  const reader = new Reader(bytes, 8);
  while (!reader.isAtEnd) {
    if (reader.byte() === 8) return true;
    reader.skip(reader.word());
  }
  return false;
}

/** @param {WebAssembly.Module} module */
function checkModule(module) {
  const [section, second] = WebAssembly.Module.customSections(module, 'rseq');
  if (section === undefined || second !== undefined) throw new Error('not one code map');
  for (const { kind, module: from, name } of WebAssembly.Module.imports(module)) {
    if (`${kind} ${from} ${name}` !== 'memory env memory') throw new Error(`imports ${name}`);
  }
  const exports = WebAssembly.Module.exports(module).map(({ kind, name }) => `${kind} ${name}`);
  for (const item of ['function rseq.run', ...GLOBALS.map((name) => `global ${name}`)]) {
    if (!exports.includes(item)) throw new Error(`does not export ${item}`);
  }
  return readCodeMap(new Uint8Array(section));
}

const GLOBALS = ['rseq.fuel', 'rseq.load_bias', 'rseq.sections_entered'];

/** @param {WebAssembly.Exports} exports */
function requireGlobals(exports) {
  for (const name of GLOBALS) {
    const global = word(exports[name]);
    global.value = 2 ** 31;
    if (global.value !== -(2 ** 31)) throw new Error(`${name} is not a mutable i32`);
    global.value = 0;
  }
}

/** @param {WebAssembly.ExportValue | undefined} global */
function word(global) {
  return /** @type {WebAssembly.Global} */ (global);
}

/**
 * As large as the program that declares most wants it, and no larger than any allows.
 * @param {CodeMap['memory'][]} limits
 * @param {number} memoryLimit
 */
function createMemory(limits, memoryLimit) {
  const initial = Math.max(...limits.map((each) => each.initial));
  const declared = limits.map((each) => each.maximum).filter((maximum) => maximum > 0);
  const maximum = Math.min(memoryLimit, ...declared);
  if (initial > maximum) throw new Error(`${initial} pages of memory, ${maximum} allowed`);
  return new WebAssembly.Memory({
    initial: initial + HOST_PAGES,
    maximum: maximum + HOST_PAGES,
  });
}

/**
 * The code map, checked: what stands in it is only read as far as a host needs it.
 * @param {Uint8Array} bytes
 * @returns {CodeMap}
 */
function readCodeMap(bytes) {
  const reader = new Reader(bytes, 0);
  demand(reader.word() === CONTRACT_VERSION, 'version');
  demand(reader.word() <= 1, 'metering');
  demand(reader.word() < ABIS, 'abi');
  const memory = { initial: reader.word(), maximum: reader.word() };
  demand(memory.maximum === 0 || memory.maximum >= memory.initial, 'memory maximum');
  const critical = { start: reader.word(), end: reader.word(), restart: reader.word() };
  const files = reader.vector(() => reader.string()).length;
  const functions = reader.vector(() => reader.string()).length;
  const owners = reader.vector(() => {
    const owner = reader.word();
    demand(owner < functions && reader.word() < files, 'point');
    reader.word();
    return owner;
  });
  const sections = reader.vector(() => {
    const section = { start: reader.word(), end: reader.word(), restart: reader.word() };
    reader.word();
    reader.vector(() => reader.string());
    return section;
  });
  demand(reader.isAtEnd, 'nothing behind the last item');
  checkSections(sections, critical, owners);
  return { memory, critical, sections, codeEnd: CODE_BASE + owners.length };
}

/**
 * @param {Section[]} sections
 * @param {Section} critical
 * @param {number[]} owners function of every point
 */
function checkSections(sections, critical, owners) {
  let previousEnd = 0;
  for (const { start, end, restart } of [...sections].sort((a, b) => a.start - b.start)) {
    const owner = owners[start - CODE_BASE];
    demand(start < end, 'section start < end');
    demand(owner !== undefined, 'section start');
    demand(owners[end - CODE_BASE] === owner, 'section end');
    demand(owners[restart - CODE_BASE] === owner, 'section restart');
    demand(!contains({ start, end }, restart), 'restart outside its section');
    demand(start >= critical.start && end <= critical.end, 'section in the critical range');
    demand(start >= previousEnd, 'sections apart');
    previousEnd = end;
  }
  if (sections.length === 0) return;
  demand(critical.start < critical.end, 'critical range');
  demand(owners[critical.restart - CODE_BASE] !== undefined, 'critical restart');
  demand(!contains(critical, critical.restart), 'critical restart outside');
}

/**
 * @param {boolean} isKept
 * @param {string} rule
 */
function demand(isKept, rule) {
  if (!isKept) throw new Error(`bad code map: ${rule}`);
}

/**
 * @param {{ start: number, end: number }} range
 * @param {number} ip
 */
function contains({ start, end }, ip) {
  return ip >= start && ip < end;
}

class Reader {
  /**
   * @param {Uint8Array} bytes
   * @param {number} at
   */
  constructor(bytes, at) {
    this.bytes = bytes;
    this.at = at;
  }

  get isAtEnd() {
    return this.at === this.bytes.length;
  }

  byte() {
    const byte = this.bytes[this.at++];
    if (byte === undefined) throw new Error('bad code map: cut short');
    return byte;
  }

  word() {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.byte();
      value += (byte & 127) * scale;
      demand(value <= 0xffffffff && scale <= 2 ** 28, '32 bits');
      if (byte < 128) return value;
    }
  }

  string() {
    this.skip(this.word());
  }

  /** @param {number} length */
  skip(length) {
    demand(length <= this.bytes.length - this.at, 'length');
    this.at += length;
  }

  /**
   * @template T
   * @param {() => T} read
   * @returns {T[]}
   */
  vector(read) {
    const length = this.word();
    demand(length <= this.bytes.length - this.at, 'length');
    return Array.from({ length }, read);
  }
}
