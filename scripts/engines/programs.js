// The programs that must come out the same on every engine, as data: what is compiled how, what it runs on, and
// what it is given. Left out is what engines may do in their own way: how deep a call stack may become before it
// overflows, and the bits of a NaN.

const ABIS = ['turner', 'google', 'event-counter', 'percpu-signal', 'linux', 'linux-v2', 'ras'];
const TEXT = 'LICENSE-APACHE';
/** A program that does not end by then is a mistake. */
const FUEL_LIMIT = 3e7;
const WAYS_TO_FAIL = [
  'unreachable',
  'assertion',
  'load',
  'store',
  'fill',
  'divide',
  'remainder',
  'overflow',
  'truncate',
  'not-a-number',
  'unaligned',
  'null',
  'table',
  'loop',
  'deadlock',
];

/** A program that is run. compile: as for compileProgram. host: as for createHost. files: by path, what is in FILE. */
function run(name, file, { compile = {}, host = {}, stdin, files = {} } = {}) {
  return {
    name,
    kind: 'run',
    sources: [[file].flat(), compile],
    host: { fuelLimit: FUEL_LIMIT, ...host },
    stdin,
    files,
  };
}

/** A program that is checked. check: as for check(). */
function check(name, file, options = {}, compile = {}) {
  return { name, kind: 'check', sources: [[file], compile], check: options };
}

const counters = ABIS.map((abi, index) =>
  run(`counter, ${abi}`, 'examples/counter/main.ts', {
    compile: { abi },
    host: { cpus: abi === 'ras' ? 1 : 4, threads: 8, quantum: 61, seed: index + 1 },
  }),
);

const schedules = [
  ['block metering', { metering: 'block' }, { cpus: 4, threads: 8, quantum: 97, seed: 11 }],
  ['round-robin', {}, { cpus: 3, threads: 7, quantum: 67, scheduler: 'round-robin' }],
  ['slices of one', {}, { cpus: 2, threads: 2, quantum: 1, seed: -5, fuelLimit: 3e5 }],
  ['256 CPUs', { metering: 'block' }, { cpus: 256, threads: 64, quantum: 41, seed: 4294967295 }],
].map(([name, compile, host]) =>
  run(`counter, ${name}`, 'examples/counter/main.ts', { compile, host }),
);

const wordCounts = ['sections', 'unprotected', 'atomics'].map((way) =>
  run(`wordcount, ${way}`, `examples/wordcount/${way}.ts`, {
    host: { cpus: 4, threads: 16, quantum: 500, seed: 3 },
    stdin: TEXT,
  }),
);

const twoModules = ['turner', 'linux'].map((abi) =>
  run(`two-modules, ${abi}`, ['examples/two-modules/first.ts', 'examples/two-modules/second.ts'], {
    compile: { abi },
    host: { cpus: 2, quantum: 41 },
  }),
);

const tables = ['turner', 'linux'].map((abi) =>
  run(`rcu-hash-table, ${abi}`, 'examples/rcu-hash-table/main.ts', {
    compile: { abi },
    host: { cpus: 3, threads: 8, quantum: 73, seed: 7 },
  }),
);

const paramTests = [
  ['turner', '-T s -t 12 -r 20'],
  ['linux', '-T l -t 12 -r 20 -y'],
  ['event-counter', '-T b -M -t 12 -r 20'],
  ['linux-v2', '-T m -t 12 -r 20 -s 1 -m 3'],
  ['turner', '-T i -t 9 -r 20 -9 -1 -m 2 -k -v'],
  ['percpu-signal', '-T l -t 9 -r 20 -9 -1 -m 2 -y -k -v'],
  ['linux', '-T r -t 6 -r 10'],
].map(([abi, line]) =>
  run(`param-test, ${abi}, ${line}`, 'examples/param-test/main.ts', {
    compile: { abi },
    host: { cpus: 4, quantum: 97, args: line.split(' ') },
  }),
);

const mallocReplays = [
  ['cc1plus', 'turner'],
  ['python-json', 'linux'],
  ['git-repack', 'percpu-signal'],
].map(([trace, abi]) =>
  run(`malloc-replay, ${trace}`, 'examples/malloc-replay/main.ts', {
    compile: { abi, metering: 'block' },
    host: { cpus: 4, threads: 16, quantum: 61, seed: 2, args: ['trace'] },
    files: { trace: `examples/malloc-replay/traces/${trace}-prefix.mtr.gz` },
  }),
);

const hammers = [
  ...['counter', 'hash-map', 'list', 'mempool', 'ops', 'rcu', 'refcount', 'ring', 'stack'].map(
    (name) => ['primitives', name],
  ),
  ['malloc', 'malloc'],
].flatMap(([guest, name], index) =>
  [
    ['turner', 'instruction', 'random', 53],
    ['linux', 'block', 'round-robin', 211],
  ].map(([abi, metering, scheduler, quantum]) =>
    run(`${name}, hammer, ${abi}, ${metering}`, `scripts/engines/guests/${guest}.ts`, {
      compile: { abi, metering },
      host: {
        cpus: 3,
        threads: 6,
        quantum,
        seed: index,
        scheduler,
        args: [name, 'hammer', '40'],
      },
    }),
  ),
);

const signals = ABIS.map((abi) =>
  run(`signals, ${abi}`, 'scripts/engines/guests/signals.ts', {
    compile: { abi },
    host: { cpus: abi === 'ras' ? 1 : 2, quantum: 21, seed: 13 },
  }),
);

const failures = WAYS_TO_FAIL.map((way) =>
  run(`failure, ${way}`, 'scripts/engines/guests/failures.ts', {
    // With non-trapping conversions, none of a float traps.
    compile: { ascArguments: ['--enable', 'threads', '--disable', 'nontrapping-f2i'] },
    host: { args: [way], fuelLimit: 1e5 },
  }),
);

const checks = [
  check('check, two-increments', 'examples/two-increments/main.ts'),
  check('check, two-increments, unprotected', 'examples/two-increments/unprotected.ts'),
  check('check, spinlock', 'tests/check/primitives/spinlock.ts', { cpus: 1 }),
  check('check, signal-handler', 'tests/corpus/signal-handler/right.ts', { cpus: 1, signals: 1 }),
  check('check, signal-handler, wrong', 'tests/corpus/signal-handler/wrong.ts', {
    cpus: 1,
    signals: 1,
  }),
];

export const PROGRAMS = [
  ...counters,
  ...schedules,
  run('counter-unprotected', 'examples/counter-unprotected/main.ts', {
    host: { cpus: 4, threads: 8, quantum: 61 },
  }),
  ...wordCounts,
  ...twoModules,
  run('two-increments', 'examples/two-increments/main.ts', { host: { cpus: 2, quantum: 9 } }),
  ...tables,
  ...paramTests,
  ...mallocReplays,
  ...hammers,
  ...signals,
  run('selftests, percpu-ops', 'tests/selftests/guests/percpu-ops.ts', {
    host: { args: ['1', '1', '0', '2'], cpus: 5, threads: 5, quantum: 53 },
  }),
  ...failures,
  ...checks,
];
