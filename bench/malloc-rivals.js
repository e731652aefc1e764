// Who replays a trace: examples/malloc-replay under the host, and its twin in C on whatever allocator is
// loaded in front of the C library's.

import { existsSync } from 'node:fs';
import { machine } from 'node:os';
import { createHost } from '../dist/host/index.js';
import { Absent, median } from './harness.js';
import { compileNative, runNative } from './native.js';
import { instrumented, NO_PREEMPTION } from './programs.js';
import { now } from './stopwatch.js';

export const PERCPU = 'percpu';
export const TLSF = 'TLSF';
export const TCMALLOC = 'native tcmalloc';

/** CPUs of a run that is checked. */
export const CHECK_CPUS = 4;

const MEMORY_LIMIT = 16384;
const PERCPU_GUEST = ['examples/malloc-replay/main.ts', { metering: 'block' }];
const TLSF_GUEST = ['examples/malloc-replay/runtime.ts', { metering: 'block', runtime: 'minimal' }];

const LIBRARY_FOLDERS = [`${machine()}-linux-gnu`, '../lib64', '.', '../local/lib'].map(
  (name) => `/usr/lib/${name}`,
);
/** Allocators to load in front of the C library's, by the names of their files. */
const LIBRARIES = {
  [TCMALLOC]: ['libtcmalloc_minimal.so.4', 'libtcmalloc.so.4'],
  'native jemalloc': ['libjemalloc.so.2'],
  'native mimalloc': ['libmimalloc.so.3', 'libmimalloc.so.2', 'libmimalloc.so'],
};

/**
 * A run replays the trace some times, on one thread that nobody preempts; its time is the median of the later
 * ones, for one record.
 */
export function timedRivals(trace, { isQuick }) {
  const replays = isQuick ? { warm: 1, timed: 1 } : { warm: 4, timed: 5 };
  return [
    guestRival(PERCPU, PERCPU_GUEST, trace, replays),
    guestRival(TLSF, TLSF_GUEST, trace, replays),
    nativeRival('native glibc', trace, replays, () => ({})),
    ...Object.entries(LIBRARIES).map(([name, files]) =>
      nativeRival(name, trace, replays, () => ({ LD_PRELOAD: libraryOf(files) })),
    ),
  ];
}

function guestRival(name, guest, trace, replays) {
  return {
    name,
    prepare: () => instrumented(...guest),
    run: async () => {
      const times = [];
      let start;
      const onLine = (line) => {
        if (line === 'begin') start = now();
        if (line === 'end') times.push((now() - start) * 1e6);
      };
      const args = ['trace', 'time', String(replays.warm + replays.timed)];
      const options = { ...NO_PREEMPTION, cpus: 1, threads: 1, args };
      const { result, peakHeap } = await replay(guest, trace, options, onLine);
      if (!result.ok) throw new Error(`${trace.name} on ${name}: ${result.failure.message}`);
      return { ns: perRecord(times, trace, replays), peakHeap };
    },
  };
}

function nativeRival(name, trace, replays, environment) {
  return {
    name,
    prepare: () => compileNative('malloc-replay'),
    run: async () => {
      const args = [trace.file, String(replays.warm + replays.timed)];
      const lines = await runNative(await compileNative('malloc-replay'), args, environment());
      return { ns: perRecord(lines.trim().split('\n').map(Number), trace, replays) };
    },
  };
}

function perRecord(times, { records }, { warm }) {
  return median(times.slice(warm)) / records;
}

function libraryOf(names) {
  for (const name of names) {
    for (const folder of LIBRARY_FOLDERS) {
      if (existsSync(`${folder}/${name}`)) return `${folder}/${name}`;
    }
  }
  throw new Absent(`no ${names[0]}`);
}

/** A row: percpu on many threads that are preempted, every byte of every object looked at. No time is taken. */
export async function checkOnThreads(trace, threads) {
  const options = { cpus: CHECK_CPUS, threads, args: ['trace', 'check'], fuelLimit: 2 ** 50 };
  const { result, peakHeap, peakLive } = await replay(PERCPU_GUEST, trace, options);
  const { ok, failure } = result;
  const reason = ok ? {} : { reason: failure.message };
  const row = { trace: trace.name, allocator: PERCPU, threads, nsPerRecord: null };
  return { ...row, peakHeap, peakLive, ok, ...reason };
}

async function replay(guest, trace, options, onLine = () => {}) {
  const { module } = await instrumented(...guest);
  let output = '';
  const onOutput = (_fd, bytes) => {
    const text = new TextDecoder().decode(bytes);
    onLine(text.trimEnd());
    output += text;
  };
  const files = { trace: trace.bytes };
  const machineOptions = { memoryLimit: MEMORY_LIMIT, files, onOutput, ...options };
  const host = await createHost({ wasm: module, ...machineOptions });
  const result = host.run();
  const peak = (name) => Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(output)?.[1] ?? 0);
  return { result, peakHeap: peak('peakHeap'), peakLive: peak('peakLive') };
}
