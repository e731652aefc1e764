// @ts-check
// Our own host behind the port of the contract suite: WasmMachine for the laws about threads, createHost
// for those about programs. The suite's recorder and its test have it.

import { EXPORT_GLOBAL } from '../../dist/abi/module.js';
import { instantiate, loadModule } from '../../dist/host/loader.js';
import { createHost } from '../../dist/host/index.js';
import { newRegisters } from '../../dist/kernel/machine.js';

const ACCESS_KINDS = ['', 'load', 'store', 'both'];

/**
 * @typedef {import('./runner.js').ContractHost} ContractHost
 * @typedef {import('./runner.js').ModuleSource} ModuleSource
 * @typedef {{ context: object, registers: import('../../dist/kernel/machine.js').Registers }} Thread
 */

/**
 * Errors: ModuleError; Error when the modules get other load biases than these.
 * @param {readonly { source: ModuleSource, bias: number }[]} modules
 * @param {number} memoryLimit
 * @returns {Promise<ContractHost>}
 */
export async function newMachineHost(modules, memoryLimit) {
  const loaded = await Promise.all(
    modules.map(({ source }) => loadModule(/** @type {BufferSource} */ (source))),
  );
  const { machine, memory, text, globals, sectionsEntered } = instantiate(loaded, memoryLimit, []);
  const biases = text.programs.map(({ bias }) => bias);
  if (biases.join() !== modules.map(({ bias }) => bias).join()) {
    throw new Error(`load biases are ${biases.join()}`);
  }
  let isNoted = false;
  return {
    createThread(module, entry, argument) {
      return { context: machine.createContext(module, entry, argument), registers: newRegisters() };
    },

    run({ context, registers }, { fuel, resume, handler, signal, ...options }) {
      const { tp, gs, r10, cx, dx } = options;
      Object.assign(registers, { tp, gs, r10, cx, dx });
      isNoted = options.isNoted;
      if (isNoted) machine.noteAccesses();
      if (handler !== 0) machine.pushSignalCall(context, handler, signal);
      const exit = machine.run(context, registers, resume.value, fuel, resume.kind === 'ip');
      const after = { used: exit.fuelUsed, cx: registers.cx, dx: registers.dx };
      const { ip } = registers;
      switch (exit.kind) {
        case 'returned':
          return { kind: exit.kind, value: exit.value, ...after };
        case 'syscall':
          return { kind: exit.kind, value: exit.sysno, args: [...exit.args], ip, ...after };
        case 'interrupted':
          return { kind: exit.kind, ip, ...after };
        default:
          return { kind: 'trapped', value: exit.fault?.signal ?? 0, ...after };
      }
    },

    get accesses() {
      const words = isNoted ? machine.accesses : undefined;
      if (words === undefined) return undefined;
      return Array.from({ length: words.length / 2 }, (_, index) => {
        const [address = 0, access = 0] = words.subarray(2 * index, 2 * index + 2);
        const kind = ACCESS_KINDS[access & 3] ?? '';
        return { kind, address: address >>> 0, bytes: access >>> 2 };
      });
    },

    canRedirect: (from, to) => machine.isRestart(from, to),

    get pages() {
      return memory.sizeBytes / 65536;
    },

    load: (address) => memory.loadI32(address) ?? 0,

    store(address, value) {
      memory.storeI32(address, value);
    },

    sectionsEntered: () => sectionsEntered() ?? 0,

    global(module, number) {
      const global = module === 0 ? globals[number] : undefined;
      if (global === undefined)
        throw new Error(`module ${module} exports no ${EXPORT_GLOBAL}${number}`);
      return global;
    },
  };
}

/** @type {NonNullable<import('./runner.js').Ports['runProgram']>} */
export async function runProgram(source, options) {
  let output = '';
  const host = await createHost({
    wasm: /** @type {BufferSource} */ (source),
    ...options,
    scheduler: 'round-robin',
    onOutput: (_fd, bytes) => {
      output += new TextDecoder().decode(bytes);
    },
  });
  const { exitCode, failure, preemptions, restarts, migrations, fuel, traceHash } = host.run();
  const counts = { preemptions, restarts, migrations, fuel };
  const isKilled = failure?.kind === 'signal';
  const status = (exitCode ?? 0) - (isKilled ? 128 : 0);
  return { output, end: isKilled ? 'signal' : 'exit', status, ...counts, trace: traceHash };
}
