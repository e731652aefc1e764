// The Machine contract, kept by guests.

import { HANDLER_SYSNO, machineContract, SYSNO } from '../contract/machine.case.js';
import { systemCall } from './calls.js';
import { FunctionTable, GeneratorMachine, type Text } from './generator-machine.js';
import { type Guest, type GuestFunction, point, Redirected } from './guest.js';

const OUTSIDE = 0x1100;
const START = 0x1200;
const END = 0x1206;
const RESTART = 0x1300;

const TEXT: Text = {
  words: new Map(),
  end: 0x2000,
  signalReturn: 0x1400,
  hasLabel: (from, to) => from >= START && from < END && to === RESTART,
};

function* spin(count: number): Guest<number> {
  let turns = 0;
  do yield point(OUTSIDE);
  while (++turns < count);
  return turns;
}

function* section(): Guest<number> {
  try {
    yield point(OUTSIDE);
    for (let ip = START; ip < END; ip++) yield point(ip);
    return 0;
  } catch (error) {
    if (error instanceof Redirected) return yield* restarted();
    throw error;
  }
}

/** What interrupts it next finds it in the section again. */
function* restarted(): Guest<number> {
  const r10 = yield { kind: 'get-r10' };
  try {
    for (let ip = START; ip < END; ip++) yield point(ip);
    return r10;
  } catch (error) {
    if (error instanceof Redirected) return yield* restarted();
    throw error;
  }
}

function* handler(signo: number): Guest {
  yield* systemCall(HANDLER_SYSNO, signo);
}

const FUNCTIONS: Readonly<Record<string, GuestFunction>> = {
  // oxlint-disable-next-line require-yield
  *returnArgument(argument) {
    return argument;
  },
  spin,
  callSystem: (argument) => systemCall(SYSNO, argument, -1, 2, 3, 4, 5),
  section,
  handler,
};

machineContract({
  name: 'GeneratorMachine',
  newMachine: () => {
    const table = new FunctionTable(spin);
    const numberOf = (name: string): number => table.numberOf(FUNCTIONS[name] as GuestFunction);
    return {
      machine: new GeneratorMachine(table, TEXT),
      programs: {
        returnArgument: numberOf('returnArgument'),
        spin: numberOf('spin'),
        callSystem: numberOf('callSystem'),
        section: { entry: numberOf('section'), start: START, end: END, restart: RESTART },
        trap: -1,
        handler: numberOf('handler'),
      },
    };
  },
  skip: [
    {
      reason: 'a guest that breaks is a mistake of a scenario, and is thrown',
      tests: [
        'a trap is a fault with a message, not an exception',
        'a fault of one thread leaves the others alone',
      ],
    },
  ],
});
