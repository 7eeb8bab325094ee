/** One process, and one broker within it, may write to a data folder. The lock is the operating system's on an open file:
 * it ends with the process, however that ends, so nothing is left behind that a person would have to remove. @module */

import { join } from "node:path";
import { exists } from "../base/files.ts";

/** It is locked, and stays empty. It is never removed: another process could lock the removed one, and a third one the
 * new one. */
const LOCK_FILE_NAME = "quetzal.lock";
/** Beside it, since nobody else may even read a file that is locked on Windows. */
const PROCESS_ID_FILE_NAME = "quetzal.pid";
/** A tool that shares the lock while it reads is done soon, most often. */
const WAIT_FOR_READERS_MS = 2_000;
const TRY_EVERY_MS = 50;

export class FolderLock {
  /** undefined = the lock is shared with others, and nobody's number is written. */
  readonly #processIdFile: string | undefined;
  #file: Deno.FsFile | undefined;

  private constructor(file: Deno.FsFile, processIdFile: string | undefined) {
    this.#file = file;
    this.#processIdFile = processIdFile;
  }

  /** For who writes. @returns undefined = somebody else has it. @throws as Deno.openSync does. */
  static take(folder: string): FolderLock | undefined {
    const processIdFile = join(folder, PROCESS_ID_FILE_NAME);
    const file = Deno.openSync(join(folder, LOCK_FILE_NAME), { read: true, write: true, create: true, mode: 0o600 });
    try {
      // Who writes has left its number, and goes on for long: only for readers is it worth waiting.
      const waitMs = exists(processIdFile) ? TRY_EVERY_MS : WAIT_FOR_READERS_MS;
      if (!lockWithin(file, waitMs)) {
        file.close();
        return undefined;
      }
    } catch (error) {
      file.close();
      throw error;
    }
    const lock = new FolderLock(file, processIdFile);
    try {
      Deno.writeTextFileSync(processIdFile, `${Deno.pid}\n`, { mode: 0o600 });
    } catch (error) {
      lock.release();
      throw error;
    }
    return lock;
  }

  /** For who reads: keeps those away who write, for as long as it is held. Makes nothing.
   * @returns "taken" = somebody writes. undefined = there is nothing that could be locked: no broker was ever here.
   * @throws as Deno.openSync does. */
  static share(folder: string): FolderLock | "taken" | undefined {
    let file: Deno.FsFile;
    try {
      file = Deno.openSync(join(folder, LOCK_FILE_NAME), { read: true });
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    }
    if (file.tryLockSync(false)) return new FolderLock(file, undefined);
    file.close();
    return "taken";
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
      if (this.#processIdFile !== undefined) Deno.removeSync(this.#processIdFile);
    } catch { /* It says nothing once the lock is gone. */ }
    this.#file.close();
    this.#file = undefined;
  }
}

/** Blocks: nothing else is to be done before the folder is ours. */
function lockWithin(file: Deno.FsFile, waitMs: number): boolean {
  const deadlineMs = performance.now() + waitMs;
  while (!file.tryLockSync(true)) {
    if (performance.now() >= deadlineMs) return false;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, TRY_EVERY_MS);
  }
  return true;
}
