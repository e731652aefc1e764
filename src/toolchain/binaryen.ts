// The part of Binaryen this toolchain uses, typed as it behaves at run time. Two copies of Binaryen
// meet here, the one inside asc and our own; each has a heap of its own, so every function of this
// folder takes the copy it works with, and nothing but this folder knows Binaryen at all.

/** A pointer into the heap of one copy of Binaryen. */
export type Ref = number;
export type Type = number;

type Getter = (ref: Ref) => number;
type Setter = (ref: Ref, value: number) => void;

/** Loads and stores of a type. */
interface Storage {
  load(offset: number, align: number, ptr: Ref): Ref;
  store(offset: number, align: number, ptr: Ref, value: Ref): Ref;
}

export interface Module {
  readonly ptr: number;
  readonly i32: Record<string, (...args: number[]) => Ref> &
    Storage & { const(value: number): Ref };
  readonly i64: Storage & { extend_u(value: Ref): Ref };
  readonly f32: Storage & { const(value: number): Ref };
  readonly f64: Storage & { const(value: number): Ref };
  readonly v128: Storage & { const(bytes: readonly number[]): Ref };
  readonly local: {
    get(index: number, type: Type): Ref;
    set(index: number, value: Ref): Ref;
    tee(index: number, value: Ref, type: Type): Ref;
  };
  readonly global: { get(name: string, type: Type): Ref; set(name: string, value: Ref): Ref };
  readonly memory: {
    size(): Ref;
    grow(delta: Ref): Ref;
    fill(dest: Ref, value: Ref, size: Ref): Ref;
    init(segment: string, dest: Ref, offset: Ref, size: Ref): Ref;
  };
  block(name: string | null, children: Ref[], type?: Type): Ref;
  if(condition: Ref, ifTrue: Ref, ifFalse?: Ref): Ref;
  loop(name: string | null, body: Ref): Ref;
  br(name: string, condition?: Ref, value?: Ref): Ref;
  switch(names: readonly string[], defaultName: string, condition: Ref): Ref;
  call(name: string, operands: Ref[], result: Type): Ref;
  call_indirect(table: string, target: Ref, operands: Ref[], params: Type, results: Type): Ref;
  drop(value: Ref): Ref;
  return(value?: Ref): Ref;
  nop(): Ref;
  unreachable(): Ref;
  copyExpression(ref: Ref): Ref;

  addFunction(name: string, params: Type, results: Type, vars: Type[], body: Ref): Ref;
  getFunctionByIndex(index: number): Ref;
  getNumFunctions(): number;
  getFunction(name: string): Ref;
  removeFunction(name: string): void;
  addFunctionImport(name: string, module: string, base: string, params: Type, results: Type): void;
  addFunctionExport(internal: string, external: string): Ref;
  getNumExports(): number;
  getExportByIndex(index: number): Ref;
  addGlobal(name: string, type: Type, isMutable: boolean, init: Ref): Ref;
  getNumGlobals(): number;
  getGlobalByIndex(index: number): Ref;
  addGlobalExport(internal: string, external: string): Ref;
  addMemoryImport(internal: string, module: string, base: string, isShared: boolean): void;
  hasMemory(): boolean;
  getMemoryInfo(name: string): MemoryInfo;
  setMemory(
    initial: number,
    maximum: number,
    exportName: string | null,
    segments: readonly DataSegment[],
    isShared: boolean,
    isMemory64: boolean,
    name: string,
  ): void;
  getNumDataSegments(): number;
  getDataSegmentByIndex(index: number): Ref;
  getDataSegmentInfo(segment: Ref): DataSegment;
  getNumElementSegments(): number;
  getElementSegmentByIndex(index: number): Ref;
  addMemoryExport(internal: string, external: string): Ref;
  addTableExport(internal: string, external: string): Ref;
  removeExport(external: string): void;
  addTable(name: string, initial: number, maximum: number, type?: Type): Ref;
  getNumTables(): number;
  getTableByIndex(index: number): Ref;
  getStart(): Ref;
  addCustomSection(name: string, contents: Uint8Array): void;
  getFeatures(): number;
  setFeatures(features: number): void;
  emitText(): string;
  emitBinary(): Uint8Array<ArrayBuffer>;
  validate(): number;
  optimize(): void;
  runPasses(passes: string[]): void;
  runPassesOnFunction(func: Ref, passes: string[]): void;
  dispose(): void;
}

interface MemoryInfo {
  readonly module: string;
  readonly base: string;
  readonly initial: number;
  readonly max?: number;
  readonly shared: boolean;
}

export interface DataSegment {
  readonly name: string;
  /** A constant when read; an expression when written. */
  readonly offset: number;
  readonly data: Uint8Array | ArrayBuffer;
  readonly passive: boolean;
}

interface FunctionInfo {
  readonly name: string;
  readonly module: string;
  readonly base: string;
  readonly params: Type;
  readonly results: Type;
  readonly vars: Type[];
  readonly body: Ref;
}

export interface GlobalInfo {
  readonly name: string;
  readonly module: string;
  readonly base: string;
  readonly type: Type;
  readonly mutable: boolean;
  readonly init: Ref;
}

export interface Binaryen {
  readonly none: Type;
  readonly i32: Type;
  readonly i64: Type;
  readonly f32: Type;
  readonly f64: Type;
  readonly v128: Type;
  readonly unreachable: Type;
  readonly Features: Record<string, number>;
  readonly ExternalFunction: number;
  readonly SideEffects: Record<string, number>;
  getSideEffects(ref: Ref, module: Module): number;
  readBinary(bytes: Uint8Array, features?: number): Module;
  createType(types: Type[]): Type;
  expandType(type: Type): Type[];
  getExpressionId(ref: Ref): number;
  getExpressionType(ref: Ref): Type;
  getFunctionInfo(ref: Ref): FunctionInfo;
  getGlobalInfo(ref: Ref): GlobalInfo;
  getElementSegmentInfo(ref: Ref): { readonly data: readonly string[] };
  getTableInfo(ref: Ref): { readonly name: string };
  getExportInfo(ref: Ref): { readonly name: string; readonly value: string; readonly kind: number };
  getPassArgument(name: string): string | null;
  setPassArgument(name: string, value: string | null): void;
  getDebugInfo(): boolean;
  setDebugInfo(on: boolean): void;
  readonly Function: {
    /** 0 for an import. */
    getBody(func: Ref): Ref;
    setBody(func: Ref, body: Ref): void;
    getNumLocals(func: Ref): number;
  };
  readonly Expression: { toText(ref: Ref): string };
  _BinaryenFunctionAddVar(func: Ref, type: Type): number;
  readonly [kind: string]: unknown;
}

/** Accessors of expression kind `name`. */
export function accessors(binaryen: Binaryen, name: string): Record<string, Getter & Setter> {
  return binaryen[name] as Record<string, Getter & Setter>;
}

/** Features that every engine of the project takes; Binaryen's `All` emits imports that V8 11 refuses. */
export function portableFeatures(binaryen: Binaryen): number {
  const names = [
    'Atomics',
    'MutableGlobals',
    'NontrappingFPToInt',
    'SIMD128',
    'BulkMemory',
    'BulkMemoryOpt',
    'SignExt',
    'ReferenceTypes',
    'Multivalue',
  ];
  return names.reduce((mask, name) => mask | (binaryen.Features[name] ?? 0), 0);
}
