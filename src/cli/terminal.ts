// What a stream can show: colours, and a line that is written over.

import pc from 'picocolors';

export type Colors = ReturnType<typeof pc.createColors>;

/** Colours when `stream` is a terminal that has them, and the user has not said otherwise. */
export function colorsFor(stream: { readonly isTTY?: boolean }): Colors {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
  if (NO_COLOR) return pc.createColors(false);
  return pc.createColors(Boolean(FORCE_COLOR) || (stream.isTTY === true && TERM !== 'dumb'));
}

/** To the start of the line, and erase it. */
export const ERASE_LINE = '\r\u001b[K';

/** Wait for work that cannot say how far it is, with `text` on the terminal meanwhile. */
export async function announced<T>(
  text: string,
  work: Promise<T>,
  stream: { readonly isTTY?: boolean; write(text: string): unknown },
): Promise<T> {
  if (stream.isTTY !== true) return work;
  stream.write(`${ERASE_LINE}${text}`);
  try {
    return await work;
  } finally {
    stream.write(ERASE_LINE);
  }
}
