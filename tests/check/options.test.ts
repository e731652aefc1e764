// What check() is asked for: an option that there is not, or of another type, is refused before anything runs.

import { expect, test } from 'vitest';
import { check, type CheckOptions } from '../../src/check/index.js';

test.each<[unknown, RegExp]>([
  [null, /^options null must be an object$/],
  [7, /^options 7 must be an object$/],
  [{ states: 5 }, /^states 5 is no option; there are cpus, abi, .*maxStates.*, onProgress$/],
  [{ reductions: { symetry: false } }, /^reductions\.symetry false is no option; .*symmetry$/],
  [{ reductions: null }, /^reductions null must be an object$/],
  [{ reductions: { local: 0 } }, /^local 0 must be true or false$/],
  [{ exact: 'yes' }, /^exact yes must be true or false$/],
  [{ liveness: {} }, /^liveness object must be true or false$/],
  [{ onProgress: 3 }, /^onProgress 3 must be a function$/],
  [{ cpus: 33 }, /^cpus 33 must be an integer from 1 to 32$/],
  [{ cpus: Symbol('two') }, /^cpus Symbol\(two\) must be an integer from 1 to 32$/],
  [{ maxStates: 0 }, /^maxStates 0 must be a number above 0$/],
  [{ depth: Object.create(null) as unknown }, /^depth object must be a number above 0$/],
])('%o is refused by name, value and rule', async (options, message) => {
  const checked = check(new Uint8Array(8), options as CheckOptions);

  await expect(checked).rejects.toMatchObject({ name: 'CheckError' });
  await expect(checked).rejects.toThrow(message);
});

test('one that is undefined is not given, whatever its name', async () => {
  const checked = check(new Uint8Array(8), { states: undefined } as CheckOptions);

  await expect(checked).rejects.toMatchObject({ name: 'ModuleError' });
});
