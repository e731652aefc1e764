import type { Readable } from 'node:stream';

export function withProcess<T>(
  command: readonly string[],
  options: { readonly seconds: number; readonly env?: Readonly<Record<string, string>> },
  use: (stdout: Readable) => Promise<T>,
): Promise<T>;
export function readAll(stdout: Readable): Promise<string>;
export function readLine(stdout: Readable): Promise<string>;
