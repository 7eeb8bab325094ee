/** The folder of what must survive: whose it is at present, and where the store's file is. Never puts an empty store in
 * the place of one that is damaged or gone: that is for a person to decide.
 * In it: quetzal.sqlite with its -wal (write-ahead log) and -shm, quetzal.lock and quetzal.pid (folder_lock.ts), and
 * stores that were set aside as damaged. @module */

import { DatabaseSync } from "node:sqlite";
import { join, resolve } from "node:path";
import { FolderLock } from "./folder_lock.ts";
import { exists, makePrivateFile, makePrivateFolder, sizeOf, syncFolder, tightenFile } from "./private_files.ts";
import { migrate } from "./schema.ts";

export const STORE_FILE_NAME = "quetzal.sqlite";
/** What belongs to the store's file and never goes without it. */
export const COMPANIONS = ["-wal", "-shm"] as const;
const DAMAGED_PREFIX = `${STORE_FILE_NAME}.damaged-`;
/** A store that is being made. */
const NEW_STORE_FILE_NAME = `${STORE_FILE_NAME}.new`;

/** What keeps the store from being opened, with what a person can do about it in the message. */
export class DataFolderError extends Error {
  override readonly name = "DataFolderError";
}

export class DataFolder {
  /** Absolute. */
  readonly path: string;
  readonly storeFile: string;
  readonly #lock: FolderLock;

  private constructor(path: string, lock: FolderLock) {
    this.path = path;
    this.storeFile = join(path, STORE_FILE_NAME);
    this.#lock = lock;
  }

  /** Makes what is missing of folder and store, for their owner only, and keeps everybody else from opening them.
   * @param options.newStore begin with an empty store although one was set aside.
   * @throws DataFolderError: another process uses it, it cannot be made or written, or the store was set aside as damaged
   * and nothing has taken its place. */
  static open(path: string, { newStore = false }: { newStore?: boolean } = {}): DataFolder {
    const absolute = resolve(path);
    const lock = lockFolder(absolute, () => makePrivateFolder(absolute));
    const folder = new DataFolder(absolute, lock);
    try {
      folder.#provideStore(newStore);
      return folder;
    } catch (error) {
      folder.release();
      throw explain(error, absolute);
    }
  }

  /** As `open`, for those who want the store to be left alone by all others, and make nothing.
   * @throws DataFolderError */
  static openExisting(path: string): DataFolder {
    const absolute = resolve(path);
    if (!exists(join(absolute, STORE_FILE_NAME))) throw noStore(absolute);
    const folder = new DataFolder(absolute, lockFolder(absolute, () => {}));
    try {
      if (hasForeignLog(folder.storeFile)) folder.#moveAway(COMPANIONS);
      return folder;
    } catch (error) {
      folder.release();
      throw explain(error, absolute);
    }
  }

  /** Renames the damaged store, which nobody may have open any more.
   * @param findings what is wrong with it.
   * @returns what to throw. */
  setAside(findings: string): DataFolderError {
    try {
      const damagedFile = this.#moveAway();
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
    const bytes = sizeOf(this.storeFile);
    // A store is never empty: its tables are in it before it bears this name.
    if (bytes === 0) throw this.setAside("the file is empty");
    if (bytes === undefined) {
      const hasLog = (sizeOf(this.storeFile + "-wal") ?? 0) > 0;
      if (!newStore && hasLog) {
        throw this.setAside("the file itself is missing, and only its write-ahead log is there");
      }
      const damagedFile = newestDamaged(this.path);
      if (!newStore && damagedFile !== undefined) {
        throw new DataFolderError(
          `the store was damaged and was set aside as ${join(this.path, damagedFile)}; ${whatToDo(this.path)}`,
        );
      }
      // An old log beside a new store would be taken for its own.
      if (hasLog) this.#moveAway();
      this.#makeStore();
    } else if (hasForeignLog(this.storeFile)) {
      this.#moveAway(COMPANIONS);
    }
    // SQLite gives a new companion the mode of the file.
    for (const suffix of ["", ...COMPANIONS]) tightenFile(this.storeFile + suffix);
  }

  /** Under another name until it is whole: a crash meanwhile leaves no empty file that would look like a lost store. */
  #makeStore(): void {
    const newFile = join(this.path, NEW_STORE_FILE_NAME);
    for (const suffix of ["", "-journal", ...COMPANIONS]) removeIfThere(newFile + suffix);
    for (const suffix of COMPANIONS) removeIfThere(this.storeFile + suffix);
    makePrivateFile(newFile);
    const database = new DatabaseSync(newFile);
    try {
      migrate(database);
    } finally {
      database.close();
    }
    Deno.renameSync(newFile, this.storeFile);
    syncFolder(this.path);
  }

  /** The file first: a crash in between leaves a log without a store, which cannot be overlooked, and not a store without
   * its log, which looks like a whole one. @returns its new name. */
  #moveAway(suffixes: readonly string[] = ["", ...COMPANIONS]): string {
    // No ":" in names on Windows.
    const damagedFile = join(this.path, DAMAGED_PREFIX + new Date().toISOString().replaceAll(":", "-"));
    for (const suffix of suffixes) {
      if (exists(this.storeFile + suffix)) Deno.renameSync(this.storeFile + suffix, damagedFile + suffix);
    }
    syncFolder(this.path);
    return exists(damagedFile) ? damagedFile : damagedFile + "-wal";
  }
}

/** A backup was put in the place of a store whose broker had been killed: the log beside it is that store's, and SQLite
 * would write it into the backup. A store that has a log says in its header that it uses one, and a backup says that it
 * does not (https://sqlite.org/fileformat2.html, offset 18). */
export function hasForeignLog(storeFile: string): boolean {
  if ((sizeOf(storeFile + "-wal") ?? 0) === 0) return false;
  using file = Deno.openSync(storeFile, { read: true });
  const header = new Uint8Array(20);
  return file.readSync(header) === header.length && header[18] === 1 && header[19] === 1;
}

/** There is nothing to work on. */
export function noStore(folder: string): DataFolderError {
  const damagedFile = exists(folder) ? newestDamaged(folder) : undefined;
  return new DataFolderError(
    damagedFile === undefined
      ? `there is no store in ${folder}; name the broker's data folder with --data-dir`
      : `the store in ${folder} was damaged and was set aside as ${damagedFile}; ${whatToDo(folder)}`,
  );
}

function lockFolder(path: string, prepare: () => void): FolderLock {
  let lock: FolderLock | undefined;
  try {
    prepare();
    lock = FolderLock.take(path);
  } catch (error) {
    throw explain(error, path);
  }
  if (lock === undefined) {
    throw new DataFolderError(
      `the data folder ${path} is in use by ${
        FolderLock.holderOf(path)
      }: another broker runs on it, or a store command ` +
        "works on it; end that one, or choose another folder with --data-dir",
    );
  }
  return lock;
}

function whatToDo(folder: string): string {
  return `put a backup in its place (copy it to ${
    join(folder, STORE_FILE_NAME)
  }), or start with --new-store to begin ` +
    "with an empty store; the damaged one stays where it is";
}

/** The names begin alike and end with the time: the last one is the newest, and a store comes before its companions. */
function newestDamaged(folder: string): string | undefined {
  const names = Array.from(Deno.readDirSync(folder), ({ name }) => name)
    .filter((name) => name.startsWith(DAMAGED_PREFIX)).toSorted();
  const stores = names.filter((name) => !COMPANIONS.some((suffix) => name.endsWith(suffix)));
  // A log may have been all that was there.
  return stores.at(-1) ?? names.at(-1);
}

function removeIfThere(file: string): void {
  if (exists(file)) Deno.removeSync(file);
}

function explain(error: unknown, folder: string): DataFolderError {
  if (error instanceof DataFolderError) return error;
  const what = `the data folder ${folder} cannot be used: `;
  const elsewhere = "choose another folder with --data-dir, or keep nothing with --durability off";
  if (error instanceof Deno.errors.PermissionDenied) {
    return new DataFolderError(`${what}this user may not write there; ${elsewhere}`);
  }
  if (error instanceof Deno.errors.NotADirectory || error instanceof Deno.errors.AlreadyExists) {
    return new DataFolderError(`${what}there is a file of that name; ${elsewhere}`);
  }
  return new DataFolderError(`${what}${(error as Error).message}; ${elsewhere}`);
}
