// Guests: generator functions that play programs, so that a C function of tests/native ports line by
// line. A guest yields where it can be interrupted and where it needs the kernel, and names the code
// address it is at. Between two yields it is one instruction: nothing can come in between.

/** The guest is about to execute the instruction at `ip`: one unit of fuel. */
interface Point {
  readonly kind: 'point';
  readonly ip: number;
}

/** A system call; `ip` is where it returns to, behind the instruction, as on x86-64. */
interface SystemCall {
  readonly kind: 'syscall';
  readonly ip: number;
  readonly sysno: number;
  readonly args: readonly number[];
}

/** A register of the guest's own, answered at once and at no cost. */
type RegisterAccess =
  | { readonly kind: 'set-r10'; readonly value: number }
  | { readonly kind: 'get-r10' };

/** Where the kernel can step in. */
export type Stop = Point | SystemCall;
export type Request = Stop | RegisterAccess;

/** A request is answered by a number: of a system call, its result; of a register, its value. */
export type Guest<Result = void> = Generator<Request, Result, number>;

/** What a thread or a handler begins with: an argument, or the signal. The result is the status. */
export type GuestFunction = (argument: number) => Guest<number | void>;

/** Thrown into a guest whose ip the kernel has moved. Whoever has a label there catches it. */
export class Redirected extends Error {
  override readonly name = 'Redirected';

  constructor(
    readonly from: number,
    readonly to: number,
  ) {
    super(`the kernel moved a thread from ${hex(from)} to ${hex(to)}, where it has no label`);
  }
}

function hex(ip: number): string {
  return `0x${(ip >>> 0).toString(16)}`;
}

export function point(ip: number): Request {
  return { kind: 'point', ip };
}
