/** What fits into a field of a packet: two bytes say how long it is. §1.5.4, §1.5.6. Room: pure. @module */

import { UsageError } from "../arguments.ts";

const FIELD_BYTES_MAX = 65_535;
const BRIEF_LENGTH_MAX = 40;

/** @param what "-D publish content-type". @throws UsageError */
export function requireText(what: string, text: string | undefined): void {
  if (text === undefined) return;
  if (text.includes("\0") || !text.isWellFormed()) throw new UsageError(`${what} holds what is no text of a packet`);
  requireBytes(what, new TextEncoder().encode(text));
}

/** @throws UsageError */
export function requireBytes(what: string, { length }: Uint8Array): void {
  if (length > FIELD_BYTES_MAX) {
    throw new UsageError(`${what} has ${length} bytes; at most ${FIELD_BYTES_MAX} fit into its packet`);
  }
}

/** Of what may be too long for a message. */
export function brief(text: string): string {
  return text.length <= BRIEF_LENGTH_MAX ? text : `${text.slice(0, BRIEF_LENGTH_MAX - 1)}…`;
}
