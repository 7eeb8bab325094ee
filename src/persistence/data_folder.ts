/** The folder of what must survive: whose it is at present, and where the store's file is. Never puts an empty store in
 * the place of one that is damaged or gone: that is for a person to decide.
 * In it: quetzal.sqlite with its -wal (write-ahead log) and -shm, quetzal.lock and quetzal.pid (folder_lock.ts), stores
 * that were set aside as damaged, and logs of stores that a backup has replaced. @module */

import { DatabaseSync } from "node:sqlite";
import { join, resolve } from "node:path";
import { FolderLock } from "./folder_lock.ts";
import { exists, isThere, sizeOf, syncFile, syncFolder } from "../base/files.ts";
import { makePrivateFile, makePrivateFolder, tightenFile } from "../base/private_files.ts";
import { migrate } from "./schema.ts";
import { hasForeignLog, requireOurFile } from "./store_header.ts";
import {
  COMPANIONS,
  DAMAGED_PREFIX,
  DataFolderError,
  folderTrouble,
  newestDamaged,
  requireStore,
  requireStoreFile,
  STORE_FILE_NAME,
  whatToDo,
} from "./store_trouble.ts";

export { COMPANIONS, DataFolderError, STORE_FILE_NAME };

/** Begins the name of a log whose store is no longer here. */
const REPLACED_PREFIX = `${STORE_FILE_NAME}.replaced-`;
/** A store that is being made. */
const NEW_STORE_FILE_NAME = `${STORE_FILE_NAME}.new`;

export class DataFolder {
  /** Absolute. */
  readonly path: string;
  readonly storeFile: string;
  /** What was done in it that a person should know, a line each. */
  readonly notices: readonly string[];
  readonly #notices: string[] = [];
  readonly #lock: FolderLock;

  private constructor(path: string, lock: FolderLock) {
    this.path = path;
    this.storeFile = join(path, STORE_FILE_NAME);
    this.notices = this.#notices;
    this.#lock = lock;
  }

  /** Makes what is missing of folder and store, for their owner only, and keeps everybody else from opening them.
   * @param options.newStore begin with an empty store although one was set aside.
   * @throws DataFolderError: another process uses it, it cannot be made or written, or the store was set aside as damaged
   * and nothing has taken its place. */
  static open(path: string, { newStore = false }: { newStore?: boolean } = {}): DataFolder {
    const absolute = resolve(path);
    try {
      makePrivateFolder(absolute);
      return DataFolder.#locked(absolute, (folder) => folder.#provideStore(newStore));
    } catch (error) {
      throw folderTrouble(error, absolute);
    }
  }

  /** As `open`, for those who want the store to be left alone by all others, and make nothing.
   * @throws DataFolderError: there is no store, or another process uses it. SchemaError: it is not for this program. What
   * the system says of the files. */
  static openExisting(path: string): DataFolder {
    const absolute = resolve(path);
    requireStore(absolute);
    return DataFolder.#locked(absolute, (folder) => folder.#accept());
  }

  static #locked(path: string, prepare: (folder: DataFolder) => void): DataFolder {
    const folder = new DataFolder(path, takeLock(path));
    try {
      prepare(folder);
      return folder;
    } catch (error) {
      folder.release();
      throw error;
    }
  }

  /** Renames the damaged store, which nobody may have open any more.
   * @param findings what is wrong with it.
   * @returns what to throw. */
  setAside(findings: string): DataFolderError {
    try {
      const damagedFile = this.#moveAway(DAMAGED_PREFIX);
      return new DataFolderError(
        `the store ${this.storeFile} is damaged (${findings}). It was set aside as ${damagedFile}; ` +
          whatToDo(this.path),
      );
    } catch (error) {
      return new DataFolderError(
        `the store ${this.storeFile} is damaged (${findings}), and it cannot be set aside: ${(error as Error).message}`,
      );
    }
  }

  /** Lets others in. May be called again. */
  release(): void {
    this.#lock.release();
  }

  #provideStore(newStore: boolean): void {
    if (isThere(this.storeFile)) this.#accept();
    else this.#replaceMissing(newStore);
    // SQLite gives a new companion the mode of the file.
    for (const suffix of ["", ...COMPANIONS]) tightenFile(this.storeFile + suffix);
  }

  /** The store that is there, unless it is somebody else's: that one is left as it is. */
  #accept(): void {
    requireStoreFile(this.storeFile, "write");
    // A store is never empty: its tables are in it before it bears this name.
    if (sizeOf(this.storeFile) === 0) throw this.setAside("the file is empty");
    requireOurFile(this.storeFile);
    if (!hasForeignLog(this.storeFile)) return;
    const log = this.#moveAway(REPLACED_PREFIX, COMPANIONS);
    this.#notices.push(
      `${this.storeFile} was put in the place of another store, whose write-ahead log was still there: what that one had ` +
        `kept last is in ${log} now, which may be removed`,
    );
  }

  #replaceMissing(newStore: boolean): void {
    const hasLog = (sizeOf(this.storeFile + "-wal") ?? 0) > 0;
    if (!newStore && hasLog) throw this.setAside("the file itself is missing, and only its write-ahead log is there");
    const damagedFile = newestDamaged(this.path);
    if (!newStore && damagedFile !== undefined) {
      throw new DataFolderError(
        `the store was damaged and was set aside as ${join(this.path, damagedFile)}; ${whatToDo(this.path)}`,
      );
    }
    // An old log beside a new store would be taken for its own.
    if (hasLog) this.#moveAway(DAMAGED_PREFIX);
    this.#makeStore();
  }

  /** Under another name until it is whole: a crash meanwhile leaves no empty file that would look like a lost store. */
  #makeStore(): void {
    const newFile = join(this.path, NEW_STORE_FILE_NAME);
    removeWithCompanions(newFile);
    for (const suffix of COMPANIONS) removeIfThere(this.storeFile + suffix);
    try {
      makePrivateFile(newFile);
      {
        using database = new DatabaseSync(newFile);
        // Whole or removed: nothing in it is worth a journal, and one wait for the disk does for all of it.
        database.exec("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF");
        migrate(database);
      }
      syncFile(newFile);
      Deno.renameSync(newFile, this.storeFile);
    } catch (error) {
      // A disk that is full should not keep what is of no use.
      removeWithCompanions(newFile);
      throw error;
    }
    syncFolder(this.path);
  }

  /** The file first: a crash in between leaves a log without a store, which cannot be overlooked, and not a store without
   * its log, which looks like a whole one. @returns the new name of the first. */
  #moveAway(prefix: string, suffixes: readonly string[] = ["", ...COMPANIONS]): string {
    // No ":" in names on Windows.
    const target = join(this.path, prefix + new Date().toISOString().replaceAll(":", "-"));
    const moved = suffixes.filter((suffix) => exists(this.storeFile + suffix));
    for (const suffix of moved) Deno.renameSync(this.storeFile + suffix, target + suffix);
    syncFolder(this.path);
    return target + (moved[0] ?? "");
  }
}

/** Whatever it may be worth. */
export function hasStore(folder: string): boolean {
  try {
    return exists(join(folder, STORE_FILE_NAME));
  } catch {
    // This user may not know.
    return false;
  }
}

function takeLock(folder: string): FolderLock {
  const lock = FolderLock.take(folder);
  if (lock !== undefined) return lock;
  throw new DataFolderError(
    `the data folder ${folder} is in use by ${FolderLock.holderOf(folder)}: another broker runs on it, or a store ` +
      "command works on it; end that one, or choose another folder with --data-dir",
  );
}

function removeWithCompanions(file: string): void {
  for (const suffix of ["", ...COMPANIONS]) removeIfThere(file + suffix);
}

function removeIfThere(file: string): void {
  if (exists(file)) Deno.removeSync(file);
}
