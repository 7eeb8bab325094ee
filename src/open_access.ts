/** Who may come in, and what they may do, as the configuration says: the accounts in memory, authenticators for each door, the
 * authorizer, the register of clients. Room: wiring, beside `server.ts`. @module */

import { resolve } from "node:path";
import { AccountsAuthenticator } from "./auth/accounts_authenticator.ts";
import { type AccountsSource, NO_ACCOUNTS } from "./auth/accounts.ts";
import { AccountsError, AccountsStore } from "./auth/accounts_store.ts";
import { readHead } from "./auth/accounts_store_change.ts";
import { accountsPlace, isRemote } from "./auth/accounts_store_place.ts";
import { keptSecret } from "./auth/accounts_store_secret.ts";
import { AccountsView } from "./auth/accounts_view.ts";
import { AclAuthorizer } from "./auth/acl_authorizer.ts";
import type { Authenticator } from "./auth/authenticator.ts";
import { AuthenticatorChain, type Door } from "./auth/authenticator_chain.ts";
import { CertificateAuthenticator } from "./auth/client_certificate.ts";
import type { ClientJournal } from "./auth/client_journal.ts";
import { ClientRegister } from "./auth/client_register.ts";
import type { JwtAuthenticator, JwtParts } from "./auth/jwt.ts";
import { LoginAttempts } from "./auth/login_attempts.ts";
import { PasswordChecks } from "./auth/password_checks.ts";
import type { Clock } from "./base/clock.ts";
import type { Log } from "./base/log.ts";
import { exists } from "./base/files.ts";
import type { Config } from "./config/config.ts";
import { jwtKey } from "./config/jwt_key.ts";
import type { OpenListener } from "./open_listeners.ts";

export interface Access {
  /** true once there has been a user. */
  readonly hasAccounts: boolean;
  readonly authenticator: Authenticator;
  readonly authorizer: AclAuthorizer;
  /** undefined: there is no register, or nowhere to keep it. */
  readonly journal: ClientJournal | undefined;
  /** What the owner should know, a line each. */
  readonly notices: readonly string[];
  /** Writes what the register still has to write. */
  close(): Promise<void>;
}

/** Looks whether there are accounts, and makes nothing. @throws AccountsError */
export async function hasAccounts(config: Config): Promise<boolean> {
  const place = accountsPlace(config);
  if (!isRemote(place) && !exists(place)) return false;
  using store = await AccountsStore.open(place, { create: false });
  return (await readHead(store.kv)).state.isClosed;
}

/** @throws AccountsError, JwtKeyError */
export async function openAccess(
  listeners: readonly OpenListener[],
  config: Config,
  clock: Clock,
  log: Log,
): Promise<Access> {
  const { limits } = config;
  const { view, notices } = await openView(config, log);
  const source: AccountsSource = view ?? WITHOUT_ACCOUNTS;
  try {
    const attempts = new LoginAttempts(limits, clock, log);
    const checks = new PasswordChecks(limits, clock);
    const pretenceSecret = await pretenceSecretOf(view, log);
    const accounts = new AccountsAuthenticator({ accounts: source, checks, attempts, log, pretenceSecret });
    const jwt = await openJwt(config, { accounts: source, attempts, limits, clock, log });
    const certificates = new Map(listeners.map(({ listener, config: { certificateUserName } }) => [
      listener.url,
      new CertificateAuthenticator({ from: certificateUserName, accounts: source, attempts }),
    ]));
    const doors = new Map(listeners.map(({ listener, config }): [string, Door] => [listener.url, {
      allowAnonymous: config.allowAnonymous,
      isLoopback: listener.isLoopback,
      authenticators: config.authenticators,
    }]));
    const authenticator = new AuthenticatorChain(doors, {
      source,
      accounts,
      jwt,
      certificate: {
        authenticate: (attempt, answer) => certificates.get(attempt.listenerUrl)!.authenticate(attempt, answer),
      },
      log,
    });
    const authorizer = new AclAuthorizer({ source, clock });
    const register = openRegister(view, config, log);
    return {
      get hasAccounts() {
        return source.accounts.isClosed;
      },
      authenticator,
      authorizer,
      journal: register,
      notices,
      async close() {
        authorizer.close();
        await register?.close();
        await view?.close();
      },
    };
  } catch (error) {
    await view?.close();
    throw error;
  }
}

async function openView(config: Config, log: Log): Promise<{ view: AccountsView | undefined; notices: string[] }> {
  const place = accountsPlace(config);
  const isNamed = config.accounts !== undefined;
  // An embedding program that runs without Deno KV has no accounts; but those that are there are never passed over.
  // Asked for by name: to touch it loads all of Deno KV.
  if (!("openKv" in Deno) && !isNamed && !exists(place)) {
    const notice = 'there are no accounts and no register of clients: add "unstable": ["kv"] to deno.json for them';
    return { view: undefined, notices: [notice] };
  }
  // Without durability no files are made.
  const create = config.durability !== "off";
  const view = await AccountsView.open({ place, create, pollMs: config.limits.accountsPollMs, log });
  return { view, notices: [] };
}

/** @returns undefined: the authenticator makes one for this process. */
async function pretenceSecretOf(view: AccountsView | undefined, log: Log): Promise<Uint8Array | undefined> {
  if (view?.store === undefined) return undefined;
  try {
    return await keptSecret(view.store.kv);
  } catch (error) {
    // A disk that is full is no reason to stand still.
    if (!(error instanceof AccountsError)) throw error;
    log.warning(`The salts of users that do not exist will be others after a restart: ${error.message}`);
    return undefined;
  }
}

/** Loaded only by those who use it. */
async function openJwt(config: Config, parts: Omit<JwtParts, "settings">): Promise<JwtAuthenticator | undefined> {
  const key = jwtKey(config);
  if (key === undefined) return undefined;
  const { JwtAuthenticator } = await import("./auth/jwt.ts");
  return await JwtAuthenticator.open({ settings: { ...config.jwt, ...key }, ...parts });
}

function openRegister(view: AccountsView | undefined, config: Config, log: Log): ClientRegister | undefined {
  const { clientsRegisteredMax } = config.limits;
  // Without durability nothing is written.
  if (view?.store === undefined || clientsRegisteredMax === 0 || config.durability === "off") return undefined;
  const owner = resolve(config.dataDir);
  return new ClientRegister({ store: view.store, clientsMax: clientsRegisteredMax, owner, log });
}

/** For a program that runs without Deno KV. */
const WITHOUT_ACCOUNTS: AccountsSource = {
  accounts: NO_ACCOUNTS,
  watch: () => () => {},
  upgradeCredentials: () => Promise.resolve(),
};
