/** Gives the free pages of the store's file back to the disk. The file is written anew in one transaction: it stays whole
 * whatever happens. @module */

import { DatabaseSync } from "node:sqlite";
import { DataFolder } from "./data_folder.ts";
import { sizeOf } from "./private_files.ts";
import { explainRead, requireStore, StoreToolError } from "./store_file.ts";

/** A tool that reads may be at work. */
const BUSY_TIMEOUT_MS = 5_000;

export interface Sizes {
  /** Of the file and its write-ahead log. */
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

/** @throws DataFolderError: no store is there, or a broker runs on it. StoreToolError: SQLite cannot do it. */
export function compactStore(folderPath: string): Sizes {
  const folder = DataFolder.openExisting(folderPath);
  try {
    const bytesBefore = bytesOf(folder.storeFile);
    const database = new DatabaseSync(folder.storeFile, { timeout: BUSY_TIMEOUT_MS });
    try {
      requireStore(database, folder.storeFile);
      database.exec("VACUUM");
      const { busy } = database.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get() as { busy: number };
      if (busy !== 0) {
        throw new StoreToolError(
          `${folder.storeFile} was compacted, and another tool reads it: it shrinks when that has ended and a broker ` +
            "has started, or at the next `store compact`",
        );
      }
    } finally {
      database.close();
    }
    return { bytesBefore, bytesAfter: bytesOf(folder.storeFile) };
  } catch (error) {
    throw explainRead(error, folder.storeFile);
  } finally {
    folder.release();
  }
}

function bytesOf(file: string): number {
  return (sizeOf(file) ?? 0) + (sizeOf(file + "-wal") ?? 0);
}
