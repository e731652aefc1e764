// Calls the command in process, or as a process, and keeps what it printed; and a folder to call it in.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { vi } from 'vitest';
import { main } from '../../src/cli/main.js';

export interface Printed {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const ROOT = resolve(fileURLToPath(import.meta.url), '../../..');
export const COUNTER = join(ROOT, 'examples/counter/main.ts');
export const UNPROTECTED = join(ROOT, 'examples/counter-unprotected/main.ts');
export const CORPUS = join(ROOT, 'tests/corpus');
/** A program that lint has something to say of. */
export const LATE = join(CORPUS, 'cpu-read-too-early/wrong.ts');
/** The options of the acceptance runs. */
export const MACHINE = ['--cpus', '4', '--threads', '8'];
export const SLICED = [...MACHINE, '--quantum', '61', '--seed', '1'];

export async function wasmRseq(...argv: string[]): Promise<Printed> {
  const printed = { stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map((name) =>
    vi.spyOn(process[name], 'write').mockImplementation((chunk) => {
      printed[name] += typeof chunk === 'string' ? chunk : new TextDecoder().decode(chunk);
      return true;
    }),
  );
  try {
    const code = await main(argv);
    return { code, ...printed };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

export function wasmRseqProcess(argv: readonly string[], input = '', env = {}): Printed {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(ROOT, 'bin/wasm-rseq.js'), ...argv],
    { input, encoding: 'utf8', cwd: ROOT, env: { ...process.env, ...env } },
  );
  return { code: status, stdout, stderr };
}

/** A folder of one test file: its guests, what they compile to, what the command writes. */
export class Workspace {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'wasm-rseq-cli-'));
  /** Options that keep the compiled programs here. */
  readonly cache: readonly string[] = ['--cache', join(this.folder, 'cache')];

  path(name: string): string {
    return join(this.folder, name);
  }

  write(name: string, contents: string | Uint8Array): string {
    writeFileSync(this.path(name), contents);
    return this.path(name);
  }

  read(name: string): string {
    return readFileSync(this.path(name), 'utf8');
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }
}

/** The last line, which is to be JSON. */
export function lastLineJson(stdout: string): Record<string, unknown> {
  const lines = stdout.trimEnd().split('\n');
  return JSON.parse(lines.at(-1) ?? '') as Record<string, unknown>;
}
