// npm run contract: builds the modules of the contract suite and records its scripts anew, into
// tests/contract/suite. What is expected there is written by hand in tests/contract/source, but for
// addresses and fuel; a host that does otherwise is not recorded.
// Exit status: 0; 1 a script expects what the host does not do.

import { writeFile } from 'node:fs/promises';
import { RecordingError } from './contract/recorder.js';
import { buildSuite } from './contract/suite.js';

const FOLDER = new URL('../tests/contract/suite/', import.meta.url);

try {
  const files = await buildSuite({});
  for (const [name, contents] of files) await writeFile(new URL(name, FOLDER), contents);
  console.log(`${files.size} files`);
} catch (error) {
  if (!(error instanceof RecordingError)) throw error;
  console.error(`contract: ${error.message}`);
  process.exitCode = 1;
}
