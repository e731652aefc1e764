// What the embedder has asked that cannot be answered.

/** A program, or an option, that the checker cannot work with. The message is one line. */
export class CheckError extends Error {
  override readonly name = 'CheckError';
}
