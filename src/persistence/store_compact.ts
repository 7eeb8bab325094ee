/** Gives the free pages of the store's file back to the disk. The file is written anew in one transaction: it stays whole
 * whatever happens. @module */

import { DatabaseSync } from "node:sqlite";
import { join, resolve } from "node:path";
import { DataFolder, STORE_FILE_NAME } from "./data_folder.ts";
import { sizeOf } from "../base/files.ts";
import { requireSchema } from "./schema.ts";
import { explainTrouble, requireWholeLog } from "./store_file.ts";

/** A tool that reads may be at work. */
const BUSY_TIMEOUT_MS = 5_000;

export interface Compaction {
  /** Of the file and its write-ahead log. */
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  /** What else a person should know, a line each. */
  readonly notices: readonly string[];
}

/** @throws DataFolderError: no store is there, or a broker runs on it. StoreToolError: SQLite cannot do it. */
export function compactStore(folderPath: string): Compaction {
  let folder: DataFolder | undefined;
  try {
    folder = DataFolder.openExisting(folderPath);
    const bytesBefore = bytesOf(folder.storeFile);
    requireWholeLog(folder.storeFile);
    using database = new DatabaseSync(folder.storeFile, { timeout: BUSY_TIMEOUT_MS });
    requireSchema(database);
    // Brings the log into the file, and leaves it as a broker does that has ended. Refused while a tool reads.
    database.exec("PRAGMA journal_mode = DELETE");
    database.exec("VACUUM");
    return { bytesBefore, bytesAfter: bytesOf(folder.storeFile), notices: folder.notices };
  } catch (error) {
    throw explainTrouble(error, join(resolve(folderPath), STORE_FILE_NAME));
  } finally {
    folder?.release();
  }
}

function bytesOf(file: string): number {
  return (sizeOf(file) ?? 0) + (sizeOf(file + "-wal") ?? 0);
}
