// The personalities by the names that people give their ABIs.

import { ABI_NAMES, type AbiName } from '../../abi/code-map.js';
import { EventCounterPersonality } from './event-counter.js';
import type { LoadText } from './linux-section.js';
import { LinuxV2Personality } from './linux-v2.js';
import { LinuxPersonality } from './linux.js';
import { PairPersonality } from './pair.js';
import { PercpuSignalPersonality } from './percpu-signal.js';
import type { Personality } from './personality.js';
import { RasPersonality } from './ras.js';
import { GooglePersonality, TurnerPersonality } from './turner.js';

export { ABI_NAMES, type AbiName };

export interface PersonalityOptions {
  /** The word at a code address: the machine's. */
  readonly loadText: LoadText;
  /** linux, linux-v2: what those kernels check with their debug options. */
  readonly debug?: boolean;
  /** linux-v2: fuel of a slice extension. */
  readonly sliceExtension?: number;
  /** event-counter: the count is 0 again after so many events; 2^32 unless given. */
  readonly eventCounts?: number;
}

/** There is no such ABI, or no kernel had these at once. */
export class AbiError extends Error {
  override readonly name = 'AbiError';

  constructor(
    readonly names: readonly string[],
    readonly rule: string,
  ) {
    super(`abi ${names.join(',')} ${rule}`);
  }
}

type Constructor = (options: PersonalityOptions) => Personality;

const CONSTRUCTORS: Readonly<Record<AbiName, Constructor>> = {
  turner: () => new TurnerPersonality(),
  google: () => new GooglePersonality(),
  'event-counter': ({ eventCounts }) => new EventCounterPersonality(eventCounts),
  'percpu-signal': () => new PercpuSignalPersonality(),
  linux: (options) => new LinuxPersonality(options),
  'linux-v2': (options) => new LinuxV2Personality(options),
  ras: () => new RasPersonality(),
};

const NEW_RSEQ: readonly AbiName[] = ['linux', 'linux-v2'];
const OLD_REGION: readonly AbiName[] = ['turner', 'google'];

/**
 * The personality of one ABI, or of the pair that one kernel had: linux or linux-v2 with turner or
 * google, in any order. Throws AbiError for anything else.
 */
export function createPersonality(
  names: readonly AbiName[],
  options: PersonalityOptions,
): Personality {
  const [only, ...others] = names.map((name) => known(name));
  if (only === undefined) throw new AbiError(names, 'names no ABI');
  if (others.length === 0) return CONSTRUCTORS[only](options);
  const rseq = names.find((name) => NEW_RSEQ.includes(name));
  const region = names.find((name) => OLD_REGION.includes(name));
  if (names.length !== 2 || rseq === undefined || region === undefined) {
    const rule = `cannot be: only ${NEW_RSEQ.join(' or ')} with ${OLD_REGION.join(' or ')} can be two`;
    throw new AbiError(names, rule);
  }
  return new PairPersonality(CONSTRUCTORS[rseq](options), CONSTRUCTORS[region](options));
}

function known(name: AbiName): AbiName {
  if (ABI_NAMES.includes(name)) return name;
  throw new AbiError([name], `must be one of ${ABI_NAMES.join(', ')}`);
}
