// The checker: a program under every interleaving, and what came of it.
//
//   const result = await check(wasm, { cpus: 2 });
//   if (result.verdict === 'violated') console.log(result.failure.message, result.schedule);

import { type HostOptions, loadModules, type WasmSource } from '../host/host.js';
import type { GuestModule } from '../host/loader.js';
import { type CheckOptions, type CheckResult, requireOptions, toHostOptions } from './options.js';
import { searchModule } from './search-core.js';
import { Session } from './session.js';

/**
 * Explore every interleaving of a program that was instrumented with instruction metering.
 * Errors: CheckError, OptionError, ModuleError.
 */
export async function check(program: WasmSource, options: CheckOptions = {}): Promise<CheckResult> {
  requireOptions(options);
  const hostOptions = toHostOptions(program, options);
  const loading = loadModules(program);
  // While the program is compiled.
  const [modules] = await Promise.all([loading, compileSearch()]);
  return checkLoaded(modules, hostOptions, options);
}

async function compileSearch(): Promise<void> {
  searchModule();
}

function checkLoaded(
  modules: readonly GuestModule[],
  hostOptions: HostOptions,
  options: CheckOptions,
): CheckResult {
  const onProgress = options.onProgress ?? (() => true);
  const session = new Session(modules, hostOptions, options, (progress) => {
    return onProgress(progress) !== false;
  });
  return session.check();
}
