/** A copy of the store in one file, made while a broker writes.
 *
 * SQLite's own backup copies page after page and begins anew whenever somebody else has written: beside a busy broker it
 * would never come to an end. Here it copies within one read transaction, to which nothing that is written later is
 * visible: it goes through once, holds the broker up nowhere, and is the store of one instant, the one at which it began.
 * Its price is that the broker's write-ahead log is not begun anew until the copy is there. (`VACUUM INTO` has the same
 * price for longer, since it builds each table and index anew, and cannot say how far it is.) @module */

import { backup, DatabaseSync } from "node:sqlite";
import { basename, dirname, join } from "node:path";
import { COMPANIONS, STORE_FILE_NAME } from "./data_folder.ts";
import { checkIntegrity } from "./integrity.ts";
import { exists, makePrivateFile, sizeOf, syncFile, syncFolder } from "./private_files.ts";
import { explainRead, isOfTheWorld, StoreFile, StoreToolError } from "./store_file.ts";

/** Between two of them the progress is told: 4 MiB. */
const PAGES_PER_STEP = 1024;

export interface BackupOptions {
  /** Replace a file that is there. */
  readonly force?: boolean;
  readonly progress?: (pagesDone: number, pagesTotal: number) => void;
}

/** Under another name in the same folder until it is complete, checked and on the disk.
 * @returns its bytes. @throws DataFolderError, StoreToolError. */
export async function backUpStore(folder: string, file: string, options: BackupOptions = {}): Promise<number> {
  const { force = false, progress = () => {} } = options;
  using store = new StoreFile(folder);
  requireTarget(store, file, force);
  const partial = `${file}.partial`;
  try {
    removePartial(partial);
    makePrivateFile(partial);
    await backup(store.database, partial, {
      rate: PAGES_PER_STEP,
      progress: ({ totalPages, remainingPages }) => progress(totalPages - remainingPages, totalPages),
    });
    finish(partial);
    Deno.renameSync(partial, file);
    syncFolder(dirname(file));
    return sizeOf(file)!;
  } catch (error) {
    removePartial(partial);
    if (!isOfTheWorld(error)) throw error;
    throw new StoreToolError(`the backup ${file} cannot be written: ${error.message}`);
  }
}

/** Makes it one file that needs no companions, and looks at what was written. */
function finish(partial: string): void {
  const database = new DatabaseSync(partial);
  try {
    database.exec("PRAGMA journal_mode = DELETE");
    const findings = checkIntegrity(database);
    if (findings !== undefined) {
      throw new StoreToolError(
        `the copy is damaged, and most likely the store is, too (${findings}); \`store check\` says more`,
      );
    }
  } catch (error) {
    throw explainRead(error, partial);
  } finally {
    database.close();
  }
  syncFile(partial);
}

function requireTarget(store: StoreFile, file: string, force: boolean): void {
  const folder = dirname(file);
  if (!exists(folder)) throw new StoreToolError(`there is no folder ${folder}; make it first`);
  const storeFolder = Deno.realPathSync(dirname(store.path));
  if (Deno.realPathSync(folder) === storeFolder && isStoreName(basename(file))) {
    throw new StoreToolError(`${file} belongs to the store itself; name another file`);
  }
  if (!exists(file)) return;
  if (Deno.statSync(file).isDirectory) {
    throw new StoreToolError(`${file} is a folder; name a file in it, such as ${join(file, "quetzal-backup.sqlite")}`);
  }
  if (!force) throw new StoreToolError(`${file} is there already; name another file, or replace it with --force`);
}

/** Also as a disk shows it that does not tell upper from lower case. */
function isStoreName(name: string): boolean {
  const lowered = name.toLowerCase();
  return ["", ...COMPANIONS].some((suffix) => lowered === STORE_FILE_NAME + suffix) ||
    ["quetzal.lock", "quetzal.pid"].includes(lowered);
}

/** And what SQLite may have left beside it when an earlier backup was cut off. */
function removePartial(partial: string): void {
  for (const suffix of ["", "-journal", ...COMPANIONS]) {
    if (exists(partial + suffix)) Deno.removeSync(partial + suffix);
  }
}
