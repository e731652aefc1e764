// One program being checked: its states, its transitions and what is known about them, from search to search.

import type { HostOptions } from '../host/host.js';
import type { GuestModule } from '../host/loader.js';
import { CoverageCounter } from './coverage.js';
import { type Counterexample, replayPath } from './counterexample.js';
import { DepthFirstSearch, type Path } from './depth-first.js';
import type { Action } from './action.js';
import { CheckError } from './errors.js';
import { LivenessSearch } from './liveness.js';
import { Executor, type Terminal } from './executor.js';
import { type ProgressListener, Watch } from './limits.js';
import { Locality, type StartRecord, type UseRecord } from './locality.js';
import {
  type CheckFailure,
  type CheckOptions,
  type CheckResult,
  integer,
  limitsOf,
  type Reductions,
  type Verdict,
} from './options.js';
import { ShortestSearch, type Violation } from './shortest.js';
import { Space, type Successor } from './space.js';
import { CONTENT } from './state.js';
import { Symmetry } from './symmetry.js';
import { Transitions } from './transitions.js';
import { ExactStates, Fingerprints, type Visited } from './visited.js';

/** Small searches are over before that. */
const STATES_BEFORE_SCOUTING = 20_000;
const STATES_SCOUTED = 50_000;

/** What a search takes for granted, as far as is known: another that has learnt more has to begin again. */
export interface Knowledge {
  /** Addresses of words that more than one thread uses. */
  readonly sharedWords: readonly number[];
  /** Threads cannot notice outside sections who had their CPU. */
  readonly hasSilentSwitches: boolean;
  /** Nobody writes what decides how a thread begins its section again, but itself. */
  readonly hasOwnRestarts: boolean;
  /** Classes of threads that do the same, but can be told apart. */
  readonly asymmetric: readonly string[];
}

export const BEGINNING: Knowledge = {
  sharedWords: [],
  hasSilentSwitches: true,
  hasOwnRestarts: true,
  asymmetric: [],
};

/** What was seen, so that several searches can be put together. */
export interface Seen {
  readonly covered: CoverageCounter['covered'];
  readonly finalStates: readonly string[];
  /** What every word was used for, and what was relied on. */
  readonly uses: readonly UseRecord[];
  readonly starts: readonly StartRecord[];
  readonly futureLoads: readonly (readonly [address: number, tid: number])[];
}

export interface Explored {
  readonly transitions: number;
  readonly isViolated: boolean;
  readonly isComplete: boolean;
  /** It has learnt something that makes another search necessary. */
  readonly isForNothing: boolean;
  /** There is no room for many more states. */
  readonly isNearlyFull: boolean;
  /** A run was longer than it may be: what comes after is not in `frontier`. */
  readonly isCut: boolean;
  /** Where there is more to look at, when it was stopped. */
  readonly frontier: readonly Path[];
}

export class Session {
  readonly #modules: readonly GuestModule[];
  readonly #hostOptions: HostOptions;
  readonly #options: CheckOptions;
  readonly #watch: Watch;
  readonly #signals: number;
  readonly #bound: number;
  readonly #coverage: CoverageCounter;
  readonly #finalStates = new Set<string>();
  #space: Space;
  #states = 0;
  #transitions = 0;

  /** Errors: CheckError for options, or a module without instruction metering. */
  constructor(
    modules: readonly GuestModule[],
    hostOptions: HostOptions,
    options: CheckOptions,
    onProgress: ProgressListener,
  ) {
    requireInstructionMetering(modules);
    this.#modules = modules;
    this.#hostOptions = hostOptions;
    this.#options = options;
    this.#signals = integer('signals', options.signals ?? 0, 0, 64);
    const { preemptions } = options;
    this.#bound =
      preemptions === undefined
        ? Number.POSITIVE_INFINITY
        : integer('preemptions', preemptions, 0, 2 ** 20);
    this.#watch = new Watch(limitsOf(options), () => performance.now(), onProgress);
    this.#coverage = new CoverageCounter((modules[0] as GuestModule).map);
    this.#space = this.#makeSpace(BEGINNING);
  }

  /** All of it, here. */
  check(): CheckResult {
    for (;;) {
      this.#begin();
      const { isComplete, isViolated } = this.#search();
      // A run that fails only because of what was taken for granted is none.
      if (isViolated && !this.#space.isMistaken) return this.violated();
      const isWhole = this.#isWhole();
      if (this.#watch.reason !== undefined || (isWhole && !isComplete)) {
        return this.result('incomplete');
      }
      if (isWhole) return this.#options.liveness === true ? this.#live() : this.result('proven');
    }
  }

  /** What this session takes for granted. */
  get knowledge(): Knowledge {
    const { reductions, hasLoudSwitches, hasForeignRestarts } = this.#space.transitions.executor;
    return {
      sharedWords: this.#space.locality.words,
      hasSilentSwitches: reductions.parks && !hasLoudSwitches,
      hasOwnRestarts: reductions.merges && !hasForeignRestarts,
      asymmetric: this.#space.options.symmetry?.asymmetric ?? [],
    };
  }

  get seen(): Seen {
    const { locality, transitions } = this.#space;
    return {
      covered: this.#coverage.covered,
      finalStates: [...this.#finalStates],
      uses: locality.uses,
      starts: locality.starts,
      futureLoads: [...transitions.executor.futureLoads.values()],
    };
  }

  /** Take more for granted than what has turned out so far, or less. */
  learn(knowledge: Knowledge): void {
    const { parks, merges } = this.#space.transitions.executor.reductions;
    const { symmetry } = this.#space.options;
    const { switches, restarts } = this.#reductions;
    const isOther =
      parks !== (switches && knowledge.hasSilentSwitches) ||
      merges !== (restarts && knowledge.hasOwnRestarts) ||
      (symmetry !== undefined && !symmetry.hasGivenUp(knowledge.asymmetric));
    if (isOther) this.#space = this.#makeSpace(knowledge);
    this.#space.locality.add(knowledge.sharedWords);
    this.#begin();
  }

  /** Part of a search: what the paths lead to. What has been seen is not looked at again. */
  explore(paths: readonly Path[], visited: Visited): Explored {
    this.#space.useSymmetry(true);
    const search = new DepthFirstSearch(this.#space, visited, this.#watch, this.#onEnd);
    const result = search.run(this.#space.transitions.initial(), paths);
    // What is found by mistake is no failure.
    const isViolated = result.isViolated && !this.#space.isMistaken;
    const isForNothing = this.#space.isForNothing;
    return {
      ...result,
      isViolated,
      isForNothing,
      isNearlyFull: this.#space.isNearlyFull,
      frontier: result.isComplete || isForNothing ? [] : search.frontier,
    };
  }

  /** At least `count` paths that all there is to look at begins with, unless there is less; breadth first. */
  split(count: number): Path[] {
    this.#space.useSymmetry(true);
    const visited = new Fingerprints();
    const ends: Path[] = [];
    const initial = this.#space.transitions.initial();
    let open: { path: Path; states: Int32Array }[] = [{ path: [], states: initial }];
    while (open.length > 0 && open.length + ends.length < count) {
      open = open.flatMap(({ path, states }) => this.#followAll(path, states, visited, ends));
    }
    return [...ends, ...open.map(({ path }) => path)];
  }

  /** The states that are new after any action, and in `ends` the paths to where nothing goes on. */
  #followAll(
    path: Path,
    states: Int32Array,
    visited: Visited,
    ends: Path[],
  ): { path: Path; states: Int32Array }[] {
    const actions: Action[] = [];
    const space = this.#space;
    space.actions(states, 0, states.length, actions);
    if (actions.length === 0) ends.push(path);
    return actions.flatMap((action) => {
      const { leaf } = space.follow(states, action);
      const further = [...path, action];
      if (leaf.terminal !== undefined) {
        ends.push(further);
        return [];
      }
      space.settle();
      const isNew = visited.add(space.low, space.high, () => space.state);
      return isNew ? [{ path: further, states: space.state }] : [];
    });
  }

  get #reductions(): Required<Reductions> {
    const {
      local = true,
      switches = true,
      restarts = true,
      symmetry = true,
    } = this.#options.reductions ?? {};
    return { local, switches, restarts, symmetry };
  }

  #makeSpace({ hasSilentSwitches, hasOwnRestarts, asymmetric }: Knowledge): Space {
    const { local, switches, restarts, symmetry } = this.#reductions;
    const locality = new Locality();
    const executor = new Executor(this.#modules, this.#hostOptions, {
      parks: switches && hasSilentSwitches,
      merges: restarts && hasOwnRestarts,
      runsOn: local
        ? { isShared: (word) => locality.isShared(word), hasSignals: this.#signals > 0 }
        : undefined,
    });
    executor.onFuture = (events) => this.#coverage.note(events);
    const transitions = new Transitions(executor);
    const space = new Space(transitions, locality, {
      signals: this.#signals,
      reduceLocal: local,
      symmetry: symmetry ? new Symmetry(transitions, asymmetric) : undefined,
    });
    space.onLeaf = ({ events }) => this.#coverage.note(events);
    return space;
  }

  #begin(): void {
    this.#space.begin();
    this.#finalStates.clear();
  }

  /** False when the search has learnt that it took something for granted that is not so. */
  #isWhole(): boolean {
    const { locality, transitions, isMistaken } = this.#space;
    const { futureLoads } = transitions.executor;
    const { hasOwnRestarts } = this.knowledge;
    const isOwn = hasOwnRestarts && areOwn(futureLoads.values(), locality);
    if (isMistaken || isOwn !== hasOwnRestarts) {
      // What has been learnt so far depends on where the search was when it found out.
      this.#space = this.#makeSpace({ ...this.knowledge, hasOwnRestarts: isOwn });
      return false;
    }
    // Without the reduction nothing relies on it.
    return this.#options.reductions?.local === false || !locality.hasLearnt;
  }

  #search(): { isComplete: boolean; isViolated: boolean } {
    const initial = this.#space.transitions.initial();
    if (this.#bound !== Number.POSITIVE_INFINITY) return this.#boundedSearch(initial);
    const result = this.#depthFirst(initial, STATES_BEFORE_SCOUTING);
    if (result.isComplete || result.isViolated || this.#space.isForNothing) return result;
    if (this.#watch.reason !== undefined) return result;
    if (this.scout()) return { isComplete: false, isViolated: true };
    if (this.#space.isForNothing) return result;
    return this.#depthFirst(initial, Number.POSITIVE_INFINITY);
  }

  #depthFirst(
    initial: Int32Array,
    maxStates: number,
  ): { isComplete: boolean; isViolated: boolean } {
    const visited: Visited = this.#options.exact === true ? new ExactStates() : new Fingerprints();
    this.#space.useSymmetry(true);
    const search = new DepthFirstSearch(this.#space, visited, this.#watch, this.#onEnd, maxStates);
    const result = search.run(initial, [[]]);
    this.#states = visited.size;
    this.#transitions = result.transitions;
    return result;
  }

  /**
   * A look around near the beginning: true when a run fails there. Depth first, a search never comes back
   * from where there is no end of states.
   */
  scout(): boolean {
    this.#space.useSymmetry(false);
    const initial = this.#space.transitions.initial();
    const { POSITIVE_INFINITY } = Number;
    const search = new ShortestSearch(
      this.#space,
      this.#watch,
      POSITIVE_INFINITY,
      this.#onEnd,
      STATES_SCOUTED,
    );
    return search.run(initial).violation !== undefined && !this.#space.isMistaken;
  }

  #boundedSearch(initial: Int32Array): { isComplete: boolean; isViolated: boolean } {
    this.#space.useSymmetry(false);
    const search = new ShortestSearch(this.#space, this.#watch, this.#bound, this.#onEnd);
    const { states, transitions, violation, isComplete } = search.run(initial);
    this.#states = states;
    this.#transitions = transitions;
    return { isComplete, isViolated: violation !== undefined };
  }

  /** The shortest failing run of those that there are for sure. */
  #shortest(): Violation | undefined {
    // That there is one is known: what limits the search for it does not limit this.
    const watch = this.#watch.unlimited();
    for (;;) {
      this.#begin();
      // Threads keep their numbers, so that the run is one of the program.
      this.#space.useSymmetry(false);
      const search = new ShortestSearch(this.#space, watch, this.#bound, this.#onEnd);
      const { states, transitions, violation } = search.run(this.#space.transitions.initial());
      this.#states = states;
      this.#transitions = transitions;
      const isWhole = this.#isWhole();
      if (isWhole || watch.reason !== undefined) {
        if (violation === undefined) this.#watch.reason ??= watch.reason;
        return violation;
      }
    }
  }

  /** True when the run ended badly. */
  readonly #onEnd = (successor: Successor | undefined): boolean => {
    if (successor === undefined) return true;
    const terminal = successor.leaf.terminal as Terminal;
    if (terminal.isOk) this.#finalStates.add(this.#finalState(successor));
    return !terminal.isOk;
  };

  #finalState({ leaf }: Successor): string {
    const { memory } = this.#space.transitions.executor;
    let content = this.#space.state[CONTENT] as number;
    for (const word of leaf.terminal?.kernelWords ?? []) content = memory.write(content, word, 0);
    return [memory.high(content), memory.low(content)].map(toHex).join('');
  }

  /** The answer once a run has ended badly: the shortest that does. */
  violated(): CheckResult {
    const violation = this.#shortest();
    if (violation === undefined) return this.result('incomplete');
    const example = replayPath(this.#modules, this.#hostOptions, violation.path);
    return this.result('violated', { violation, example });
  }

  /** The answer once no run ends badly: there may be runs that do not end. */
  #live(): CheckResult {
    this.#space.useSymmetry(false);
    const search = new LivenessSearch(this.#space, this.#watch);
    const livelock = search.run(this.#space.transitions.initial());
    if (livelock === undefined) {
      return this.result(this.#watch.reason === undefined ? 'proven' : 'incomplete');
    }
    const path = [...livelock.path, ...livelock.cycle];
    const example = replayPath(this.#modules, this.#hostOptions, path);
    const who = livelock.tids.map((tid) => `thread ${tid}`).join(', ');
    const message = `livelock: ${who} can go on for ever, and no section commits any more`;
    const failure = { kind: 'livelock', message, place: '', tid: livelock.tids[0] ?? 0 } as const;
    return {
      ...this.result('violated'),
      failure,
      schedule: example.schedule,
      steps: example.steps,
    };
  }

  /** The answer after all searches; states and transitions are those of the last one here. */
  result(
    verdict: Verdict,
    found?: { readonly violation: Violation; readonly example: Counterexample },
  ): CheckResult {
    return {
      verdict,
      reason: verdict === 'incomplete' ? (this.#watch.reason ?? `--depth reached`) : undefined,
      states: this.#states,
      transitions: this.#transitions,
      seconds: this.#watch.seconds,
      coverage: this.#coverage.result(),
      failure: found && toFailure(found.violation.terminal),
      schedule: found?.example.schedule,
      preemptions: found?.violation.preemptions,
      steps: found?.example.steps,
      finalStates: [...this.#finalStates].sort(),
    };
  }
}

/** Words that decide how a thread begins its section again are written by nobody else. */
export function areOwn(
  futureLoads: Iterable<readonly [address: number, tid: number]>,
  locality: Locality,
): boolean {
  for (const [address, tid] of futureLoads) {
    if (locality.hasForeignWriter(address, tid)) return false;
  }
  return true;
}

function requireInstructionMetering(modules: readonly GuestModule[]): void {
  for (const { map } of modules) {
    if (map.metering === 'instruction') continue;
    throw new CheckError(
      `module was built with --metering ${map.metering}; to be checked it needs --metering instruction`,
    );
  }
}

function toFailure(terminal: Terminal | undefined): CheckFailure {
  if (terminal === undefined) {
    const message = 'deadlock: every thread waits for another';
    return { kind: 'deadlock', message, place: '', tid: 0 };
  }
  const { kind, message, place, tid } = terminal;
  return { kind, message, place, tid };
}

function toHex(lane: number): string {
  return (lane >>> 0).toString(16).padStart(8, '0');
}
