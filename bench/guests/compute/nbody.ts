// === nbody: five bodies of the solar system, after the Computer Language Benchmarks Game ===========
//
// Argument: steps. The checksum is the energy at the end, bit for bit.

import { decimal } from '../arguments';
import { report } from '../machine';

const SOLAR_MASS: f64 = 4.0 * Math.PI * Math.PI;
const DAYS: f64 = 365.24;
const BODIES: i32 = 5;

@unmanaged
class Body {
  x: f64;
  y: f64;
  z: f64;
  vx: f64;
  vy: f64;
  vz: f64;
  mass: f64;

  // @ts-ignore: decorator
  @inline
  static at(index: i32): Body {
    return changetype<Body>(bodies + <usize>index * offsetof<Body>());
  }
}

const bodies: usize = memory.data(5 * 56, 8);

function place(i: i32, x: f64, y: f64, z: f64, vx: f64, vy: f64, vz: f64, mass: f64): void {
  const b = Body.at(i);
  b.x = x;
  b.y = y;
  b.z = z;
  b.vx = vx * DAYS;
  b.vy = vy * DAYS;
  b.vz = vz * DAYS;
  b.mass = mass * SOLAR_MASS;
}

function placeAll(): void {
  place(0, 0, 0, 0, 0, 0, 0, 1);
  place(
    1,
    4.8414314424647209,
    -1.16032004402742839,
    -0.103622044471123109,
    0.00166007664274403694,
    0.00769901118419740425,
    -0.0000690460016972063023,
    0.000954791938424326609,
  );
  place(
    2,
    8.34336671824457987,
    4.12479856412430479,
    -0.403523417114321381,
    -0.00276742510726411,
    0.00499852801234917238,
    0.0000230417297573763929,
    0.000285885980666130812,
  );
  place(
    3,
    12.894369562139131,
    -15.1111514016986312,
    -0.223307578892655734,
    0.00296460137564761618,
    0.0023784717395948095,
    -0.0000296589568540237556,
    0.0000436624404335156298,
  );
  place(
    4,
    15.3796971148509165,
    -25.9193146099879641,
    0.179258772950371181,
    0.00268067772490389322,
    0.00162824170038242295,
    -0.000095159225451971587,
    0.0000515138902046611451,
  );
}

function offsetMomentum(): void {
  let px: f64 = 0;
  let py: f64 = 0;
  let pz: f64 = 0;
  for (let i = 0; i < BODIES; i++) {
    const b = Body.at(i);
    px += b.vx * b.mass;
    py += b.vy * b.mass;
    pz += b.vz * b.mass;
  }
  Body.at(0).vx = -px / SOLAR_MASS;
  Body.at(0).vy = -py / SOLAR_MASS;
  Body.at(0).vz = -pz / SOLAR_MASS;
}

function advance(dt: f64): void {
  for (let i = 0; i < BODIES; i++) {
    const a = Body.at(i);
    for (let j = i + 1; j < BODIES; j++) {
      const b = Body.at(j);
      const dx = a.x - b.x;
      const dy = a.y - b.y;
      const dz = a.z - b.z;
      const square = dx * dx + dy * dy + dz * dz;
      const mag = dt / (square * Math.sqrt(square));
      a.vx -= dx * b.mass * mag;
      a.vy -= dy * b.mass * mag;
      a.vz -= dz * b.mass * mag;
      b.vx += dx * a.mass * mag;
      b.vy += dy * a.mass * mag;
      b.vz += dz * a.mass * mag;
    }
  }
  for (let i = 0; i < BODIES; i++) {
    const b = Body.at(i);
    b.x += dt * b.vx;
    b.y += dt * b.vy;
    b.z += dt * b.vz;
  }
}

function energy(): f64 {
  let sum: f64 = 0;
  for (let i = 0; i < BODIES; i++) {
    const a = Body.at(i);
    sum += 0.5 * a.mass * (a.vx * a.vx + a.vy * a.vy + a.vz * a.vz);
    for (let j = i + 1; j < BODIES; j++) {
      const b = Body.at(j);
      const dx = a.x - b.x;
      const dy = a.y - b.y;
      const dz = a.z - b.z;
      sum -= (a.mass * b.mass) / Math.sqrt(dx * dx + dy * dy + dz * dz);
    }
  }
  return sum;
}

export function main(): i32 {
  placeAll();
  offsetMomentum();
  for (let steps = decimal(0, 1000); steps > 0; steps--) advance(0.01);
  const bits = reinterpret<u64>(energy());
  report(<u32>bits ^ <u32>(bits >> 32));
  return 0;
}
