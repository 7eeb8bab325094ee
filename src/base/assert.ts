/** Our own bugs: a condition in, nothing or an InvariantError out. What a peer does wrong is never an invariant, and
 * what a test expects belongs to @std/assert. Room: pure. @module */

/** We have a bug: something that holds by construction does not. Never caught to go on; it says where. */
export class InvariantError extends Error {
  override readonly name = "InvariantError";
}

/** @param message what must hold, a constant: text that is put together costs also while all is well.
 * @throws InvariantError unless `condition` is truthy. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}
