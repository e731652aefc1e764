// Processes of a scenario: each has a kernel of its own, the emulated one having no other. What that
// has no system call for is done here, by the kernel's own rules of fork and exec and by its placement;
// it is handed to the kernel as system calls of the personality.

import type { SyscallHandler } from '../../src/kernel/syscall.js';
import { Kernel, type Outcome } from '../../src/kernel/kernel.js';
import { inheritByFork, resetByExec } from '../../src/kernel/lifecycle.js';
import type { LoadText } from '../../src/kernel/rseq/linux-section.js';
import { createPersonality } from '../../src/kernel/rseq/personalities.js';
import type { Personality } from '../../src/kernel/rseq/personality.js';
import type { Scheduler } from '../../src/kernel/scheduler.js';
import { RoundRobinScheduler } from '../../src/kernel/schedulers/round-robin.js';
import type { Thread } from '../../src/kernel/thread.js';
import { GeneratorMachine } from './generator-machine.js';
import { CPUS, HarnessCall, Program } from './program.js';
import { TEXT } from './section.js';

/** Forty times what any scenario needs. */
const FUEL_LIMIT = 5_000_000;
const THREAD_LIMIT = 16;
const QUANTUM = 11;

/** What a test may want otherwise. */
export interface Setup {
  readonly newPersonality: (loadText: LoadText) => Personality;
  readonly newScheduler: () => Scheduler;
}

export const SETUP: Setup = {
  newPersonality: (loadText) => createPersonality(['linux'], { loadText }),
  newScheduler: () => new RoundRobinScheduler(QUANTUM),
};

export class EmulatedProcess {
  readonly kernel: Kernel;
  readonly #machine: GeneratorMachine;
  readonly #personality: Personality;

  constructor(
    readonly program: Program,
    readonly setup: Setup,
    readonly onText: (text: string) => void,
  ) {
    const { memory } = program;
    this.#machine = new GeneratorMachine(program.functions, TEXT);
    const personality = setup.newPersonality((address) => this.#machine.loadText(address));
    this.#personality = withCalls(personality, this.#harnessCalls());
    this.kernel = new Kernel({
      machine: this.#machine,
      memory,
      scheduler: setup.newScheduler(),
      personality: this.#personality,
      cpus: CPUS.length,
      fuelLimit: FUEL_LIMIT,
      threadLimit: THREAD_LIMIT,
      onOutput: (_fd, bytes) => onText(String.fromCharCode(...bytes)),
    });
  }

  run(): Outcome {
    return this.kernel.run();
  }

  #harnessCalls(): [number, SyscallHandler][] {
    return [
      [HarnessCall.Fork, (thread) => this.#fork(thread, HarnessCall.Fork)],
      [HarnessCall.Vfork, (thread) => this.#fork(thread, HarnessCall.Vfork)],
      [HarnessCall.Exec, (thread) => this.#exec(thread)],
      [HarnessCall.ResumeWork, (thread) => raiseResumeWork(thread)],
    ];
  }

  /** The child's status. vfork: it has the parent's memory, as a thread has, and not a copy. */
  #fork(parent: Thread, call: HarnessCall.Fork | HarnessCall.Vfork): number {
    const { child: main, scenario, memory } = this.program;
    if (main === undefined) throw new Error('the scenario has no child');
    this.program.children++;
    const isShared = call === HarnessCall.Vfork;
    const program = new Program(scenario, isShared ? memory : memory.copy(), main);
    const child = new EmulatedProcess(program, this.setup, this.onText);
    const { leader } = child.kernel.process;
    child.#returnFrom(call, parent, leader);
    if (isShared) this.#personality.onClone(parent, leader);
    else inheritByFork(this.#personality, parent, leader);
    leader.affinity = parent.affinity.clone();
    child.kernel.moveToAllowedCpu(leader);
    const { exitStatus, reason } = child.run();
    return exitStatus ?? panic(`a child ended by ${reason}`);
  }

  /** Where fork leaves a child: in the call its parent made, which returns 0. */
  #returnFrom(call: number, parent: Thread, child: Thread): void {
    this.#machine.advanceTo(child.context, call);
    Object.assign(child.registers, parent.registers, { ax: 0 });
    child.point = parent.point;
    child.suspension = parent.suspension;
  }

  #exec(thread: Thread): number {
    resetByExec(this.#personality, thread.process);
    this.program.memory.clear();
    return 0;
  }
}

/** Something has to be done before the thread is in its program again, and is no event of rseq. */
function raiseResumeWork(thread: Thread): number {
  thread.notifyResume = true;
  return 0;
}

function withCalls(
  personality: Personality,
  calls: readonly (readonly [number, SyscallHandler])[],
): Personality {
  const syscalls: Personality['syscalls'] = new Map([...personality.syscalls, ...calls]);
  return Object.defineProperty(personality, 'syscalls', { value: syscalls });
}

function panic(message: string): never {
  throw new Error(message);
}
