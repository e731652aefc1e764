// --trace: the JSON that viewers read, and what must be in it.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ChromeTrace } from '../../src/cli/chrome-trace.js';
import { TraceEvent } from '../../src/kernel/trace.js';
import type { CodeMap } from '../../src/abi/code-map.js';
import { COUNTER, lastLineJson, SLICED, wasmRseq, Workspace } from './command.js';

interface Event {
  readonly ph: string;
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  readonly ts: number;
  readonly dur: number;
  readonly s?: string;
  readonly id?: number;
  readonly bp?: string;
  readonly args: Readonly<Record<string, unknown>>;
}

interface Trace {
  readonly displayTimeUnit: string;
  readonly traceEvents: readonly Event[];
  readonly otherData: Readonly<Record<string, unknown>>;
}

const workspace = new Workspace();
afterAll(() => workspace.remove());

let result: Record<string, unknown>;
let trace: Trace;

beforeAll(async () => {
  result = lastLineJson((await traced('trace.json')).stdout);
  trace = JSON.parse(workspace.read('trace.json')) as Trace;
});

function traced(name: string, ...options: string[]): ReturnType<typeof wasmRseq> {
  const to = ['--trace', workspace.path(name), '--json', ...workspace.cache];
  return wasmRseq('run', COUNTER, ...SLICED, ...to, ...options);
}

function events(ph: string, name?: string): Event[] {
  return trace.traceEvents.filter(
    (event) => event.ph === ph && (name === undefined || event.name === name),
  );
}

/** The span on the same track that holds the event. */
function spanAt({ tid, ts }: Event): Event | undefined {
  return events('X').find((span) => {
    return span.tid === tid && span.ts <= ts && ts < span.ts + span.dur;
  });
}

describe('trace file', () => {
  test('is byte for byte the same twice', async () => {
    await traced('again.json');

    expect(workspace.read('again.json')).toBe(workspace.read('trace.json'));
  });

  test('of the replay is that of the run', async () => {
    const schedule = String(result['schedule']);
    await wasmRseq(
      'replay',
      COUNTER,
      '--schedule',
      schedule,
      '--trace',
      workspace.path('replay.json'),
      ...workspace.cache,
    );

    expect(workspace.read('replay.json')).toBe(workspace.read('trace.json'));
  });

  test('does not change the run', async () => {
    const { stdout } = await wasmRseq('run', COUNTER, ...SLICED, '--json', ...workspace.cache);

    expect(lastLineJson(stdout)).toEqual(result);
  });

  test('says what its time is, and that nothing is missing', () => {
    expect(trace.displayTimeUnit).toBe('ms');
    expect(trace.otherData['time']).toMatch(/1 instruction is 1 us/);
    expect(trace.otherData['droppedEvents']).toBe(0);
  });

  test('names the process and a track per CPU', () => {
    expect(events('M', 'process_name')).toHaveLength(1);
    expect(events('M', 'thread_name').map(({ tid, args }) => [tid, args['name']])).toEqual([
      [0, 'cpu 0'],
      [1, 'cpu 1'],
      [2, 'cpu 2'],
      [3, 'cpu 3'],
    ]);
  });

  test('has the fields the format asks for in every event', () => {
    const named = events('M').length + events('X').length + events('i').length;
    expect(named + events('s').length + events('f').length).toBe(trace.traceEvents.length);
    for (const event of trace.traceEvents.filter(({ ph }) => ph !== 'M')) {
      expect(event.pid).toBe(1);
      expect(event.tid).toBeLessThan(4);
      expect(Number.isSafeInteger(event.ts) && event.ts >= 0).toBe(true);
    }
  });

  test('spends every instruction of the run in exactly one span', () => {
    let now = 0;
    for (const { ts, dur } of events('X')) {
      expect(ts).toBe(now);
      now = ts + dur;
    }
    expect(now).toBe(result['fuel']);
    expect(events('X').every(({ name, args }) => name === `thread ${args['thread']}`)).toBe(true);
  });

  test('has an instant for every restart and every migration', () => {
    expect(events('i', 'restart')).toHaveLength(Number(result['restarts']));
    expect(events('i', 'migrate')).toHaveLength(Number(result['migrations']));
  });

  test('looks up the place of every instant', () => {
    for (const name of ['interrupt', 'restart', 'syscall']) {
      const instants = events('i', name);
      expect(instants.length).toBeGreaterThan(0);
      for (const { s, args } of instants) {
        expect(s).toBe('t');
        expect(args).toMatchObject({
          ip: expect.stringMatching(/^0x1[0-9a-f]{3}$/),
          function: expect.stringMatching(/./),
        });
      }
    }
    expect(events('i', 'restart')[0]?.args).toMatchObject({
      file: '~lib/wasm-rseq/assembly/percpu/counter.ts',
      line: expect.any(Number),
    });
  });

  test('draws every migration of a thread that has run as an arrow between two spans', () => {
    const starts = events('s');
    const ends = events('f');

    expect(starts.length).toBeGreaterThan(0);
    expect(ends.map(({ id }) => id)).toEqual(starts.map(({ id }) => id));
    starts.forEach((start, index) => {
      const end = ends[index] as Event;
      expect(end.bp).toBe('e');
      expect(end.tid).not.toBe(start.tid);
      expect(spanAt(end)?.name).toBe(spanAt(start)?.name);
      expect(spanAt(start)).toBeDefined();
    });
  });

  test('stops at its limit and says how much is missing', async () => {
    const { stdout, stderr } = await traced('short.json', '--trace-limit', '10');

    const short = JSON.parse(workspace.read('short.json')) as Trace;
    const kept = short.traceEvents.filter(({ ph }) => ph !== 'M');
    const all = trace.traceEvents.filter(({ ph }) => ph !== 'M');
    expect(kept).toEqual(all.slice(0, 10));
    expect(short.otherData['droppedEvents']).toBe(all.length - 10);
    expect(stderr).toContain('events dropped after 10, see --trace-limit');
    expect(lastLineJson(stdout)).toEqual(result);
  });

  test('is whole when the run breaks off', async () => {
    const to = ['--trace', workspace.path('broken.json'), '--schedule', 's1.gAJZ'];
    const { code } = await wasmRseq('replay', COUNTER, ...to, ...workspace.cache);

    expect(code).toBe(2);
    const broken = JSON.parse(workspace.read('broken.json')) as Trace;
    expect(broken.traceEvents.filter(({ ph }) => ph === 'X')).toHaveLength(1);
  });
});

describe('event', () => {
  const map = {
    points: [{ function: 'push', file: 'list.ts', line: 7 }],
  } as unknown as CodeMap;

  function traceOf(...given: Parameters<ChromeTrace['event']>[]): Event[] {
    let text = '';
    const write = (piece: string) => {
      text += piece;
    };
    const observer = new ChromeTrace({
      program: 'p',
      cpus: 2,
      limit: 99,
      map,
      pointOf: () => 0x1000,
      write,
    });
    for (const event of given) observer.event(...event);
    observer.finish();
    return (JSON.parse(text) as Trace).traceEvents.filter(({ ph }) => ph !== 'M');
  }

  const place = { thread: 3, ip: '0x1000', function: 'push', file: 'list.ts', line: 7 };

  test.each([
    [TraceEvent.Interrupt, 0x1000, 5, 'interrupt', {}],
    [TraceEvent.Migrate, 0, 0, 'migrate', { from: 0, to: 1 }],
    [TraceEvent.Restart, 0x1000, 0x1005, 'restart', { to: '0x1005' }],
    [TraceEvent.Signal, 10, 0x1000, 'signal', { signal: 'SIGUSR1' }],
    [TraceEvent.Signal, 40, 0x1000, 'signal', { signal: 40 }],
    [TraceEvent.Syscall, 24, 0, 'syscall', { name: 'SchedYield', result: 0 }],
    [TraceEvent.Syscall, 9999, -38, 'syscall', { name: 9999, result: -38 }],
    [TraceEvent.Spawn, 4, 0, 'spawn', { child: 4 }],
    [TraceEvent.Exit, 1, 0, 'exit', { status: 1 }],
    [TraceEvent.Death, 11, 0, 'death', { signal: 'SIGSEGV' }],
  ])('%i with %i, %i is the instant %s', (kind, a, b, name, details) => {
    const [event] = traceOf([kind, 12, 1, 3, a, b]);

    expect(event).toEqual({
      ph: 'i',
      s: 't',
      name,
      cat: name,
      pid: 1,
      tid: 1,
      ts: 12,
      args: { ...place, ...details },
    });
  });

  test('an address outside the code has no place', () => {
    const [event] = traceOf([TraceEvent.Interrupt, 0, 0, 3, 0, 0]);

    expect(event?.args).toEqual({ thread: 3, ip: '0x0', function: '', file: '', line: 0 });
  });

  test('a thread that comes back to its CPU before it runs draws no arrow', () => {
    const drawn = traceOf(
      [TraceEvent.Run, 0, 0, 3, 9, 0],
      [TraceEvent.Migrate, 5, 1, 3, 0, 0],
      [TraceEvent.Migrate, 5, 0, 3, 1, 0],
      [TraceEvent.Run, 5, 0, 3, 9, 0],
    );

    expect(drawn.map(({ ph }) => ph)).toEqual(['i', 'i', 'X', 'X']);
  });

  test('a switch-out is seen in the end of the span alone', () => {
    const drawn = traceOf([TraceEvent.Run, 0, 0, 3, 9, 0], [TraceEvent.SwitchOut, 9, 0, 3, 1, 0]);

    expect(drawn).toMatchObject([{ ph: 'X', name: 'thread 3', ts: 0, dur: 9 }]);
  });
});
