/** What keeps the data folder or the store in it from being used, in one line that says what to do: the same words at a
 * start and in the tools. @module */

import { dirname, join, resolve } from "node:path";
import { exists, isThere } from "../base/files.ts";
import { SchemaError } from "./schema.ts";

export const STORE_FILE_NAME = "quetzal.sqlite";
/** What belongs to the store's file and never goes without it: the write-ahead log, its index, and the journal that is
 * there for the moment in which a store begins or ceases to use a log. */
export const COMPANIONS = ["-wal", "-shm", "-journal"] as const;
export const DAMAGED_PREFIX = `${STORE_FILE_NAME}.damaged-`;

/** What keeps the store from being opened, with what a person can do about it in the message. */
export class DataFolderError extends Error {
  override readonly name = "DataFolderError";
}

/** @throws DataFolderError: there is no folder, or no store in it. */
export function requireStore(folder: string): void {
  const file = join(folder, STORE_FILE_NAME);
  if (exists(folder) && !Deno.statSync(folder).isDirectory) {
    throw new DataFolderError(`${folder} is a file; name the broker's data folder with --data-dir`);
  }
  if (isThere(file)) return;
  const damagedFile = exists(folder) ? newestDamaged(folder) : undefined;
  if (damagedFile !== undefined) {
    throw new DataFolderError(
      `the store in ${folder} was damaged and was set aside as ${damagedFile}; ${whatToDo(folder)}`,
    );
  }
  if (exists(file + "-wal")) {
    throw new DataFolderError(
      `the store in ${folder} is damaged: ${STORE_FILE_NAME} is missing, and only its write-ahead log is there; ` +
        `bring the file back, or ${whatToDo(folder)}`,
    );
  }
  throw new DataFolderError(`there is no store in ${folder}; name the broker's data folder with --data-dir`);
}

/** To be called before SQLite opens the store in this process: closing a file gives up the locks of the whole process on it.
 * @param access what this user must be allowed to do with the store's file, and with what is beside it.
 * @throws DataFolderError: something else has its name. Deno's errors: this user may not. */
export function requireStoreFile(file: string, access: "read" | "write"): void {
  const info = Deno.lstatSync(file);
  if (info.isSymlink) {
    // SQLite keeps the log beside what the link points at, where no lock of this folder keeps others away.
    const target = Deno.readLinkSync(file);
    throw new DataFolderError(
      `${file} is a symbolic link to ${target}: put the file itself here, or name the folder that it is in with --data-dir`,
    );
  }
  if (!info.isFile) {
    throw new DataFolderError(
      `${file} is ${info.isDirectory ? "a folder" : "no ordinary file"}: move it away, or choose another folder with ` +
        "--data-dir",
    );
  }
  for (const suffix of ["", ...COMPANIONS]) {
    if (exists(file + suffix)) Deno.openSync(file + suffix, { read: true, write: access === "write" }).close();
  }
}

/** Of the folder, at a start. */
export function folderTrouble(error: unknown, folder: string): DataFolderError {
  if (error instanceof DataFolderError) return error;
  if (error instanceof SchemaError) {
    return new DataFolderError(`the store ${join(folder, STORE_FILE_NAME)} cannot be used: ${error.message}`);
  }
  return new DataFolderError(
    `the data folder ${folder} cannot be used: ${causeOf(error, folder)}, choose another folder with --data-dir, or ` +
      "keep nothing with --durability off",
  );
}

/** Of the store's file, in a tool. */
export function fileTrouble(error: Error, file: string): string {
  return `${file} cannot be used: ${error instanceof SchemaError ? error.message : causeOf(error, file)}`;
}

/** As a tool says it, which sets nothing aside. */
export function damaged(file: string, findings: string): string {
  return `${file} is damaged: ${findings}; the next start of the broker sets it aside, and then waits for a backup in ` +
    "its place, or for --new-store";
}

/** What to do about a store that was set aside. */
export function whatToDo(folder: string): string {
  const file = join(folder, STORE_FILE_NAME);
  return `put a backup in its place (copy it to ${file}), or start with --new-store to begin with an empty store; the ` +
    "damaged one stays where it is";
}

/** The names begin alike and end with the time: the last one is the newest, and a store comes before its companions. */
export function newestDamaged(folder: string): string | undefined {
  const names = Array.from(Deno.readDirSync(folder), ({ name }) => name)
    .filter((name) => name.startsWith(DAMAGED_PREFIX)).toSorted();
  const stores = names.filter((name) => !COMPANIONS.some((suffix) => name.endsWith(suffix)));
  // A log may have been all that was there.
  return stores.at(-1) ?? names.at(-1);
}

/** Why what was tried failed, and what to do about it.
 * @param path what it was tried with, unless the error names another. */
export function causeOf(error: unknown, path: string): string {
  if (!(error instanceof Error)) return String(error);
  const { message } = error;
  const named = /: \w+ '(.*)'$/s.exec(message)?.[1] ?? path;
  switch ((error as { code?: string }).code) {
    case "EACCES":
    case "EPERM": {
      const file = ownedPath(resolve(named));
      return `this user${numbered(Deno.uid())} may not use ${file}; run as its owner, or give it to this user (chown)`;
    }
    case "EROFS":
      return "it is on a disk that may only be read: make that writable";
    case "ENOSPC":
      return "the disk is full: make room first";
    case "ENOTDIR":
    case "EEXIST":
      return "there is a file, or a link to nothing, where a folder should be: move it away";
  }
  if (/database or disk is full/.test(message)) return "the disk is full: make room first";
  if (/database is locked/.test(message)) return "another program has it open: end that one first";
  if (/readonly database|unable to open database file/.test(message)) {
    return `what a broker that was killed left beside ${path} must be brought into it first, and this user, or this ` +
      "disk, does not allow that: let a broker start and end, or copy all files of the folder to another one";
  }
  return `${message}: see to that first`;
}

/** With its owner. Of what is not there, or is behind a door, the folder that this user stands before. */
function ownedPath(path: string): string {
  try {
    const { uid } = Deno.statSync(path);
    return uid === null ? path : `${path}, which belongs to the user${numbered(uid)}`;
  } catch {
    return dirname(path) === path ? path : ownedPath(dirname(path));
  }
}

/** Windows has no numbers. */
function numbered(uid: number | null): string {
  return uid === null ? "" : ` ${uid}${uid === 0 ? " (root)" : ""}`;
}
