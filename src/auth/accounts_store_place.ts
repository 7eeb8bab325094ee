/** Where accounts are kept: a file of Deno KV for its owner only, or a remote Deno KV. Opens it, and turns whatever the
 * system says into an `AccountsError` that tells a person what to do. @module */

import { dirname, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { delay } from "@std/async/delay";
import { exists, sizeOf, syncFolder } from "../base/files.ts";
import { makePrivateFile, makePrivateFolder, tightenFile } from "../base/private_files.ts";

/** In the data folder. */
export const ACCOUNTS_FILE_NAME = "accounts.kv";
const COMPANIONS = ["-wal", "-shm"];
const TOKEN_VARIABLE = "DENO_KV_ACCESS_TOKEN";
/** Of Deno KV. */
const KEYS_AT_ONCE_MAX = 10;
/** Records that Deno KV reads and unpacks in one go: fewer, shorter waits of others. From far away, each go takes its time. */
const LISTED_AT_ONCE = 20;
const LISTED_AT_ONCE_REMOTE = 500;
/** How long others in this thread wait at most, about, while many records are gone through. */
const SLICE_MS = 4;
/** Others hold the file for a millisecond; one that does so for seconds stands still. */
const LOCKED_MS_MAX = 10_000;
const LOCKED_DELAY_MS_MAX = 10;
/** Where a program says in an SQLite file that it is its own; Deno KV leaves it 0. */
const APPLICATION_ID_OFFSET = 68;
const HEADER_BYTES = 100;

/** missing: there is no such file, and it was not to be made. unavailable: it cannot be used now, or by this program or
 * this user. damaged: what is in it is not what it should be. refused: what was asked for does not fit what is there. */
export type AccountsErrorKind = "missing" | "unavailable" | "damaged" | "refused";

/** The message is for a person, and says what to do. */
export class AccountsError extends Error {
  override readonly name = "AccountsError";

  constructor(readonly kind: AccountsErrorKind, message: string) {
    super(message);
  }
}

export function isRemote(place: string): boolean {
  return /^https?:\/\//i.test(place);
}

/** The path or URL of the accounts of a broker with this configuration. */
export function accountsPlace({ accounts, dataDir }: { accounts?: string; dataDir: string }): string {
  return accounts ?? resolve(dataDir, ACCOUNTS_FILE_NAME);
}

/** How often this process has each file open, by its real path: see `checkFile`. */
const openFiles = new Map<string, number>();

/** An open Deno KV whose failures are `AccountsError`s. */
export class AccountsKv implements Disposable {
  /** An absolute path, or a URL. */
  readonly place: string;
  readonly #kv: Deno.Kv;
  /** Its one name in `openFiles`; undefined: remote. */
  readonly #file: string | undefined;
  #isOpen = true;

  private constructor(place: string, kv: Deno.Kv, file?: string) {
    this.place = place;
    this.#kv = kv;
    this.#file = file;
  }

  /** @throws AccountsError */
  static async open(place: string, { create }: { create: boolean }): Promise<AccountsKv> {
    if (typeof Deno.openKv !== "function") {
      throw new AccountsError(
        "unavailable",
        'accounts are kept in Deno KV, and this program runs without it: add "unstable": ["kv"] to its deno.json, or ' +
          "start it with --unstable-kv",
      );
    }
    return isRemote(place) ? await AccountsKv.#openRemote(place) : await AccountsKv.#openFile(resolve(place), create);
  }

  static async #openRemote(url: string): Promise<AccountsKv> {
    if ((Deno.env.get(TOKEN_VARIABLE) ?? "") === "") {
      throw new AccountsError(
        "unavailable",
        `the accounts at ${
          withoutSecrets(url)
        } need an access token: put it in the environment variable ${TOKEN_VARIABLE}`,
      );
    }
    try {
      return new AccountsKv(url, await Deno.openKv(url));
    } catch (error) {
      throw troubleWith(url, error);
    }
  }

  static async #openFile(path: string, create: boolean): Promise<AccountsKv> {
    try {
      await whenFree(() => provideFile(path, create));
      const kv = await whenFree(() => Deno.openKv(path));
      const file = Deno.realPathSync(path);
      openFiles.set(file, (openFiles.get(file) ?? 0) + 1);
      const opened = new AccountsKv(path, kv, file);
      // SQLite gives a new companion the mode of the file; old ones may be older than the file's mode.
      for (const suffix of COMPANIONS) tightenFile(path + suffix);
      return opened;
    } catch (error) {
      throw troubleWith(path, error);
    }
  }

  async get(key: Deno.KvKey): Promise<Deno.KvEntryMaybe<unknown>> {
    return await this.#tell(() => this.#kv.get(key));
  }

  /** As many as are asked for, in their order; not at one instant if they are more than ten. */
  async getMany(keys: readonly Deno.KvKey[]): Promise<Deno.KvEntryMaybe<unknown>[]> {
    const parts: Promise<Deno.KvEntryMaybe<unknown>[]>[] = [];
    for (let at = 0; at < keys.length; at += KEYS_AT_ONCE_MAX) {
      parts.push(this.#tell(() => this.#kv.getMany<unknown[]>(keys.slice(at, at + KEYS_AT_ONCE_MAX))));
    }
    return (await Promise.all(parts)).flat();
  }

  /** In the order of their keys; not at one instant, and in slices between which everything else in this thread has its
   * turn. */
  async *list(prefix: Deno.KvKey, limit?: number): AsyncGenerator<Deno.KvEntry<unknown>> {
    const batchSize = this.#file === undefined ? LISTED_AT_ONCE_REMOTE : LISTED_AT_ONCE;
    const entries = this.#kv.list<unknown>({ prefix }, limit === undefined ? { batchSize } : { batchSize, limit });
    for (let sliceMs = performance.now();;) {
      if (performance.now() - sliceMs >= SLICE_MS) {
        await delay(0);
        sliceMs = performance.now();
      }
      const next = await this.#tell(() => entries.next());
      if (next.done) return;
      yield next.value;
    }
  }

  atomic(): Deno.AtomicOperation {
    return this.#kv.atomic();
  }

  /** @returns false: a check did not hold, and nothing was changed. */
  async commit(operation: Deno.AtomicOperation): Promise<boolean> {
    return (await this.#tell(() => operation.commit())).ok;
  }

  /** May be called again. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#kv.close();
    if (this.#file === undefined) return;
    const others = openFiles.get(this.#file)! - 1;
    if (others > 0) openFiles.set(this.#file, others);
    else openFiles.delete(this.#file);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #tell<T>(action: () => Promise<T>): Promise<T> {
    if (!this.#isOpen) {
      throw new AccountsError("unavailable", `the accounts in ${withoutSecrets(this.place)} were closed`);
    }
    try {
      return await whenFree(action);
    } catch (error) {
      throw troubleWith(this.place, error);
    }
  }
}

/** Deno KV does not wait for another process that writes the same file; it fails before anything is changed. */
async function whenFree<T>(action: () => T | Promise<T>): Promise<T> {
  for (const endMs = performance.now() + LOCKED_MS_MAX;;) {
    try {
      return await action();
    } catch (error) {
      if (!isLocked(error) || performance.now() > endMs) throw error;
    }
    await delay(Math.random() * LOCKED_DELAY_MS_MAX);
  }
}

function isLocked(error: unknown): boolean {
  return error instanceof Error && error.message.includes("database is locked");
}

function provideFile(path: string, create: boolean): void {
  if (!exists(path)) {
    if (!create) throw new AccountsError("missing", `there are no accounts yet: ${path} does not exist`);
    makePrivateFolder(dirname(path));
    try {
      makePrivateFile(path);
      // A power failure must not take away the file with what was synced in it: without accounts a broker is open.
      syncFolder(dirname(path));
    } catch (error) {
      // Another program was faster, and its file is as good.
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    }
  }
  for (const suffix of ["", ...COMPANIONS]) tightenFile(path + suffix);
  checkFile(path);
}

/** Deno KV would make its tables in the database of any other program. */
function checkFile(path: string): void {
  // Whoever closes a file loses the locks that SQLite holds on it in the same process: then a second one could damage it.
  if (openFiles.has(Deno.realPathSync(path)) || sizeOf(path) === 0) return;
  const header = new Uint8Array(HEADER_BYTES);
  {
    using file = Deno.openSync(path, { read: true, write: true });
    file.readSync(header);
  }
  if (new DataView(header.buffer).getUint32(APPLICATION_ID_OFFSET) !== 0 || !isWhole(path)) throw notOurs(path);
}

/** A damaged page can end the whole process within Deno KV ("KV queue cleanup failed"): so all pages are looked at before,
 * as fast as they can be read. @throws Error of the system, also that another program holds the file. */
function isWhole(path: string): boolean {
  const database = new DatabaseSync(path);
  try {
    return database.prepare("PRAGMA quick_check(1)").get()?.quick_check === "ok";
  } finally {
    database.close();
  }
}

export function notOurs(place: string): AccountsError {
  return new AccountsError(
    "damaged",
    `${
      withoutSecrets(place)
    } holds no accounts: it is damaged, or belongs to another program. Put a copy of the right ` +
      "one in its place, or name another place",
  );
}

/** User and password in a URL are for nobody's eyes. */
export function withoutSecrets(place: string): string {
  const url = isRemote(place) ? URL.parse(place) : null;
  if (url === null || (url.username === "" && url.password === "" && url.search === "")) return place;
  return `${url.protocol}//${url.host}${url.pathname}`;
}

function troubleWith(place: string, error: unknown): AccountsError {
  if (error instanceof AccountsError) return error;
  const reason = error instanceof Error ? error.message.replaceAll(place, withoutSecrets(place)) : String(error);
  const shown = withoutSecrets(place);
  if (/not a database|malformed/i.test(reason)) return notOurs(place);
  if (isRemote(place)) {
    return new AccountsError(
      "unavailable",
      `the accounts at ${shown} cannot be reached: ${reason}. Check the URL, the network and ${TOKEN_VARIABLE}`,
    );
  }
  if (isLocked(error)) {
    return new AccountsError(
      "unavailable",
      `the accounts in ${shown} are held by another program: end it, or try again`,
    );
  }
  const isForbidden = error instanceof Deno.errors.PermissionDenied || error instanceof Deno.errors.NotCapable;
  const advice = isForbidden
    ? "The user that runs this program must own the file and be allowed to write in its folder"
    : "Check that the path is a file, that its folder exists, that the disk is not full, and that this user may write it";
  return new AccountsError("unavailable", `the accounts in ${shown} cannot be used: ${reason}. ${advice}`);
}
