// === machine, plain: the names of machine.ts without a kernel =====================================
//
// No threads, so labels are nothing. The CPU is a word behind a pointer in a global, as it is with the
// kernel: what a load costs is not what is compared. Functions without a body are imports of the module
// that this file is for asc, `machine`.

export declare function argument(index: i32, buffer: usize, size: i32): i32;

export declare function read(fd: i32, buffer: usize, length: i32): i32;

export declare function report(checksum: u32): void;

let threadPointer: usize = 0;

export namespace rseq {
  export function restart(): i32 {
    return 0;
  }

  export function start(): void {}

  export function end(): void {}

  export function cpuId(): i32 {
    return load<i32>(threadPointer, 4);
  }

  export function register(): i32 {
    threadPointer = heap.alloc(64);
    memory.fill(threadPointer, 0, 64);
    return 0;
  }
}

export function counterAdd(base: usize, amount: i32): void {
  const slot = base + <usize>rseq.cpuId() * 64;
  store<i32>(slot, load<i32>(slot) + amount);
}

export function futexWait(_word: usize, _value: i32, _timeout: usize): i32 {
  return 0;
}

export function futexWake(_word: usize, _count: i32): i32 {
  return 0;
}
