// What signals keep in a thread and in its process.

import { SIG_DFL } from '../abi/signal.js';
import type { Registers } from './machine.js';

/** Which import a thread is suspended in, and so which register that import returns; ended: in none. */
export type Suspension = 'entry' | 'interrupt' | 'syscall' | 'ended';

export interface SignalAction {
  /** Table index of the handler, SIG_DFL or SIG_IGN. */
  readonly handler: number;
  readonly flags: number;
  readonly mask: bigint;
}

export const DEFAULT_ACTION: SignalAction = { handler: SIG_DFL, flags: 0, mask: 0n };

/** What a handler interrupted; restored by rt_sigreturn. The thread pointer is not part of it. */
export interface SignalFrame {
  /** Guest through signal_context: ip and r10. */
  readonly registers: Registers;
  readonly point: number;
  readonly suspension: Suspension;
  readonly mask: bigint;
}
