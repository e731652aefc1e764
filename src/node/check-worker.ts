// A worker thread of `check`: a session that does what the coordinator says, and looks now and then whether
// it is to stop, or whether others have nothing to do.

import { parentPort, workerData } from 'node:worker_threads';
import type { CheckOptions, CheckResult } from '../check/options.js';
import { toHostOptions } from '../check/options.js';
import type { Path } from '../check/depth-first.js';
import { type Explored, type Knowledge, type Seen, Session } from '../check/session.js';
import { SharedFingerprints } from '../check/shared-fingerprints.js';
import { loadModules } from '../host/host.js';
import { Control } from './check-control.js';

export interface WorkerSetup {
  readonly wasm: Uint8Array<ArrayBuffer>;
  readonly options: CheckOptions;
  readonly control: Control['buffers'];
  readonly index: number;
}

export type Order =
  /** The whole check, alone. */
  | { readonly kind: 'check' }
  /** A search begins: what is taken for granted in it, and where fingerprints go. */
  | {
      readonly kind: 'begin';
      readonly knowledge: Knowledge;
      readonly fingerprints: readonly SharedArrayBuffer[];
    }
  | { readonly kind: 'explore'; readonly paths: readonly Path[] }
  /** Look whether a run fails near the beginning. */
  | { readonly kind: 'scout' }
  /** There is a run that fails: find the shortest. */
  | { readonly kind: 'explain' }
  | { readonly kind: 'split'; readonly count: number };

export type Report =
  | { readonly kind: 'ready' }
  | { readonly kind: 'result'; readonly result: CheckResult }
  | { readonly kind: 'scouted'; readonly isViolated: boolean }
  | {
      readonly kind: 'explored';
      readonly explored: Explored;
      readonly states: number;
      readonly knowledge: Knowledge;
      readonly seen: Seen;
      readonly isFull: boolean;
    }
  /** Ways that another may go. */
  | { readonly kind: 'work'; readonly paths: readonly Path[] }
  | { readonly kind: 'paths'; readonly paths: readonly Path[] }
  | {
      readonly kind: 'failed';
      readonly name: string;
      readonly message: string;
      readonly stack: string;
    };

const port = parentPort;
if (port === null) throw new Error('check-worker is to be started as a worker thread');
const setup = workerData as WorkerSetup;
const control = new Control(setup.control);
let session: Session;
let visited: SharedFingerprints;

function send(report: Report): void {
  port?.postMessage(report);
}

async function start(): Promise<void> {
  const { wasm, options, index } = setup;
  const modules = await loadModules(wasm);
  session = new Session(modules, toHostOptions(wasm, options), options, (progress, work) => {
    control.report(index, progress);
    if (control.mustStop) return false;
    if (control.isAbandoned) return 'abandon';
    if (work !== undefined && control.takeRequest()) {
      const paths = work.giveAway();
      if (paths.length > 0) send({ kind: 'work', paths });
      else control.request();
    }
    return true;
  });
}

function obey(order: Order): void {
  switch (order.kind) {
    case 'check':
      send({ kind: 'result', result: session.check() });
      break;
    case 'begin':
      session.learn(order.knowledge);
      visited = new SharedFingerprints(order.fingerprints);
      break;
    case 'explore':
      send(explore(order.paths));
      break;
    case 'scout':
      send({ kind: 'scouted', isViolated: session.scout() });
      break;
    case 'explain':
      send({ kind: 'result', result: session.violated() });
      break;
    case 'split':
      send({ kind: 'paths', paths: session.split(order.count) });
      break;
    default:
      order satisfies never;
  }
}

function explore(paths: readonly Path[]): Report {
  const before = visited.size;
  const explored = session.explore(paths, visited);
  const { knowledge, seen } = session;
  const states = visited.size - before;
  return { kind: 'explored', explored, states, knowledge, seen, isFull: visited.isFull };
}

function attempt(act: () => void): void {
  try {
    act();
  } catch (error) {
    const { name, message, stack = '' } = error as Error;
    send({ kind: 'failed', name, message, stack });
  }
}

try {
  await start();
  port.on('message', (order: Order) => attempt(() => obey(order)));
  send({ kind: 'ready' });
} catch (error) {
  attempt(() => {
    throw error;
  });
}
