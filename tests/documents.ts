// The snippets and commands of a document, executed as a reader would who has the package installed.

import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';

export interface Block {
  /** What stands behind the opening fence: `sh`, `sh fails`, `sh make`, `ts`, `js`, `json` or `text`. */
  readonly language: string;
  readonly text: string;
}

export function blocks(document: string): Block[] {
  const fences = readFileSync(document, 'utf8').matchAll(/^```(.*)\n([\s\S]*?)^```$/gm);
  return [...fences].map(([, language = '', text = '']) => ({ language, text }));
}

/** folder: has the package in node_modules, and the files that the document names. */
export function execute({ language, text }: Block, folder: string): void {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  switch (language) {
    case 'sh':
    case 'sh fails':
      // Set-up is what CI does before it comes here; scripts of package.json are run elsewhere.
      for (const line of lines.filter((each) => !each.startsWith('npm '))) {
        expect([line, runCommand(line, folder)]).toEqual([line, language === 'sh' ? 0 : 1]);
      }
      return;
    case 'sh make':
      // Where there is a C compiler: tests/examples/embed-c.test.ts.
      return;
    case 'js': {
      const file = join(folder, `snippet-${lines.length}.mjs`);
      writeFileSync(file, text);
      // Or Node 20 can hang, on a busy machine: docs/embedding.md.
      execFileSync(process.execPath, ['--no-concurrent-recompilation', file], { cwd: folder });
      return;
    }
    case 'ts': {
      const main = text.includes('function main')
        ? ''
        : 'export function main(): i32 { return 0; }';
      writeFileSync(join(folder, 'snippet.ts'), `${text}\n${main}`);
      runCommand('npx wasm-rseq build snippet.ts --no-cache', folder);
      return;
    }
    case 'json':
      JSON.parse(text);
      return;
    default:
      expect(['text', 'wat', 'c']).toContain(language);
  }
}

/** The exit status. npx would only take its time. Errors: Error when it is none that a guest can cause. */
function runCommand(command: string, folder: string): number | null {
  const direct = command.replaceAll(
    'npx wasm-rseq',
    'node node_modules/wasm-rseq/bin/wasm-rseq.js',
  );
  const { status, stderr } = spawnSync('sh', ['-c', direct], { cwd: folder, encoding: 'utf8' });
  if (status !== 0 && status !== 1) throw new Error(`${command}\n${stderr}`);
  return status;
}
