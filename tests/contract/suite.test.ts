// The contract suite: what is committed is what recording gives, our hosts pass, and broken ones do not.

import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { buildSuite } from '../../scripts/contract/suite.js';
import { CACHE_FOLDER } from '../guests/compile.js';
import { newMachineHost, runProgram } from './machine-host.js';
import { loadPrograms, PlainHost } from './plain-host.js';
import { type Exit, type ModuleSource, type RunOptions, runContractSuite } from './runner.js';

type Thread = ReturnType<PlainHost['createThread']>;

const FOLDER = new URL('suite/', import.meta.url);
const readText = (name: string): Promise<string> => readFile(new URL(name, FOLDER), 'utf8');
const readModule = (name: string): Promise<Uint8Array> => readFile(new URL(name, FOLDER));

describe('the suite', () => {
  test('is what recording its sources gives, byte for byte', async () => {
    const files = await buildSuite({ cacheFolder: CACHE_FOLDER });

    const differing = [];
    for (const [name, contents] of files) {
      const committed = await readFile(new URL(name, FOLDER)).catch(() => undefined);
      if (committed === undefined || !committed.equals(Buffer.from(contents))) differing.push(name);
    }

    expect(differing).toEqual([]);
  });

  test('is kept by a plain WebAssembly host, which has no kernel for programs', async () => {
    const { failures, passed, skipped } = await runContractSuite({ readText, readModule });

    expect(failures).toEqual([]);
    expect(passed).toBeGreaterThan(180);
    expect(skipped).toBe(12);
  });

  test('is kept by WasmMachine and its kernel', async () => {
    const ports = { readText, readModule, newHost: newMachineHost, runProgram };

    const { failures, skipped } = await runContractSuite(ports);

    expect(failures).toEqual([]);
    expect(skipped).toBe(0);
  });

  test('can be read from compiled modules, which do not tell of a start function', async () => {
    const { failures, skipped } = await runContractSuite({
      readText,
      readModule: async (name) => WebAssembly.compile((await readModule(name)) as BufferSource),
    });

    expect(failures).toEqual([]);
    expect(skipped).toBe(13);
  });
});

class LosesR10 extends PlainHost {
  override run(thread: Thread, options: RunOptions): Exit {
    return super.run(thread, { ...options, r10: 0 });
  }
}

class LosesThreadPointer extends PlainHost {
  override run(thread: Thread, options: RunOptions): Exit {
    return super.run(thread, { ...options, tp: 0 });
  }
}

class KeepsIp extends PlainHost {
  readonly #ips = new Map<Thread, number>();

  override run(thread: Thread, options: RunOptions): Exit {
    const ip = this.#ips.get(thread);
    const resume = options.resume.kind === 'ip' && ip !== undefined ? ip : options.resume.value;
    const exit = super.run(thread, { ...options, resume: { ...options.resume, value: resume } });
    if (exit.kind === 'interrupted') this.#ips.set(thread, exit.ip ?? 0);
    return exit;
  }
}

class ForgetsStack extends PlainHost {
  override takeStack(thread: Thread): void {
    thread.stack = new Uint8Array();
  }
}

class CutsStackShort extends PlainHost {
  override takeStack(thread: Thread, bytes: number): void {
    super.takeStack(thread, bytes);
    thread.stack = thread.stack.slice(0, 1024);
  }
}

class ForgetsWhatWasUsed extends PlainHost {
  override writeContext(thread: Thread, options: RunOptions): void {
    this.used = 0;
    super.writeContext(thread, options);
  }
}

class ForgetsWhatTrapsUsed extends PlainHost {
  override trapped(error: unknown, used: number): Exit {
    const before = this.used;
    const exit = super.trapped(error, used);
    this.used = before;
    return exit;
  }
}

class ReadsContextWhereItWas extends PlainHost {
  #context = 0;

  override writeContext(thread: Thread, options: RunOptions): void {
    super.writeContext(thread, options);
    this.#context = this.context;
  }

  override readContext(thread: Thread, options: RunOptions, reason: unknown): Exit {
    const bytes = new Uint8Array(this.memory.buffer);
    bytes.copyWithin(this.context, this.#context, this.#context + 96);
    return super.readContext(thread, options, reason);
  }
}

class IgnoresLoadBias extends PlainHost {
  override resumeValue(_thread: Thread, { resume }: RunOptions): number {
    return resume.value;
  }
}

class MovesResults extends PlainHost {
  override resumeValue(thread: Thread, { resume }: RunOptions): number {
    return resume.value - thread.program.bias;
  }
}

class RepeatsSignals extends PlainHost {
  readonly #signals = new Map<Thread, Pick<RunOptions, 'handler' | 'signal'>>();

  override run(thread: Thread, options: RunOptions): Exit {
    const { handler, signal } = options;
    if (handler !== 0) this.#signals.set(thread, { handler, signal });
    return super.run(thread, { ...options, ...this.#signals.get(thread) });
  }
}

class GrantsOneMore extends PlainHost {
  override run(thread: Thread, options: RunOptions): Exit {
    return super.run(thread, { ...options, fuel: options.fuel + 1 });
  }
}

class SharesRegisters extends PlainHost {
  #last = { cx: 0, dx: 0 };

  override run(thread: Thread, options: RunOptions): Exit {
    const exit = super.run(thread, { ...options, ...this.#last });
    this.#last = { cx: exit.cx, dx: exit.dx };
    return exit;
  }
}

class RedirectsAnywhere extends PlainHost {
  override canRedirect(): boolean {
    return true;
  }
}

class BelievesEveryExit extends PlainHost {
  override readContext(thread: Thread, options: RunOptions, reason: unknown): Exit {
    const exit = super.readContext(thread, options, reason);
    return exit.kind === 'trapped' ? { ...exit, kind: 'returned' } : exit;
  }
}

class NotesNothing extends PlainHost {
  override run(thread: Thread, options: RunOptions): Exit {
    return super.run(thread, { ...options, isNoted: false });
  }
}

const BROKEN = [
  LosesR10,
  LosesThreadPointer,
  KeepsIp,
  ForgetsStack,
  CutsStackShort,
  ForgetsWhatWasUsed,
  ForgetsWhatTrapsUsed,
  ReadsContextWhereItWas,
  IgnoresLoadBias,
  MovesResults,
  RepeatsSignals,
  GrantsOneMore,
  SharesRegisters,
  RedirectsAnywhere,
  BelievesEveryExit,
  NotesNothing,
];

type Modules = Parameters<typeof loadPrograms>[0];

describe('the suite fails a host that', () => {
  test.each(BROKEN.map((host) => [inWords(host.name), host] as const))('%s', async (_, Host) => {
    const newHost = async (modules: Modules, limit: number): Promise<PlainHost> =>
      new Host(await loadPrograms(modules, limit));

    const { failed } = await runContractSuite({ readText, readModule, newHost });

    expect(failed).toBeGreaterThan(0);
  });

  test('loads every module', async () => {
    const newHost = async (modules: Modules, limit: number): Promise<PlainHost> => {
      const accepted = await readModule('accepted.wasm');
      const loaded = modules.map((each) =>
        isGuest(each.source) ? each : { ...each, source: accepted },
      );
      return new PlainHost(await loadPrograms(loaded, limit));
    };

    const { failures } = await runContractSuite({ readText, readModule, newHost });

    expect(failures.filter((each) => each.startsWith('refused.script')).length).toBeGreaterThan(15);
  });
});

/** Of a guest compiled from source. */
function isGuest(source: ModuleSource): boolean {
  return !(source instanceof WebAssembly.Module) && source.byteLength > 1000;
}

function inWords(name: string): string {
  return name.replaceAll(/([a-z])([A-Z])/g, '$1 $2').toLowerCase();
}
