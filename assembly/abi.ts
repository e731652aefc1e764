// === abi: which one the program is compiled for ===================================================

/** A number of `Abi`. The toolchain makes it a constant. */
// @ts-ignore: decorator
@external("rseq", "abi")
export declare function abi(): i32;
