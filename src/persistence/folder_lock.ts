/** One process, and one broker within it, may write to a data folder. The lock is the operating system's on an open file:
 * it ends with the process, however that ends, so nothing is left behind that a person would have to remove. @module */

import { join } from "node:path";

/** It is locked, and stays empty. It is never removed: another process could lock the removed one, and a third one the
 * new one. */
const LOCK_FILE_NAME = "quetzal.lock";
/** Beside it, since nobody else may even read a file that is locked on Windows. */
const PROCESS_ID_FILE_NAME = "quetzal.pid";
/** Who looks whether the folder is locked holds the lock for that instant. */
const SECOND_TRY_AFTER_MS = 100;

export class FolderLock {
  readonly #folder: string;
  #file: Deno.FsFile | undefined;

  private constructor(folder: string, file: Deno.FsFile) {
    this.#folder = folder;
    this.#file = file;
  }

  /** @returns undefined = somebody else has it. @throws as Deno.openSync does. */
  static take(folder: string): FolderLock | undefined {
    const file = Deno.openSync(join(folder, LOCK_FILE_NAME), { read: true, write: true, create: true, mode: 0o600 });
    try {
      if (!file.tryLockSync(true)) {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, SECOND_TRY_AFTER_MS);
        if (!file.tryLockSync(true)) {
          file.close();
          return undefined;
        }
      }
      Deno.writeTextFileSync(join(folder, PROCESS_ID_FILE_NAME), `${Deno.pid}\n`, { mode: 0o600 });
    } catch (error) {
      file.close();
      throw error;
    }
    return new FolderLock(folder, file);
  }

  /** Makes nothing. */
  static isTaken(folder: string): boolean {
    let file: Deno.FsFile;
    try {
      file = Deno.openSync(join(folder, LOCK_FILE_NAME), { read: true });
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
    try {
      return !file.tryLockSync(false);
    } finally {
      file.close();
    }
  }

  /** "process 123", for people; who has just begun or ended may not have written it, or no longer. */
  static holderOf(folder: string): string {
    let text = "";
    try {
      text = Deno.readTextFileSync(join(folder, PROCESS_ID_FILE_NAME)).trim();
    } catch { /* It says the same without the number. */ }
    return /^\d+$/.test(text) ? `the process ${text}` : "another process";
  }

  /** May be called again. */
  release(): void {
    if (this.#file === undefined) return;
    try {
      Deno.removeSync(join(this.#folder, PROCESS_ID_FILE_NAME));
    } catch { /* It says nothing once the lock is gone. */ }
    this.#file.close();
    this.#file = undefined;
  }
}
