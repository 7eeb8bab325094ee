/** The accounts in memory, as a running broker asks them: looks every `pollMs` whether some program has changed them, reads
 * what was touched, and puts the new `Accounts` in the place of the old ones in one step. Whatever goes wrong, the old ones
 * stay in force, the log says it once, and the next look tries again.
 * Deno KV tells its own process alone of changes: so this looks at the version, unless the file itself says that nobody has
 * written to it. @module */

import type { Log } from "../base/log.ts";
import { sizeOf } from "../base/files.ts";
import type { UserRecord } from "./account_records.ts";
import { AccountsFile } from "./accounts_file.ts";
import { type Accounts, type AccountsSource, NO_ACCOUNTS } from "./accounts.ts";
import { type AccountsData, AccountsError, AccountsStore } from "./accounts_store.ts";
import { isRemote } from "./accounts_store_place.ts";
import type { Credentials } from "./credentials.ts";

export interface AccountsViewOptions {
  /** As of `AccountsStore.open`. */
  readonly place: string;
  /** Make the file if it is not there. false: there are no accounts until somebody else has made it. */
  readonly create: boolean;
  readonly pollMs: number;
  readonly log: Log;
}

/** Errors are told apart by their text; after so many the memory of them is emptied. */
const TROUBLES_MAX = 100;

export class AccountsView implements AccountsSource {
  readonly #options: AccountsViewOptions;
  #accounts: Accounts = NO_ACCOUNTS;
  #data: AccountsData | undefined;
  #store: AccountsStore | undefined;
  /** undefined: remote, or a system that does not number its files. */
  #fileNumber: number | undefined;
  /** undefined: remote. */
  readonly #file: AccountsFile | undefined;
  readonly #watchers = new Set<() => void>();
  readonly #troubles = new Set<string>();
  #looking: Promise<void> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  private constructor(options: AccountsViewOptions) {
    this.#options = options;
    this.#file = isRemote(options.place) ? undefined : new AccountsFile(options.place);
  }

  /** @throws AccountsError: there is something, and it cannot be used. A broker does not start without its rules. */
  static async open(options: AccountsViewOptions): Promise<AccountsView> {
    const view = new AccountsView(options);
    try {
      await view.#read();
    } catch (error) {
      view.#store?.close();
      throw error;
    }
    view.#schedule();
    return view;
  }

  get accounts(): Accounts {
    return this.#accounts;
  }

  /** undefined: there is no file yet, and this may not make it. */
  get store(): AccountsStore | undefined {
    return this.#store;
  }

  watch(changed: () => void): () => void {
    // A function of its own: the same one may be given twice.
    const watcher = () => changed();
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  /** Those in memory change, too, in place and without a new version: nobody's rights are others, nobody is told, and
   * nothing is worked out anew. */
  async upgradeCredentials(user: UserRecord, credentials: Credentials): Promise<void> {
    if (this.#isClosed) return;
    try {
      const present = await this.#store?.upgradeCredentials(user, credentials);
      const users = this.#data?.users as Map<string, UserRecord> | undefined;
      const known = users?.get(user.name);
      // One who was removed, or whose password was set anew, is for the next look.
      if (users === undefined || present === undefined || known?.credential !== present.credential) return;
      users.set(user.name, { ...known, credentials: present.credentials });
    } catch (error) {
      // The old ones serve as well.
      this.#trouble("Better credentials are not kept", error);
    }
  }

  /** Looks now, and not when the time has come. @returns when the look is over, however it went. */
  async refresh(): Promise<void> {
    // One that is under way may have begun before what the caller wants to see.
    await this.#looking;
    this.#looking ??= this.#look().finally(() => this.#looking = undefined);
    await this.#looking;
  }

  /** @returns when nothing is under way any more. `accounts` stays. May be called again. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#looking;
    this.#store?.close();
  }

  #schedule(): void {
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => {
      if (this.#isSurelySame()) this.#schedule();
      else this.refresh().finally(() => this.#schedule());
    }, this.#options.pollMs);
    Deno.unrefTimer(this.#timer);
  }

  /** A look would find nothing new. */
  #isSurelySame(): boolean {
    const file = this.#file;
    if (file === undefined || this.#troubles.size > 0) return false;
    return this.#store === undefined ? !this.#options.create && !file.isThere() : file.isUntouched();
  }

  async #look(): Promise<void> {
    if (this.#isClosed) return;
    try {
      this.#requireFile();
      const changed = await this.#read();
      if (this.#troubles.size > 0) this.#options.log.info(`The accounts in ${this.#options.place} are in order again`);
      this.#troubles.clear();
      if (changed) this.#tell();
    } catch (error) {
      this.#trouble("Changes of accounts are not seen", error);
    }
  }

  /** @returns whether `accounts` is new. */
  async #read(): Promise<boolean> {
    const store = this.#store ?? await this.#openStore();
    if (store === undefined) return false;
    const data = await store.read(this.#data);
    if (data === this.#data) return false;
    if (this.#accounts.isClosed && !data.isClosed) {
      throw new AccountsError(
        "damaged",
        `the accounts in ${store.place} were replaced by others without any user, which would let everybody in: put the ` +
          "right ones back, or restart the broker to take these",
      );
    }
    this.#data = data;
    this.#accounts = {
      version: this.#accounts.version + 1,
      isClosed: data.isClosed,
      users: data.users,
      roles: data.roles,
      rules: [...data.rules.values()],
      bans: [...data.bans.values()],
    };
    return true;
  }

  async #openStore(): Promise<AccountsStore | undefined> {
    const { place, create } = this.#options;
    // An empty one is still being made.
    if (!create && !isRemote(place) && (sizeOf(place) ?? 0) === 0) return undefined;
    this.#store = await AccountsStore.open(place, { create });
    this.#fileNumber = fileNumber(place);
    return this.#store;
  }

  /** A file that was removed or replaced can still be read, by those who had it open. */
  #requireFile(): void {
    const { place } = this.#options;
    if (this.#store === undefined || isRemote(place)) return;
    const advice = "those that were read stay in force; put the file back, or restart the broker";
    if (sizeOf(place) === undefined) throw new AccountsError("missing", `the accounts in ${place} are gone: ${advice}`);
    if (fileNumber(place) === this.#fileNumber) return;
    throw new AccountsError("unavailable", `the accounts in ${place} were replaced by another file: ${advice}`);
  }

  #tell(): void {
    for (const watcher of this.#watchers) {
      try {
        watcher();
      } catch (error) {
        this.#options.log.error(`A change of accounts was not taken in everywhere: ${(error as Error).stack}`);
      }
    }
  }

  #trouble(what: string, error: unknown): void {
    // Whoever closes this does not wait for those.
    if (this.#isClosed) return;
    const text = `${what}: ${error instanceof AccountsError ? error.message : (error as Error).stack}`;
    if (this.#troubles.has(text)) return;
    if (this.#troubles.size >= TROUBLES_MAX) this.#troubles.clear();
    this.#troubles.add(text);
    this.#options.log.error(text);
  }
}

function fileNumber(place: string): number | undefined {
  return isRemote(place) ? undefined : Deno.statSync(place).ino ?? undefined;
}
