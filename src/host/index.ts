// The host: run an instrumented module. Works wherever ECMAScript and WebAssembly do.

export { ModuleError, OptionError } from './errors.js';
export {
  createHost,
  type GuestFailure,
  type Host,
  type HostOptions,
  type Result,
  type SchedulerName,
} from './host.js';
