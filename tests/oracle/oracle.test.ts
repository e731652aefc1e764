// The laws of the oracle: the emulated kernel says what a real one says, and the comparison would
// tell if it did not.

import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { RSEQ_SIG } from '../../src/abi/linux-rseq.js';
import { Signal } from '../../src/abi/signal.js';
import { LinuxPersonality } from '../../src/kernel/rseq/linux.js';
import { createPersonality } from '../../src/kernel/rseq/personalities.js';
import { RandomScheduler } from '../../src/kernel/schedulers/random.js';
import { yieldCpu } from './calls.js';
import { DIFFERENCES, NOT_EMULATED } from './differences.js';
import { runEmulated, runScenario } from './emulated.js';
import type { Guest } from './guest.js';
import { readRecording, runNative, unsuitable } from './native.js';
import { SETUP, type Setup } from './process.js';
import { SCENARIOS } from './scenarios.js';
import { compareTranscripts, formatStep, parseTranscript, type Transcript } from './transcript.js';
import { countMismatches, describeMismatches, judge } from './verdict.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const RECORDING = await readRecording(ROOT);
const NATIVE = await runNative(ROOT);
const EMULATED = runEmulated();
const LEAST_STEPS = 500;

function linesOf(transcript: Transcript): string[] {
  return [...transcript.values()].flat().map(formatStep);
}

function wrongLines(setup: Partial<Setup>): string[] {
  return describeMismatches(judge(RECORDING, runEmulated({ ...SETUP, ...setup })));
}

function* mistaken(): Guest {
  yield* yieldCpu();
  throw new Error('in two\nlines');
}

/** Takes any word for the signature. */
const CREDULOUS: Setup['newPersonality'] = () =>
  createPersonality(['linux'], { loadText: () => RSEQ_SIG });

/** Forgets that a thread lost its CPU. */
class ForgetfulPersonality extends LinuxPersonality {
  override onSwitchOut(): boolean {
    return false;
  }
}
const FORGETFUL: Setup['newPersonality'] = (loadText) => new ForgetfulPersonality({ loadText });

describe('the emulated kernel', () => {
  test('says what the recorded one said, line by line, but for the known differences', () => {
    const verdict = judge(RECORDING, EMULATED);

    expect(describeMismatches(verdict)).toEqual([]);
    expect(verdict.known).toEqual(DIFFERENCES);
    expect(verdict.steps).toBeGreaterThanOrEqual(LEAST_STEPS);
  });

  test('runs every scenario of the recording that it does not refuse for a reason', () => {
    const names = SCENARIOS.map(({ name }) => name);

    expect([...names, ...Object.keys(NOT_EMULATED)].sort()).toEqual([...RECORDING.keys()].sort());
  });

  test('kills by SIGSEGV for what is wrong with rseq, and for nothing else', () => {
    const deaths = SCENARIOS.map((scenario) => runScenario(scenario).death);

    const messages = deaths.filter((death) => death?.signal === Signal.SIGSEGV);

    expect(messages.length).toBeGreaterThan(0);
    for (const death of messages) expect(death?.message).toMatch(/^rseq area 0x/);
  });

  test.each([1, 2, 3, 4, 5])('says the same under random schedule %i', (seed) => {
    expect(wrongLines({ newScheduler: () => new RandomScheduler(7, seed) })).toEqual([]);
  });
});

describe('the comparison', () => {
  const lines = linesOf(RECORDING);

  test('finds each line that is changed', () => {
    lines.forEach((line, at) => {
      const changed = lines.map((other, index) => (index === at ? `${line}!` : other));

      const { mismatches } = compareTranscripts(RECORDING, parseTranscript(changed.join('\n')));

      expect(mismatches.map(({ actual }) => actual && formatStep(actual))).toEqual([`${line}!`]);
    });
  });

  test('finds a line that is missing, and one too many', () => {
    const shorter = parseTranscript(lines.slice(0, -1).join('\n'));

    const missing = compareTranscripts(RECORDING, shorter).mismatches;
    const surplus = compareTranscripts(shorter, RECORDING).mismatches;

    expect(missing).toMatchObject([{ expected: { step: 'end' }, actual: undefined }]);
    expect(surplus).toMatchObject([{ expected: undefined, actual: { step: 'end' } }]);
  });

  test('finds a known difference that is none any more', () => {
    const verdict = judge(RECORDING, RECORDING);

    expect(verdict.mismatches).toEqual([]);
    expect(countMismatches(verdict)).toBe(DIFFERENCES.length);
  });

  test('finds a kernel that skips the check of the signature', () => {
    const wrong = wrongLines({ newPersonality: CREDULOUS });

    expect(wrong).toContain(
      "real 'signature-wrong-inside end: killed SIGSEGV', emulated 'signature-wrong-inside survived: yes'",
    );
  });

  test('finds a kernel that forgets preemption', () => {
    expect(wrongLines({ newPersonality: FORGETFUL })).toContain(
      "real 'preempted-inside outcome: aborted', emulated 'preempted-inside outcome: committed'",
    );
  });

  test('finds a scenario that breaks, by what it broke', () => {
    const { text } = runScenario({ name: 'mistaken', run: mistaken });

    expect(text).toBe('mistaken end: threw Error: in two lines\n');
  });

  test('refuses what is no line of a transcript', () => {
    expect(() => parseTranscript('skip: no rseq system call')).toThrow('no line of a transcript');
  });
});

describe('the kernel of this machine', () => {
  if ('transcript' in NATIVE) {
    test('says what the emulated one says', () => {
      expect(describeMismatches(judge(NATIVE.transcript, EMULATED))).toEqual([]);
    });
  } else {
    test.skip(`is not asked: ${NATIVE.reason}`, () => {});
  }

  test.each([
    ['linux', 'x64', '6.18.5', undefined],
    ['linux', 'x64', '6.1.0', /^Linux 6.1.0/],
    ['linux', 'x64', '7.0.0', /^Linux 7.0.0/],
    ['linux', 'arm64', '6.18.5', /^linux on arm64/],
    ['darwin', 'x64', '24.0.0', /^darwin on x64/],
  ])('%s %s %s is asked only if it is one that is emulated', (platform, arch, version, reason) => {
    const found = unsuitable(platform, arch, version);

    if (reason === undefined) expect(found).toBeUndefined();
    else expect(found).toMatch(reason);
  });
});
