// The time-slice extension of linux-v2: a thread that is in the middle of something asks, by a byte in
// its area, to keep the CPU a little longer when its slice is spent. Once a slice, and it gives the
// CPU back itself, by rseq_slice_yield or any other call, or loses it.
//
//   request   granted   the thread       the kernel
//   1         0         works            -
//   0         1         works on         at the end of the slice: more fuel
//   0         0         has lost it      at the second end, at a switch, at a call

import { Errno } from '../../abi/errno.js';
import {
  PR_RSEQ_SLICE_EXT_ENABLE,
  PR_RSEQ_SLICE_EXTENSION,
  PR_RSEQ_SLICE_EXTENSION_GET,
  PR_RSEQ_SLICE_EXTENSION_SET,
  RSEQ_CS_FLAG_SLICE_EXT_AVAILABLE,
  RSEQ_CS_FLAG_SLICE_EXT_ENABLED,
  RSEQ_FLAG_SLICE_EXT_DEFAULT_ON,
  RSEQ_LEGACY_BYTES,
} from '../../abi/linux-rseq.js';
import { Sysno } from '../../abi/syscall.js';
import { hasDeliverableSignal } from '../signal.js';
import type { Services, SyscallHandler } from '../syscall.js';
import type { Thread } from '../thread.js';
import type { RseqArea } from './linux-area.js';
import { areaOf, type Request } from './linux-registration.js';
import { hex, incoherent, unreadable, unwritable } from './linux-section.js';
import type { Incoherence } from './personality.js';

/** Fuel of an extension: 5 us where an instruction takes 1 ns, and at most 50 us. */
export const DEFAULT_EXTENSION_FUEL = 5000;
const MAX_EXTENSION_FUEL = 50_000;

const REQUEST_BYTE = 0x00ff;
const GRANTED_BYTE = 0xff00;
const GRANTED = 0x0100;

export class SliceExtensions {
  readonly syscalls: ReadonlyMap<number, SyscallHandler> = new Map<number, SyscallHandler>([
    [
      Sysno.Prctl,
      (thread, [code = 0, op = 0, value = 0, arg4 = 0, arg5 = 0]) => {
        if (code !== PR_RSEQ_SLICE_EXTENSION || arg4 !== 0 || arg5 !== 0) return -Errno.EINVAL;
        return this.#control(thread, op, value);
      },
    ],
    [Sysno.RseqSliceYield, (thread, _args, kernel) => this.#yield(thread, kernel)],
  ]);

  /** fuel: of an extension; 0 turns the feature off. debug: bytes that the thread has changed kill. */
  constructor(
    readonly fuel: number,
    readonly debug: boolean,
  ) {
    if (Number.isInteger(fuel) && fuel >= 0 && fuel <= MAX_EXTENSION_FUEL) return;
    throw new RangeError(`slice extension ${fuel} is no integer from 0 to ${MAX_EXTENSION_FUEL}`);
  }

  /** The flags word of an area at registration. */
  initialFlags(request: Request): number {
    if (this.fuel === 0 || request.length <= RSEQ_LEGACY_BYTES) return 0;
    const isOn = (request.flags & RSEQ_FLAG_SLICE_EXT_DEFAULT_ON) !== 0;
    return RSEQ_CS_FLAG_SLICE_EXT_AVAILABLE | (isOn ? RSEQ_CS_FLAG_SLICE_EXT_ENABLED : 0);
  }

  /** Fuel for which the thread may go on, or 0. A thread that a call has stopped gets none. */
  atSliceEnd(thread: Thread): number {
    const area = areaOf(thread);
    if (area === undefined || thread.sliceExtension === 'off') return 0;
    if (thread.suspension !== 'interrupt') return 0;
    const hasOtherWork = thread.notifyResume || hasDeliverableSignal(thread);
    if (hasOtherWork || thread.sliceExtension === 'granted') {
      this.#revoke(thread, area);
      return 0;
    }
    const word = area.loadSliceControl();
    if (word === undefined) return report(thread, unreadable(area));
    if ((word & REQUEST_BYTE) === 0) return 0;
    if (!area.storeSliceControl((word & ~(REQUEST_BYTE | GRANTED_BYTE)) | GRANTED)) {
      return report(thread, unwritable(area));
    }
    thread.sliceExtension = 'granted';
    return this.fuel;
  }

  /** True when a call ends the thread's slice. rseq_slice_yield does so itself. */
  atSyscall(thread: Thread, sysno: number): boolean {
    const area = areaOf(thread);
    if (area === undefined || thread.sliceExtension !== 'granted') return false;
    if (this.debug) this.#checkControl(thread, area);
    if (sysno === Sysno.RseqSliceYield) return false;
    this.#revoke(thread, area);
    return true;
  }

  /** A request or a grant does not outlive a switch. False when the area cannot be written. */
  clear(thread: Thread, area: RseqArea): boolean {
    if (thread.sliceExtension === 'granted') thread.sliceExtension = 'on';
    return this.fuel === 0 || area.storeSliceControl(0);
  }

  #revoke(thread: Thread, area: RseqArea): void {
    if (!this.clear(thread, area)) report(thread, unwritable(area));
  }

  #checkControl(thread: Thread, area: RseqArea): void {
    const word = area.loadSliceControl();
    if (word === GRANTED) return;
    if (word === undefined) report(thread, unreadable(area));
    else report(thread, incoherent(area, `slice_ctrl ${hex(word)} is not ${hex(GRANTED)}`));
  }

  /** 1 when the CPU was given back within an extension; 0 when there was none, or not any more. */
  #yield(thread: Thread, kernel: Services): number {
    const area = areaOf(thread);
    if (area === undefined || thread.sliceExtension !== 'granted') return 0;
    this.#revoke(thread, area);
    kernel.yield(thread);
    return 1;
  }

  /** prctl. Errors, in this order: EINVAL; EOPNOTSUPP turned off; ENXIO; EOPNOTSUPP legacy. */
  #control(thread: Thread, op: number, value: number): number {
    if (op === PR_RSEQ_SLICE_EXTENSION_GET) {
      if (value !== 0) return -Errno.EINVAL;
      return thread.sliceExtension === 'off' ? 0 : PR_RSEQ_SLICE_EXT_ENABLE;
    }
    if (op !== PR_RSEQ_SLICE_EXTENSION_SET) return -Errno.EINVAL;
    if ((value & ~PR_RSEQ_SLICE_EXT_ENABLE) !== 0) return -Errno.EINVAL;
    if (this.fuel === 0) return -Errno.EOPNOTSUPP;
    const area = areaOf(thread);
    if (area === undefined) return -Errno.ENXIO;
    if ((thread.registration?.length ?? 0) <= RSEQ_LEGACY_BYTES) return -Errno.EOPNOTSUPP;
    return setEnabled(thread, area, value === PR_RSEQ_SLICE_EXT_ENABLE);
  }
}

/** The flags of the area must be as the kernel left them: EFAULT, and SIGSEGV, when they are not. */
function setEnabled(thread: Thread, area: RseqArea, isEnabled: boolean): number {
  const wasEnabled = thread.sliceExtension !== 'off';
  if (isEnabled === wasEnabled) return 0;
  const flags = area.loadFlags();
  if (flags === undefined) return fail(thread, unreadable(area));
  const expected =
    RSEQ_CS_FLAG_SLICE_EXT_AVAILABLE | (wasEnabled ? RSEQ_CS_FLAG_SLICE_EXT_ENABLED : 0);
  if ((flags & expected) !== expected) {
    return fail(thread, incoherent(area, `flags ${hex(flags)} lack ${hex(expected)}`));
  }
  const enabled = isEnabled ? RSEQ_CS_FLAG_SLICE_EXT_ENABLED : 0;
  if (!area.storeFlags((flags & ~RSEQ_CS_FLAG_SLICE_EXT_ENABLED) | enabled)) {
    return fail(thread, unwritable(area));
  }
  thread.sliceExtension = isEnabled ? 'on' : 'off';
  return 0;
}

/** Where no hook can say it: resume work will kill with these words. No fuel. */
export function report(thread: Thread, { message }: Incoherence): 0 {
  thread.incoherence = message;
  thread.notifyResume = true;
  return 0;
}

function fail(thread: Thread, incoherence: Incoherence): number {
  report(thread, incoherence);
  return -Errno.EFAULT;
}
