// Boots a host for each counter, with its labels and without, runs both under the same interruptions, and shows
// what came of it.

import { createHost } from 'wasm-rseq';
import { TraceEvent } from 'wasm-rseq/kernel';

const PROGRAMS = [
  ['sections', 'With labels: an interrupted increment begins again'],
  ['unprotected', 'Without labels: an interrupted increment overwrites what others have counted'],
];
const CPUS = 4;
const THREADS = 8;
const EXPECTED = THREADS * 1000;
/** Instructions that the timeline shows. */
const SHOWN = 4000;
const ROW = 10;
const GAP = 2;

/** What the CPUs ran, one after another, and where sections were restarted, as far as the timeline shows it. */
class Timeline {
  slices = [];
  restarts = [];

  event(kind, time, cpu, tid) {
    if (time > SHOWN) return;
    if (kind === TraceEvent.Restart) this.restarts.push({ time, cpu });
    if (kind !== TraceEvent.Run) return;
    const last = this.slices.at(-1);
    if (last !== undefined) last.end = time;
    this.slices.push({ start: time, end: SHOWN, cpu, tid });
  }
}

/** One program, run from its beginning to its end. */
async function run(module, seed) {
  const timeline = new Timeline();
  let output = '';
  const host = await createHost({
    wasm: module,
    cpus: CPUS,
    threads: THREADS,
    quantum: 61,
    seed,
    observers: [timeline],
    onOutput: (_fd, bytes) => {
      output += new TextDecoder().decode(bytes);
    },
  });
  const { restarts, preemptions, migrations, traceHash } = host.run();
  return { counted: Number(output), restarts, preemptions, migrations, traceHash, timeline };
}

function show(name, title, { timeline, ...numbers }) {
  const shown = document.getElementById('run').content.cloneNode(true);
  const section = shown.querySelector('section');
  section.id = name;
  section.querySelector('h2').textContent = title;
  const lost = EXPECTED - numbers.counted;
  const verdict = section.querySelector('.verdict');
  verdict.textContent = lost === 0 ? 'nothing is lost' : `${lost} of ${EXPECTED} are lost`;
  verdict.classList.toggle('lost', lost > 0);
  for (const cell of section.querySelectorAll('dd')) {
    cell.textContent = String(numbers[cell.dataset.name]);
  }
  draw(section.querySelector('svg'), timeline);
  return section;
}

function draw(svg, { slices, restarts }) {
  svg.setAttribute('viewBox', `0 0 ${SHOWN} ${CPUS * ROW}`);
  for (const { start, end, cpu, tid } of slices) {
    const width = Math.max(end - start, 1);
    rectangle(svg, start, cpu, width, `hsl(${(tid * 137) % 360} 55% 58%)`);
  }
  for (const { time, cpu } of restarts) rectangle(svg, time, cpu, 5, 'var(--bad)');
}

function rectangle(svg, x, cpu, width, fill) {
  const shape = document.createElementNS('http://www.w3.org/2000/svg', 'rect');
  const attributes = { x, y: cpu * ROW + GAP / 2, width, height: ROW - GAP, fill };
  for (const [name, value] of Object.entries(attributes)) shape.setAttribute(name, value);
  svg.append(shape);
}

const compiled = PROGRAMS.map(([name]) => WebAssembly.compileStreaming(fetch(`${name}.wasm`)));

async function runAll(seed) {
  const sections = [];
  for (const [at, [name, title]] of PROGRAMS.entries()) {
    sections.push(show(name, title, await run(await compiled[at], seed)));
  }
  document.getElementById('runs').replaceChildren(...sections);
  document.body.dataset.seed = String(seed);
}

const form = document.querySelector('form');
const { seed } = form.elements;
document.getElementById('shown').textContent = SHOWN.toLocaleString('en');

async function runShown() {
  const problem = document.getElementById('problem');
  problem.textContent = '';
  try {
    await runAll(seed.valueAsNumber);
  } catch (error) {
    problem.textContent = error.message;
  }
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  runShown();
});
document.getElementById('another').addEventListener('click', () => {
  seed.valueAsNumber += 1;
  runShown();
});
seed.valueAsNumber = Number(new URLSearchParams(location.search).get('seed') ?? 1);
await runShown();
