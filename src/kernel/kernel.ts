// The kernel: boots a process, and runs it slice by slice until it ends. One run loop, one place
// where user code is entered, and just before it the one place where an interrupted ip is moved.
//
// Invariant: every choice comes from the Scheduler, so a run is a function of its program, options
// and schedule.

import { Errno } from '../abi/errno.js';
import { Signal } from '../abi/signal.js';
import { JOIN_ALL } from '../abi/syscall.js';
import { type FileOptions, Files } from './files.js';
import { CpuSet } from './cpu-set.js';
import { Cpu } from './cpu.js';
import { Dispatcher } from './dispatcher.js';
import { FutexTable } from './futex.js';
import type { Exit, Machine } from './machine.js';
import type { Memory } from './memory.js';
import { panic } from './panic.js';
import { CALL_FUEL, FREE_STACK_BYTES, stackPrice, THREAD_FUEL } from './prices.js';
import { type Death, Process } from './process.js';
import { RandomBytes } from './random-bytes.js';
import { RseqEvent } from './rseq/event.js';
import type { Personality, ResumeOutcome } from './rseq/personality.js';
import { MAX_SLICE_FUEL, Schedule, type Timekeeping } from './schedule.js';
import {
  type Choice,
  CPU_LOST,
  type Scheduler,
  type SchedulerView,
  TIME_PASSES,
} from './scheduler.js';
import { DEFAULT_ACTION } from './signal-frame.js';
import {
  disposition,
  hasDeliverableSignal,
  isSignal,
  MAX_FRAMES,
  popFrame,
  pushFrame,
  sendSignal,
  takeSignal,
} from './signal.js';
import {
  loadCpuSet,
  loadProcess,
  loadThread,
  programOf,
  saveCpuSet,
  saveProcess,
  saveThread,
  takeJoiners,
} from './snapshot.js';
import { noteRestart, type Starvation, worstStarvation } from './starvation.js';
import { type BootParameters, type Services, SYSCALLS } from './syscall.js';
import { Thread } from './thread.js';
import { END_OF_TIME } from './time.js';
import { TimerQueue } from './timer-queue.js';
import { type Counts, type Observer, TraceEvent, Tracer } from './trace.js';
import { interruptionResult, leave, timeoutResult } from './wait-end.js';
import { type FutexWait, type JoinWait, type Wait, waiting } from './wait.js';
import type { WordReader, WordWriter } from './words.js';

export interface KernelOptions extends FileOptions {
  readonly machine: Machine;
  readonly memory: Memory;
  readonly scheduler: Scheduler;
  readonly personality: Personality;
  /** Virtual CPUs, 1 to MAX_CPUS. */
  readonly cpus: number;
  /** Units of fuel the whole run may spend, on instructions and on what the kernel does for them. */
  readonly fuelLimit: number;
  /** Threads alive at once, the main thread included. */
  readonly threadLimit: number;
  /** Threads that may be started in all, 2^20: the status of each is kept for as long as the run. */
  readonly tidLimit?: number;
  readonly observers?: readonly Observer[];
  readonly boot?: BootParameters;
  /** Seed of the bytes that getrandom gives, a 32-bit integer; 1. */
  readonly entropySeed?: number;
  /** What takes time: 'instructions' unless given. */
  readonly time?: Timekeeping;
  /** Modules in the address space: the main of each is a thread, the first is the leader; 1. */
  readonly programs?: number;
}

export type StopReason = 'exited' | 'killed' | 'fuel-limit' | 'deadlock';

export interface Outcome {
  readonly reason: StopReason;
  readonly exitStatus: number | undefined;
  readonly death: Death | undefined;
  /** The thread that ran last, and the point it is at. */
  readonly last: { readonly tid: number; readonly ip: number };
  /** Set when the run stopped at its fuel limit while a section kept restarting. */
  readonly starvation: Starvation | undefined;
  readonly counts: Counts;
  readonly schedule: Schedule;
}

const LEADER_TID = 1;
const PROGRESS_SLICES = 4096;
const DEFAULT_TID_LIMIT = 2 ** 20;
/** What the host keeps of a failed assertion's message. */
const MAX_TEXT_BYTES = 8192;

export class Kernel implements SchedulerView, Services {
  readonly cpus: readonly Cpu[];
  readonly onlineCpus: CpuSet;
  readonly process: Process;
  readonly files: Files;
  readonly futexes: FutexTable = new FutexTable();
  readonly random: RandomBytes;
  readonly boot: BootParameters;
  readonly counts: Counts = {
    preemptions: 0,
    restarts: 0,
    migrations: 0,
    signals: 0,
    fuel: 0,
    systemFuel: 0,
  };
  readonly schedule: Schedule;

  readonly #options: KernelOptions;
  readonly #machine: Machine;
  readonly #scheduler: Scheduler;
  readonly #fuelLimit: number;
  /** Nanoseconds that an instruction takes. */
  readonly #instructionTime: number;
  readonly #personality: Personality;
  readonly #tracer: Tracer;
  readonly #dispatcher: Dispatcher;
  readonly #choice: Choice = { cpu: 0, tid: 0, fuel: 0 };
  readonly #timers = new TimerQueue<Wait>();
  /** Who waits until all others have ended. */
  readonly joinersOfAll: JoinWait[] = [];
  /** Virtual time that passed while no thread could run, in nanoseconds. */
  #idleTime = 0;
  #aliveCount = 0;
  #nextTid = LEADER_TID;
  /** A system call asked for the slice to end; the thread stays runnable. */
  #isSliceOver = false;

  /** Boots one process with one thread, which will run the program's main. */
  constructor(options: KernelOptions) {
    this.#options = options;
    this.schedule = new Schedule(options.time);
    this.#instructionTime = this.schedule.time === 'instructions' ? 1 : 0;
    this.#machine = options.machine;
    this.#scheduler = options.scheduler;
    this.#fuelLimit = options.fuelLimit;
    this.#personality = options.personality;
    this.cpus = Array.from({ length: options.cpus }, (_, id) => new Cpu(id));
    this.#tracer = new Tracer(options.observers ?? [], this.counts);
    this.#dispatcher = new Dispatcher(this.cpus, this.#personality, this.counts, this.#tracer);
    this.onlineCpus = CpuSet.firstCpus(options.cpus);
    this.files = new Files(options);
    this.random = new RandomBytes(options.entropySeed ?? 1);
    this.boot = options.boot ?? { threads: 1, args: [] };
    this.process = new Process(LEADER_TID, options.memory);
    for (let program = 0; program < (options.programs ?? 1); program++) {
      this.#addThread(program, 0, 0, this.onlineCpus.clone());
    }
  }

  /** Virtual time in nanoseconds: an instruction takes one, and idle CPUs wait for the next timer. */
  get now(): number {
    return Math.min(this.busyTime + this.#idleTime, END_OF_TIME);
  }

  get busyTime(): number {
    return this.counts.fuel * this.#instructionTime;
  }

  get aliveCount(): number {
    return this.#aliveCount;
  }

  get hasFence(): boolean {
    return this.#personality.hasFence ?? false;
  }

  get runnableCount(): number {
    return this.#dispatcher.runnableCount;
  }

  isOnline(cpu: number): boolean {
    return cpu < this.cpus.length && this.onlineCpus.has(cpu);
  }

  runnable(tid: number): Thread | undefined {
    const thread = this.process.threads.get(tid);
    return thread?.isRunnable ? thread : undefined;
  }

  /**
   * Run to the end: exit, death, fuel limit, or no thread that could run. `onProgress` is called
   * now and then, after a fixed number of slices.
   */
  run(onProgress?: (counts: Readonly<Counts>) => void): Outcome {
    for (let slice = 1; ; slice++) {
      const reason = this.step();
      if (reason !== undefined) return this.#outcome(reason);
      if (slice % PROGRESS_SLICES === 0) onProgress?.(this.counts);
    }
  }

  /** One slice. Returns why the run is over, or undefined while it is not. */
  step(): StopReason | undefined {
    if (this.process.hasExited) return this.process.death === undefined ? 'exited' : 'killed';
    const fuelLeft = this.#fuelLeft;
    if (fuelLeft <= 0) return 'fuel-limit';
    if (this.runnableCount === 0 && !this.#skipToNextTimer()) return 'deadlock';
    if (this.#timers.first !== undefined) this.#expireTimers();
    const choice = this.#choice;
    this.#scheduler.pick(this, choice);
    if (choice.fuel > fuelLeft) choice.fuel = fuelLeft;
    if (choice.fuel === 0) this.#happen(choice);
    else this.#runSlice(choice);
    return undefined;
  }

  get #fuelLeft(): number {
    return this.#fuelLimit - this.counts.fuel - this.counts.systemFuel;
  }

  /** The run pays for work of the kernel. */
  charge(fuel: number): void {
    this.counts.systemFuel += fuel;
  }

  /** Something that no thread does. */
  #happen(choice: Choice): void {
    const { event, tid, cpu } = choice;
    this.schedule.append(choice);
    if (event === TIME_PASSES) {
      if (this.#skipToNextTimer()) this.#expireTimers();
    } else if (event === CPU_LOST && this.cpus[cpu] !== undefined) this.park(cpu);
    else if (event !== undefined && isSignal(event)) {
      const thread = this.process.threads.get(tid);
      if (thread !== undefined && thread.state !== 'dead') this.signal(thread, event);
    } else refuse(choice);
  }

  #runSlice(choice: Choice): void {
    const cpu = this.cpus[choice.cpu];
    const thread = this.process.threads.get(choice.tid);
    if (cpu === undefined || thread === undefined) return refuse(choice);
    const { fuel } = choice;
    const canRun = thread.isRunnable && thread.affinity.has(cpu.id);
    if (!canRun || !this.onlineCpus.has(cpu.id) || !isSliceFuel(fuel)) return refuse(choice);
    this.schedule.append(choice);
    if (cpu.current !== thread) this.#switchTo(cpu, thread);
    this.#tracer.emit(TraceEvent.Run, thread, fuel, 0);

    this.#isSliceOver = false;
    cpu.isCurrentInterrupted = false;
    this.#runUser(cpu, thread, fuel);
  }

  /** Into user code, again and again until the slice is over. */
  #runUser(cpu: Cpu, thread: Thread, sliceFuel: number): void {
    const { context, registers } = thread;
    let fuel = sliceFuel;
    while (this.#prepareReturnToUser(thread, sliceFuel)) {
      const isAddress = thread.suspension === 'interrupt';
      const exit = this.#machine.run(context, registers, thread.resumeValue, fuel, isAddress);
      const { fuelUsed } = exit;
      fuel -= fuelUsed;
      this.counts.fuel += fuelUsed;
      const { stackBytes } = exit;
      if (stackBytes !== undefined && stackBytes > FREE_STACK_BYTES) {
        this.charge(stackPrice(stackBytes));
      }
      thread.cpuTime += fuelUsed * this.#instructionTime;
      if (thread.extras !== undefined) thread.extras.exitsSinceRestart++;
      if (exit.kind === 'interrupted') {
        const { ip } = registers;
        thread.point = ip;
        thread.suspension = 'interrupt';
        this.#tracer.emit(TraceEvent.Interrupt, thread, ip, fuelUsed);
      } else if (this.#handleExit(thread, exit)) {
        // What the kernel did may have cost what the run had left.
        fuel = Math.min(fuel, this.#fuelLeft);
      } else return;
      if (fuel > 0) continue;
      fuel = this.#extension(thread);
      if (fuel > 0) continue;
      cpu.isCurrentInterrupted = true;
      return;
    }
  }

  /** Fuel for which a thread may go on that has spent its slice, within what the run may execute. */
  #extension(thread: Thread): number {
    if (this.#personality.onSliceEnd === undefined) return 0;
    const left = this.#fuelLeft;
    return left <= 0 ? 0 : Math.min(left, this.#personality.onSliceEnd(thread));
  }

  #switchTo(cpu: Cpu, thread: Thread): void {
    this.#dispatcher.switchTo(cpu, thread);
    if (this.#personality.onSwitchIn === undefined) return;
    const signo = this.#personality.onSwitchIn(thread);
    if (isSignal(signo)) this.signal(thread, signo);
  }

  /**
   * The work before user code runs again: signals first, then what the personality was asked for.
   * False when the process died of it.
   */
  #prepareReturnToUser(thread: Thread, sliceFuel: number): boolean {
    if (thread.hasPendingSignal && !this.#deliverSignal(thread, sliceFuel)) return false;
    if (thread.notifyResume) {
      thread.notifyResume = false;
      const { ip } = thread.registers;
      const outcome = this.#personality.onResume(thread);
      if (outcome !== 'unchanged' && !this.#fixedUp(thread, ip, outcome, sliceFuel)) return false;
    }
    const { ip } = thread.registers;
    if (ip === thread.point || this.#machine.isRestart(thread.point, ip)) return true;
    this.#killForJump(thread, ip);
    return false;
  }

  #killForJump(thread: Thread, ip: number): void {
    const message = `jump to 0x${ip.toString(16)}, which is no restart label here`;
    this.kill(thread, Signal.SIGSEGV, message);
  }

  /** What a hook came to that found the thread at `ip`. False when the process died of it. */
  #fixedUp(thread: Thread, ip: number, outcome: ResumeOutcome, sliceFuel: number): boolean {
    if (outcome === 'unchanged') return true;
    if (outcome === 'redirected') {
      this.counts.restarts++;
      noteRestart(thread, sliceFuel, ip);
      this.#tracer.emit(TraceEvent.Restart, thread, ip, thread.registers.ip);
      return true;
    }
    this.kill(thread, Signal.SIGSEGV, outcome.message);
    return false;
  }

  #deliverSignal(thread: Thread, sliceFuel: number): boolean {
    const signo = takeSignal(thread);
    if (signo === 0) return true;
    const action = this.process.signalActions[signo] ?? DEFAULT_ACTION;
    if (disposition(action, signo) === 'terminate') {
      this.kill(thread, signo, `terminated by ${Signal[signo] ?? `signal ${signo}`}`);
      return false;
    }
    if (thread.frames.length >= MAX_FRAMES) {
      const message = `signal handlers nested deeper than ${MAX_FRAMES}`;
      this.kill(thread, Signal.SIGSEGV, message);
      return false;
    }
    thread.events |= RseqEvent.Signal;
    const { ip } = thread.registers;
    const outcome = this.#personality.onSignal(thread);
    if (!this.#fixedUp(thread, ip, outcome, sliceFuel)) return false;
    this.#tracer.emit(TraceEvent.Signal, thread, signo, thread.registers.ip);
    const { handler } = pushFrame(thread, signo);
    this.#machine.pushSignalCall(thread.context, handler, signo);
    this.counts.signals++;
    return true;
  }

  /** A run was not just interrupted. False when the slice is over with it. */
  #handleExit(thread: Thread, exit: Exit): boolean {
    switch (exit.kind) {
      case 'syscall':
        thread.point = thread.registers.ip;
        thread.suspension = 'syscall';
        this.#syscall(thread, exit.sysno, exit.args);
        break;
      case 'returned':
        if (thread.tid === LEADER_TID) this.exitGroup(thread, exit.value);
        else this.exitThread(thread, exit.value);
        break;
      case 'faulted': {
        const fault = exit.fault ?? panic('handleExit', 'a fault without a description');
        this.kill(thread, fault.signal, fault.message, fault.place);
        break;
      }
      case 'interrupted':
        // The frequent one: #runUser has seen to it.
        break;
      default:
        exit.kind satisfies never;
    }
    return !this.#isSliceOver && thread.isRunnable && !this.process.hasExited;
  }

  #syscall(thread: Thread, sysno: number, args: Int32Array): void {
    // A thread whose time came in this slice was there first: nobody can wake it any more.
    this.#expireTimers();
    this.charge(CALL_FUEL);
    if (this.#personality.onSyscallEntry?.(thread, sysno)) this.#isSliceOver = true;
    const handler = SYSCALLS.get(sysno) ?? this.#personality.syscalls.get(sysno);
    const result = handler === undefined ? -Errno.ENOSYS : handler(thread, args, this);
    if (result !== undefined) thread.registers.ax = result;
    this.#tracer.emit(TraceEvent.Syscall, thread, sysno, result ?? 0);
    if (!thread.isRunnable || this.#personality.onSyscallExit === undefined) return;
    const { ip } = thread.registers;
    this.#fixedUp(thread, ip, this.#personality.onSyscallExit(thread), 0);
  }

  /** A thread of the caller's process. Returns its tid; EAGAIN at a limit of threads. */
  clone(parent: Thread, entry: number, argument: number, tls: number): number {
    const { threadLimit, tidLimit = DEFAULT_TID_LIMIT } = this.#options;
    if (this.#aliveCount >= threadLimit || this.#nextTid > tidLimit) return -Errno.EAGAIN;
    const child = this.#addThread(parent.program, entry, argument, parent.affinity);
    child.registers.tp = tls;
    child.signalMask = parent.signalMask;
    this.#personality.onClone(parent, child);
    this.#tracer.emit(TraceEvent.Spawn, parent, child.tid, 0);
    return child.tid;
  }

  #addThread(program: number, entry: number, argument: number, affinity: CpuSet): Thread {
    const tid = this.#nextTid++;
    const context = this.#machine.createContext(program, entry, argument);
    const cpu = this.#dispatcher.idlestCpu(affinity.intersect(this.onlineCpus));
    const thread = new Thread(tid, this.process, program, context, affinity, cpu);
    thread.registers.gs = this.process.percpuBase(cpu);
    this.process.threads.set(tid, thread);
    this.#aliveCount++;
    this.#dispatcher.add(thread);
    return thread;
  }

  /** The thread may no longer be where it is: to the idlest CPU it may be on. */
  moveToAllowedCpu(thread: Thread): void {
    const isRunning = thread.tid === this.#choice.tid;
    if (isRunning) this.#isSliceOver = true;
    const allowed = thread.affinity.intersect(this.onlineCpus);
    this.#dispatcher.move(thread, this.#dispatcher.idlestCpu(allowed));
  }

  /**
   * Hot-plug. The threads of a CPU that goes offline move to another they may be on; one that may be
   * on no other may be on any from then on, as in Linux. Errors: EINVAL there is no such CPU; EBUSY
   * it is the last one.
   */
  setOnline(cpu: number, isOnline: boolean): number {
    if (this.cpus[cpu] === undefined) return -Errno.EINVAL;
    if (isOnline === this.isOnline(cpu)) return 0;
    if (isOnline) {
      this.onlineCpus.add(cpu);
      return 0;
    }
    if (this.onlineCpus.size === 1) return -Errno.EBUSY;
    this.onlineCpus.delete(cpu);
    this.charge(THREAD_FUEL * this.process.threads.size);
    for (const thread of this.process.threads.values()) this.#leaveOfflineCpu(thread);
    return 0;
  }

  #leaveOfflineCpu(thread: Thread): void {
    if (thread.state === 'dead' || this.isOnline(thread.cpu)) return;
    if (thread.affinity.intersect(this.onlineCpus).isEmpty()) {
      thread.affinity = CpuSet.firstCpus(this.cpus.length);
    }
    this.moveToAllowedCpu(thread);
  }

  /**
   * The fence of membarrier: every thread that has a CPU, or the one that has `cpu`, is told that it
   * was preempted. Before it runs on, its section is restarted.
   */
  fence(caller: Thread, cpu: number | undefined): void {
    for (const each of this.cpus) {
      const thread = each.current;
      if (thread === undefined || (cpu === undefined ? thread === caller : each.id !== cpu))
        continue;
      thread.events |= RseqEvent.Preempt;
      thread.notifyResume = true;
    }
  }

  /** The caller gives up its slice; it runs on only if the scheduler picks it again. */
  yield(_thread: Thread): number {
    this.#isSliceOver = true;
    return 0;
  }

  /**
   * Wait for a thread's end; `status` is where its exit status goes, 0: the result. JOIN_ALL: for that of
   * all others, whose status nobody gets.
   * Errors: ESRCH no such thread; EDEADLK for oneself; EINTR; EFAULT.
   */
  join(thread: Thread, tid: number, status: number): number | undefined {
    if (tid === JOIN_ALL) return this.#joinAll(thread);
    const target = this.process.threads.get(tid);
    if (target === undefined) return -Errno.ESRCH;
    if (target === thread) return -Errno.EDEADLK;
    if (target.state === 'dead') return this.#joined(status, target.exitStatus);
    const base = waiting(thread, Number.POSITIVE_INFINITY);
    const wait: JoinWait = { kind: 'join', ...base, target, status };
    target.ownExtras.joiners.push(wait);
    return this.block(thread, wait);
  }

  #joinAll(thread: Thread): number | undefined {
    if (this.#aliveCount === 1) return 0;
    const base = waiting(thread, Number.POSITIVE_INFINITY);
    const wait: JoinWait = { kind: 'join', ...base, target: undefined, status: 0 };
    this.joinersOfAll.push(wait);
    return this.block(thread, wait);
  }

  /** The result of a join that has succeeded. */
  #joined(address: number, exitStatus: number): number {
    if (address === 0) return exitStatus;
    return this.process.memory.storeI32(address, exitStatus) ? 0 : -Errno.EFAULT;
  }

  /**
   * The thread waits: `wake`, the deadline or a signal ends it, whichever comes first. Returns the
   * result of the call when that has come already, with the wait left, undefined otherwise. As in
   * Linux, a deadline that has passed comes before a signal that is pending.
   * Preconditions: the deadline is a time, at most END_OF_TIME, or Infinity.
   */
  block(thread: Thread, wait: Wait): number | undefined {
    if (wait.deadline <= this.now) {
      leave(wait, this);
      return timeoutResult(wait);
    }
    if (hasDeliverableSignal(thread)) {
      leave(wait, this);
      return interruptionResult(wait, this);
    }
    thread.wait = wait;
    if (wait.deadline !== Number.POSITIVE_INFINITY) this.#timers.add(wait);
    this.#dispatcher.stop(thread);
    return undefined;
  }

  /** What a blocked thread waited for has come, and whoever calls has taken it out of its queue. */
  wake(thread: Thread, result: number): void {
    if (thread.wait !== undefined) this.#timers.remove(thread.wait);
    thread.wait = undefined;
    thread.registers.ax = result;
    this.#dispatcher.add(thread);
  }

  #expireTimers(): void {
    if (this.#timers.first === undefined) return;
    const { now } = this;
    for (;;) {
      const wait = this.#timers.first;
      if (wait === undefined || wait.deadline > now) return;
      leave(wait, this);
      this.wake(wait.thread, timeoutResult(wait));
    }
  }

  /** Nobody can run: let the time pass. False when nobody waits for it. */
  #skipToNextTimer(): boolean {
    const wait = this.#timers.first;
    if (wait === undefined) return false;
    this.#idleTime += Math.max(0, wait.deadline - this.now);
    return true;
  }

  exitThread(thread: Thread, status: number): undefined {
    thread.registers.ax = status;
    this.#tracer.emit(TraceEvent.Exit, thread, status, 0);
    this.#personality.onExit(thread);
    this.#aliveCount--;
    thread.suspension = 'ended';
    this.#machine.releaseContext(thread.context);
    this.#dispatcher.stop(thread);
    for (const joiner of thread.joiners) {
      this.wake(joiner.thread, this.#joined(joiner.status, status));
    }
    if (thread.extras !== undefined) thread.extras.joiners.length = 0;
    if (this.#aliveCount === 1) {
      for (const joiner of this.joinersOfAll.splice(0)) this.wake(joiner.thread, 0);
    }
    // As in Linux, the status of a process whose threads all left one by one is the last one's.
    if (this.#aliveCount === 0) this.process.exitStatus = status;
  }

  exitGroup(thread: Thread, status: number): undefined {
    this.#tracer.emit(TraceEvent.Exit, thread, status, 1);
    this.process.exitStatus = status;
  }

  /** Make a signal pending; a thread that waits wakes with EINTR when it would be delivered. */
  signal(target: Thread, signo: number): void {
    sendSignal(target, signo);
    const { wait } = target;
    if (wait === undefined || !hasDeliverableSignal(target)) return;
    leave(wait, this);
    this.wake(target, interruptionResult(wait, this));
  }

  /** rt_sigreturn: the interrupted call returns what it would have returned without the signal. */
  returnFromSignal(thread: Thread): undefined {
    if (!popFrame(thread)) {
      this.kill(thread, Signal.SIGSEGV, 'rt_sigreturn without a signal frame');
    }
    return undefined;
  }

  /** A failed assertion: message and file are UTF-16, lengths in bytes. */
  abort(thread: Thread, args: Int32Array): undefined {
    const [message = 0, messageBytes = 0, file = 0, fileBytes = 0, line = 0] = args;
    const { memory } = this.process;
    const text = utf16(memory, message >>> 0, messageBytes >>> 0) || 'assertion failed';
    const path = utf16(memory, file >>> 0, fileBytes >>> 0);
    this.kill(thread, Signal.SIGABRT, text, path === '' ? undefined : `${path}:${line}`);
  }

  /** The process dies; `place` is where, when that is not the thread's ip. */
  kill(thread: Thread, signal: number, message: string, place?: string): undefined {
    if (this.process.hasExited) return;
    this.process.exitStatus = 128 + signal;
    this.process.death = { signal, message, place, ip: thread.point, tid: thread.tid };
    this.#tracer.emit(TraceEvent.Death, thread, signal, 0);
  }

  /** Take the thread off the CPU as if another were to run there. Preconditions: between two steps. */
  park(cpu: number): void {
    this.#dispatcher.park(this.cpus[cpu] ?? panic('park', `there is no cpu ${cpu}`));
  }

  /**
   * As if the thread had got the CPU, been seen to and lost it again before it ran: where it was before
   * makes no difference from now on. False when the process would have died of it. Preconditions: between
   * two steps; it has no CPU and is not dead.
   */
  settle(tid: number, cpu: number): boolean {
    const thread = this.process.threads.get(tid) ?? panic('settle', `there is no thread ${tid}`);
    if (thread.cpu !== cpu) this.#dispatcher.move(thread, cpu);
    const { ip } = thread.registers;
    const outcome = thread.notifyResume ? this.#personality.onResume(thread) : 'unchanged';
    if (outcome === 'redirected')
      this.#tracer.emit(TraceEvent.Restart, thread, ip, thread.registers.ip);
    thread.concurrencyId = 0;
    thread.events |= RseqEvent.Preempt;
    thread.notifyResume = true;
    return typeof outcome === 'string';
  }

  get hasTimers(): boolean {
    return this.#timers.first !== undefined;
  }

  /** A thread waits for a futex or a time. */
  get hasQueues(): boolean {
    return this.hasTimers || this.futexes.size > 0;
  }

  /** How many threads there have been. */
  get threadCount(): number {
    return this.#nextTid - 1;
  }

  /** Who is on which CPU. Preconditions: between two steps. */
  saveCpus(to: WordWriter): void {
    for (const { current } of this.cpus) to.thread(current?.tid ?? 0);
    // The threads have them; here they say which is the next.
    for (const { current } of this.cpus) to.word(this.#heldId(current));
  }

  /** What the threads have registered, and the CPUs online. Preconditions: between two steps; no exit. */
  saveShared(to: WordWriter): void {
    saveProcess(this.process, to);
    saveCpuSet(this.onlineCpus, to);
    to.flag(this.hasTimers);
  }

  /**
   * What besides only system calls, signals, timers and ends of threads look at. Preconditions: between two
   * steps; the process has not exited.
   */
  saveServices(to: WordWriter): void {
    to.list(this.futexes.keys(), (key) => {
      to.address(key);
      to.list([...this.futexes.waiters(key)], ({ thread }) => to.thread(thread.tid));
    });
    to.list(this.#timers.inOrder(), ({ thread }) => to.thread(thread.tid));
    to.list(this.joinersOfAll, ({ thread }) => to.thread(thread.tid));
    to.double(this.#idleTime);
    to.word(this.#aliveCount);
    to.word(this.#nextTid);
    this.files.save(to);
    to.list(this.random.state, (word) => to.word(word));
  }

  /** The concurrency id that a thread with a CPU has, where anybody asks, and 1; 0 without. */
  #heldId(thread: Thread | undefined): number {
    if (thread === undefined || this.#personality.readsEvents !== true) return 0;
    return thread.concurrencyId + 1;
  }

  /** A thread, without what its context holds. */
  saveThread(tid: number, to: WordWriter): void {
    const thread =
      this.process.threads.get(tid) ?? panic('saveThread', `there is no thread ${tid}`);
    const isCurrent = this.cpus[thread.cpu]?.current === thread;
    saveThread(thread, { events: this.#personality.readsEvents ?? false, isCurrent }, to);
  }

  /**
   * The state that saveCpus, saveShared, saveServices and saveThread have written: threads[n] is thread n + 1,
   * as a reader that stands behind the thread's words afterwards. Undefined: it is in that state already; of
   * the services, only while nobody waits for a futex or a time. A thread that there is already keeps its
   * context.
   */
  load(
    cpus: WordReader,
    shared: WordReader | undefined,
    services: WordReader | undefined,
    threads: readonly (WordReader | undefined)[],
  ): void {
    this.schedule.clear();
    this.#clear(threads);
    const { process } = this;
    const threadOf = (tid: number): Thread =>
      process.threads.get(tid) ?? panic('load', `there is no thread ${tid}`);
    const joins: (readonly [joined: Thread, joiners: readonly number[]])[] = [];
    for (let index = 0; index < threads.length; index++) {
      const words = threads[index];
      const thread = threadOf(index + 1);
      const joiners =
        words === undefined ? takeJoiners(thread) : loadThread(thread, words, threadOf);
      if (joiners.length > 0) joins.push([thread, joiners]);
    }
    for (const [{ ownExtras }, tids] of joins) {
      for (const tid of tids) ownExtras.joiners.push(threadOf(tid).wait as JoinWait);
    }
    for (const cpu of this.cpus) {
      const tid = cpus.word();
      if (tid > 0) this.#dispatcher.resumeOn(cpu, threadOf(tid));
    }
    if (shared !== undefined) {
      loadProcess(this.process, shared);
      this.onlineCpus.assign(loadCpuSet(shared));
    }
    if (services !== undefined) this.#loadServices(services, threadOf);
    // Waits of threads that have been loaded are others than they were.
    const { joinersOfAll } = this;
    joinersOfAll.forEach(({ thread }, at) => {
      joinersOfAll[at] = threadOf(thread.tid).wait as JoinWait;
    });
    for (let tid = 1; tid <= threads.length; tid++) {
      const thread = threadOf(tid);
      const isCurrent = this.cpus[thread.cpu]?.current === thread;
      if (thread.isRunnable && !isCurrent) this.#dispatcher.add(thread);
    }
  }

  #clear(threads: readonly (WordReader | undefined)[]): void {
    const { process } = this;
    this.#dispatcher.clear();
    process.concurrencyIds.clear();
    for (let tid = threads.length + 1; tid <= process.threads.size; tid++) {
      this.#machine.releaseContext((process.threads.get(tid) as Thread).context);
    }
    process.threads.truncate(threads.length);
    for (let tid = process.threads.size + 1; tid <= threads.length; tid++) {
      const program = programOf(threads[tid - 1] as WordReader);
      const context = this.#machine.createContext(program, 0, 0);
      process.threads.set(tid, new Thread(tid, process, program, context, this.onlineCpus, 0));
    }
  }

  #loadServices(from: WordReader, threadOf: (tid: number) => Thread): void {
    this.futexes.clear();
    this.#timers.clear();
    from.list(() => {
      const key = from.word() >>> 0;
      for (const tid of from.list(() => from.word())) {
        this.futexes.add(key, threadOf(tid).wait as FutexWait);
      }
    });
    for (const tid of from.list(() => from.word())) this.#timers.add(threadOf(tid).wait as Wait);
    const joiners = from.list(() => threadOf(from.word()).wait as JoinWait);
    this.joinersOfAll.splice(0, Number.POSITIVE_INFINITY, ...joiners);
    this.#idleTime = from.double();
    this.#aliveCount = from.word();
    this.#nextTid = from.word();
    this.files.load(from);
    this.random.state = from.list(() => from.word());
  }

  #outcome(reason: StopReason): Outcome {
    const { exitStatus, death } = this.process;
    const starvation =
      reason === 'fuel-limit' ? worstStarvation(this.process.threads.values()) : undefined;
    const { counts, schedule } = this;
    const tid = this.#choice.tid;
    const last = { tid, ip: this.process.threads.get(tid)?.point ?? 0 };
    return { reason, exitStatus, death, last, starvation, counts, schedule };
  }
}

function isSliceFuel(fuel: number): boolean {
  return fuel >= 1 && fuel <= MAX_SLICE_FUEL && Number.isInteger(fuel);
}

function refuse({ tid, cpu, fuel }: Choice): never {
  panic('scheduler', `picked thread ${tid} on cpu ${cpu}, fuel ${fuel}`);
}

/** The beginning of a text; nothing when it is not mapped to its end. */
function utf16(memory: Memory, address: number, length: number): string {
  if (address + length > memory.sizeBytes) return '';
  const bytes = memory.copyIn(address, Math.min(length, MAX_TEXT_BYTES));
  if (bytes === undefined) return '';
  let text = '';
  for (let at = 0; at + 1 < bytes.length; at += 2) {
    text += String.fromCharCode((bytes[at] as number) | ((bytes[at + 1] as number) << 8));
  }
  return text;
}
