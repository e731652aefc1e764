// The asc transform with metering 'block': outside sections the kernel can interrupt at function
// entries and loop heads only. `"transform": ["wasm-rseq/transform-block"]`.

import RseqTransform, { transformFor } from './transform.js';

const RseqBlockTransform: typeof RseqTransform = transformFor({ metering: 'block' });
export default RseqBlockTransform;
