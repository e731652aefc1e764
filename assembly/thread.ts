// === thread: spawn, join, yield, self, exit ======================================================

import { Errno } from '../src/abi/errno';
import {
  TCB_ALL_SIGNALS,
  TCB_ARENA,
  TCB_ARGUMENT,
  TCB_FUNCTION,
  TCB_JOINED,
  TCB_MASK,
  TCB_TID,
} from '../src/abi/thread';
import { SIG_SETMASK } from '../src/abi/signal';
import {
  cloneTold,
  exitThread,
  gettid,
  joinAllThreads,
  joinThread,
  rtSigprocmask,
  schedYield,
} from './sys';
import { registerNewThread } from './registration';
import { alignTcb, ensureThreadPointer, initArea, TCB_ROOM, threadPointer } from './tcb';

/** What a thread runs: gets the argument of spawn, returns its exit status. */
export type ThreadFunction = (argument: usize) => i32;

/**
 * Start a thread. Returns its tid, or a negative errno: -EAGAIN at the thread limit. Allocates 192
 * bytes with heap.alloc, so call it where the program may allocate.
 */
export function spawn(entry: ThreadFunction, argument: usize): i32 {
  const own = ensureThreadPointer();
  store<u64>(own, u64.MAX_VALUE, TCB_ALL_SIGNALS);
  // No handler may run in here, for it may allocate too, nor in the new thread before it knows its
  // CPU: that inherits the mask.
  rtSigprocmask(SIG_SETMASK, own + TCB_ALL_SIGNALS, own + TCB_MASK);
  const room = heap.alloc(TCB_ROOM);
  const tcb = alignTcb(room);
  initArea(tcb);
  store<u32>(tcb, entry.index, TCB_FUNCTION);
  store<usize>(tcb, argument, TCB_ARGUMENT);
  store<usize>(tcb, 0, TCB_ARENA);
  store<u64>(tcb, load<u64>(own, TCB_MASK), TCB_MASK);
  const start: ThreadFunction = startThread;
  const tid = cloneTold(start.index, tcb, tcb, tcb + TCB_TID);
  if (tid < 0) heap.free(room);
  rtSigprocmask(SIG_SETMASK, own + TCB_MASK, 0);
  return tid;
}

/** Wait for a thread to end. Returns its exit status, or -ESRCH, -EDEADLK when there is none. */
export function join(tid: i32): i32 {
  const tcb = ensureThreadPointer();
  // A handler may join while its thread is in here: what it finds it leaves behind.
  const found = load<i32>(tcb, TCB_JOINED);
  let result = joinThread(tid, tcb + TCB_JOINED);
  while (result == -Errno.EINTR) result = joinThread(tid, tcb + TCB_JOINED);
  if (result == 0) result = load<i32>(tcb, TCB_JOINED);
  store<i32>(tcb, found, TCB_JOINED);
  return result;
}

/** Wait until every other thread has ended: for who needs no exit status. */
export function joinAll(): void {
  while (joinAllThreads() == -Errno.EINTR) {}
}

/** Let another thread of this CPU run. */
function yieldNow(): void {
  schedYield();
}
export { yieldNow as yield };

/** tid of the caller. */
export function self(): i32 {
  const tcb = threadPointer();
  return tcb == 0 ? gettid() : load<i32>(tcb, TCB_TID) || gettid();
}

/** End the calling thread. In the main thread, main's return ends the process instead. */
export function exit(status: i32): void {
  exitThread(status);
}

function startThread(tcb: usize): i32 {
  registerNewThread();
  rtSigprocmask(SIG_SETMASK, tcb + TCB_MASK, 0);
  return call_indirect<i32>(load<u32>(tcb, TCB_FUNCTION), load<usize>(tcb, TCB_ARGUMENT));
}
