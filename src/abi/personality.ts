// The ABIs of restartable sequences, by the number that a code map and the guest library know them
// by. docs/abi.md has a page for each. Compiled by both tsc and asc.

export enum Abi {
  /** Paul Turner's RFC of June 2015. */
  Turner = 0,
  /** The same with the rules of the Google kernel that gVisor emulates. */
  Google = 1,
  /** Event counters, October 2015, in the exact form of their 2016 successor. */
  EventCounter = 2,
  /** Mathieu Desnoyers' percpu system call of May 2015. */
  PercpuSignal = 3,
  /** rseq of Linux 6.1 to 6.18. */
  Linux = 4,
  /** rseq of Linux 7.0, registered with its full length. */
  LinuxV2 = 5,
  /** rasctl of NetBSD, after Bershad et al. 1992. */
  Ras = 6,
}
