// Signals: actions, masks, what is pending, and the frame that sigreturn takes down again.
//
// Order at delivery: the personality fixes up the interrupted registers first, then the frame saves
// them, so a handler and sigreturn never see an ip inside a section.

import { Errno } from '../abi/errno.js';
import {
  FrameRegister,
  NSIG,
  SA_NODEFER,
  SA_RESETHAND,
  SIG_BLOCK,
  SIG_DFL,
  SIG_IGN,
  SIG_SETMASK,
  SIG_UNBLOCK,
  SIGACTION_BYTES,
  SIGACTION_FLAGS,
  SIGACTION_HANDLER,
  SIGACTION_MASK,
  Signal,
  SignalContextOp,
  SIGSET_BYTES,
} from '../abi/signal.js';
import type { Memory } from './memory.js';
import type { Process } from './process.js';
import { DEFAULT_ACTION, type SignalAction } from './signal-frame.js';
import type { Thread } from './thread.js';

export type Disposition = 'ignore' | 'terminate' | 'handle';

const UNBLOCKABLE = bit(Signal.SIGKILL) | bit(Signal.SIGSTOP);
// Stopping is not emulated: SIGSTOP and SIGCONT do nothing by default.
const IGNORED_BY_DEFAULT = [
  Signal.SIGCHLD,
  Signal.SIGCONT,
  Signal.SIGSTOP,
  Signal.SIGURG,
  Signal.SIGWINCH,
];

/** Handlers under way in one thread: without SA_NODEFER there is one for each signal at most. */
export const MAX_FRAMES: number = NSIG;

export function isSignal(signo: number): boolean {
  return Number.isInteger(signo) && signo >= 1 && signo <= NSIG;
}

/** Make a signal pending. One that would be ignored is dropped, unless it is blocked for now. */
export function sendSignal(thread: Thread, signo: number): void {
  const isBlocked = (thread.signalMask & bit(signo)) !== 0n;
  if (isBlocked || !isIgnored(thread, signo)) thread.pendingSignals |= bit(signo);
}

export function hasDeliverableSignal(thread: Thread): boolean {
  return thread.hasPendingSignal && (thread.pendingSignals & ~thread.signalMask) !== 0n;
}

/** Take the lowest signal that is pending, not blocked and not ignored, or 0. */
export function takeSignal(thread: Thread): number {
  for (let signo = 1; signo <= NSIG && hasDeliverableSignal(thread); signo++) {
    const isReady = (thread.pendingSignals & ~thread.signalMask & bit(signo)) !== 0n;
    if (!isReady) continue;
    thread.pendingSignals &= ~bit(signo);
    if (!isIgnored(thread, signo)) return signo;
  }
  return 0;
}

export function disposition(action: SignalAction, signo: number): Disposition {
  if (action.handler === SIG_IGN) return 'ignore';
  if (action.handler !== SIG_DFL) return 'handle';
  return IGNORED_BY_DEFAULT.includes(signo) ? 'ignore' : 'terminate';
}

function isIgnored(thread: Thread, signo: number): boolean {
  return disposition(thread.process.signalActions[signo] as SignalAction, signo) === 'ignore';
}

/** Save the thread's state in a frame and point it at a handler, whose entry has no ip of its own. */
export function pushFrame(thread: Thread, signo: number): SignalAction {
  const actions = thread.process.signalActions;
  const action = actions[signo] as SignalAction;
  thread.ownExtras.frames.push({
    registers: { ...thread.registers },
    point: thread.point,
    suspension: thread.suspension,
    mask: thread.signalMask,
  });
  thread.signalMask |= action.mask & ~UNBLOCKABLE;
  if ((action.flags & SA_NODEFER) === 0) thread.signalMask |= bit(signo);
  if ((action.flags & SA_RESETHAND) !== 0) actions[signo] = DEFAULT_ACTION;
  thread.registers.ip = 0;
  thread.point = 0;
  thread.suspension = 'entry';
  return action;
}

/** Take down the newest frame. False when there is none. */
export function popFrame(thread: Thread): boolean {
  const frame = thread.extras?.frames.pop();
  if (frame === undefined) return false;
  const { ip, r10, cx, dx, ax } = frame.registers;
  Object.assign(thread.registers, { ip, r10, cx, dx, ax });
  thread.point = frame.point;
  thread.suspension = frame.suspension;
  thread.signalMask = frame.mask;
  return true;
}

/**
 * signal_context: read, or set, a register that rt_sigreturn will restore; this kernel's form of the
 * ucontext, its frames being out of the guest's reach. Whether code can go on at an ip that was set
 * is found out there. Errors, in this order: EINVAL no such operation or register; ENOENT no frame.
 */
export function signalContext(
  thread: Thread,
  op: number,
  depth: number,
  register: number,
  value: number,
): number {
  if (!(op in SignalContextOp) || !(register in FrameRegister)) return -Errno.EINVAL;
  const frame = thread.frames[thread.frames.length - 1 - depth];
  if (frame === undefined) return -Errno.ENOENT;
  const name = register === FrameRegister.Ip ? 'ip' : 'r10';
  if (op === SignalContextOp.Get) return frame.registers[name] | 0;
  frame.registers[name] = name === 'ip' ? value >>> 0 : value;
  return 0;
}

/** rt_sigaction. Errors, in this order: EINVAL wrong set size; EFAULT; EINVAL no such signal. */
export function setAction(
  thread: Thread,
  signo: number,
  newAction: number,
  oldAction: number,
  setBytes: number,
): number {
  if (setBytes !== SIGSET_BYTES) return -Errno.EINVAL;
  const { memory, signalActions } = thread.process;
  const replacement = newAction === 0 ? undefined : readAction(memory, newAction);
  if (newAction !== 0 && replacement === undefined) return -Errno.EFAULT;
  if (!isSignal(signo)) return -Errno.EINVAL;
  if (replacement !== undefined && (bit(signo) & UNBLOCKABLE) !== 0n) return -Errno.EINVAL;
  const old = signalActions[signo] as SignalAction;
  if (replacement !== undefined) replaceAction(thread.process, signo, replacement);
  // Last, as in Linux: a fault here does not undo the rest.
  return oldAction === 0 || writeAction(memory, oldAction, old) ? 0 : -Errno.EFAULT;
}

/** What is pending already of a signal that is ignored from now on is dropped. */
function replaceAction(process: Process, signo: number, action: SignalAction): void {
  process.signalActions[signo] = action;
  for (const thread of process.threads.values()) {
    if (isIgnored(thread, signo)) thread.pendingSignals &= ~bit(signo);
  }
}

/** rt_sigprocmask. Errors: EINVAL for a wrong `how` or set size; EFAULT. */
export function setMask(
  thread: Thread,
  how: number,
  newSet: number,
  oldSet: number,
  setBytes: number,
): number {
  if (setBytes !== SIGSET_BYTES) return -Errno.EINVAL;
  const memory = thread.process.memory;
  const old = thread.signalMask;
  if (newSet !== 0) {
    const set = readSet(memory, newSet);
    if (set === undefined) return -Errno.EFAULT;
    const mask = combine(how, old, set);
    if (mask === undefined) return -Errno.EINVAL;
    thread.signalMask = mask & ~UNBLOCKABLE;
  }
  if (oldSet !== 0 && !writeSet(memory, oldSet, old)) return -Errno.EFAULT;
  return 0;
}

function combine(how: number, old: bigint, set: bigint): bigint | undefined {
  if (how === SIG_BLOCK) return old | set;
  if (how === SIG_UNBLOCK) return old & ~set;
  return how === SIG_SETMASK ? set : undefined;
}

function readAction(memory: Memory, address: number): SignalAction | undefined {
  if (memory.copyIn(address, SIGACTION_BYTES) === undefined) return undefined;
  return {
    handler: memory.loadI32(address + SIGACTION_HANDLER) as number,
    flags: memory.loadI32(address + SIGACTION_FLAGS) as number,
    mask: readSet(memory, address + SIGACTION_MASK) as bigint,
  };
}

function writeAction(memory: Memory, address: number, action: SignalAction): boolean {
  if (memory.copyIn(address, SIGACTION_BYTES) === undefined) return false;
  memory.storeI32(address + SIGACTION_HANDLER, action.handler);
  memory.storeI32(address + SIGACTION_FLAGS, action.flags);
  return writeSet(memory, address + SIGACTION_MASK, action.mask);
}

function readSet(memory: Memory, address: number): bigint | undefined {
  const bytes = memory.copyIn(address, SIGSET_BYTES);
  return bytes && new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
}

function writeSet(memory: Memory, address: number, set: bigint): boolean {
  const bytes = new Uint8Array(SIGSET_BYTES);
  new DataView(bytes.buffer).setBigUint64(0, set, true);
  return memory.copyOut(address, bytes);
}

function bit(signo: number): bigint {
  return 1n << BigInt(signo - 1);
}
