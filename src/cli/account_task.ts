/** What a command on accounts gets: the accounts, what was said on the command line, and how to ask it. @module */

import { type Accounts, NO_ACCOUNTS } from "../auth/accounts.ts";
import { AccountsError, type AccountsStore } from "../auth/accounts_store.ts";
import { networkText, parseNetwork } from "../base/networks.ts";
import { nearest } from "../config/keys.ts";
import type { Answer } from "./answer.ts";
import { type CommandLine, UsageError } from "./arguments.ts";
import type { Terminal } from "./terminal.ts";

export class AccountTask {
  readonly #accounts: AccountsStore | AccountsError;

  /** @param accounts or why there are none. */
  constructor(
    accounts: AccountsStore | AccountsError,
    readonly terminal: Terminal,
    readonly nowMs: number,
    private readonly commandLine: CommandLine,
  ) {
    this.#accounts = accounts;
  }

  /** @throws AccountsError: there are none yet. */
  get accounts(): AccountsStore {
    if (this.#accounts instanceof AccountsError) throw this.#accounts;
    return this.#accounts;
  }

  /** As the broker sees them, also when there are none yet. */
  async present(): Promise<Accounts> {
    if (this.#accounts instanceof AccountsError) return NO_ACCOUNTS;
    const data = await this.#accounts.read();
    return { ...data, rules: [...data.rules.values()], bans: [...data.bans.values()] };
  }

  /** Why there are none yet: worth a second look, since another folder may have been meant. */
  get missing(): string[] {
    return this.#accounts instanceof AccountsError ? [this.#accounts.message] : [];
  }

  /** NAME, ID, ACTION: the first word behind the command. */
  get operand(): string {
    return this.commandLine.operands[0];
  }

  get operands(): readonly string[] {
    return this.commandLine.operands;
  }

  has(flag: string): boolean {
    return this.commandLine.flags.has(flag);
  }

  /** Of an option that may be given several times; undefined = it was not given. */
  values(option: string): readonly string[] | undefined {
    return this.commandLine.values.get(option);
  }

  /** @throws UsageError: it was given several times. */
  value(option: string): string | undefined {
    const values = this.values(option);
    if (values !== undefined && values.length > 1) throw new UsageError(`--${option} is given once only here`);
    return values?.[0];
  }
}

export type AccountAction = (task: AccountTask) => Promise<Answer>;

/** An address in the one spelling in which it is kept; what is none comes back as it is. */
export function normalNetwork(text: string): string {
  const network = parseNetwork(text);
  return network === undefined ? text : networkText(network);
}

/** @throws UsageError for a word that is none of them. */
export function oneOf<T extends string>(word: string, actions: readonly T[]): T {
  const found = actions.find((action) => action === word);
  if (found !== undefined) return found;
  const meant = nearest(word, actions);
  throw new UsageError(
    `"${word}" is none of ${actions.join(", ")}` + (meant === undefined ? "" : `; did you mean ${meant}?`),
  );
}
