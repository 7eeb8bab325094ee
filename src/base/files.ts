/** What is there, how large it is, and that it is on the disk. @module */

/** Windows opens no folder as a file, and keeps its directories in a journal. */
const HAS_FOLDERS_TO_SYNC = Deno.build.os !== "windows";

/** What was written to a file is on the disk when this returns. */
export function syncFile(path: string): void {
  using file = Deno.openSync(path, { read: true, write: true });
  file.syncSync();
}

/** What was made, renamed or removed in a folder is on the disk when this returns. */
export function syncFolder(path: string): void {
  if (!HAS_FOLDERS_TO_SYNC) return;
  using folder = Deno.openSync(path, { read: true });
  folder.syncSync();
}

export function exists(path: string): boolean {
  return sizeOf(path) !== undefined;
}

/** As `exists`, and true of a link to nothing, too. */
export function isThere(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Bytes; undefined = there is no such file. @throws what else may be wrong with it. */
export function sizeOf(path: string): number | undefined {
  try {
    return Deno.statSync(path).size;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
