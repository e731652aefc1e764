// Random finished modules, as text: programs of several threads whose functions call each other, loop,
// branch, trap now and then, and hold sections. Everything they do ends up in a checksum in memory, every
// local too, so that two ways to run one of them differ when anything does.
//
// What is generated is a tree of choices, each a small number; the writer gives every choice a meaning
// where it stands, so that whatever shrinking leaves is a program too.
//
// Invariant: no bit of a NaN is ever seen, for WebAssembly leaves those to the engine.

import fc from 'fast-check';
import {
  type AbiName,
  CLONE_THREAD_FLAGS,
  EVENT_CPU_ID,
  Errno,
  PERCPU_CURRENT_CPU,
  PERCPU_GENERATION,
  PERCPU_SIGNAL,
  PERCPU_SIGNAL_SENT,
  RasOp,
  RSEQ_CS_BYTES,
  RSEQ_CS_LENGTH,
  RSEQ_CS_START,
  RSEQ_LEGACY_BYTES,
  RSEQ_SIG,
  RSEQ_V2_ALIGN,
  RseqOp,
  Signal,
  Sysno,
  TCB_CPU_ID,
} from '../../src/abi/index.js';

type Type = 'i32' | 'i64' | 'f32' | 'f64';
const TYPES: readonly Type[] = ['i32', 'i64', 'f32', 'f64'];

/** An expression, of whatever type is wanted where it stands. */
interface Expression {
  readonly pick: number;
  readonly n: number;
  readonly kids: readonly Expression[];
}

interface Statement {
  readonly pick: number;
  readonly n: number;
  readonly kids: readonly Expression[];
  readonly body: readonly Statement[];
  readonly other: readonly Statement[];
}

interface GuestFunction {
  /** Indices of types; the depth of calls comes before them. */
  readonly params: readonly number[];
  /** Index of a type; 4: none. */
  readonly result: number;
  readonly body: readonly Statement[];
  readonly value: Expression;
}

export interface GuestProgram {
  readonly functions: readonly GuestFunction[];
  /** Besides main. */
  readonly threads: number;
  /** Calls that are made at most. */
  readonly budget: number;
  readonly depth: number;
}

const EXPRESSIONS = [
  'local',
  'const',
  'binary',
  'unary',
  'convert',
  'compare',
  'load',
  'select',
  'tee',
  'sequence',
  'divide',
  'if',
  'block',
  'table',
  'loop',
  'size',
  'global',
  'call',
  'call',
  'call',
  'call',
  'call',
  'indirect',
  'indirect',
  'indirect',
  'syscall',
  'syscall',
  'grow',
] as const;

/** Of statements with a body, and of those without. */
const NESTED = [
  'block',
  'if',
  'count',
  'while',
  'do',
  'section',
  'section',
  'section',
  'table',
] as const;
const SIMPLE = [
  'set',
  'store',
  'drop',
  'add',
  'break',
  'call',
  'call',
  'call',
  'section',
  'section',
  'section',
  'global',
  'return',
  'bulk',
  'yield',
  'kill',
  'trap',
] as const;
type StatementKind = (typeof NESTED)[number] | (typeof SIMPLE)[number];

const leaf = fc.record({
  pick: fc.nat(1),
  n: fc.nat(255),
  kids: fc.constant([] as readonly Expression[]),
});

/** Trees of at most `depth` levels: built by level, which is quicker than by recursion. */
function expressionsOf(depth: number): fc.Arbitrary<Expression> {
  if (depth === 0) return leaf;
  const node = fc.record({
    pick: fc.nat(EXPRESSIONS.length - 1),
    n: fc.nat(255),
    kids: fc.array(expressionsOf(depth - 1), { maxLength: 2, size: 'max' }),
  });
  return fc.oneof(
    { withCrossShrink: true },
    { weight: 1, arbitrary: leaf },
    { weight: 2, arbitrary: node },
  );
}

function statementsOf(depth: number, maxLength: number): fc.Arbitrary<Statement[]> {
  const inner = depth === 0 ? fc.constant([]) : statementsOf(depth - 1, 2);
  return fc.array(
    fc.record({
      pick: fc.nat(NESTED.length * SIMPLE.length - 1),
      n: fc.nat(255),
      kids: fc.array(expressionsOf(2), { maxLength: 2, size: 'max' }),
      body: inner,
      other: depth > 0 ? statementsOf(0, 1) : inner,
    }),
    { maxLength, size: 'max' },
  );
}

const guestFunction: fc.Arbitrary<GuestFunction> = fc.record({
  params: fc.array(fc.nat(3), { maxLength: 3, size: 'max' }),
  result: fc.nat(4),
  body: statementsOf(3, 2),
  value: expressionsOf(2),
});

export const guestProgram: fc.Arbitrary<GuestProgram> = fc.record({
  functions: fc.array(guestFunction, { minLength: 1, maxLength: 3, size: 'max' }),
  threads: fc.nat(2),
  budget: fc.integer({ min: 1, max: 40 }),
  depth: fc.integer({ min: 0, max: 3 }),
});

// Where things are in memory.
const TCBS = 1024;
const TCB_STRIDE = 128;
const CHECKSUM = 2048;
const CHECKSUM_BYTES = 16;
const TIME = 2080;
const FUNCTION_INDICES = 2112;
const ACTIONS = 2176;
const TRIES = 2304;
const COUNTERS = 2560;
const SCRIPTS = 3072;
/** A system call: its number, four arguments. */
const RECORD_BYTES = 20;
const DESCRIPTORS = 4096;
/** tid of main. */
const FIRST_TID = 1;
const DATA = 16384;
const DATA_MASK = 0x1f8;

const I32_CONSTANTS = [
  '0',
  '1',
  '-1',
  '2',
  '7',
  '64',
  '255',
  '-128',
  '65537',
  '0x7fffffff',
  '-2147483648',
];
const I64_CONSTANTS = [...I32_CONSTANTS, '0x7fffffffffffffff', '0x100000000'];
const FLOAT_CONSTANTS = ['0', '1', '-1.5', '3.25', '1e10', '-0', '1e-3', 'inf', 'nan', '16777217'];

const INTEGER_BINARY = ['add', 'sub', 'mul', 'and', 'or', 'xor', 'shl', 'shr_s', 'shr_u', 'rotl'];
const FLOAT_BINARY = ['add', 'sub', 'mul', 'min', 'max', 'div'];
const INTEGER_COMPARE = ['eq', 'ne', 'lt_s', 'lt_u', 'gt_s', 'ge_u', 'le_s'];
const FLOAT_COMPARE = ['eq', 'ne', 'lt', 'gt', 'ge'];
const INTEGER_UNARY = ['clz', 'ctz', 'popcnt', 'extend8_s', 'extend16_s'];
const FLOAT_UNARY = ['neg', 'abs', 'sqrt', 'floor', 'trunc', 'nearest'];

/** How a value of one type becomes one of another. */
const CONVERSIONS: Readonly<Record<Type, Readonly<Record<Type, string>>>> = {
  i32: {
    i32: 'i32.eqz',
    i64: 'i32.wrap_i64',
    f32: 'i32.trunc_sat_f32_s',
    f64: 'i32.trunc_sat_f64_u',
  },
  i64: {
    i32: 'i64.extend_i32_s',
    i64: 'i64.popcnt',
    f32: 'i64.trunc_sat_f32_u',
    f64: 'i64.trunc_sat_f64_s',
  },
  f32: {
    i32: 'f32.convert_i32_s',
    i64: 'f32.convert_i64_u',
    f32: 'f32.neg',
    f64: 'f32.demote_f64',
  },
  f64: {
    i32: 'f64.convert_i32_u',
    i64: 'f64.convert_i64_s',
    f32: 'f64.promote_f32',
    f64: 'f64.abs',
  },
};

const LEAF: Expression = { pick: 0, n: 0, kids: [] };

interface Label {
  readonly name: string;
  /** Inside the section that the code is in. */
  readonly isInner: boolean;
}

/** Where a piece of code stands. */
interface Place {
  readonly labels: readonly Label[];
  readonly inSection: boolean;
  /** Between restart() and end(): no other labels of sections. */
  readonly isLabelled: boolean;
  readonly loops: number;
}

/** The program as text of the WebAssembly text format; labels are calls of imports. */
export function writeModule(program: GuestProgram, abi: AbiName): string {
  const signatures = program.functions.map(signatureOf);
  const functions = program.functions.map((each, index) =>
    new FunctionWriter(program.functions, each, index).write(),
  );
  const onPreemption = abi === 'percpu-signal' ? '$on_preemption' : '$handler';
  const table = [
    '$thread',
    '$handler',
    onPreemption,
    ...signatures.map((_, index) => `$f${index}`),
  ];
  const indices = program.functions.map((_, index) => littleEndian(index + 4));
  const code = [writeRuntime(program, abi), ...functions].join('\n');
  // What is not there does not have to be replaced.
  const imports = IMPORTS.filter(([name]) => code.includes(`(call $${name}`)).map(
    ([name, type]) => `(import "rseq" "${name}" (func $${name} ${type}))`,
  );
  return `(module
  ${imports.join('\n  ')}
  (memory 1 3)
  (data (i32.const ${FUNCTION_INDICES}) "${indices.join('')}")
  (table $table ${table.length + 1} funcref)
  (elem (i32.const 1) ${table.join(' ')})
  (global $budget (mut i32) (i32.const ${program.budget}))
  ${TYPES.map((type) => `(global $g_${type} (mut ${type}) (${type}.const 3))`).join('\n  ')}
${code}
)`;
}

const IMPORTS: readonly (readonly [name: string, type: string])[] = [
  ['restart', '(result i32)'],
  ['start', ''],
  ['end', ''],
  ['tp', '(result i32)'],
  ['cpu_id', '(result i32)'],
  ['critical_start', '(result i32)'],
  ['critical_end', '(result i32)'],
  ['critical_restart', '(result i32)'],
  ['init_descriptors', '(param i32)'],
  ['syscall', '(param i32 i32 i32 i32 i32 i32 i32) (result i32)'],
];

function signatureOf({ params, result }: GuestFunction): string {
  const types = ['i32', ...params.map((index) => TYPES[index])].join(' ');
  return `(param ${types})${result < 4 ? ` (result ${TYPES[result]})` : ''}`;
}

/** main, threads, the handler. System calls of which nothing is random are records in memory. */
function writeRuntime({ functions, threads, depth }: GuestProgram, abi: AbiName): string {
  const call = (index: number, level: number): string => {
    const { params, result } = functions[index] as GuestFunction;
    const args = params.map((param) => convert('i32', TYPES[param] as Type, '(local.get $n)'));
    const text = `(call $f${index} (i32.const ${level}) ${args.join(' ')})`;
    return result < 4
      ? convert(TYPES[result] as Type, 'i32', text)
      : `(block (result i32) ${text} (i32.const 1))`;
  };
  const work = functions.map((_, index) => mix(call(index, depth))).join('\n    ');
  const scripts = writeScripts(threads, abi);
  return `  ${writeBlocks(abi)}
  (data (i32.const ${SCRIPTS}) "${scripts.data}")
  (data (i32.const ${ACTIONS}) "\\02${'\\00'.repeat(15)}\\03${'\\00'.repeat(15)}")
  (func $main (export "main") (result i32)
    ${writeRegistration(abi).join('\n    ')}
    (call $script (i32.const ${scripts.boot.from}) (i32.const ${scripts.boot.to}))
    (call $work (i32.const 0))
    (call $script (i32.const ${scripts.end.from}) (i32.const ${scripts.end.to}))
    (i32.eqz (i32.and (i32.load offset=${CHECKSUM} (i32.const 0)) (i32.const 7))))
  (func $thread (param $n i32) (result i32)
    (call $script (local.get $n) (i32.add (local.get $n) (i32.const ${RECORD_BYTES})))
    (call $work (local.get $n))
    (i32.load offset=${CHECKSUM} (i32.const 0)))
  (func $work (param $n i32)
    ${work})
  (func $handler (param $n i32)
    ${mix('(local.get $n)')}
    ${mix(call(0, 0))})
  ${abi === 'percpu-signal' ? ON_PREEMPTION : ''}
  (func $script (param $at i32) (param $end i32) (local $result i32)
    (loop $next
      (local.set $result (call $syscall ${[0, 4, 8, 12, 16].map((offset) => `(i32.load offset=${offset} (local.get $at))`).join(' ')} (i32.const 0) (i32.const 0)))
      (br_if $next (i32.eq (local.get $result) (i32.const ${-Errno.EINTR})))
      ${mix('(local.get $result)')}
      (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const ${RECORD_BYTES}))) (local.get $end)))))`;
}

/** As assembly/registration.ts has it. */
const ON_PREEMPTION = `(func $on_preemption (param $n i32)
    (i32.store offset=${PERCPU_GENERATION} (call $tp)
      (i32.add (i32.load offset=${PERCPU_GENERATION} (call $tp)) (i32.const 1)))
    (i32.store offset=${PERCPU_SIGNAL_SENT} (call $tp) (i32.const 0)))`;

function cpuIdOffset(abi: AbiName): number {
  if (abi === 'event-counter') return EVENT_CPU_ID;
  return abi === 'percpu-signal' ? PERCPU_CURRENT_CPU : TCB_CPU_ID;
}

/** The thread control blocks before anything runs: no CPU yet. */
function writeBlocks(abi: AbiName): string {
  const words = [0, 0, abi === 'percpu-signal' ? PERCPU_SIGNAL : 0, 0];
  words[cpuIdOffset(abi) / 4] = -1;
  const bytes = words.map(littleEndian).join('');
  return [0, 1, 2].map((thread) => `(data (i32.const ${tcb(thread)}) "${bytes}")`).join('\n  ');
}

function tcb(thread: number): number {
  return TCBS + thread * TCB_STRIDE;
}

/** Where argument `index` of the first record is. */
function argument(index: number): string {
  return `offset=${SCRIPTS + 4 + index * 4} (i32.const 0)`;
}

/** What the records need that is known at run time only. */
function writeRegistration(abi: AbiName): string[] {
  switch (abi) {
    case 'turner':
    case 'google':
      return [
        `(i32.store ${argument(2)} (call $critical_start))`,
        `(i32.store ${argument(3)} (call $critical_end))`,
        `(i32.store ${argument(4)} (call $critical_restart))`,
      ];
    case 'linux':
    case 'linux-v2':
      return [`(call $init_descriptors (i32.const ${DESCRIPTORS}))`];
    case 'ras': {
      // What is not there has length 0 and is refused.
      const copies = [0, 1, 2, 3, 4, 5].flatMap((index) =>
        [RSEQ_CS_START, RSEQ_CS_LENGTH].map(
          (field, word) =>
            `(i32.store offset=${SCRIPTS + index * RECORD_BYTES + 4 + word * 4} (i32.const 0) (i32.load offset=${DESCRIPTORS + index * RSEQ_CS_BYTES + field} (i32.const 0)))`,
        ),
      );
      return [`(call $init_descriptors (i32.const ${DESCRIPTORS}))`, ...copies];
    }
    default:
      return [];
  }
}

/** Of the process, as assembly/registration.ts makes it. */
function processRecords(abi: AbiName): number[][] {
  switch (abi) {
    case 'turner':
    case 'google':
      return [[Sysno.RestartableSequences, RseqOp.SetCritical]];
    case 'percpu-signal':
      return [[Sysno.RtSigaction, PERCPU_SIGNAL, ACTIONS + 16, 0, 8]];
    case 'ras':
      return Array.from({ length: 6 }, () => [Sysno.Rasctl, 0, 0, RasOp.Install]);
    default:
      return [];
  }
}

function threadRecord(abi: AbiName, thread: number): number[] {
  const block = tcb(thread);
  switch (abi) {
    case 'turner':
    case 'google':
      return [Sysno.RestartableSequences, RseqOp.SetCpuPointer, 0, block + TCB_CPU_ID];
    case 'event-counter':
    case 'percpu-signal':
      return [Sysno.RestartableSequences, block];
    case 'linux':
      return [Sysno.Rseq, block, RSEQ_LEGACY_BYTES, 0, RSEQ_SIG];
    case 'linux-v2':
      return [Sysno.Rseq, block, RSEQ_V2_ALIGN, 0, RSEQ_SIG];
    case 'ras':
      return [Sysno.Getpid];
  }
}

interface Range {
  readonly from: number;
  readonly to: number;
}

/** The records of main before and after its work, and one of each thread, whose address is its argument. */
function writeScripts(threads: number, abi: AbiName): { data: string; boot: Range; end: Range } {
  const others = Array.from({ length: threads }, (_, index) => index + 1);
  const boot = [
    ...processRecords(abi),
    [Sysno.ArchPrctl, 0x1002, TCBS],
    threadRecord(abi, 0),
    [Sysno.RtSigaction, Signal.SIGUSR1, ACTIONS, 0, 8],
  ];
  const address = (record: number) => SCRIPTS + record * RECORD_BYTES;
  const ownRecords = boot.length + threads;
  const clones = others.map((thread) => [
    Sysno.Clone,
    CLONE_THREAD_FLAGS,
    1,
    address(ownRecords + thread - 1),
    tcb(thread),
  ]);
  const own = others.map((thread) => threadRecord(abi, thread));
  const end = [
    ...others.map((thread) => [Sysno.Join, FIRST_TID + thread, 0]),
    [Sysno.Write, 1, CHECKSUM, CHECKSUM_BYTES],
  ];
  const records = [...boot, ...clones, ...own, ...end];
  const words = records.flatMap((record) => [
    ...record,
    ...Array.from({ length: 5 - record.length }, () => 0),
  ]);
  const data = words.map(littleEndian).join('');
  const afterOwn = address(ownRecords + threads);
  return {
    data,
    boot: { from: SCRIPTS, to: address(ownRecords) },
    end: { from: afterOwn, to: address(records.length) },
  };
}

function littleEndian(word: number): string {
  return [0, 8, 16, 24]
    .map((shift) => `\\${((word >>> shift) & 255).toString(16).padStart(2, '0')}`)
    .join('');
}

function syscall(number: Sysno, ...args: string[]): string {
  const rest = Array.from({ length: 6 - args.length }, () => '(i32.const 0)');
  return `(call $syscall (i32.const ${number}) ${[...args, ...rest].join(' ')})`;
}

/** Into the checksum. */
function mix(value: string): string {
  const at = '(i32.const 0)';
  return `(i32.store offset=${CHECKSUM} ${at} (i32.add ${value} (i32.mul (i32.const 31) (i32.load offset=${CHECKSUM} ${at}))))`;
}

function convert(from: Type, to: Type, text: string): string {
  return from === to ? text : `(${CONVERSIONS[to][from]} ${text})`;
}

function isFloat(type: Type): boolean {
  return type === 'f32' || type === 'f64';
}

function at<T>(list: readonly T[], n: number): T {
  return list[n % list.length] as T;
}

class FunctionWriter {
  readonly #locals: Record<Type, string[]> = { i32: [], i64: [], f32: [], f64: [] };
  readonly #counters: string[] = [];
  readonly #params: string;
  #names = 0;

  constructor(
    readonly functions: readonly GuestFunction[],
    readonly spec: GuestFunction,
    readonly index: number,
  ) {
    const params = spec.params.map((type, number) => {
      this.#locals[TYPES[type] as Type].push(`$p${number}`);
      return `(param $p${number} ${TYPES[type]})`;
    });
    this.#params = ['(param $depth i32)', ...params].join(' ');
    for (const type of TYPES) this.#locals[type].push(`$${type}`);
    this.#locals.i32.push('$i32_1');
  }

  write(): string {
    const { spec, index } = this;
    const result = spec.result < 4 ? (TYPES[spec.result] as Type) : undefined;
    const outside: Place = { labels: [], inSection: false, isLabelled: false, loops: 0 };
    const body = spec.body.map((each) => this.#statement(each, outside));
    const value = result === undefined ? '' : this.#expression(result, spec.value, outside);
    const locals = TYPES.map((type) => `(local $${type} ${type})`);
    const counters = this.#counters.map((name) => `(local ${name} i32)`);
    const stop = result === undefined ? '(return)' : `(return (${result}.const 5))`;
    const kept = result === undefined ? '' : `(local.set $${result} ${value})`;
    const given = result === undefined ? '' : `(local.get $${result})`;
    return `  (func $f${index} ${this.#params}${result === undefined ? '' : ` (result ${result})`}
    ${[...locals, ...counters].join(' ')} (local $i32_1 i32) (local $r i32) (local $scratch i32) (local $x f32) (local $y f64)
    (global.set $budget (i32.sub (global.get $budget) (i32.const 1)))
    (if (i32.or (i32.lt_s (local.get $depth) (i32.const 0)) (i32.lt_s (global.get $budget) (i32.const 0)))
      (then ${stop}))
    ${body.join('\n    ')}
    ${kept}
    ${this.#checkLocals()}
    ${given})`;
  }

  /** Every local into the checksum. */
  #checkLocals(): string {
    const terms = TYPES.flatMap((type) => this.#locals[type].map((name) => this.#bits(type, name)));
    const sum = terms.reduce(
      (left, right) => `(i32.sub ${right} (i32.mul ${left} (i32.const 31)))`,
    );
    return mix(sum);
  }

  /** A local as i32, whatever NaN it is. */
  #bits(type: Type, name: string): string {
    const get = `(local.get ${name})`;
    if (type === 'i32') return get;
    return `(${{ i64: 'i32.wrap_i64', f32: 'i32.trunc_sat_f32_s', f64: 'i32.trunc_sat_f64_s' }[type]} ${get})`;
  }

  #name(prefix: string): string {
    return `$${prefix}${this.#names++}`;
  }

  #counter(): string {
    const name = this.#name('c');
    this.#counters.push(name);
    return name;
  }

  #kid({ kids, n }: { kids: readonly Expression[]; n: number }, index: number): Expression {
    return kids[index] ?? { ...LEAF, pick: index & 1, n: n + index };
  }

  // === expressions ===

  #expression(type: Type, e: Expression, place: Place): string {
    const { n } = e;
    const kid = (index: number, wanted: Type = type): string =>
      this.#expression(wanted, this.#kid(e, index), place);
    const local = at(this.#locals[type], n);
    let op: (typeof EXPRESSIONS)[number] = at(EXPRESSIONS, e.pick);
    if (place.inSection && ['call', 'indirect', 'syscall', 'grow'].includes(op)) op = 'binary';
    switch (op) {
      case 'local':
        return `(local.get ${local})`;
      case 'const':
        return `(${type}.const ${at(type === 'i32' ? I32_CONSTANTS : type === 'i64' ? I64_CONSTANTS : FLOAT_CONSTANTS, n)})`;
      case 'binary':
        return `(${type}.${at(isFloat(type) ? FLOAT_BINARY : INTEGER_BINARY, n)} ${kid(0)} ${kid(1)})`;
      case 'unary':
        return `(${type}.${at(isFloat(type) ? FLOAT_UNARY : INTEGER_UNARY, n)} ${kid(0)})`;
      case 'convert': {
        const from = at(TYPES, n);
        return `(${CONVERSIONS[type][from]} ${kid(0, from)})`;
      }
      case 'compare': {
        const of = at(TYPES, n);
        const compared = `(${of}.${at(isFloat(of) ? FLOAT_COMPARE : INTEGER_COMPARE, n >> 2)} ${kid(0, of)} ${kid(1, of)})`;
        return convert('i32', type, compared);
      }
      case 'load': {
        const width =
          type === 'i32' && n % 3 === 0
            ? 'load8_s'
            : type === 'i64' && n % 3 === 0
              ? 'load32_u'
              : 'load';
        return `(${type}.${width} offset=${DATA + (n & 24)} ${this.#address(kid(0, 'i32'))})`;
      }
      case 'select':
        return `(select ${kid(0)} ${kid(1)} ${kid(2, 'i32')})`;
      case 'tee':
        return `(local.tee ${local} ${kid(0)})`;
      case 'sequence':
        return `(block (result ${type}) (local.set ${local} ${kid(0)}) ${kid(1)})`;
      case 'divide':
        return this.#divide(type, n, kid);
      case 'if':
        return `(if (result ${type}) ${kid(0, 'i32')} (then ${kid(1)}) (else ${kid(2)}))`;
      case 'block': {
        const label = this.#name('v');
        return `(block ${label} (result ${type}) (drop (br_if ${label} ${kid(0)} ${kid(1, 'i32')})) ${kid(2)})`;
      }
      case 'table': {
        const [outer, inner] = [this.#name('v'), this.#name('v')];
        const add = isFloat(type) ? 'sub' : 'xor';
        return `(block ${outer} (result ${type}) (${type}.${add} (block ${inner} (result ${type}) (br_table ${outer} ${inner} ${outer} ${kid(0)} ${kid(1, 'i32')})) (local.get ${local})))`;
      }
      case 'loop': {
        if (place.loops > 2) return kid(0);
        const [label, counter] = [this.#name('l'), this.#counter()];
        const value = this.#expression(type, this.#kid(e, 0), { ...place, loops: place.loops + 1 });
        return `(block (result ${type}) (local.set ${counter} (i32.const ${n % 6})) (loop ${label} (result ${type}) (local.set ${local} ${value}) (br_if ${label} (i32.gt_s (local.tee ${counter} (i32.sub (local.get ${counter}) (i32.const 1))) (i32.const 0))) (local.get ${local})))`;
      }
      case 'size':
        return convert('i32', type, '(memory.size)');
      case 'grow':
        return convert('i32', type, `(memory.grow (i32.and ${kid(0, 'i32')} (i32.const 1)))`);
      case 'global':
        return `(global.get $g_${type})`;
      case 'call':
        return this.#call(type, e, place);
      case 'indirect':
        return this.#callIndirect(type, e, place);
      case 'syscall':
        return convert('i32', type, this.#syscall(n, kid(0, 'i32')));
    }
  }

  #address(value: string): string {
    return `(i32.and ${value} (i32.const ${DATA_MASK}))`;
  }

  #divide(type: Type, n: number, kid: (index: number) => string): string {
    if (isFloat(type)) return `(${type}.div ${kid(0)} ${kid(1)})`;
    const divisor = n === 77 ? kid(1) : `(${type}.or ${kid(1)} (${type}.const 1))`;
    // The least number by -1 is a trap.
    return `(${type}.${at(['div_u', 'rem_s', 'rem_u'], n)} ${kid(0)} ${divisor})`;
  }

  #arguments(e: Expression, { params }: GuestFunction, place: Place): string {
    const depth = '(i32.sub (local.get $depth) (i32.const 1))';
    const args = params.map((type, index) =>
      this.#expression(TYPES[type] as Type, this.#kid(e, index), place),
    );
    return [depth, ...args].join(' ');
  }

  #result(type: Type, callee: GuestFunction, text: string): string {
    if (callee.result < 4) return convert(TYPES[callee.result] as Type, type, text);
    return `(block (result ${type}) ${text} (local.get ${this.#locals[type][0]}))`;
  }

  #call(type: Type, e: Expression, place: Place): string {
    const index = e.n % this.functions.length;
    const callee = this.functions[index] as GuestFunction;
    return this.#result(type, callee, `(call $f${index} ${this.#arguments(e, callee, place)})`);
  }

  #callIndirect(type: Type, e: Expression, place: Place): string {
    const index = e.n % this.functions.length;
    const callee = this.functions[index] as GuestFunction;
    // Rarely a function of perhaps another signature.
    const called = e.n === 99 ? (index + 1) % this.functions.length : index;
    const target = `(i32.load offset=${FUNCTION_INDICES + called * 4} (i32.const 0))`;
    return this.#result(
      type,
      callee,
      `(call_indirect $table ${signatureOf(callee)} ${this.#arguments(e, callee, place)} ${target})`,
    );
  }

  #syscall(n: number, value: string): string {
    switch (n % 6) {
      case 0:
        return syscall(Sysno.SchedYield);
      case 1:
        return syscall(Sysno.Gettid, value);
      case 2:
        return `(i32.add ${syscall(Sysno.Getcpu, `(i32.const ${TIME})`)} (i32.load offset=${TIME} (i32.const 0)))`;
      case 3:
        // Time is fuel: whatever is charged wrongly is seen.
        return `(i32.add ${syscall(Sysno.ClockGettime, '(i32.const 3)', `(i32.const ${TIME})`)} (i32.load offset=${TIME + 8} (i32.const 0)))`;
      case 4:
        return syscall(Sysno.Getrandom, `(i32.const ${DATA})`, '(i32.const 4)');
      default:
        return `(i32.add ${syscall(Sysno.ClockGettime, '(i32.const 1)', `(i32.const ${TIME})`)} (i32.load offset=${TIME + 8} (i32.const 0)))`;
    }
  }

  // === statements ===

  #statements(list: readonly Statement[], place: Place): string {
    return list.map((each) => this.#statement(each, place)).join('\n    ');
  }

  #statement(s: Statement, place: Place): string {
    const { n } = s;
    const type = at(TYPES, n);
    const kid = (index: number, wanted: Type): string =>
      this.#expression(wanted, this.#kid(s, index), place);
    let op: StatementKind = s.body.length > 0 ? at(NESTED, s.pick) : at(SIMPLE, s.pick);
    if (place.inSection && ['call', 'yield', 'kill'].includes(op)) op = 'add';
    if (place.isLabelled && op === 'section') op = s.body.length > 0 ? 'count' : 'add';
    if (place.loops > 2 && ['count', 'while', 'do'].includes(op)) op = 'if';
    switch (op) {
      case 'set':
        return `(local.set ${at(this.#locals[type], n >> 2)} ${kid(0, type)})`;
      case 'store':
        return this.#store(type, n, kid(0, 'i32'), kid(1, type));
      case 'drop':
        return `(drop ${kid(0, type)})`;
      case 'if':
        return `(if ${kid(0, 'i32')} (then ${this.#statements(s.body, place)}) (else ${this.#statements(s.other, place)}))`;
      case 'count':
      case 'while':
      case 'do':
        return this.#loop(op, s, place);
      case 'block': {
        const label = this.#name('b');
        return `(block ${label} ${this.#statements(s.body, inside(place, label))})`;
      }
      case 'break':
        return place.labels.length === 0
          ? `(nop)`
          : `(br_if ${at([...place.labels].reverse(), n >> 4).name} ${this.#rare(n, kid(0, 'i32'))})`;
      case 'add': {
        const address = `(i32.const ${COUNTERS + (n & 15) * 4})`;
        return `(i32.store ${address} (i32.add (i32.load ${address}) ${kid(0, 'i32')}))`;
      }
      case 'call': {
        const e = { pick: 0, n, kids: s.kids };
        const called = n & 64 ? this.#callIndirect(type, e, place) : this.#call(type, e, place);
        return `(local.set ${at(this.#locals[type], n >> 2)} ${called})`;
      }
      case 'section':
        return this.#section(s, place);
      case 'table':
        return this.#table(s, place, kid(0, 'i32'));
      case 'global':
        return `(global.set $g_${type} ${kid(0, type)})`;
      case 'return':
        return `(if ${this.#rare(n, kid(0, 'i32'))} (then ${this.#return(kid)}))`;
      case 'bulk': {
        // Some cost more than the instruction, as far as that is known in advance or not.
        const length =
          n & 2 ? `(i32.const ${n * 32})` : `(i32.and ${kid(1, 'i32')} (i32.const 511))`;
        const [to, from] = [DATA + 8 * (n & 15), DATA + 4 * (n >> 4)];
        return n & 1
          ? `(memory.fill (i32.const ${to}) ${kid(0, 'i32')} ${length})`
          : `(memory.copy (i32.const ${to}) (i32.const ${from}) ${length})`;
      }
      case 'yield':
        return `(drop ${syscall(Sysno.SchedYield)})`;
      case 'kill': {
        const tid = n & 1 ? syscall(Sysno.Gettid) : `(i32.const ${FIRST_TID + ((n >> 1) % 3)})`;
        return mix(
          syscall(Sysno.Tgkill, syscall(Sysno.Getpid), tid, `(i32.const ${Signal.SIGUSR1})`),
        );
      }
      case 'trap': {
        const trap = [
          '(unreachable)',
          '(drop (i32.load (i32.const -8)))',
          '(drop (i32.div_u (i32.const 1) (i32.const 0)))',
          `(i32.store offset=${DATA} (i32.const 0x7ffffff0) (local.get $depth))`,
        ];
        return `(if (i32.eq (i32.and ${kid(0, 'i32')} (i32.const 31)) (i32.const ${n & 31})) (then ${at(trap, n >> 5)}))`;
      }
    }
  }

  /** A condition that is seldom true, unless it always is. */
  #rare(n: number, condition: string): string {
    return `(i32.eq (i32.and ${condition} (i32.const ${n & 3})) (i32.const ${n & 2 ? 1 : 0}))`;
  }

  #store(type: Type, n: number, address: string, value: string): string {
    const place = `offset=${DATA + (n & 56)} ${this.#address(address)}`;
    if (!isFloat(type)) {
      const width = type === 'i32' && n % 5 === 0 ? 'store16' : 'store';
      return `(${type}.${width} ${place} ${value})`;
    }
    const local = type === 'f32' ? '$x' : '$y';
    const get = `(local.get ${local})`;
    return `(local.set ${local} ${value}) (${type}.store ${place} (select (${type}.const 9) ${get} (${type}.ne ${get} ${get})))`;
  }

  #return(kid: (index: number, wanted: Type) => string): string {
    const { result } = this.spec;
    if (result === 4) return `${mix('(local.get $i32)')} (return)`;
    return `${mix('(local.get $i32)')} (return ${kid(1, TYPES[result] as Type)})`;
  }

  #loop(form: 'count' | 'while' | 'do', s: Statement, place: Place): string {
    const [exit, head, counter] = [this.#name('exit'), this.#name('loop'), this.#counter()];
    // Long ones only innermost.
    const isLong = s.body.length < 3 && place.loops === 0 && (s.n & 7) === 0;
    const turns = isLong ? 10 + (s.n >> 3) : s.n % 7;
    const down = `(local.tee ${counter} (i32.sub (local.get ${counter}) (i32.const 1)))`;
    const init = `(local.set ${counter} (i32.const ${turns}))`;
    const around = inside({ ...place, loops: place.loops + 1 }, exit);
    if (form === 'do') {
      const next = this.#name('next');
      const body = this.#statements(s.body, inside(around, next));
      return `${init} (block ${exit} (loop ${head} (block ${next} ${body}) (br_if ${head} (i32.gt_s ${down} (i32.const 0)))))`;
    }
    if (form === 'while') {
      const body = this.#statements(s.body, inside(around, head));
      return `${init} (block ${exit} (loop ${head} (br_if ${exit} (i32.lt_s ${down} (i32.const 0))) ${body} (br ${head})))`;
    }
    const body = this.#statements(s.body, inside({ ...place, loops: place.loops + 1 }, head));
    return `${init} (loop ${head} (if (i32.ge_s ${down} (i32.const 0)) (then ${body} (br ${head}))))`;
  }

  /** A switch of three cases; the first falls through to the second. */
  #table(s: Statement, place: Place, value: string): string {
    const labels = [this.#name('t'), this.#name('t'), this.#name('t')] as const;
    const [first, second, end] = labels;
    const inner = inside(inside(place, end), second);
    const targets = place.labels.filter(({ isInner }) => isInner || !place.inSection);
    const extra = targets.length > 0 && s.n & 1 ? ` ${at(targets, s.n >> 1).name}` : '';
    return `(block ${end} (block ${second} (block ${first} (br_table ${first} ${second}${extra} ${end} (i32.and ${value} (i32.const 3))))
      ${this.#statements(s.body, inner)})
      ${this.#statements(s.other, inside(place, end))})`;
  }

  #section(s: Statement, place: Place): string {
    const giveUp = this.#name('give_up');
    const tries = `offset=${TRIES + (this.index * 8 + (s.n & 7)) * 4} (i32.const 0)`;
    const before = { ...inside(place, giveUp), isLabelled: true };
    const within: Place = {
      ...before,
      inSection: true,
      labels: before.labels.map(({ name }) => ({ name, isInner: false })),
    };
    // One that always tries again may do so for ever: some.
    const patience =
      s.n % 16 === 0
        ? ''
        : `(if (local.get $r) (then
      ${mix('(local.get $r)')}
      (i32.store ${tries} (i32.add (i32.load ${tries}) (i32.const 1)))
      (br_if ${giveUp} (i32.gt_u (i32.load ${tries}) (i32.const ${s.n & 3})))))`;
    const cpu =
      s.n & 32 ? '(i32.shl (i32.and (call $cpu_id) (i32.const 3)) (i32.const 6))' : '(i32.const 0)';
    const commit = `(i32.store offset=${COUNTERS + (s.n & 15) * 4} (local.tee $scratch ${cpu})
      (i32.add (i32.load offset=${COUNTERS + (s.n & 15) * 4} (local.get $scratch)) ${this.#expression('i32', this.#kid(s, 0), within)}))`;
    return `(block ${giveUp}
    (local.set $r (call $restart))
    ${patience}
    ${this.#statements(s.other, before)}
    (call $start)
    ${this.#statements(s.body, within)}
    ${commit}
    (call $end)
    (i32.store ${tries} (i32.const 0)))`;
  }
}

function inside(place: Place, label: string): Place {
  return { ...place, labels: [...place.labels, { name: label, isInner: true }] };
}
