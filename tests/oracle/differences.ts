// Where the emulated kernel is not the real one, and why: scenarios that it cannot run, and lines
// that it answers otherwise. Both lists are checked: an entry that is not true any more is a mismatch.

/** A line that differs, with both results. */
export interface Difference {
  readonly scenario: string;
  readonly step: string;
  readonly real: string;
  readonly emulated: string;
  readonly reason: string;
}

/** Scenarios without a counterpart, by name: the reason. */
export const NOT_EMULATED: Readonly<Record<string, string>> = {
  'read-before-restarted': 'SA_RESTART is accepted and ignored: no call is ever made again',
  'ptrace-configuration': 'there is no ptrace',
  'fence-other-process': 'a kernel has one process, so no fence could reach another',
};

const STATUS_IS_A_WORD = 'an exit status is a word, not cut to 8 bits';

export const DIFFERENCES: readonly Difference[] = [
  {
    scenario: 'exec-fails',
    step: 'exec',
    real: '-EACCES',
    emulated: '-ENOSYS',
    reason: 'there is no exec: it fails, for another reason',
  },
  {
    scenario: 'futex-restarted',
    step: 'wait-restart',
    real: '-EAGAIN',
    emulated: '-EINTR',
    reason: 'SA_RESTART is accepted and ignored: no call is ever made again',
  },
  {
    scenario: 'exit-is-cut-to-a-byte',
    step: 'end',
    real: 'exit 3',
    emulated: 'exit 259',
    reason: STATUS_IS_A_WORD,
  },
  {
    scenario: 'exit-minus-one',
    step: 'end',
    real: 'exit 255',
    emulated: 'exit -1',
    reason: STATUS_IS_A_WORD,
  },
];
