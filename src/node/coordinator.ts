// A check on many threads. All searches put the fingerprints of the states they see into one table, so each
// state is looked at by one of them; a thread with nothing to do gets ways that another has not gone yet.

import { Worker } from 'node:worker_threads';
import type { CodeMap } from '../abi/code-map.js';
import { CoverageCounter } from '../check/coverage.js';
import type { Path } from '../check/depth-first.js';
import { CheckError } from '../check/errors.js';
import { NO_ROOM, type Progress } from '../check/limits.js';
import type { CheckOptions, CheckResult } from '../check/options.js';
import { Locality } from '../check/locality.js';
import { areOwn, BEGINNING, type Knowledge, type Seen } from '../check/session.js';
import { SharedFingerprints } from '../check/shared-fingerprints.js';
import { Control } from './check-control.js';
import type { Order, Report, WorkerSetup } from './check-worker.js';
import type { Checkpoint, ParallelCheckOptions, ParallelResult, Shard } from './parallel-check.js';
import type { Program } from './program.js';

/** A checked ParallelCheckOptions. */
type Options = ParallelCheckOptions & { readonly workers: number };

/** States after which the other threads are started. */
const STATES_FOR_COMPANY = 50_000;
const POLL_MS = 50;
/** Parts of a search that is divided among machines: enough that they are even. */
const PATHS_A_SHARD = 64;
const DEFAULT_TABLE_BYTES = 2 ** 30;

/** One thread: what it was told last, and the answer. */
class Helper {
  readonly worker: Worker;
  #resolve: (report: Report) => void = () => {};
  #reject: (error: Error) => void = () => {};
  isBusy = false;
  isReady = false;

  constructor(setup: WorkerSetup, onWork: (paths: readonly Path[]) => void) {
    this.worker = new Worker(new URL('./check-worker.js', import.meta.url), { workerData: setup });
    this.worker.on('message', (report: Report) => {
      if (report.kind === 'work') onWork(report.paths);
      else if (report.kind === 'failed') this.#reject(revived(report));
      else this.#resolve(report);
    });
    this.worker.on('error', (error) => this.#reject(error as Error));
  }

  /** Wait for the next report. */
  report(): Promise<Report> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  tell(order: Order): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
    this.worker.postMessage(order);
  }

  ask(order: Order): Promise<Report> {
    const answer = this.report();
    this.tell(order);
    return answer;
  }
}

/** An error of a worker: the user's, or a defect. */
function revived({ name, message, stack }: Extract<Report, { kind: 'failed' }>): Error {
  if (name === 'CheckError' || name === 'OptionError') return new CheckError(message);
  const error = new Error(message);
  error.name = name;
  error.stack = stack;
  return error;
}

export class Coordinator {
  readonly #wasm: Program['wasm'];
  readonly #options: Options;
  readonly #control: Control;
  readonly #helpers: Helper[] = [];
  readonly #coverage: CoverageCounter;
  readonly #start = performance.now();
  #finalStates = new Set<string>();
  /** What all searches together have seen of every word. */
  #locality = new Locality();
  #futureLoads: Seen['futureLoads'] = [];
  #queue: Path[] = [];
  #knowledge: Knowledge = BEGINNING;
  #learnt: Knowledge = BEGINNING;
  #fingerprints: readonly SharedArrayBuffer[] = [];
  #states = 0;
  #transitions = 0;
  #frontier: Path[] = [];
  #isComplete = true;
  #isCut = false;
  #isViolated = false;
  #hasScouted = false;
  readonly #scouts: Helper[] = [];
  #reason: string | undefined;
  #resumed: Checkpoint | undefined;
  /** What the listener to the progress has thrown. */
  #complaint: { readonly error: unknown } | undefined;
  /** Settles when the search is over. */
  #over: { resolve: () => void; reject: (error: unknown) => void } | undefined;

  constructor(wasm: Program['wasm'], map: CodeMap, options: Options) {
    this.#wasm = wasm;
    this.#options = options;
    this.#control = Control.create(options.workers);
    this.#coverage = new CoverageCounter(map);
  }

  /** Errors: CheckError, OptionError; what onProgress throws. */
  async check(): Promise<ParallelResult> {
    const poll = setInterval(() => this.#poll(), POLL_MS);
    try {
      await this.#hire();
      const result = this.#canDivide() ? await this.#checkTogether() : await this.#checkAlone();
      if (this.#complaint !== undefined) throw this.#complaint.error;
      return result;
    } finally {
      clearInterval(poll);
      const all = [...this.#helpers, ...this.#scouts];
      await Promise.all(all.map(({ worker }) => worker.terminate()));
    }
  }

  /** The other searches go through states in an order that cannot be divided. */
  #canDivide(): boolean {
    const { preemptions, exact, liveness } = this.#options;
    return preemptions === undefined && exact !== true && liveness !== true;
  }

  async #checkAlone(): Promise<ParallelResult> {
    const { result } = (await this.#first.ask({ kind: 'check' })) as Extract<
      Report,
      { kind: 'result' }
    >;
    return { result, checkpoint: undefined };
  }

  async #checkTogether(): Promise<ParallelResult> {
    this.#resumed = this.#options.resume;
    if (this.#resumed !== undefined) this.#learnt = this.#resumed.knowledge;
    for (;;) {
      await this.#search();
      if (this.#isViolated) return { result: await this.#explain(), checkpoint: undefined };
      const isAbandoned = this.#control.isAbandoned && !this.#control.mustStop;
      if (!isAbandoned && (!this.#isComplete || this.#queue.length > 0)) return this.#incomplete();
      // Whoever gave up had learnt something; a search that was given up proves nothing.
      if (!this.#hasLearnt() && !this.#control.isAbandoned)
        return { result: this.#result('proven'), checkpoint: undefined };
    }
  }

  /** One search from the beginning, or from where an earlier one was stopped. */
  async #search(): Promise<void> {
    this.#knowledge = this.#learnt;
    this.#fingerprints = SharedFingerprints.allocate(
      this.#options.maxMemory ?? DEFAULT_TABLE_BYTES,
    );
    this.#states = 0;
    this.#transitions = 0;
    this.#control.isAbandoned = false;
    this.#frontier = [];
    this.#isComplete = true;
    this.#finalStates = new Set();
    this.#locality = new Locality();
    this.#futureLoads = [];
    this.#queue = [[]];
    this.#goOn();
    for (const helper of this.#helpers) this.#begin(helper);
    if (this.#options.shard !== undefined && this.#resumed === undefined) await this.#takeShard();
    this.#resumed = undefined;
    await new Promise<void>((resolve, reject) => {
      this.#over = { resolve, reject };
      this.#assign();
    });
    this.#over = undefined;
  }

  /** Only the first search goes on from the checkpoint: what it knows may be wrong. */
  #goOn(): void {
    if (this.#resumed === undefined) return;
    const { frontier, fingerprints, states, transitions, seen, isCut } = this.#resumed;
    new SharedFingerprints(this.#fingerprints).load(fingerprints);
    this.#queue = [...frontier];
    this.#states = states;
    this.#transitions = transitions;
    this.#isCut = isCut;
    this.#isComplete &&= !isCut;
    this.#see(seen);
  }

  #see({ covered, finalStates, uses, starts, futureLoads }: Seen): void {
    this.#coverage.add(covered);
    for (const state of finalStates) this.#finalStates.add(state);
    this.#locality.merge(uses, starts);
    this.#futureLoads = [...this.#futureLoads, ...futureLoads];
  }

  async #takeShard(): Promise<void> {
    const { index, count } = this.#options.shard as Shard;
    const report = await this.#first.ask({ kind: 'split', count: count * PATHS_A_SHARD });
    const { paths } = report as Extract<Report, { kind: 'paths' }>;
    this.#queue = paths.filter((_, at) => at % count === index - 1);
  }

  get #first(): Helper {
    return this.#helpers[0] as Helper;
  }

  async #hire(): Promise<Helper> {
    const setup = this.#setup(this.#control, this.#helpers.length);
    const helper = new Helper(setup, (paths) => this.#receive(paths));
    this.#helpers.push(helper);
    await helper.report();
    helper.isReady = true;
    return helper;
  }

  /** What can be sent to a thread, and is of use there. */
  #setup({ buffers: control }: Control, index: number): WorkerSetup {
    const { onProgress: _onProgress, resume: _resume, ...options } = this.#options;
    return { wasm: this.#wasm, options, control, index };
  }

  /** A thread that takes no part in the search of the others. */
  #hireLoner(): Helper {
    return new Helper(this.#setup(Control.create(1), 0), () => {});
  }

  #begin(helper: Helper): void {
    helper.tell({ kind: 'begin', knowledge: this.#knowledge, fingerprints: this.#fingerprints });
  }

  #receive(paths: readonly Path[]): void {
    this.#queue.push(...paths);
    this.#assign();
  }

  /** Give what there is to do to those who have nothing; when both are all, the search is over. */
  #assign(): void {
    const idle = this.#helpers.filter(({ isBusy, isReady }) => isReady && !isBusy);
    for (const helper of idle) {
      const isOver = this.#control.mustStop || this.#control.isAbandoned || this.#isViolated;
      if (isOver || this.#queue.length === 0) break;
      const share = Math.ceil(this.#queue.length / this.#helpers.length);
      void this.#explore(helper, this.#queue.splice(0, share));
    }
    if (this.#helpers.some(({ isBusy }) => isBusy)) {
      const hungry = this.#helpers.filter(({ isBusy, isReady }) => isReady && !isBusy).length;
      this.#control.forgetRequests();
      for (let each = 0; each < hungry; each++) this.#control.request();
    } else this.#over?.resolve();
  }

  async #explore(helper: Helper, paths: readonly Path[]): Promise<void> {
    helper.isBusy = true;
    try {
      const report = await helper.ask({ kind: 'explore', paths });
      this.#note(report as Extract<Report, { kind: 'explored' }>);
    } catch (error) {
      this.#over?.reject(error);
    }
    helper.isBusy = false;
    this.#assign();
  }

  #note({
    explored,
    states,
    knowledge,
    seen,
    isFull,
  }: Extract<Report, { kind: 'explored' }>): void {
    this.#states += states;
    this.#transitions += explored.transitions;
    this.#frontier.push(...explored.frontier);
    if (explored.isForNothing) this.#control.isAbandoned = true;
    this.#isComplete &&= explored.isComplete || this.#control.isAbandoned;
    this.#isCut ||= explored.isCut;
    if (isFull) this.#fill('--max-memory reached: no room for more states');
    if (explored.isNearlyFull) this.#fill(NO_ROOM);
    if (explored.isViolated) {
      this.#isViolated = true;
      this.#control.stop();
    }
    this.#see(seen);
    const { sharedWords, hasSilentSwitches, hasOwnRestarts, asymmetric } = this.#learnt;
    const words = new Set([...sharedWords, ...knowledge.sharedWords, ...this.#locality.words]);
    this.#learnt = {
      sharedWords: [...words].sort((a, b) => a - b),
      hasSilentSwitches: hasSilentSwitches && knowledge.hasSilentSwitches,
      hasOwnRestarts: hasOwnRestarts && knowledge.hasOwnRestarts,
      asymmetric: [...new Set([...asymmetric, ...knowledge.asymmetric])].sort(),
    };
  }

  #fill(reason: string): void {
    this.#isComplete = false;
    this.#reason ??= reason;
    this.#control.stop();
  }

  #hasLearnt(): boolean {
    const { sharedWords, hasSilentSwitches, hasOwnRestarts, asymmetric } = this.#knowledge;
    const areSilent = this.#learnt.hasSilentSwitches;
    const isOwn = this.#learnt.hasOwnRestarts && areOwn(this.#futureLoads, this.#locality);
    const isMistaken =
      areSilent !== hasSilentSwitches ||
      isOwn !== hasOwnRestarts ||
      this.#learnt.asymmetric.length > asymmetric.length;
    if (!isMistaken) return this.#learnt.sharedWords.length > sharedWords.length;
    // What was learnt on the way to that depends on who was how far.
    this.#learnt = {
      sharedWords,
      hasSilentSwitches: areSilent,
      hasOwnRestarts: isOwn,
      asymmetric: this.#learnt.asymmetric,
    };
    return true;
  }

  #poll(): void {
    const progress = this.#control.progress(this.#seconds);
    if (this.#isUnwanted(progress)) this.#interrupt();
    const { maxStates } = this.#options;
    if (maxStates !== undefined && progress.states >= maxStates) this.#control.stop();
    const isLarge = progress.states > STATES_FOR_COMPANY && this.#over !== undefined;
    if (!isLarge || !this.#canDivide()) return;
    // One thread more than was asked for looks around, and is gone again.
    const isScouting = !this.#hasScouted;
    this.#hasScouted = true;
    if (isScouting) void this.#scout();
    else if (this.#helpers.length < this.#options.workers) void this.#hireMore();
  }

  /** The listener says so, or fails: nobody but who has asked for the check is to hear of that. */
  #isUnwanted(progress: Progress): boolean {
    try {
      return this.#options.onProgress?.(progress) === false;
    } catch (error) {
      this.#complaint ??= { error };
      return true;
    }
  }

  /** Stop as soon as possible. */
  #interrupt(): void {
    this.#reason ??= 'interrupted';
    this.#control.stop();
  }

  /** A search in the order of preemptions, beside the others. */
  async #scout(): Promise<void> {
    const helper = this.#hireLoner();
    this.#scouts.push(helper);
    try {
      await helper.report();
      helper.tell({ kind: 'begin', knowledge: this.#knowledge, fingerprints: [] });
      const report = await helper.ask({ kind: 'scout' });
      if (report.kind === 'scouted' && report.isViolated) {
        this.#isViolated = true;
        this.#control.stop();
      }
    } catch (error) {
      this.#over?.reject(error);
    }
  }

  async #hireMore(): Promise<void> {
    try {
      this.#begin(await this.#hire());
      this.#assign();
    } catch (error) {
      this.#over?.reject(error);
    }
  }

  get #seconds(): number {
    return (performance.now() - this.#start) / 1000;
  }

  /** A fresh thread: those that have searched have been told to stop. */
  async #explain(): Promise<CheckResult> {
    const helper = this.#hireLoner();
    this.#helpers.push(helper);
    await helper.report();
    helper.tell({ kind: 'begin', knowledge: this.#knowledge, fingerprints: [] });
    const report = await helper.ask({ kind: 'explain' });
    const { result } = report as Extract<Report, { kind: 'result' }>;
    return { ...result, seconds: this.#seconds };
  }

  #incomplete(): ParallelResult {
    const result = this.#result('incomplete');
    const frontier = [...this.#frontier, ...this.#queue];
    if (frontier.length === 0) return { result, checkpoint: undefined };
    const checkpoint = {
      knowledge: this.#knowledge,
      frontier,
      fingerprints: new SharedFingerprints(this.#fingerprints).dump(),
      states: this.#states,
      transitions: this.#transitions,
      seen: {
        covered: this.#coverage.covered,
        finalStates: [...this.#finalStates],
        uses: this.#locality.uses,
        starts: this.#locality.starts,
        futureLoads: this.#futureLoads,
      },
      isCut: this.#isCut,
    };
    return { result, checkpoint };
  }

  #result(verdict: 'proven' | 'incomplete'): CheckResult {
    const limits = this.#options;
    const reason = this.#reason ?? reasonOf(limits, this.#states, this.#seconds);
    return {
      verdict,
      reason: verdict === 'incomplete' ? reason : undefined,
      states: this.#states,
      transitions: this.#transitions,
      seconds: this.#seconds,
      coverage: this.#coverage.result(),
      failure: undefined,
      schedule: undefined,
      preemptions: undefined,
      steps: undefined,
      finalStates: [...this.#finalStates].sort(),
    };
  }
}

/** What has stopped a search that was not told to. */
function reasonOf(
  { maxStates, maxSeconds, maxMemory }: CheckOptions,
  states: number,
  seconds: number,
): string {
  if (maxStates !== undefined && states >= maxStates) return `--max-states ${maxStates} reached`;
  if (maxSeconds !== undefined && seconds >= maxSeconds)
    return `--max-seconds ${maxSeconds} reached`;
  return maxMemory === undefined ? '--depth reached' : '--max-memory reached';
}
