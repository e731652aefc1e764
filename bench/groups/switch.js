// What it costs to go from one thread to the other, the whole kernel included: two threads on one CPU
// that never finish, in slices of one instruction. The rival is what any such kernel on asyncify pays
// at least: two stacks, unwound and rewound in turn from JavaScript, and nothing else.

import { createHost } from '../../dist/host/index.js';
import { instrumented } from '../programs.js';
import { now } from '../stopwatch.js';

const GUEST = 'bench/guests/switch.ts';

export const SWITCH = 'two threads';
const REDIRECT = 'two threads, always restarted';

export function switchGroups({ isQuick }) {
  const switches = isQuick ? 2000 : 300_000;
  return [
    {
      name: 'switch',
      unit: 'switch',
      rivals: [
        { name: 'bare asyncify', run: () => bareAsyncify(switches) },
        { name: SWITCH, run: () => twoThreads('plain', 'round-robin', switches) },
        { name: REDIRECT, run: () => twoThreads('section', 'round-robin', switches) },
        { name: 'two threads, random', run: () => twoThreads('plain', 'random', switches) },
      ],
    },
  ];
}

async function twoThreads(way, scheduler, switches) {
  const { module } = await instrumented(GUEST, { metering: 'block' });
  // Fuel of a slice: what lies between two points.
  const fuelLimit = switches * 8;
  const host = await createHost({ wasm: module, args: [way], scheduler, quantum: 1, fuelLimit });
  const start = now();
  const { preemptions, restarts, failure } = host.run();
  const milliseconds = now() - start;
  if (failure?.kind !== 'fuel-limit') throw new Error(`switch ${way}: ${failure?.message}`);
  return { ns: (milliseconds * 1e6) / preemptions, preemptions, restarts };
}

const STACKS = [1024, 2048];
const STACK_BYTES = 1024;
const REWINDING = 2;

/** Two frames, as a thread that waits in a loop has. */
const SOURCE = `
  (module
    (import "bench" "pause" (func $pause))
    (memory (export "memory") 1)
    (func (export "enter") (call $loop))
    (func $loop (loop $again (call $pause) (br $again))))`;

async function bareAsyncify(switches) {
  const { pause, exports } = await instantiate();
  const view = new DataView(exports.memory.buffer);
  for (const stack of STACKS) {
    view.setUint32(stack, stack + 8, true);
    view.setUint32(stack + 4, stack + STACK_BYTES, true);
    pause.stack = stack;
    exports.enter();
    exports.asyncify_stop_unwind();
  }
  const start = now();
  for (let count = 0; count < switches; count++) {
    pause.stack = STACKS[count & 1];
    exports.asyncify_start_rewind(pause.stack);
    exports.enter();
    exports.asyncify_stop_unwind();
  }
  return { ns: ((now() - start) * 1e6) / switches };
}

let resumable;

async function instantiate() {
  resumable ??= await makeResumable();
  const pause = { stack: 0 };
  const { exports } = await WebAssembly.instantiate(resumable, {
    bench: {
      pause: () => {
        if (exports.asyncify_get_state() === REWINDING) exports.asyncify_stop_rewind();
        else exports.asyncify_start_unwind(pause.stack);
      },
    },
  });
  return { pause, exports };
}

async function makeResumable() {
  const { default: binaryen } = await import('binaryen');
  const module = binaryen.parseText(SOURCE);
  module.setFeatures(binaryen.Features.MVP);
  const before = binaryen.getPassArgument('asyncify-imports');
  binaryen.setPassArgument('asyncify-imports', 'bench.pause');
  module.runPasses(['asyncify']);
  binaryen.setPassArgument('asyncify-imports', before);
  const bytes = module.emitBinary();
  module.dispose();
  return WebAssembly.compile(bytes);
}
