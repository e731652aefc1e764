// examples/two-modules: what one region per process refuses, and what the later ABI allows.

import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';

test('the second module is refused under turner and registered under linux', () => {
  const output = execFileSync(process.execPath, ['examples/two-modules/main.js'], {
    encoding: 'utf8',
  });

  expect(output.split('\n')).toEqual([
    'turner  second module: errno 16, counted 500 of 500',
    'linux   second module: registered, counted 1000 of 1000',
    '',
  ]);
});
