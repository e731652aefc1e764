// The clock of the bench is the processor time of the process: on a machine with other work to do, a run
// is not charged for the time in which it waited for a processor. Where that is counted in ticks of the
// scheduler, on Windows, it is the wall clock.

const isCoarse = process.platform === 'win32';

/** In milliseconds, from no particular moment. */
export function now() {
  if (isCoarse) return performance.now();
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
