/** Who is banned, found by address, user and Client Identifier. Room: pure. @module */

import { NetworkTable } from "../base/networks.ts";
import type { BanRecord } from "./account_records.ts";
import type { Identity } from "./authorizer.ts";

export class BanList {
  readonly #addresses = new NetworkTable<BanRecord>();
  readonly #users = new Map<string, BanRecord[]>();
  readonly #clientIds = new Map<string, BanRecord[]>();

  constructor(bans: Iterable<BanRecord>) {
    for (const ban of bans) {
      if (ban.kind === "address") this.#addresses.add(ban.name, ban);
      else append(ban.kind === "user" ? this.#users : this.#clientIds, ban);
    }
  }

  /** @returns a ban that has not run out. */
  find({ remoteHost, userName, clientId }: Identity, nowMs: number): BanRecord | undefined {
    const holds = ({ untilMs }: BanRecord) => untilMs === undefined || nowMs < untilMs;
    return this.#addresses.at(remoteHost).find(holds) ??
      (userName === undefined ? undefined : this.#users.get(userName)?.find(holds)) ??
      this.#clientIds.get(clientId)?.find(holds);
  }
}

function append(bans: Map<string, BanRecord[]>, ban: BanRecord): void {
  const same = bans.get(ban.name);
  if (same === undefined) bans.set(ban.name, [ban]);
  else same.push(ban);
}
