// Compiles, once and in this Node, what every engine is given: modules, the files that programs read, and a
// manifest that names them. An engine needs no compiler of ours.

import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileProgram } from 'wasm-rseq/toolchain';
import { instrumented, plain } from '../../bench/programs.js';
import { PROGRAMS } from './programs.js';

export const ROOT = resolve(fileURLToPath(import.meta.url), '../../..');
/** What is compiled, fetched and installed for engines. */
export const ENGINES_FOLDER = join(ROOT, '.cache/engines');
export const PAYLOAD_FOLDER = join(ENGINES_FOLDER, 'payload');
const COMPILED = join(ENGINES_FOLDER, 'compiled');

/** Where the data of each module of one program begins; the first page is for what they share. */
const MEMORY_BASES = ['0x10000', '0x40000'];
const LOOP = 'bench/guests/counter.ts';
const LOOP_TURNS = 2 ** 24;

/** Write the payload of every program whose name matches. Returns its manifest. */
export async function prepare({ filter, onProgress }) {
  await rm(PAYLOAD_FOLDER, { recursive: true, force: true });
  await mkdir(PAYLOAD_FOLDER, { recursive: true });
  const payload = new Payload();
  const programs = [];
  for (const program of PROGRAMS.filter(({ name }) => filter.test(name))) {
    onProgress(`compiling ${program.name}`);
    programs.push(await payload.addProgram(program));
  }
  const section = await payload.addModule((await instrumented(LOOP, { metering: 'block' })).wasm);
  const loop = await payload.addModule((await plain(LOOP)).wasm);
  const manifest = { programs, loop: { section, plain: loop, turns: LOOP_TURNS } };
  await writeFile(join(PAYLOAD_FOLDER, 'manifest.json'), JSON.stringify(manifest));
  return manifest;
}

class Payload {
  #modules = 0;
  /** Names in the payload by what they are made of. */
  #names = new Map();

  async addProgram({ sources: [files, options], stdin, files: inputs = {}, ...program }) {
    const wasm = [];
    for (const [index, file] of files.entries()) {
      const bases = files.length > 1 ? ['--memoryBase', String(Number(MEMORY_BASES[index]))] : [];
      const ascArguments = [...(options.ascArguments ?? []), ...bases];
      wasm.push(await this.#addSource(file, { ...options, ascArguments }));
    }
    const named = {};
    for (const [path, file] of Object.entries(inputs)) named[path] = await this.#addFile(file);
    return {
      ...program,
      wasm,
      files: named,
      ...(stdin !== undefined && { stdin: await this.#addFile(stdin) }),
    };
  }

  async addModule(wasm) {
    const name = `module-${this.#modules++}.wasm`;
    await writeFile(join(PAYLOAD_FOLDER, name), wasm);
    return name;
  }

  #addSource(file, options) {
    return this.#once(JSON.stringify([file, options]), async () => {
      const settings = { ...options, cacheFolder: COMPILED };
      const { wasm } = await compileProgram(join(ROOT, file), settings);
      return this.addModule(wasm);
    });
  }

  #addFile(file) {
    return this.#once(file, async () => {
      const name = `${file.replaceAll(/\W/g, '-')}.bin`;
      await writeFile(join(PAYLOAD_FOLDER, name), await readFile(join(ROOT, file)));
      return name;
    });
  }

  async #once(key, add) {
    if (!this.#names.has(key)) this.#names.set(key, await add());
    return this.#names.get(key);
  }
}

/** Path from the root, with forward slashes. */
export function fromRoot(path) {
  return relative(ROOT, path).replaceAll('\\', '/');
}
