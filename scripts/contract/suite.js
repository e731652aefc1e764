// Every file of the contract suite, from its sources.

import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { compileProgram } from 'wasm-rseq/toolchain';
import { brokenModules } from './broken-modules.js';
import { recordScript, RecordingError } from './recorder.js';

const ROOT = new URL('../../', import.meta.url);
const SOURCE = new URL('tests/contract/source/', ROOT);

const METERINGS = ['instruction', 'block'];
const METERING = '{metering}';

/** Guests by the names of their modules. */
const GUESTS = {
  laws: { file: 'tests/contract/source/laws.ts' },
  // Behind the data of the other, which is in the first page.
  second: { file: 'tests/contract/source/second.ts', ascArguments: ['--memoryBase', '65536'] },
  bounded: { file: 'tests/contract/source/bounded.ts', ascArguments: ['--maximumMemory', '3'] },
  'event-counter': { file: 'tests/contract/source/event-counter.ts', abi: 'event-counter' },
  counter: { file: 'examples/counter/main.ts' },
  list: { file: 'examples/embed-c/list.ts' },
};

/**
 * Contents by file name. Errors: RecordingError.
 * cacheFolder: for compiled guests; none, no cache.
 */
export async function buildSuite({ cacheFolder }) {
  const files = new Map(brokenModules());
  for (const [name, { file, ...options }] of Object.entries(GUESTS)) {
    for (const metering of METERINGS) {
      const program = await compileProgram(fileURLToPath(new URL(file, ROOT)), {
        ...options,
        metering,
        ...(cacheFolder && { cacheFolder }),
      });
      files.set(`${name}-${metering}.wasm`, withoutNames(program.wasm));
    }
  }
  const scripts = await recordScripts(files);
  const index = [...scripts.keys()].map((name) => `${name}\n`).join('');
  return new Map([...files, ...scripts, ['index.txt', index]]);
}

async function recordScripts(modules) {
  const scripts = new Map();
  const names = (await readdir(SOURCE)).filter((name) => name.endsWith('.script')).sort();
  for (const name of names) {
    const source = await readFile(new URL(name, SOURCE), 'utf8');
    const variants = source.includes(METERING) ? METERINGS : [''];
    for (const metering of variants) {
      const recorded = name.replace('.script', metering === '' ? '.script' : `-${metering}.script`);
      try {
        const text = await recordScript(source.replaceAll(METERING, metering), modules);
        scripts.set(recorded, text);
      } catch (cause) {
        if (!(cause instanceof RecordingError)) throw cause;
        throw new RecordingError(`${recorded}: ${cause.message}`, { cause });
      }
    }
  }
  return scripts;
}

const HEADER_BYTES = 8;
const DROPPED = ['name', 'sourceMappingURL'];

/** The module without what only a debugger reads. */
function withoutNames(wasm) {
  const kept = [wasm.subarray(0, HEADER_BYTES)];
  for (let at = HEADER_BYTES; at < wasm.length; ) {
    const start = at;
    const id = wasm[at++];
    const [bytes, contents] = readWord(wasm, at);
    at = contents + bytes;
    const [nameBytes, name] = readWord(wasm, contents);
    const text = new TextDecoder().decode(wasm.subarray(name, name + nameBytes));
    if (id !== 0 || !DROPPED.includes(text)) kept.push(wasm.subarray(start, at));
  }
  return Buffer.concat(kept);
}

/** Unsigned LEB128 at `at`, and where it ends. */
function readWord(bytes, at) {
  let value = 0;
  for (let scale = 1; ; scale *= 128) {
    const byte = bytes[at++];
    value += (byte & 127) * scale;
    if (byte < 128) return [value, at];
  }
}
