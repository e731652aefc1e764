// === signal: handlers ============================================================================

import { SIGACTION_BYTES, SIGACTION_FLAGS, SIGACTION_HANDLER, SIGACTION_MASK } from '../src/abi/signal';
import { getpid, rtSigaction, tgkill } from './sys';

/** A handler runs on the stack of the thread it interrupts, and can itself be interrupted. */
export type SignalHandler = (signo: i32) => void;

/** Call `handler` on every `signo` from now on. Returns 0 or a negative errno. */
export function signal(signo: i32, handler: SignalHandler): i32 {
  const action = heap.alloc(SIGACTION_BYTES);
  store<u32>(action, handler.index, SIGACTION_HANDLER);
  store<u32>(action, 0, SIGACTION_FLAGS);
  store<u64>(action, 0, SIGACTION_MASK);
  const result = rtSigaction(signo, action, 0);
  heap.free(action);
  return result;
}

/** Send `signo` to thread `tid` of this process. */
export function kill(tid: i32, signo: i32): i32 {
  return tgkill(getpid(), tid, signo);
}
