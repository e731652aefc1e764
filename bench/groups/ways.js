// The same work on a structure, protected in different ways; per structure one group in latency form and
// one in throughput form. The guests are bench/guests/*.ts, and check what they have done.

import { nativeRival } from '../native.js';
import { instrumented, plain, runInstrumented, runPlain } from '../programs.js';

const STRUCTURES = ['counter', 'list', 'lock', 'ring', 'hash'];
const FORMS = ['latency', 'throughput'];
const WAYS = ['section', 'unprotected', 'atomic', 'lock'];

/** The section is first: what all the ratios are to. */
export function waysGroups({ isQuick }) {
  const turns = isQuick ? 2 ** 14 : 2 ** 22;
  return STRUCTURES.flatMap((structure) =>
    FORMS.map((form) => ({
      name: `${structure} ${form}`,
      unit: 'turn',
      rivals: rivalsOf(structure, form, turns),
    })),
  );
}

function rivalsOf(structure, form, turns) {
  const guest = `bench/guests/${structure}.ts`;
  const native = (name, way) => nativeRival(name, structure, way, form, turns);
  return [
    ...WAYS.map((way) => hostRival(way, guest, { metering: 'block' }, [way, form], turns)),
    plainRival('plain wasm unprotected', guest, ['unprotected', form], turns),
    plainRival('plain wasm atomic', guest, ['atomic', form], turns),
    native('native unprotected', 'unprotected'),
    native('native rseq', 'rseq'),
    native('native atomic', 'atomic'),
    native('native lock', 'lock'),
  ];
}

/** `guest` under the host. */
export function hostRival(name, guest, compileOptions, args, turns) {
  return {
    name,
    prepare: () => instrumented(guest, compileOptions),
    run: async () => {
      const program = await instrumented(guest, compileOptions);
      return perTurn(name, turns, await runInstrumented(program, { args: [...args, `${turns}`] }));
    },
  };
}

function plainRival(name, guest, args, turns) {
  return {
    name,
    prepare: () => plain(guest),
    run: async () =>
      perTurn(name, turns, await runPlain(await plain(guest), { args: [...args, `${turns}`] })),
  };
}

function perTurn(name, turns, { milliseconds, result }) {
  if (!result.ok) throw new Error(`${name}: ${result.failure.message}`);
  return { ns: (milliseconds * 1e6) / turns };
}
