/** Which Client Identifiers users have taken for their own, and whether somebody else may use one. A pattern has `*` for any
 * characters and `%u` for the user's name; what a name holds is text. Room: pure.
 *
 * A pattern that is nothing but `*` says that its user may use any, and takes none from the others. Where claims of several
 * users meet, each may use what it has claimed; but one that is written out belongs to those alone who have written it out.
 * @module */

import type { UserRecord } from "./account_records.ts";

interface Claim {
  readonly userName: string;
  /** What stands between the `*`; one alone is a Client Identifier written out. */
  readonly texts: readonly string[];
}

function claimOf(userName: string, pattern: string): Claim {
  return { userName, texts: pattern.split("*").map((text) => text.replaceAll("%u", () => userName)) };
}

/** Each text where it first can be, but the last one at the end: one pass. */
function matches({ texts }: Claim, clientId: string): boolean {
  const last = texts.length - 1;
  if (last === 0) return clientId === texts[0];
  if (!clientId.startsWith(texts[0])) return false;
  let at = texts[0].length;
  for (let index = 1; index < last; index++) {
    const found = clientId.indexOf(texts[index], at);
    if (found < 0) return false;
    at = found + texts[index].length;
  }
  return clientId.length - texts[last].length >= at && clientId.endsWith(texts[last]);
}

export class ClientIdClaims {
  /** Client Identifier → the users who wrote it out. */
  readonly #written = new Map<string, Set<string>>();
  readonly #byUser = new Map<string, Claim[]>();
  /** Claims with `*`, by what stands before it: a Client Identifier meets those of its own beginnings only. */
  readonly #byBeginning = new Map<string, Claim[]>();
  readonly #beginningLengths = new Set<number>();

  constructor(users: Iterable<UserRecord>) {
    for (const { name, clientIds } of users) {
      const claims = clientIds.map((pattern) => claimOf(name, pattern));
      if (claims.length > 0) this.#byUser.set(name, claims);
      for (const claim of claims) this.#add(claim);
    }
  }

  #add(claim: Claim): void {
    const beginning = claim.texts[0];
    if (claim.texts.length === 1) {
      const users = this.#written.get(beginning);
      if (users === undefined) this.#written.set(beginning, new Set([claim.userName]));
      else users.add(claim.userName);
    } else if (claim.texts.some((text) => text !== "")) {
      const claims = this.#byBeginning.get(beginning);
      if (claims === undefined) this.#byBeginning.set(beginning, [claim]);
      else claims.push(claim);
      this.#beginningLengths.add(beginning.length);
    }
  }

  /** @param userName undefined = anonymous. @returns why not, or undefined when it may. */
  refusal(clientId: string, userName: string | undefined): string | undefined {
    const own = this.#claimsOf(userName);
    if (own !== undefined && !this.#written.has(clientId) && !own.some((claim) => matches(claim, clientId))) {
      return "the user may not use this Client Identifier";
    }
    return this.isOfOthers(clientId, userName) ? "this Client Identifier belongs to another user" : undefined;
  }

  /** Somebody has claimed it, and this user has not. */
  isOfOthers(clientId: string, userName: string | undefined): boolean {
    const owners = this.#written.get(clientId);
    if (owners !== undefined) return userName === undefined || !owners.has(userName);
    if (this.#claimsOf(userName)?.some((claim) => matches(claim, clientId))) return false;
    for (const length of this.#beginningLengths) {
      if (length > clientId.length) continue;
      const claims = this.#byBeginning.get(clientId.slice(0, length));
      if (claims?.some((claim) => matches(claim, clientId))) return true;
    }
    return false;
  }

  #claimsOf(userName: string | undefined): readonly Claim[] | undefined {
    return userName === undefined ? undefined : this.#byUser.get(userName);
  }
}
