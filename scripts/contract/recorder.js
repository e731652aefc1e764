// From a script of tests/contract/source to one of the suite: names become numbers, and what only a run
// can tell, addresses and fuel, is filled in from a run of our host. Everything else that a line expects is
// the author's, and has to be what the host does.
//
//   $name+1        what a guest announced, here of module 0; $1:name of module 1. Of section n of the code
//                  map $start.n, $end.n and $restart.n; $critical.start, .end and .restart
//   $ip, $ip2      where the last run, or the last of thread 2, has stopped
//   until:ADDRESS  the least fuel with which the run stops at that address
//   ?              any number
//   @name          any number, the same everywhere in the law

import { LawRun, parseScript } from '../../tests/contract/runner.js';
import { newMachineHost, runProgram } from '../../tests/contract/machine-host.js';
import { decodeCodeMap } from '../../dist/abi/code-map.js';

/** A script expects what the host does not do. */
export class RecordingError extends Error {}

const ANNOUNCE = 0x7000;
const ARCH_PRCTL = 158;
const MOST_FUEL = 1000;

/** The text of the script as it is in the suite. modules: bytes by file name. */
export async function recordScript(source, modules) {
  const ports = {
    readModule: (name) => modules.get(name) ?? refuse(`there is no module ${name}`),
    newHost: newMachineHost,
    runProgram,
  };
  const rows = source.split('\n');
  for (const law of parseScript('', source)) {
    const recording = new LawRecording(ports, await symbolsOf(law, modules));
    for (const { number, text } of law.lines) {
      try {
        rows[number - 1] = await recording.record(text);
      } catch (cause) {
        throw new RecordingError(`${law.name}: line ${number}: ${cause.message}`, { cause });
      }
    }
  }
  return rows.join('\n');
}

/** One law, line by line. */
class LawRecording {
  #bound = new Map();
  #done = [];
  #ips = new Map();

  constructor(ports, symbols) {
    this.ports = ports;
    this.symbols = symbols;
    this.run = new LawRun(ports);
  }

  /** The line as it is in the suite. */
  async record(text) {
    const named = text.split(' ').map((word) => this.#resolve(word));
    const words = await this.#findFuel(named);
    const line = words.join(' ');
    const actual = await this.run.perform(line);
    const [verb, thread] = words;
    if (verb === 'run' || verb === 'finish') this.#noteStop(thread, Number(words[3]));
    const recorded = actual === undefined ? line : this.#merge(words, actual.split(' '));
    this.#done.push(recorded);
    return recorded;
  }

  #noteStop(thread, fuel) {
    const { kind, ip, used } = this.run.exit;
    if (kind === 'interrupted' && used < fuel) refuse(`interrupted with ${fuel - used} fuel left`);
    this.#ips.set('$ip', ip).set(`$ip${thread}`, ip);
  }

  #resolve(word) {
    if (this.#ips.has(word)) return `${this.#ips.get(word)}`;
    if (this.#bound.has(word)) return this.#bound.get(word);
    return word.replace(
      /\$(?:(\d+):)?([a-zA-Z.]+(?:\d+)?)([+-]\d+)?/,
      (_, module, name, offset) => {
        const value = this.symbols.get(`${module ?? 0}:${name}`) ?? refuse(`what is ${name}?`);
        return `${value + Number(offset ?? 0)}`;
      },
    );
  }

  async #findFuel(words) {
    const [verb, thread, , fuel = ''] = words;
    if (verb !== 'run' || !fuel.startsWith('until:')) return words;
    const ip = Number(fuel.slice('until:'.length));
    for (let least = 1; least <= MOST_FUEL; least++) {
      const found = words.with(3, `${least}`);
      const trial = new LawRun(this.ports);
      for (const line of this.#done) await trial.perform(line);
      await trial.perform(found.join(' '));
      if (trial.exit.kind === 'interrupted' && trial.exit.ip === ip) return found;
    }
    return refuse(`no fuel stops thread ${thread} at ${ip}`);
  }

  /** What was written by hand, with the gaps filled. */
  #merge(words, actual) {
    const merged = words.map((word, index) => {
      if (word === '?') return actual[index];
      if (!word.startsWith('@')) return word;
      this.#bound.set(word, actual[index]);
      return actual[index];
    });
    const [expected, got] = [merged.join(' '), actual.join(' ')];
    if (expected !== got) refuse(`expected '${expected}', got '${got}'`);
    return expected;
  }
}

/** What the scripts may call by name: values by module number and name. */
async function symbolsOf(law, modules) {
  const symbols = new Map();
  const loaded = law.lines.filter(({ text }) => text.startsWith('module ')).entries();
  for (const [module, { text }] of loaded) {
    const [, file, bias] = text.split(' ');
    const name = (key, value) => symbols.set(`${module}:${key}`, value);
    const wasm = modules.get(file) ?? refuse(`there is no module ${file}`);
    nameAddresses(await WebAssembly.compile(wasm), Number(bias), name);
    await nameAnnounced(wasm, name);
  }
  return symbols;
}

function nameAddresses(module, bias, name) {
  const [section] = WebAssembly.Module.customSections(module, 'rseq');
  const { critical, sections } = decodeCodeMap(new Uint8Array(section));
  const ranges = [['critical', '.', critical], ...sections.map((each, n) => [n, '', each])];
  for (const [key, dot, { start, end, restart }] of ranges) {
    for (const [part, ip] of Object.entries({ start, end, restart })) {
      name(dot === '.' ? `${key}.${part}` : `${part}.${key}`, ip + bias);
    }
  }
}

/** The guest's main tells, in system calls. */
async function nameAnnounced(wasm, name) {
  const host = await newMachineHost([{ source: wasm, bias: 0 }], 64);
  const thread = host.createThread(0, 0, 0);
  const registers = { tp: 0, gs: 0, r10: 0, cx: 0, dx: 0 };
  const rest = { handler: 0, signal: 0, isNoted: false };
  const resume = { kind: 'result', value: 0 };
  for (;;) {
    const exit = host.run(thread, { fuel: 1e6, resume, ...registers, ...rest });
    if (exit.kind !== 'syscall') return;
    const [address, bytes, value] = exit.args;
    if (exit.value === ARCH_PRCTL) registers.tp = bytes;
    if (exit.value === ANNOUNCE) name(utf16(host, address, bytes), value);
  }
}

function utf16(host, address, bytes) {
  const units = Array.from({ length: bytes / 2 }, (_, index) => {
    const at = address + 2 * index;
    return (host.load(at & ~3) >>> ((at & 2) * 8)) & 0xffff;
  });
  return String.fromCharCode(...units);
}

function refuse(message) {
  throw new RecordingError(message);
}
