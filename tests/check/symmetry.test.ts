// Threads that do the same count as one only as long as nobody can tell them apart.

import { describe, expect, test } from 'vitest';
import { createHost } from '../../src/host/index.js';
import type { AbiName } from '../../src/abi/code-map.js';
import { check, type CheckOptions, type CheckResult } from '../../src/check/index.js';
import { Space } from '../../src/check/space.js';
import { compileSource } from '../guests/compile.js';

const WITHOUT: CheckOptions = { reductions: { symmetry: false } };

async function checkSource(source: string, options: CheckOptions): Promise<CheckResult> {
  const abi = (options.abi ?? 'turner') as AbiName;
  const { wasm } = await compileSource(source, { metering: 'instruction', abi });
  return check(wasm as BufferSource, options);
}

const INCREMENTS = `
import { joinAll, spawn } from 'wasm-rseq/assembly';
const COUNT: usize = memory.data(4, 64);
function worker(turns: usize): i32 {
  for (let i: usize = 0; i < turns; i++) store<i32>(COUNT, load<i32>(COUNT) + 1);
  return 0;
}
export function main(): i32 {
  THREADS
  joinAll();
  assert(load<i32>(COUNT) LIMIT, 'a count that should not be');
  return 0;
}`;

const SECTIONS = `
import { counterAdd, joinAll, rseq, spawn } from 'wasm-rseq/assembly';
const COUNT: usize = memory.data(128, 64);
function worker(turns: usize): i32 {
  for (let i: usize = 0; i < turns; i++) counterAdd(COUNT, 1);
  return 0;
}
export function main(): i32 {
  assert(rseq.register() == 0);
  spawn(worker, 1);
  spawn(worker, 1);
  joinAll();
  assert(load<i32>(COUNT) + load<i32>(COUNT, 64) == 2, 'an increment was lost');
  return 0;
}`;

const FUTEX = `
import { futexWait, futexWake, joinAll, spawn } from 'wasm-rseq/assembly';
const FLAG: usize = memory.data(4, 64);
const AWAKE: usize = memory.data(4, 64);
function worker(_: usize): i32 {
  while (load<i32>(FLAG) == 0) futexWait(FLAG, 0, 0);
  store<i32>(AWAKE, load<i32>(AWAKE) + 1);
  return 0;
}
export function main(): i32 {
  spawn(worker, 0);
  spawn(worker, 0);
  store<i32>(FLAG, 1);
  futexWake(FLAG, 1);
  futexWake(FLAG, 1);
  joinAll();
  assert(load<i32>(AWAKE) >= 1);
  return 0;
}`;

function increments(threads: readonly string[], limit: string): string {
  return INCREMENTS.replace('THREADS', threads.join('\n  ')).replace('LIMIT', limit);
}

const TWO = ['spawn(worker, 2);', 'spawn(worker, 2);'];
const THREE = [...TWO, 'spawn(worker, 2);'];

const SYMMETRIC: Readonly<Record<string, readonly [string, CheckOptions, number]>> = {
  'two threads that increment': [increments(TWO, '>= 2'), { cpus: 1 }, 1.6],
  'three threads that increment': [increments(THREE, '>= 2'), { cpus: 1 }, 3.8],
  'two threads on two CPUs': [increments(TWO, '>= 2'), { cpus: 2 }, 1.6],
  'two threads with sections': [SECTIONS, { cpus: 1 }, 1.4],
  'two threads with sections that migrate': [SECTIONS, { cpus: 2 }, 1.4],
  'two threads that the kernel looks after': [SECTIONS, { cpus: 1, abi: 'linux' }, 1.4],
  'two threads that wait for a futex': [FUTEX, { cpus: 1 }, 1.4],
};

describe.each(Object.entries(SYMMETRIC))('%s', (_title, [source, options, gain]) => {
  test('are proven with as many states less', async () => {
    const reduced = await checkSource(source, options);
    const full = await checkSource(source, { ...options, ...WITHOUT });

    expect(reduced.verdict).toBe('proven');
    expect(full.verdict).toBe('proven');
    expect(full.states / reduced.states).toBeGreaterThan(gain);
    expect(full.finalStates).toEqual(expect.arrayContaining([...reduced.finalStates]));
  });

  test('have the same states however they are kept', async () => {
    const reduced = await checkSource(source, options);
    const exact = await checkSource(source, { ...options, exact: true });

    expect({ ...exact, seconds: 0 }).toEqual({ ...reduced, seconds: 0 });
  });

  test('have as many states in whatever order they are searched', async () => {
    const forwards = await checkSource(source, options);
    const { actions } = Space.prototype;
    Space.prototype.actions = function reversed(states, from, length, to): void {
      actions.call(this, states, from, length, to);
      to.reverse();
    };
    try {
      const backwards = await checkSource(source, options);

      expect(backwards.states).toBe(forwards.states);
      expect(backwards.transitions).toBe(forwards.transitions);
      expect(backwards.finalStates).toEqual(forwards.finalStates);
    } finally {
      Space.prototype.actions = actions;
    }
  });
});

/** Each fails only when one thread of two, which one by name, comes before the other. */
const TOLD_APART: Readonly<Record<string, string>> = {
  'by self()': `
    import { joinAll, self, spawn } from 'wasm-rseq/assembly';
    const LAST: usize = memory.data(4, 64);
    function worker(_: usize): i32 {
      store<i32>(LAST, self());
      return 0;
    }
    export function main(): i32 {
      spawn(worker, 0);
      spawn(worker, 0);
      joinAll();
      assert(load<i32>(LAST) != FIRST, 'one thread came last');
      return 0;
    }`,
  'by gettid()': `
    import { gettid, joinAll, spawn } from 'wasm-rseq/assembly';
    const LAST: usize = memory.data(4, 64);
    function worker(_: usize): i32 {
      store<i32>(LAST, gettid() == FIRST ? 1 : 2);
      return 0;
    }
    export function main(): i32 {
      spawn(worker, 0);
      spawn(worker, 0);
      joinAll();
      assert(load<i32>(LAST) != 1, 'one thread came last');
      return 0;
    }`,
  'by the address of its block': `
    import { joinAll, spawn } from 'wasm-rseq/assembly';
    import { threadPointer } from 'wasm-rseq/assembly/tcb';
    const LAST: usize = memory.data(4, 64);
    const LOWEST: usize = memory.data(4, 64);
    const HIGHEST: usize = memory.data(4, 64);
    function worker(_: usize): i32 {
      store<usize>(LAST, threadPointer());
      if (load<usize>(LOWEST) == 0 || threadPointer() < load<usize>(LOWEST))
        store<usize>(LOWEST, threadPointer());
      if (threadPointer() > load<usize>(HIGHEST)) store<usize>(HIGHEST, threadPointer());
      return 0;
    }
    export function main(): i32 {
      spawn(worker, 0);
      spawn(worker, 0);
      joinAll();
      const first = FIRST == 2 ? load<usize>(LOWEST) : load<usize>(HIGHEST);
      if (load<usize>(LOWEST) == load<usize>(HIGHEST)) return 0;
      assert(load<usize>(LAST) != first, 'one thread came last');
      return 0;
    }`,
  'by a hash of the thread pointer': `
    import { joinAll, spawn } from 'wasm-rseq/assembly';
    import { threadPointer } from 'wasm-rseq/assembly/tcb';
    function hash(): usize {
      return (threadPointer() * 0x9e3779b1) >> 5;
    }
    const LAST: usize = memory.data(4, 64);
    const LOWEST: usize = memory.data(4, 64);
    const HIGHEST: usize = memory.data(4, 64);
    function worker(_: usize): i32 {
      store<usize>(LAST, hash());
      if (load<usize>(LOWEST) == 0 || hash() < load<usize>(LOWEST))
        store<usize>(LOWEST, hash());
      if (hash() > load<usize>(HIGHEST)) store<usize>(HIGHEST, hash());
      return 0;
    }
    export function main(): i32 {
      spawn(worker, 0);
      spawn(worker, 0);
      joinAll();
      const first = FIRST == 2 ? load<usize>(LOWEST) : load<usize>(HIGHEST);
      if (load<usize>(LOWEST) == load<usize>(HIGHEST)) return 0;
      assert(load<usize>(LAST) != first, 'one thread came last');
      return 0;
    }`,
  'by a tid that main keeps, and joins by': `
    import { join, spawn } from 'wasm-rseq/assembly';
    const LAST: usize = memory.data(4, 64);
    const SEEN: usize = memory.data(4, 64);
    function worker(_: usize): i32 {
      store<i32>(LAST, load<i32>(LAST) + 1);
      return 0;
    }
    export function main(): i32 {
      const two = spawn(worker, 0);
      const three = spawn(worker, 0);
      join(FIRST == 2 ? three : two);
      store<i32>(SEEN, load<i32>(LAST));
      join(FIRST == 2 ? two : three);
      assert(load<i32>(SEEN) != 1 || load<i32>(LAST) == 1, 'one thread came last');
      return 0;
    }`,
  'by a signal that one of them gets': `
    import { joinAll, signal, spawn, tgkill, getpid } from 'wasm-rseq/assembly';
    const GOT: usize = memory.data(4, 64);
    const LAST: usize = memory.data(4, 64);
    function onSignal(_: i32): void {
      store<i32>(GOT, 1);
    }
    function worker(_: usize): i32 {
      store<i32>(LAST, load<i32>(GOT) + 1);
      return 0;
    }
    export function main(): i32 {
      signal(10, onSignal);
      spawn(worker, 0);
      spawn(worker, 0);
      tgkill(getpid(), FIRST, 10);
      joinAll();
      assert(load<i32>(LAST) != 2, 'one thread came last');
      return 0;
    }`,
  'by their arguments': `
    import { joinAll, spawn } from 'wasm-rseq/assembly';
    const LAST: usize = memory.data(4, 64);
    function worker(name: usize): i32 {
      store<usize>(LAST, name);
      return 0;
    }
    export function main(): i32 {
      spawn(worker, 2);
      spawn(worker, 3);
      joinAll();
      assert(load<i32>(LAST) != FIRST, 'one thread came last');
      return 0;
    }`,
  'by the tid that spawn has stored': `
    import { joinAll, spawn } from 'wasm-rseq/assembly';
    import { threadPointer } from 'wasm-rseq/assembly/tcb';
    const LAST: usize = memory.data(4, 64);
    function worker(_: usize): i32 {
      store<i32>(LAST, load<i32>(threadPointer(), 64));
      return 0;
    }
    export function main(): i32 {
      spawn(worker, 0);
      spawn(worker, 0);
      joinAll();
      assert(load<i32>(LAST) != FIRST, 'one thread came last');
      return 0;
    }`,
  'by who was woken first': `
    import { futexWait, futexWake, joinAll, self, spawn } from 'wasm-rseq/assembly';
    const FLAG: usize = memory.data(4, 64);
    const LAST: usize = memory.data(4, 64);
    function worker(_: usize): i32 {
      futexWait(FLAG, 0, 0);
      store<i32>(LAST, self());
      return 0;
    }
    export function main(): i32 {
      spawn(worker, 0);
      spawn(worker, 0);
      store<i32>(FLAG, 1);
      futexWake(FLAG, 1);
      futexWake(FLAG, 1);
      joinAll();
      assert(load<i32>(LAST) != FIRST, 'one thread came last');
      return 0;
    }`,
};
describe.each(Object.entries(TOLD_APART))('threads told apart %s', (_how, source) => {
  test.each(['2', '3'])('are: what only thread %s does wrong is found', async (first) => {
    const text = source.replaceAll('FIRST', first);
    const reduced = await checkSource(text, { cpus: 1 });
    const full = await checkSource(text, { cpus: 1, ...WITHOUT });

    expect(reduced.verdict).toBe('violated');
    expect({ ...reduced, seconds: 0, coverage: full.coverage }).toEqual({ ...full, seconds: 0 });
  });
});

test('a failing run of threads that do the same names them as they are', async () => {
  const { wasm } = await compileSource(increments(TWO, '== 4'), { metering: 'instruction' });
  const reduced = await check(wasm as BufferSource, { cpus: 1 });
  const full = await check(wasm as BufferSource, { cpus: 1, ...WITHOUT });

  const host = await createHost({
    wasm: wasm as BufferSource,
    schedule: reduced.schedule as string,
  });

  expect(host.run().failure?.message).toContain('a count that should not be');
  expect(reduced.schedule).toBe(full.schedule);
  expect(reduced.preemptions).toBe(full.preemptions);
});
