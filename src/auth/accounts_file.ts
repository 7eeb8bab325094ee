/** Tells without asking Deno KV whether somebody may have written to the accounts' file. A question to Deno KV takes the
 * thread of the messages half a millisecond where it has to share a core with the thread that reads, and is asked several
 * times a second; two questions to the system take it a few microseconds.
 *
 *     accounts.kv      number, size, time of the last write    ⎫ as they were before the last look, and that look came
 *     accounts.kv-wal  number, size, time of the last write    ⎭ long enough after the last write: untouched
 *
 * @module */

import { type Clock, systemClock } from "../base/clock.ts";
import { exists } from "../base/files.ts";

/** Whatever the files say, who looks at the accounts looks again after this time. */
const TRUSTED_MS = 1000;
/** Systems count the times of files in steps: what is written within the step of an earlier write cannot be told from it. */
const STEP_MS_MAX = 100;
/** Windows may tell of a write when the file is closed, which other programs and this one keep open. */
const TELLS_OF_WRITES = Deno.build.os !== "windows";
/** SQLite appends changes here. It is there as long as a program has the accounts open. */
const LOG_SUFFIX = "-wal";

export class AccountsFile {
  readonly #marks: [FileMarks, FileMarks];
  #trustedUntilMs = -Infinity;

  constructor(readonly path: string, readonly clock: Clock = systemClock) {
    this.#marks = [new FileMarks(path), new FileMarks(path + LOG_SUFFIX)];
  }

  isThere(): boolean {
    return exists(this.path);
  }

  /** Notes how the files are now: whoever gets "false" looks at the accounts next.
   * @returns true when nothing was written since the last time that this returned false. */
  isUntouched(): boolean {
    const nowMs = this.clock.monotonicMs();
    const wallMs = this.clock.wallMs();
    try {
      const [file, log] = this.#marks;
      const isFileSame = file.isSame();
      const isLogSame = log.isSame();
      if (isFileSame && isLogSame && nowMs < this.#trustedUntilMs) return true;
      const isSettled = Math.abs(wallMs - Math.max(file.writtenMs, log.writtenMs)) > STEP_MS_MAX;
      this.#trustedUntilMs = TELLS_OF_WRITES && isSettled ? nowMs + TRUSTED_MS : -Infinity;
    } catch {
      // Gone, or out of reach: the look will tell.
      this.#trustedUntilMs = -Infinity;
    }
    return false;
  }
}

class FileMarks {
  #number: number | null = null;
  #bytes = -1;
  writtenMs = -Infinity;

  constructor(readonly path: string) {}

  /** Notes how the file is. @returns whether it was so before. @throws as Deno.statSync does. */
  isSame(): boolean {
    const { ino, size, mtime } = Deno.statSync(this.path);
    const writtenMs = mtime?.getTime() ?? NaN; // which is never the same
    const isSame = ino === this.#number && size === this.#bytes && writtenMs === this.writtenMs;
    this.#number = ino;
    this.#bytes = size;
    this.writtenMs = writtenMs;
    return isSame;
  }
}
