// How long a program takes to compile with our transform, and with asc alone: the same flags, the same
// copy of asc, in this process.

import { resolve } from 'node:path';
import { compileProgram } from '../../dist/toolchain/index.js';
import { ascAlone, ROOT } from '../programs.js';
import { now } from '../stopwatch.js';

export const ASC = 'asc alone';
export const TRANSFORM = 'with our transform';

const PROGRAMS = {
  counter: 'examples/counter/main.ts',
  wordcount: 'examples/wordcount/sections.ts',
};
export const BUILDS = Object.keys(PROGRAMS);

export function buildGroups({ isQuick }) {
  return Object.entries(PROGRAMS).map(([name, file]) => {
    const path = resolve(ROOT, file);
    const options = { warmUps: isQuick ? 0 : 1, rounds: 5 };
    return {
      name: `build ${name}`,
      unit: 'build',
      rivals: [
        { name: ASC, ...options, run: () => timed(() => ascAlone(path)) },
        { name: TRANSFORM, ...options, run: () => timed(() => compileProgram(path)) },
        {
          name: 'with our transform, block',
          ...options,
          run: () => timed(() => compileProgram(path, { metering: 'block' })),
        },
      ],
    };
  });
}

async function timed(action) {
  const start = now();
  await action();
  return { ns: (now() - start) * 1e6 };
}
