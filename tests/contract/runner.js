// @ts-check
// Runs the contract suite on a host: reads scripts, does to the host what they say, and compares what
// came of it. suite/README.md is the reference of the scripts. For any engine with WebAssembly.
//
// A line that expects something is written again from what the host did; the law holds when both are the
// same text. So the recorder and hosts in other languages need no second way to compare.

import { newPlainHost } from './plain-host.js';

/**
 * @typedef {WebAssembly.Module | ArrayBuffer | Uint8Array} ModuleSource
 *
 * @typedef {object} RunOptions of one run of a thread
 * @property {number} fuel
 * @property {{ kind: 'ip' | 'result', value: number }} resume where to go on, as the kernel knows the
 *   address, or what the system call returned
 * @property {number} tp
 * @property {number} gs
 * @property {number} r10
 * @property {number} cx
 * @property {number} dx
 * @property {number} handler table index, 0 for none
 * @property {number} signal
 * @property {boolean} isNoted accesses are written down
 *
 * @typedef {object} Exit
 * @property {'returned' | 'interrupted' | 'syscall' | 'trapped'} kind
 * @property {number} [value] what was returned, the number of the call, or the signal of a trap
 * @property {number} [ip] as the kernel knows it, with the load bias
 * @property {readonly number[]} [args]
 * @property {number} used fuel
 * @property {number} cx
 * @property {number} dx
 *
 * @typedef {object} ContractHost modules in one memory, and their threads
 * @property {(module: number, entry: number, argument: number) => any} createThread
 * @property {(thread: any, options: RunOptions) => Exit} run
 * @property {readonly { kind: string, address: number, bytes: number }[] | undefined} accesses of the
 *   last run; undefined when the memory has grown
 * @property {(from: number, to: number) => boolean} canRedirect
 * @property {number} pages of the guest
 * @property {(address: number) => number} load
 * @property {(address: number, value: number) => void} store
 * @property {(module: number) => number} sectionsEntered
 * @property {(module: number, number: number) => { value: number }} global
 *
 * @typedef {object} ProgramOptions
 * @property {number} cpus
 * @property {number} threads
 * @property {number} quantum of the round-robin scheduler
 *
 * @typedef {object} ProgramResult
 * @property {string} output
 * @property {'exit' | 'signal'} end
 * @property {number} status exit status, or the signal
 * @property {number} preemptions
 * @property {number} restarts
 * @property {number} migrations
 * @property {number} fuel
 * @property {string} [trace] hash of the trace, of a host that has one
 *
 * @typedef {object} Ports what a script is run with
 * @property {(name: string) => ModuleSource | Promise<ModuleSource>} readModule
 * @property {(modules: { source: ModuleSource, bias: number }[], memoryLimit: number) =>
 *   ContractHost | Promise<ContractHost>} newHost throws when a module does not keep the contract
 * @property {(source: ModuleSource, options: ProgramOptions) => ProgramResult | Promise<ProgramResult>}
 *   [runProgram] of a host with a kernel; laws about programs are skipped without
 *
 * @typedef {object} Law
 * @property {string} script
 * @property {string} name
 * @property {{ number: number, text: string }[]} lines
 */

/** Pages that a guest may have, unless a script says. */
const MEMORY_LIMIT = 64;
/** Slices after which a program that does not end is given up. */
const MOST_SLICES = 100_000;

/** The law cannot be tried: the host has not what it takes. */
class Skipped extends Error {}

/**
 * Run every script of the suite.
 * @param {{
 *   readText: (name: string) => string | Promise<string>,
 *   readModule: Ports['readModule'],
 *   newHost?: Ports['newHost'],
 *   runProgram?: Ports['runProgram'],
 * }} options readText, readModule: a file of the suite's folder. readModule may give the bytes or the
 *   compiled module; only bytes can be searched for a start function
 * @returns {Promise<{ passed: number, failed: number, skipped: number, failures: string[] }>}
 */
export async function runContractSuite({
  readText,
  readModule,
  newHost = newPlainHost,
  runProgram,
}) {
  const report = { passed: 0, failed: 0, skipped: 0, failures: /** @type {string[]} */ ([]) };
  for (const script of meaningfulLines(await readText('index.txt'))) {
    for (const law of parseScript(script.text, await readText(script.text))) {
      const failure = await tryLaw(law, { readModule, newHost, ...(runProgram && { runProgram }) });
      if (failure === undefined) report.passed++;
      else if (failure instanceof Skipped) report.skipped++;
      else {
        report.failed++;
        report.failures.push(`${law.script}: ${law.name}: ${failure.message}`);
      }
    }
  }
  return report;
}

/**
 * What is before the first law belongs to all of them.
 * @param {string} script
 * @param {string} text
 * @returns {Law[]}
 */
export function parseScript(script, text) {
  /** @type {Law['lines']} */
  const prelude = [];
  /** @type {Law[]} */
  const laws = [];
  for (const line of meaningfulLines(text)) {
    const { lines } = laws.at(-1) ?? { lines: prelude };
    if (line.text.startsWith('law ')) {
      laws.push({ script, name: line.text.slice('law '.length), lines: [...prelude] });
    } else lines.push(line);
  }
  return laws;
}

/** @param {string} text */
function meaningfulLines(text) {
  const lines = text.split('\n').map((line, index) => ({ number: index + 1, text: line.trim() }));
  return lines.filter((line) => line.text !== '' && !line.text.startsWith('#'));
}

/**
 * @param {Law} law
 * @param {Ports} ports
 * @returns {Promise<Error | undefined>} why it does not hold
 */
async function tryLaw(law, ports) {
  const run = new LawRun(ports);
  for (const { number, text } of law.lines) {
    try {
      const actual = await run.perform(text);
      if (actual !== undefined && actual !== text) {
        return new Error(`line ${number}: expected '${text}', got '${actual}'`);
      }
    } catch (error) {
      if (error instanceof Skipped) return error;
      return new Error(`line ${number}: ${text}: ${error}`);
    }
  }
  return undefined;
}

/**
 * @typedef {object} Subject a thread of the script
 * @property {any} thread
 * @property {RunOptions} options of its next run
 * @property {number} used fuel, so far
 */

/** One law under way. */
export class LawRun {
  /** @type {Ports} */
  #ports;
  /** @type {{ source: ModuleSource, bias: number }[]} */
  #modules = [];
  #memoryLimit = MEMORY_LIMIT;
  /** @type {ContractHost | undefined} */
  #host;
  /** @type {Map<string, Subject>} */
  #subjects = new Map();
  /** @type {Exit | undefined} */
  #exit;
  #accessesRead = 0;
  /** @type {ProgramResult | undefined} */
  #result;
  /** @type {string[]} */
  #output = [];

  /** @param {Ports} ports */
  constructor(ports) {
    this.#ports = ports;
  }

  /** The exit of the last run. */
  get exit() {
    if (this.#exit === undefined) throw new Error('no thread has run');
    return this.#exit;
  }

  /** The host as it is now. */
  async host() {
    this.#host ??= await this.#ports.newHost(this.#modules, this.#memoryLimit);
    return this.#host;
  }

  /**
   * Do what a line says. Errors: an Error when it is no line of a script, or the host refuses.
   * @param {string} line
   * @returns {Promise<string | undefined>} a line that expects something as it would have to be; of
   *   others, nothing
   */
  async perform(line) {
    const [verb = '', ...words] = line.split(' ');
    const performer = PERFORMERS[verb];
    if (performer === undefined) throw new Error(`unknown: ${verb}`);
    const actual = await performer(this, words);
    return actual === undefined ? undefined : `${verb} ${actual}`;
  }

  /** @param {string[]} words */
  limit([pages]) {
    this.#memoryLimit = number(pages);
  }

  /** @param {string[]} words */
  async module([file = '', bias]) {
    this.#modules.push({ source: await this.#ports.readModule(file), bias: number(bias) });
  }

  /**
   * Is a module loaded? The line says what is expected.
   * @param {string} file
   */
  async isAccepted(file) {
    const source = await this.#ports.readModule(file);
    if (source instanceof WebAssembly.Module && file === START_FUNCTION) throw new Skipped();
    try {
      await this.#ports.newHost([{ source, bias: 0 }], this.#memoryLimit);
      return true;
    } catch {
      return false;
    }
  }

  /** @param {string[]} words */
  async thread([name = '', , module, , entry, , argument]) {
    const host = await this.host();
    const thread = host.createThread(number(module), number(entry), number(argument));
    this.#subjects.set(name, { thread, options: newRunOptions(), used: 0 });
  }

  /** @param {string | undefined} name */
  subject(name) {
    const subject = this.#subjects.get(name ?? '');
    if (subject === undefined) throw new Error(`there is no thread ${name}`);
    return subject;
  }

  /** @param {string[]} words */
  async run([name, , fuel, how, value]) {
    const subject = this.subject(name);
    const { options } = subject;
    options.fuel = number(fuel);
    options.resume = { kind: how === 'at' ? 'ip' : 'result', value: number(value ?? '0') };
    const exit = (await this.host()).run(subject.thread, options);
    const { cx, dx, used } = exit;
    subject.options = { ...options, cx, dx, handler: 0, signal: 0, isNoted: false };
    subject.used += used;
    this.#exit = exit;
    this.#accessesRead = 0;
  }

  /** @param {string[]} words */
  async finish([name = '', ...how]) {
    await this.run([name, ...how]);
    for (let slice = 0; this.exit.kind === 'interrupted'; slice++) {
      if (slice === MOST_SLICES) throw new Error('the thread does not end');
      await this.run([name, 'fuel', how[1] ?? '', 'at', `${this.exit.ip}`]);
    }
  }

  async nextAccess() {
    const { accesses } = await this.host();
    if (accesses === undefined) return 'lost';
    const access = accesses[this.#accessesRead++];
    return access === undefined ? 'end' : `${access.kind} ${access.address} ${access.bytes}`;
  }

  /** @param {string[]} words */
  async program([file = '', , cpus, , threads, , quantum]) {
    const { runProgram, readModule } = this.#ports;
    if (runProgram === undefined) throw new Skipped();
    this.#result = await runProgram(await readModule(file), {
      cpus: number(cpus),
      threads: number(threads),
      quantum: number(quantum),
    });
    this.#output = this.#result.output.split('\n');
    if (this.#output.at(-1) === '') this.#output.pop();
  }

  get result() {
    if (this.#result === undefined) throw new Error('no program has run');
    return this.#result;
  }

  nextOutput() {
    return this.#output.shift() ?? 'nothing';
  }

  get hasMoreOutput() {
    return this.#output.length > 0;
  }
}

/** The module that a host refuses for what only its bytes tell. */
const START_FUNCTION = 'refused-start-function.wasm';

/** @returns {RunOptions} */
function newRunOptions() {
  const registers = { tp: 0, gs: 0, r10: 0, cx: 0, dx: 0 };
  const resume = { kind: /** @type {const} */ ('result'), value: 0 };
  return { fuel: 0, resume, ...registers, handler: 0, signal: 0, isNoted: false };
}

const REGISTERS = ['tp', 'gs', 'r10', 'cx', 'dx'];

/**
 * By the first word of a line. What one returns is the rest of the line as it would have to be.
 * @type {Readonly<Record<string, (run: LawRun, words: string[]) =>
 *   string | undefined | void | Promise<string | undefined | void>>>}
 */
const PERFORMERS = {
  limit: (run, words) => run.limit(words),
  module: (run, words) => run.module(words),
  accepted: async (run, [file = '']) => ((await run.isAccepted(file)) ? file : 'not'),
  refused: async (run, [file = '']) => ((await run.isAccepted(file)) ? 'not' : file),
  thread: (run, words) => run.thread(words),
  register: (run, [thread, name = '', value]) => {
    if (!REGISTERS.includes(name)) throw new Error(`there is no register ${name}`);
    Object.assign(run.subject(thread).options, { [name]: number(value) });
  },
  signal: (run, [thread, , handler, , signal]) => {
    const options = { handler: number(handler), signal: number(signal) };
    Object.assign(run.subject(thread).options, options);
  },
  note: (run, [thread]) => {
    run.subject(thread).options.isNoted = true;
  },
  run: (run, words) => run.run(words),
  finish: (run, words) => run.finish(words),
  exit: (run) => describeExit(run.exit),
  args: (run) => (run.exit.args ?? []).join(' '),
  registers: (run) => `cx ${run.exit.cx >>> 0} dx ${run.exit.dx >>> 0}`,
  fuel: (run, [thread = '']) => `${thread} ${run.subject(thread).used}`,
  access: (run) => run.nextAccess(),
  set: async (run, [address, value]) => {
    (await run.host()).store(number(address), number(value));
  },
  memory: async (run, [address]) => `${address} ${(await run.host()).load(number(address))}`,
  pages: async (run) => `${(await run.host()).pages}`,
  entered: async (run, [module]) =>
    `${module} ${(await run.host()).sectionsEntered(number(module))}`,
  'set-global': async (run, [module, global, value]) => {
    (await run.host()).global(number(module), number(global)).value = number(value);
  },
  global: async (run, [module, global]) => {
    const { value } = (await run.host()).global(number(module), number(global));
    return `${module} ${global} ${value}`;
  },
  redirect: async (run, [from, to]) => {
    const isAllowed = (await run.host()).canRedirect(number(from), number(to));
    return `${from} ${to} ${isAllowed ? 'allowed' : 'forbidden'}`;
  },
  program: (run, words) => run.program(words),
  output: (run) => run.nextOutput(),
  ended: (run) => (run.hasMoreOutput ? 'not' : `${run.result.end} ${run.result.status}`),
  counts: (run) => {
    const { preemptions, restarts, migrations, fuel } = run.result;
    return `preemptions ${preemptions} restarts ${restarts} migrations ${migrations} fuel ${fuel}`;
  },
  // Nothing when the host has no trace.
  trace: (run) => run.result.trace,
};

/** @param {Exit} exit */
function describeExit({ kind, value = 0, ip = 0, used }) {
  if (kind === 'returned') return `returned ${value} used ${used}`;
  if (kind === 'interrupted') return `interrupted ip ${ip} used ${used}`;
  if (kind === 'syscall') return `syscall ${value} ip ${ip} used ${used}`;
  return `trapped signal ${value} used ${used}`;
}

/** @param {string | undefined} word */
function number(word) {
  if (word === undefined || !/^-?\d+$/.test(word)) throw new Error(`not a number: ${word}`);
  return Number(word);
}
