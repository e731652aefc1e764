// A kernel invariant is broken: our bug, never the guest's.

export class KernelPanic extends Error {
  override readonly name = 'KernelPanic';
}

export function panic(where: string, state: string): never {
  throw new KernelPanic(`panic: ${where}: ${state}`);
}
