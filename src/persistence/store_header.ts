/** What the first bytes of the store's file say, read without SQLite, which would write beside the file, or take a log
 * for its own that is not. Layout: https://sqlite.org/fileformat2.html, section 1.3. @module */

import { requireKnownVersion, requireOurs } from "./schema.ts";
import { sizeOf } from "../base/files.ts";

const HEADER_BYTES = 100;
const MAGIC = "SQLite format 3\0";
const WRITE_VERSION_AT = 18;
const READ_VERSION_AT = 19;
const ROLLBACK_JOURNAL = 1;
const USER_VERSION_AT = 60;
const APPLICATION_ID_AT = 68;

/** Belongs to another program or to a later version: whoever wrote it, it is left as it is.
 * @throws SchemaError. Not for a damaged file: SQLite says more of that. */
export function requireOurFile(storeFile: string): void {
  const header = readHeader(storeFile);
  if (header === undefined) return;
  requireOurs(header.getInt32(APPLICATION_ID_AT));
  requireKnownVersion(header.getInt32(USER_VERSION_AT));
}

/** A backup, or a copy, was put in the place of a store whose broker had been killed: the log beside it is that store's,
 * and SQLite would write it into the copy. A store that has a log says in its header that it uses one; a backup, and a
 * store whose broker ended as it should, say that they do not. */
export function hasForeignLog(storeFile: string): boolean {
  if ((sizeOf(storeFile + "-wal") ?? 0) === 0) return false;
  const header = readHeader(storeFile);
  return header !== undefined && header.getUint8(WRITE_VERSION_AT) === ROLLBACK_JOURNAL &&
    header.getUint8(READ_VERSION_AT) === ROLLBACK_JOURNAL;
}

/** Something of the store is not in its file, but beside it: the write-ahead log, or the journal of a change that was cut
 * off. */
export function hasChangesBeside(storeFile: string): boolean {
  return ["-wal", "-journal"].some((suffix) => (sizeOf(storeFile + suffix) ?? 0) > 0);
}

/** @returns undefined = it does not begin as SQLite's files do. */
function readHeader(storeFile: string): DataView | undefined {
  using file = Deno.openSync(storeFile, { read: true });
  const bytes = new Uint8Array(HEADER_BYTES);
  if (file.readSync(bytes) !== HEADER_BYTES) return undefined;
  const magic = new TextDecoder().decode(bytes.subarray(0, MAGIC.length));
  return magic === MAGIC ? new DataView(bytes.buffer) : undefined;
}
