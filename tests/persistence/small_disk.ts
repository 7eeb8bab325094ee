/** A disk of a few megabytes that can be filled and emptied: a tmpfs. Needs root on Linux. @module */

import { TemporaryFolder } from "../support/store_files.ts";

const CHUNK_BYTES = 64 * 1024;

/** @returns whether it can be done here, and says so when not. In CI it must be possible. */
export function canMount(): boolean {
  if (Deno.build.os === "linux" && Deno.uid() === 0) return true;
  if (Deno.env.has("CI")) throw new Error("CI has to run this as root on Linux");
  console.log("skipped: a small disk can be made by root on Linux only");
  return false;
}

export class SmallDisk implements AsyncDisposable {
  readonly #folder = new TemporaryFolder();

  private constructor() {}

  static async mount(mebibytes: number): Promise<SmallDisk> {
    const disk = new SmallDisk();
    await run("mount", "-t", "tmpfs", "-o", `size=${mebibytes}m,mode=700`, "tmpfs", disk.path);
    return disk;
  }

  get path(): string {
    return this.#folder.path;
  }

  get #ballast(): string {
    return this.#folder.file("ballast");
  }

  /** Leaves so many bytes free. */
  fill(freeBytes: number): void {
    using file = Deno.openSync(this.#ballast, { write: true, create: true });
    let bytes = 0;
    try {
      for (;;) bytes += file.writeSync(new Uint8Array(CHUNK_BYTES));
    } catch {
      // It is full.
    }
    file.truncateSync(Math.max(0, bytes - freeBytes));
  }

  empty(): void {
    Deno.removeSync(this.#ballast);
  }

  async makeReadOnly(): Promise<void> {
    await run("mount", "-o", "remount,ro", this.path);
  }

  async makeWritable(): Promise<void> {
    await run("mount", "-o", "remount,rw", this.path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await run("umount", this.path);
    this.#folder[Symbol.dispose]();
  }
}

async function run(command: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(command, { args }).output();
  if (!success) throw new Error(`${command} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}
