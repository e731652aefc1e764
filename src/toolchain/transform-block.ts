// The asc transform with metering 'block': outside sections the kernel can interrupt at function
// entries and loop heads only. `"transform": ["wasm-rseq/transform-block"]`.

import type { InstrumentOptions } from './instrument.js';
import RseqTransform from './transform.js';

export default class RseqBlockTransform extends RseqTransform {
  override get options(): InstrumentOptions {
    return { metering: 'block' };
  }
}
