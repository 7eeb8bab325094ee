/** Files and folders that only their owner may read: what the broker keeps are messages of others. Everything that differs
 * from one operating system to the other is here. @module */

import { dirname } from "node:path";
import { exists, syncFolder } from "./files.ts";

/** Windows keeps access lists instead, and what is made in a user's folder is the user's by them. */
const HAS_MODES = Deno.build.os !== "windows";
const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

/** With all folders above it. One that is there is left as it is: its owner may have shared it with a group. */
export function makePrivateFolder(path: string): void {
  if (exists(path)) return;
  const made: string[] = [];
  for (let folder = path; !exists(folder); folder = dirname(folder)) made.unshift(folder);
  Deno.mkdirSync(path, { recursive: true, mode: FOLDER_MODE });
  // A power failure must not take the folder away with all that was synced in it.
  for (const folder of made) syncEntryOf(folder);
}

function syncEntryOf(path: string): void {
  try {
    syncFolder(dirname(path));
  } catch (error) {
    // Who may make something in a folder need not be allowed to read it.
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
  }
}

/** Makes an empty file. @throws Deno.errors.AlreadyExists */
export function makePrivateFile(path: string): void {
  Deno.openSync(path, { write: true, createNew: true, mode: FILE_MODE }).close();
}

/** Takes the permissions of all others away; nothing happens if the file is not there. */
export function tightenFile(path: string): void {
  if (!HAS_MODES) return;
  try {
    const { mode } = Deno.statSync(path);
    if (mode !== null && (mode & 0o077) !== 0) Deno.chmodSync(path, FILE_MODE);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
