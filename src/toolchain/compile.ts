// Compiling an AssemblyScript program in process: asc with our transform, our library found as
// `wasm-rseq/assembly` wherever the program lives. Node only.

import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AbiName, Metering } from '../abi/code-map.js';
import type { Binaryen } from './binaryen.js';
import { type InstrumentOptions, instrumentBinary, withModule } from './instrument.js';
import { ToolchainError } from './ir.js';
import { type Finding, lint, type LintInput, type LintOptions } from './lint.js';
import type { ResumeTransform } from './suspend.js';
import { NO_SOURCES, type Sources } from './lint-comments.js';
import { lintTransformFor, RuntimeError, transformFor } from './transform.js';

/** The program does not compile; the message is asc's diagnostics. */
export class CompileError extends ToolchainError {
  override readonly name = 'CompileError';
}

export const RUNTIMES = ['stub', 'minimal', 'percpu'] as const;
export type Runtime = (typeof RUNTIMES)[number];

export interface CompileOptions {
  readonly metering?: Metering;
  /** What the sections are compiled for; 'turner' unless given. */
  readonly abi?: AbiName;
  /** As in InstrumentOptions. */
  readonly fastPath?: boolean;
  /** As in InstrumentOptions. */
  readonly resume?: ResumeTransform;
  /** asc's -O level, 0 to 3; 3 unless given. */
  readonly optimizeLevel?: number;
  /** Name of the .wasm file the module will be, for the link to its source map; program.wasm unless given. */
  readonly moduleFile?: string;
  /**
   * Where memory comes from: asc's 'stub', which never frees, or its 'minimal', neither of which is safe when
   * threads allocate, or 'percpu', percpu/malloc. Unless given, 'percpu' when the program imports that, else
   * 'stub'.
   */
  readonly runtime?: Runtime;
  /** Further asc arguments, such as ['--noAssert']. */
  readonly ascArguments?: readonly string[];
  /** A package folder whose guest library the program gets instead of ours. */
  readonly libraryFolder?: string;
  /** Folder for compiled programs; none, no cache. */
  readonly cacheFolder?: string;
}

export interface LintProgramOptions extends LintOptions {
  /** As in CompileOptions. */
  readonly runtime?: Runtime;
  /** As in CompileOptions. */
  readonly ascArguments?: readonly string[];
}

export interface CompiledProgram {
  readonly wasm: Uint8Array<ArrayBuffer>;
  /** Source map of the module, JSON. */
  readonly sourceMap: string;
}

const PACKAGE_FOLDER = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const OWN_RUNTIME = join('node_modules', 'wasm-rseq', 'assembly', 'runtime');
const DEFAULT_MODULE_FILE = 'program.wasm';

/** Compile and instrument `file`. Errors: CompileError, LabelError, ToolchainError. */
export async function compileProgram(
  file: string,
  options: CompileOptions = {},
): Promise<CompiledProgram> {
  const { cacheFolder } = options;
  if (cacheFolder === undefined) return (await runCompiler(file, options)).program;
  const entry = join(cacheFolder, cacheKey(file, options));
  const cached = await readCache(entry);
  if (cached !== undefined) return cached;
  const { program, sources } = await runCompiler(file, options);
  await writeCache(entry, program, sources);
  return program;
}

/** Instrument a finished module. Errors: LabelError, ToolchainError. */
export async function instrumentFile(
  wasm: Uint8Array,
  options: InstrumentOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  return instrumentBinary(await ownBinaryen(), wasm, options);
}

/**
 * Look for mistakes in the sections of `file` that compile and run; see lint-rules.ts. Sorted by place.
 * Errors: CompileError, LabelError, ToolchainError when `allow` or a comment names no rule.
 */
export async function lintProgram(
  file: string,
  options: LintProgramOptions = {},
): Promise<readonly Finding[]> {
  let findings: readonly Finding[] = [];
  await alone(async () => {
    const files: ReadFiles = new Map();
    const transform = lintTransformFor(
      options,
      () => sourcesOf(file, files),
      (found) => {
        findings = found;
      },
    );
    const { ascArguments: extra = [], runtime } = options;
    // Not optimised: the rules look at what was written.
    const compileOptions = { optimizeLevel: 0, ascArguments: ['--noEmit', ...extra] };
    await runAsc(file, withRuntime(compileOptions, runtime), transform, files);
  });
  return findings;
}

/** The same for a finished module. It has no source lines. Errors: LabelError, ToolchainError. */
export async function lintModule(
  wasm: Uint8Array,
  options: LintOptions = {},
): Promise<readonly Finding[]> {
  const binaryen = await ownBinaryen();
  const input: LintInput = { sources: NO_SOURCES, isFinished: true };
  return withModule(binaryen, wasm, (module) => lint(binaryen, module, options, input));
}

/** Paths are relative to the folder of the program, as asc's locations are; `~lib/` is a package. */
function sourcesOf(file: string, files: ReadFiles): Sources {
  const folder = dirname(resolve(file));
  const texts = new Map<string, string>();
  for (const [path, text] of files) if (text !== null) texts.set(relative(folder, path), text);
  const pathOf = (name: string): string =>
    relative(folder, locate(resolve(folder, name.replace(/^~lib\//, 'node_modules/'))));
  return { texts, pathOf };
}

async function ownBinaryen(): Promise<Binaryen> {
  const { default: binaryen } = await import('binaryen');
  return binaryen as unknown as Binaryen;
}

interface Compilation {
  readonly program: CompiledProgram;
  /** Every file read, and the SHA-256 of what it held; null when it was not there. */
  readonly sources: Readonly<Record<string, string | null>>;
}

/** Every file read by its path, and what it held; null when it was not there. */
type ReadFiles = Map<string, string | null>;

let lastCompilation: Promise<unknown> = Promise.resolve();

/** One after another: asc and Binaryen keep state of their own between the steps of a compilation. */
function alone<T>(task: () => Promise<T>): Promise<T> {
  const result = lastCompilation.then(task, task);
  lastCompilation = result;
  return result;
}

function runCompiler(file: string, options: CompileOptions): Promise<Compilation> {
  return alone(() => compileAlone(file, options));
}

async function compileAlone(file: string, options: CompileOptions): Promise<Compilation> {
  const { metering = 'instruction', abi = 'turner', fastPath = true, resume = 'frames' } = options;
  const instrumentOptions: InstrumentOptions = { metering, abi, fastPath, resume };
  const files: ReadFiles = new Map();
  const transform = transformFor(instrumentOptions);
  const outputs = await runAsc(file, options, transform, files);
  const moduleFile = options.moduleFile ?? DEFAULT_MODULE_FILE;
  const wasm = outputs.get(moduleFile);
  if (wasm === undefined) throw new CompileError(`${file} does not compile: asc wrote no module`);
  const program = {
    wasm: wasm as Uint8Array<ArrayBuffer>,
    sourceMap: String(outputs.get(`${moduleFile}.map`) ?? ''),
  };
  const hashes = [...files].map(([path, text]) => [path, text === null ? null : sha256(text)]);
  return { program, sources: Object.fromEntries(hashes) as Compilation['sources'] };
}

function withRuntime(options: CompileOptions, runtime: Runtime | undefined): CompileOptions {
  return runtime === undefined ? options : { ...options, runtime };
}

/**
 * What asc writes, by name; `files` gets what it reads. Errors: CompileError, and what the transform
 * throws.
 */
async function runAsc(
  file: string,
  options: CompileOptions,
  transform: ReturnType<typeof transformFor>,
  files: ReadFiles,
): Promise<ReadonlyMap<string, Uint8Array | string>> {
  try {
    return await runAscOnce(file, options, transform, files);
  } catch (error) {
    if (!(error instanceof RuntimeError) || options.runtime !== undefined) throw error;
    return runAscOnce(file, withRuntime(options, 'percpu'), transform, files);
  }
}

async function runAscOnce(
  file: string,
  options: CompileOptions,
  transform: ReturnType<typeof transformFor>,
  files: ReadFiles,
): Promise<ReadonlyMap<string, Uint8Array | string>> {
  const asc = await import('assemblyscript/asc');
  const baseDir = dirname(resolve(file));
  const outputs = new Map<string, Uint8Array | string>();
  const { libraryFolder } = options;
  const { error, stderr } = await asc.main(ascArguments(file, options), {
    transforms: [transform] as never,
    readFile: async (name: string, folder: string) => {
      const path = locate(resolve(baseDir, folder, name), libraryFolder);
      const text = await readFile(path, 'utf8').catch(() => null);
      files.set(path, text);
      return text;
    },
    writeFile: (name: string, contents: Uint8Array | string) => {
      outputs.set(basename(name), contents);
    },
    listFiles: () => [],
  });
  if (error !== null) {
    if (error instanceof ToolchainError) throw error;
    throw new CompileError(`${file} does not compile\n${stderr.toString().trim()}`);
  }
  return outputs;
}

function ascArguments(file: string, options: CompileOptions): string[] {
  const level = options.optimizeLevel ?? 3;
  return [
    basename(file),
    '--noColors',
    '--config',
    'none.json',
    '--baseDir',
    '.',
    '--outFile',
    options.moduleFile ?? DEFAULT_MODULE_FILE,
    '--sourceMap',
    '--debug',
    '--runtime',
    options.runtime === 'percpu' ? OWN_RUNTIME : (options.runtime ?? 'stub'),
    ...(level > 0 ? ['--optimizeLevel', String(level)] : []),
    ...(options.ascArguments ?? []),
  ];
}

/** A file of the package `wasm-rseq`, as asc looks for it in every node_modules upwards, is in `folder`. */
function locate(path: string, folder = PACKAGE_FOLDER): string {
  const marker = `${sep}node_modules${sep}wasm-rseq${sep}`;
  // The last: the program itself may be of the package, as its examples are.
  const at = path.lastIndexOf(marker);
  return at < 0 ? path : join(folder, path.slice(at + marker.length));
}

function cacheKey(file: string, options: CompileOptions): string {
  const {
    metering,
    abi,
    fastPath,
    resume,
    optimizeLevel,
    moduleFile,
    runtime,
    libraryFolder,
    ascArguments: extra,
  } = options;
  const code = [metering, abi, fastPath, resume, optimizeLevel, runtime, libraryFolder];
  const toolchain = [process.version, ...code, moduleFile, extra];
  return sha256(JSON.stringify([resolve(file), ...toolchain])).slice(0, 24);
}

/** A cached program holds as long as every file it was made from, the toolchain's too, is the same. */
async function readCache(entry: string): Promise<CompiledProgram | undefined> {
  try {
    const manifest = JSON.parse(await readFile(`${entry}.json`, 'utf8')) as {
      sources: Record<string, string | null>;
      toolchain: string;
      wasm: string;
    };
    if (manifest.toolchain !== (await toolchainHash())) return undefined;
    for (const [path, hash] of Object.entries(manifest.sources)) {
      const text = await readFile(path, 'utf8').catch(() => null);
      if ((text === null ? null : sha256(text)) !== hash) return undefined;
    }
    const wasm = new Uint8Array(await readFile(`${entry}.wasm`));
    if (sha256(wasm) !== manifest.wasm) return undefined;
    return { wasm, sourceMap: await readFile(`${entry}.wasm.map`, 'utf8') };
  } catch {
    // No entry, or one that cannot be read: compile.
    return undefined;
  }
}

async function writeCache(
  entry: string,
  { wasm, sourceMap }: CompiledProgram,
  sources: Compilation['sources'],
): Promise<void> {
  const manifest = { sources, toolchain: await toolchainHash(), wasm: sha256(wasm) };
  await mkdir(dirname(entry), { recursive: true });
  // Each file appears whole; the manifest, which vouches for the others, last.
  await writeWhole(`${entry}.wasm`, wasm);
  await writeWhole(`${entry}.wasm.map`, sourceMap);
  await writeWhole(`${entry}.json`, JSON.stringify(manifest));
}

async function writeWhole(path: string, contents: Uint8Array | string): Promise<void> {
  const temporary = `${path}.${process.pid}`;
  await writeFile(temporary, contents);
  await rename(temporary, path);
}

let cachedToolchainHash: Promise<string> | undefined;

/** What a program compiles to depends on this toolchain and on the versions package.json pins. */
async function toolchainHash(): Promise<string> {
  cachedToolchainHash ??= (async () => {
    const hashes = [sha256(await readFile(join(PACKAGE_FOLDER, 'package.json')))];
    const here = dirname(fileURLToPath(import.meta.url));
    for (const folder of [here, join(here, '../abi')]) {
      const names = (await readdir(folder)).filter((name) => /(?<!\.d)\.[jt]s$/.test(name));
      for (const name of names.sort()) hashes.push(sha256(await readFile(join(folder, name))));
    }
    return sha256(hashes.join());
  })();
  return cachedToolchainHash;
}

function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}
