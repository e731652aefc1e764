// The counter's section compiled in other ways: with points before every access, for every ABI, and with
// the CPU from another place.

import { hostRival } from './ways.js';

const GUEST = 'bench/counter.ts';
const WAYS = ['section', 'unprotected', 'atomic', 'lock'];
const ABIS = ['turner', 'event-counter', 'percpu-signal', 'linux', 'linux-v2', 'ras'];

export function counterGroups({ isQuick }) {
  const turns = isQuick ? 2 ** 14 : 2 ** 22;
  const rival = (name, way, options) => hostRival(name, GUEST, options, [way, 'latency'], turns);
  return [
    {
      name: 'instruction',
      unit: 'turn',
      rivals: WAYS.map((way) => rival(way, way, { metering: 'instruction' })),
    },
    {
      name: 'abi',
      unit: 'turn',
      rivals: ABIS.map((abi) => rival(abi, 'section', { metering: 'block', abi })),
    },
    {
      name: 'cpu',
      unit: 'turn',
      rivals: [
        rival('thread pointer', 'section', { metering: 'block' }),
        rival('per-CPU base', 'register', { metering: 'block' }),
      ],
    },
  ];
}
