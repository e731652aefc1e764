// membarrier(command, flags, cpu), number 324: Linux's numbers. Compiled by both tsc and asc.

export enum MembarrierCommand {
  /** The commands there are, as a mask. */
  Query = 0,
  Global = 1,
  GlobalExpedited = 2,
  RegisterGlobalExpedited = 4,
  PrivateExpedited = 8,
  RegisterPrivateExpedited = 16,
  PrivateExpeditedSyncCore = 32,
  RegisterPrivateExpeditedSyncCore = 64,
  /** The fence: restarts the sections that other CPUs are in. */
  PrivateExpeditedRseq = 128,
  RegisterPrivateExpeditedRseq = 256,
  /** The register commands that have been given, as a mask. */
  GetRegistrations = 512,
}

/** PrivateExpeditedRseq only: on CPU `cpu` and no other. */
export const MEMBARRIER_FLAG_CPU = 1;
