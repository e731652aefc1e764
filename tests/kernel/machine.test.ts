// ScriptedMachine under the Machine contract, and the port's own types under the ArrayMemory.

import { Signal } from '../../src/abi/signal.js';
import {
  type ContractPrograms,
  HANDLER_SYSNO,
  machineContract,
  SYSNO,
} from '../contract/machine.case.js';
import { act, fault, ipOf, jump, ret, ScriptedMachine, syscall, work } from './scripted-machine.js';

const SECTION = 4;

const PROGRAMS: ContractPrograms = {
  returnArgument: 1,
  spin: 2,
  callSystem: 3,
  section: {
    entry: SECTION,
    restart: ipOf(0, SECTION),
    start: ipOf(2, SECTION),
    end: ipOf(7, SECTION),
  },
  trap: 5,
  handler: 6,
};

machineContract({
  name: 'ScriptedMachine',
  newMachine: () => ({
    programs: PROGRAMS,
    machine: new ScriptedMachine({
      1: [ret((guest) => guest.argument)],
      2: [
        act((guest) => (guest.locals[0] = (guest.locals[0] ?? 0) + 1)),
        jump(0, (guest) => (guest.locals[0] ?? 0) < guest.argument),
        ret((guest) => guest.locals[0] ?? 0),
      ],
      3: [syscall(SYSNO, (guest) => guest.argument, -1, 2, 3, 4, 5), ret((guest) => guest.result)],
      4: [
        act((guest) => (guest.locals[0] = guest.registers.r10)),
        ...work(6),
        ret(({ locals }) => locals[0] ?? 0),
      ],
      5: [fault(Signal.SIGILL, 'unreachable')],
      6: [syscall(HANDLER_SYSNO, (guest) => guest.argument)],
    }),
  }),
});
