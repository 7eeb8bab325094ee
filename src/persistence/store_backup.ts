/** A copy of the store in one file, made while a broker writes.
 *
 * SQLite's own backup copies page after page and begins anew whenever somebody else has written: beside a busy broker it
 * would never come to an end. Here it copies within one read transaction, to which nothing that is written later is
 * visible: it goes through once, holds the broker up nowhere, and is the store of one instant, the one at which it began.
 * Its price is that the broker's write-ahead log is not begun anew until the copy is there. (`VACUUM INTO` has the same
 * price for longer, since it builds each table and index anew, and cannot say how far it is.) @module */

import { backup, DatabaseSync } from "node:sqlite";
import { basename, dirname, join } from "node:path";
import { checkIntegrity, isDamage } from "./integrity.ts";
import { exists, isThere, sizeOf, syncFile, syncFolder } from "../base/files.ts";
import { makePrivateFile } from "../base/private_files.ts";
import { isOfTheWorld, StoreDamageError, StoreFile, StoreToolError } from "./store_file.ts";
import { causeOf, COMPANIONS, STORE_FILE_NAME } from "./store_trouble.ts";

/** Between two of them the progress is told: 4 MiB. */
const PAGES_PER_STEP = 1024;

export interface BackupOptions {
  /** Replace a file that is there. */
  readonly force?: boolean;
  /** Told the name that it has until it is complete, once that is there. */
  readonly begun?: (partial: string) => void;
  /** Told what is wrong when not all that was acknowledged can be copied. */
  readonly incomplete?: (damage: string) => void;
  readonly progress?: (pagesDone: number, pagesTotal: number) => void;
}

/** Under another name in the same folder until it is complete, checked and on the disk.
 * @param file of a symbolic link, what it points at is written: the link is somebody's way of saying where backups go.
 * @returns its bytes. @throws DataFolderError, StoreToolError. */
export async function backUpStore(folder: string, file: string, options: BackupOptions = {}): Promise<number> {
  const { force = false } = options;
  using store = new StoreFile(folder);
  try {
    const target = targetOf(store, file, force);
    if (store.logDamage !== undefined) {
      // The file that is there may be the last whole backup.
      if (exists(target)) store.requireWhole();
      options.incomplete?.(store.logDamage);
    }
    await copyTo(target, store.database, options);
    return sizeOf(target)!;
  } catch (error) {
    if (error instanceof StoreToolError || !isOfTheWorld(error)) throw error;
    if (isDamage(error)) throw new StoreDamageError(store.path, error.message);
    throw new StoreToolError(`the backup ${file} cannot be written: ${causeOf(error, file)}`);
  }
}

async function copyTo(
  target: string,
  source: DatabaseSync,
  { begun = () => {}, progress = () => {} }: BackupOptions,
): Promise<void> {
  const partial = partialNameOf(target);
  // What is removed below is ours.
  if (isThere(partial)) throw new StoreToolError(`${partial} is where the copy is to be made: move it away`);
  makePrivateFile(partial);
  begun(partial);
  try {
    await backup(source, partial, {
      rate: PAGES_PER_STEP,
      progress: ({ totalPages, remainingPages }) => progress(totalPages - remainingPages, totalPages),
    });
    finish(partial);
    Deno.renameSync(partial, target);
  } catch (error) {
    removePartial(partial);
    throw error;
  }
  syncFolder(dirname(target));
}

/** Two backups into the same file do not meet. */
function partialNameOf(target: string): string {
  return `${target}.partial-${Deno.pid}`;
}

/** Makes it one file that needs no companions, and looks at what was written. */
function finish(partial: string): void {
  {
    using database = new DatabaseSync(partial);
    database.exec("PRAGMA journal_mode = DELETE");
    const findings = checkIntegrity(database);
    if (findings !== undefined) {
      throw new StoreToolError(
        `the copy is damaged, and most likely the store is, too (${findings}); \`store check\` says more`,
      );
    }
  }
  syncFile(partial);
}

/** @returns where the copy is to be, without symbolic links. */
function targetOf(store: StoreFile, file: string, force: boolean): string {
  const folder = dirname(file);
  if (!exists(folder)) throw new StoreToolError(`there is no folder ${folder}; make it first`);
  if (isThere(file) && !exists(file)) {
    throw new StoreToolError(`${file} is a symbolic link to ${Deno.readLinkSync(file)}, which is not there`);
  }
  const isTaken = exists(file);
  const target = isTaken ? Deno.realPathSync(file) : join(Deno.realPathSync(folder), basename(file));
  if (dirname(target) === Deno.realPathSync(dirname(store.path)) && isStoreName(basename(target))) {
    throw new StoreToolError(`${file} belongs to the store itself; name another file`);
  }
  if (!isTaken) return target;
  const { isDirectory, isFile } = Deno.statSync(target);
  if (isDirectory) {
    throw new StoreToolError(`${file} is a folder; name a file in it, such as ${join(file, "quetzal-backup.sqlite")}`);
  }
  if (!isFile) {
    throw new StoreToolError(
      `${file} is no ordinary file but a device or the like, which is never replaced; name a file`,
    );
  }
  if (!force) throw new StoreToolError(`${file} is there already; name another file, or replace it with --force`);
  return target;
}

/** Also as a disk shows it that does not tell upper from lower case. */
function isStoreName(name: string): boolean {
  const lowered = name.toLowerCase();
  return ["", ...COMPANIONS].some((suffix) => lowered === STORE_FILE_NAME + suffix) ||
    ["quetzal.lock", "quetzal.pid"].includes(lowered);
}

/** And what SQLite may have made beside it. */
export function removePartial(partial: string): void {
  for (const suffix of ["", ...COMPANIONS]) if (exists(partial + suffix)) Deno.removeSync(partial + suffix);
}
