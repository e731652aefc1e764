// === metadata: memory for what the allocator knows about memory ====================================
//
// Records that are never given back. The first come from the rest of the page that static data end in.

const PAGE_BYTES: usize = 65536;
const FIRST_BYTES: usize = 12288;

let at: usize = 0;
let end: usize = 0;
let taken: usize = 0;

/** Begin behind the static data. Returns where the heap may begin. */
export function initMetadata(): usize {
  at = (__heap_base + 15) & ~15;
  end = min(at + FIRST_BYTES, <usize>memory.size() << 16);
  return end;
}

/** `bytes` zero bytes, aligned to 16; 0 when there is no memory. */
export function takeMetadata(bytes: usize): usize {
  const rounded = (bytes + 15) & ~15;
  if (end - at < rounded) {
    const pages = (rounded + PAGE_BYTES - 1) >> 16;
    const before = memory.grow(<i32>pages);
    if (before < 0) return 0;
    at = <usize>before << 16;
    end = at + (pages << 16);
    taken += pages << 16;
  }
  const record = at;
  at += rounded;
  return record;
}

/** Bytes that records have taken from the system. */
export function metadataBytes(): usize {
  return taken;
}
