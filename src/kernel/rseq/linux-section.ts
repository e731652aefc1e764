// The section of a thread, from its area through its descriptor to its abort label: where it is, the
// rules a descriptor must keep, and the abort. Kernels differ in which rules they ask for, and when.
//
// Addresses in a descriptor have 64 bits, in this user space 32; all arithmetic is modulo 2^64.

import { TASK_SIZE } from '../../abi/module.js';
import { hasBegun } from '../section.js';
import type { Thread } from '../thread.js';
import { type Descriptor, loadDescriptor, type RseqArea } from './linux-area.js';
import type { Incoherence, ResumeOutcome } from './personality.js';

/** The word at a code address, undefined where there is no code: Machine.loadText. */
export type LoadText = (address: number) => number | undefined;

/** What a rule is asked about besides the descriptor. */
interface Site {
  readonly ip: bigint;
  /** What the thread has registered, in front of every abort label. */
  readonly signature: number;
  readonly loadText: LoadText;
}

/** What is wrong, in words, or undefined. */
export type Rule = (section: Descriptor, site: Site) => string | undefined;

export interface SectionRules {
  /** What a descriptor must keep wherever the thread is. */
  readonly anywhere: readonly Rule[];
  /** What it must keep besides while the thread is inside. */
  readonly inside: readonly Rule[];
}

const USER_END = BigInt(TASK_SIZE);
const SIGNATURE_BYTES = 4n;

export const startIsUser: Rule = ({ start }) => beyondUser('start', start);
export const endIsUser: Rule = (section) => beyondUser('end', endOf(section));
export const abortIsUser: Rule = ({ abort }) => beyondUser('abort', abort);

export const endDoesNotWrap: Rule = (section) =>
  endOf(section) < section.start ? `length ${hex(section.length)} wraps around` : undefined;

export const abortIsOutside: Rule = (section) =>
  holds(section, section.abort) ? `abort ${hex(section.abort)} is inside the section` : undefined;

export const abortHasRoom: Rule = ({ abort }) =>
  abort < SIGNATURE_BYTES ? `abort ${hex(abort)} leaves no room for a signature` : undefined;

export const versionIsZero: Rule = ({ version }) =>
  version === 0 ? undefined : `version ${version >>> 0} is not 0`;

export const flagsAreZero: Rule = ({ flags }) =>
  flags === 0 ? undefined : `flags ${hex(flags)} are not 0`;

/** For a thread that is in a system call. */
export const hasNoCalls: Rule = () => 'system call inside the section';

export const signatureMatches: Rule = ({ abort }, { signature, loadText }) => {
  const word = abort < SIGNATURE_BYTES ? undefined : loadText(Number(abort - SIGNATURE_BYTES));
  if (word === undefined) return `signature before abort ${hex(abort)} cannot be read`;
  if (word >>> 0 === signature) return undefined;
  return `signature ${hex(word)} before abort ${hex(abort)} is not ${hex(signature)}`;
};

/** `rule`, for a thread that is at the start of the section or anywhere behind it. */
export function fromStart(rule: Rule): Rule {
  return (section, site) => (site.ip < section.start ? undefined : rule(section, site));
}

/** The section that the thread is inside, undefined when there is none, or what is wrong. */
export function findSection(
  thread: Thread,
  area: RseqArea,
  rules: SectionRules,
  loadText: LoadText,
): Descriptor | undefined | Incoherence {
  const pointer = area.loadSection();
  if (pointer === undefined) return unreadable(area);
  if (pointer === 0n) return undefined;
  const address = hex(pointer);
  if (pointer >= USER_END) return incoherent(area, `descriptor ${address} is not in user space`);
  const section = loadDescriptor(area.memory, Number(pointer));
  if (section === undefined) return incoherent(area, `descriptor ${address} cannot be read`);
  const site = siteOf(thread, loadText);
  const isInside = hasBegun(thread.registers.ip >>> 0) && holds(section, site.ip);
  const breach =
    firstBreach(rules.anywhere, section, site) ??
    (isInside ? firstBreach(rules.inside, section, site) : undefined);
  if (breach !== undefined) return incoherent(area, `descriptor ${address}: ${breach}`);
  return isInside ? section : undefined;
}

/** The thread goes on at the abort label. Cleared first: a fault leaves the ip as it was. */
export function abortSection(thread: Thread, area: RseqArea, section: Descriptor): ResumeOutcome {
  if (!area.clearSection()) return unwritable(area);
  thread.registers.ip = Number(section.abort);
  return 'redirected';
}

/** The thread is in no section: what rseq_cs names is behind it. */
export function leaveSection(area: RseqArea): ResumeOutcome {
  return area.clearSection() ? 'unchanged' : unwritable(area);
}

export function incoherent(area: RseqArea, words: string): Incoherence {
  return { message: `rseq area ${hex(area.address)}: ${words}` };
}

export function unreadable(area: RseqArea): Incoherence {
  return incoherent(area, 'cannot be read');
}

export function unwritable(area: RseqArea): Incoherence {
  return incoherent(area, 'cannot be written');
}

export function isIncoherence(value: unknown): value is Incoherence {
  return typeof value === 'object' && value !== null && 'message' in value;
}

export function hex(value: number | bigint): string {
  return `0x${(typeof value === 'number' ? value >>> 0 : value).toString(16)}`;
}

function siteOf(thread: Thread, loadText: LoadText): Site {
  return {
    ip: BigInt(thread.registers.ip >>> 0),
    signature: thread.registration?.signature ?? 0,
    loadText,
  };
}

/** start <= ip < start + length, in one unsigned comparison as the kernel makes it. */
function holds({ start, length }: Descriptor, ip: bigint): boolean {
  return BigInt.asUintN(64, ip - start) < length;
}

function endOf({ start, length }: Descriptor): bigint {
  return BigInt.asUintN(64, start + length);
}

function beyondUser(what: string, address: bigint): string | undefined {
  return address < USER_END ? undefined : `${what} ${hex(address)} is not in user space`;
}

function firstBreach(rules: readonly Rule[], section: Descriptor, site: Site): string | undefined {
  for (const rule of rules) {
    const breach = rule(section, site);
    if (breach !== undefined) return breach;
  }
  return undefined;
}
