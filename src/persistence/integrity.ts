/** Is the store's file as SQLite left it? Tells damage, which a person must see to, from trouble that may pass (a full
 * disk, a missing permission). Called where the file is open anyway. @module */

import type { DatabaseSync } from "node:sqlite";
import { DamagedSchemaError } from "./schema.ts";

/** SQLITE_CORRUPT and SQLITE_NOTADB (https://sqlite.org/rescode.html). */
const DAMAGE_CODES: ReadonlySet<number> = new Set([11, 26]);
/** The same two as texts: what `exec` and opening throw has no `errcode` in Deno. */
const DAMAGE_TEXT = /^(?:database disk image is malformed|file is not a database)\b/;
/** More of them say nothing new. */
const FINDINGS_MAX = 10;

/** Looks at each page and each row, but not whether indexes agree with their tables: time in proportion to the file, as
 * fast as it can be read. What has changed within a row's own bytes cannot be seen: SQLite keeps no checksums.
 * @returns what is wrong, in one line; undefined = nothing.
 * @throws what is no damage, such as an I/O error. */
export function checkIntegrity(database: DatabaseSync): string | undefined {
  return findingsOf(database, "quick_check");
}

/** As `checkIntegrity`, and whether each index agrees with its table: several times as long. */
export function checkIntegrityFully(database: DatabaseSync): string | undefined {
  return findingsOf(database, "integrity_check");
}

/** true: the file's content is wrong, and no second try will help. */
export function isDamage(error: unknown): boolean {
  if (error instanceof DamagedSchemaError) return true;
  if (!(error instanceof Error)) return false;
  const { errcode } = error as { errcode?: number };
  // The low byte is the kind, the others say more of it.
  return errcode === undefined ? DAMAGE_TEXT.test(error.message) : DAMAGE_CODES.has(errcode & 0xff);
}

function findingsOf(database: DatabaseSync, pragma: "quick_check" | "integrity_check"): string | undefined {
  let rows: Record<string, unknown>[];
  try {
    rows = database.prepare(`PRAGMA ${pragma}(${FINDINGS_MAX})`).all();
  } catch (error) {
    if (isDamage(error)) return (error as Error).message;
    throw error;
  }
  // A row may hold several lines, the first of which names the database, of which there is one.
  const findings = rows.map((row) => String(row[pragma])).join("\n").split("\n")
    .filter((line) => line !== "ok" && line !== "" && !line.startsWith("*** in database"));
  return findings.length === 0 ? undefined : findings.slice(0, FINDINGS_MAX).join("; ");
}
