// Programs that people know, none of which has a section: what it costs that they can be interrupted.
// Each is compiled by asc alone and run directly, and compiled by our toolchain and run under the host;
// both must come to what the function of the same name here computes.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { instrumented, plain, ROOT, runInstrumented, runPlain } from '../programs.js';

export const PLAIN = 'asc alone';
export const OURS = 'wasm-rseq';

/** [default, --quick] argument of each. fibonacci is not compute, and is not among the bars. */
export const PROGRAMS = [
  { name: 'sha256', sizes: [4096, 64], expected: sha256 },
  { name: 'json', sizes: [100, 1], expected: json, stdin: packageLock },
  { name: 'nbody', sizes: [200_000, 1000], expected: nbody },
  { name: 'matmul', sizes: [256, 32], expected: matmul },
  { name: 'quicksort', sizes: [500_000, 5000], expected: quicksort },
  { name: 'btree', sizes: [100_000, 2000], expected: btree },
];
const CALLS = { name: 'fibonacci', sizes: [30, 15], expected: fibonacci };

export function computeGroups({ isQuick }) {
  return [
    ...PROGRAMS.map((program) => groupOf('compute', program, isQuick)),
    groupOf('calls', CALLS, isQuick),
  ];
}

function groupOf(kind, { name, sizes, expected, stdin }, isQuick) {
  const guest = `bench/guests/compute/${name}.ts`;
  const size = sizes[isQuick ? 1 : 0];
  const group = `${kind} ${name}`;
  const input = { args: [String(size)], stdin: stdin?.() };
  let right;
  const checked = ({ milliseconds, reported, result }) => {
    if (!result.ok) throw new Error(`${group}: ${result.failure.message}`);
    right ??= expected(size) >>> 0;
    if (reported !== right) throw new Error(`${group}: ${reported} instead of ${right}`);
    return { ns: milliseconds * 1e6, checksum: reported };
  };
  return {
    name: group,
    unit: 'run',
    rivals: [
      {
        name: PLAIN,
        prepare: () => plain(guest),
        run: async () => checked(await runPlain(await plain(guest), input)),
      },
      {
        name: OURS,
        prepare: () => instrumented(guest, { metering: 'block' }),
        run: async () =>
          checked(await runInstrumented(await instrumented(guest, { metering: 'block' }), input)),
      },
    ],
  };
}

function lcg(state) {
  return (Math.imul(state, 1664525) + 1013904223) >>> 0;
}

function fold(sum, value) {
  return Math.imul(sum ^ value, 16777619);
}

function sha256(kilobytes) {
  const bytes = new Uint8Array(kilobytes * 1024);
  let state = 1;
  for (let at = 0; at < bytes.length; at++) {
    state = lcg(state);
    bytes[at] = state >>> 24;
  }
  const digest = createHash('sha256').update(bytes).digest();
  return digest.readUInt32BE(0) ^ digest.readUInt32BE(28);
}

function packageLock() {
  return readFileSync(resolve(ROOT, 'package-lock.json'));
}

function json() {
  return walk(JSON.parse(packageLock().toString()), 0);
}

function walk(value, sum) {
  if (value === null) return fold(sum, 0);
  if (typeof value === 'boolean') return fold(fold(sum, 1), value ? 1 : 0);
  if (typeof value === 'number') return fold(fold(sum, 2), value | 0);
  if (typeof value === 'string') return foldText(fold(sum, 3), value);
  let result = fold(sum, Array.isArray(value) ? 4 : 5);
  for (const [key, member] of Object.entries(value)) {
    if (!Array.isArray(value)) result = foldText(result, key);
    result = walk(member, result);
  }
  return fold(result, 0xff);
}

function foldText(sum, text) {
  const bytes = new TextEncoder().encode(text);
  return fold(bytes.reduce(fold, sum), bytes.length);
}

function nbody(steps) {
  const bodies = solarSystem();
  for (let step = 0; step < steps; step++) advance(bodies, 0.01);
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, energy(bodies));
  return view.getUint32(0) ^ view.getUint32(4);
}

function solarSystem() {
  const days = 365.24;
  const solarMass = 4 * Math.PI * Math.PI;
  const elements = [
    [0, 0, 0, 0, 0, 0, 1],
    [
      4.8414314424647209, -1.16032004402742839, -0.103622044471123109, 0.00166007664274403694,
      0.00769901118419740425, -0.0000690460016972063023, 0.000954791938424326609,
    ],
    [
      8.34336671824457987, 4.12479856412430479, -0.403523417114321381, -0.00276742510726411,
      0.00499852801234917238, 0.0000230417297573763929, 0.000285885980666130812,
    ],
    [
      12.894369562139131, -15.1111514016986312, -0.223307578892655734, 0.00296460137564761618,
      0.0023784717395948095, -0.0000296589568540237556, 0.0000436624404335156298,
    ],
    [
      15.3796971148509165, -25.9193146099879641, 0.179258772950371181, 0.00268067772490389322,
      0.00162824170038242295, -0.000095159225451971587, 0.0000515138902046611451,
    ],
  ];
  const bodies = elements.map(([x, y, z, vx, vy, vz, mass]) => ({
    place: [x, y, z],
    speed: [vx * days, vy * days, vz * days],
    mass: mass * solarMass,
  }));
  for (const axis of [0, 1, 2]) {
    const momentum = bodies.reduce((sum, { speed, mass }) => sum + speed[axis] * mass, 0);
    bodies[0].speed[axis] = -momentum / solarMass;
  }
  return bodies;
}

function advance(bodies, dt) {
  for (let i = 0; i < bodies.length; i++) {
    for (let j = i + 1; j < bodies.length; j++) attract(bodies[i], bodies[j], dt);
  }
  for (const { place, speed } of bodies) {
    for (let axis = 0; axis < 3; axis++) place[axis] += dt * speed[axis];
  }
}

function attract(a, b, dt) {
  const x = a.place[0] - b.place[0];
  const y = a.place[1] - b.place[1];
  const z = a.place[2] - b.place[2];
  const square = x * x + y * y + z * z;
  const magnitude = dt / (square * Math.sqrt(square));
  a.speed[0] -= x * b.mass * magnitude;
  a.speed[1] -= y * b.mass * magnitude;
  a.speed[2] -= z * b.mass * magnitude;
  b.speed[0] += x * a.mass * magnitude;
  b.speed[1] += y * a.mass * magnitude;
  b.speed[2] += z * a.mass * magnitude;
}

function energy(bodies) {
  let sum = 0;
  bodies.forEach((a, i) => {
    const [vx, vy, vz] = a.speed;
    sum += 0.5 * a.mass * (vx * vx + vy * vy + vz * vz);
    for (const b of bodies.slice(i + 1)) {
      const [x, y, z] = a.place.map((value, axis) => value - b.place[axis]);
      sum -= (a.mass * b.mass) / Math.sqrt(x * x + y * y + z * z);
    }
  });
  return sum;
}

function element(factor, row, column) {
  return (row * factor + column) % 17;
}

function matmul(n) {
  let sum = 0;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      let dot = 0;
      for (let k = 0; k < n; k++) dot += element(3, i, k) * element(5, k, j);
      sum += dot * ((i + 2 * j) % 7);
    }
  }
  return Number(BigInt(sum) & 0xffffffffn);
}

function quicksort(count) {
  const values = new Uint32Array(count);
  let state = 1;
  for (let i = 0; i < count; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    values[i] = state;
  }
  return values.sort().reduce(fold, 0);
}

function btree(count) {
  const values = new Map();
  let state = 1;
  for (let i = 1; i <= count; i++) {
    state = lcg(state);
    values.set(state >>> 8, i);
  }
  let sum = 0;
  state = 1;
  for (let i = 1; i <= count; i++) {
    state = lcg(state);
    const key = i % 2 === 0 ? state >>> 8 : (state >>> 8) ^ 0x555555;
    sum = fold(sum, values.get(key) ?? 0);
  }
  return sum;
}

function fibonacci(n) {
  return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}
