/** A file that only grows, and is put aside when it is large: `quetzal.log`, older ones as `quetzal.log.1`, `.2`, ….
 * In: whole lines. Out: bytes with the operating system when `append` returns; there is no wait for the disk (fsync),
 * which could hold up a turn by milliseconds, and no buffer that a crash could lose.
 * Whoever watches the file may keep it from being renamed (Windows): then it grows on, and is tried again later.
 * Room: synchronous. @module */

/** After a rename that failed the next try waits until the file has grown by this part of its bound. */
const RETRY_PART = 0.1;

export class RotatingFile {
  readonly #path: string;
  readonly #bytesMax: number;
  readonly #filesMax: number;
  readonly #encoder = new TextEncoder();
  /** undefined: it could not be opened again, and the next call tries. */
  #file: Deno.FsFile | undefined;
  #bytes = 0;
  /** Size from which the file is put aside; beyond `bytesMax` after a failed try. */
  #rotateBytes: number;

  /** @param bytesMax size from which a new file is begun. @param filesMax with the current one; at least 1.
   * @throws the operating system's error when the file cannot be opened. */
  constructor(path: string, bytesMax: number, filesMax: number) {
    this.#path = path;
    this.#bytesMax = bytesMax;
    this.#filesMax = filesMax;
    this.#rotateBytes = bytesMax;
    this.#open();
  }

  /** @throws the operating system's error when nothing could be written: a full disk. The next call tries again. */
  append(lines: string): void {
    const bytes = this.#encoder.encode(lines);
    let file = this.#file ?? this.#open();
    if (this.#bytes > 0 && this.#bytes + bytes.length > this.#rotateBytes) file = this.#rotate(file);
    for (let written = 0; written < bytes.length;) {
      const count = file.writeSync(bytes.subarray(written));
      written += count;
      this.#bytes += count;
    }
  }

  close(): void {
    this.#file?.close();
    this.#file = undefined;
  }

  #open(): Deno.FsFile {
    this.#file = Deno.openSync(this.#path, { append: true, create: true });
    this.#bytes = this.#file.statSync().size;
    return this.#file;
  }

  #rotate(file: Deno.FsFile): Deno.FsFile {
    // The file must be closed first: Windows renames no open file.
    file.close();
    this.#file = undefined;
    try {
      if (this.#filesMax === 1) Deno.truncateSync(this.#path);
      else this.#shift();
      this.#rotateBytes = this.#bytesMax;
    } catch {
      this.#rotateBytes = this.#bytes + Math.ceil(this.#bytesMax * RETRY_PART);
    }
    return this.#open();
  }

  /** From the oldest to the youngest, so that each name is free when it is needed. */
  #shift(): void {
    for (let age = this.#filesMax - 2; age >= 0; age--) {
      const from = age === 0 ? this.#path : `${this.#path}.${age}`;
      try {
        Deno.renameSync(from, `${this.#path}.${age + 1}`);
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }
  }
}
