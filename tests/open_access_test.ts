/** src/open_access.ts: what only the whole wiring shows. @module */

import { assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { AccountsError } from "../src/auth/accounts_store.ts";
import { AccountsKv } from "../src/auth/accounts_store_place.ts";
import { systemClock } from "../src/base/clock.ts";
import { type Config, makeConfig } from "../src/config/config.ts";
import { openAccess } from "../src/open_access.ts";
import { type OpenListener, resolveListeners } from "../src/open_listeners.ts";
import type { Listener } from "../src/transport/listener.ts";
import { attemptOf, stepOf, TestLog, text } from "./auth/login_support.ts";
import { AccountsFolder } from "./support/accounts.ts";

const ATTEMPT = attemptOf(undefined, undefined);

/** What a broker that starts anew answers to whoever says that it is `nobody`. */
async function serverFirst(config: Config, log = new TestLog()): Promise<string> {
  const listener = { url: ATTEMPT.listenerUrl, isLoopback: true } as Listener;
  const doors: OpenListener[] = [{ listener, config: resolveListeners(config)[0] }];
  const access = await openAccess(doors, config, systemClock, log);
  try {
    const step = await stepOf(access.authenticator.begin("SCRAM-SHA-256", ATTEMPT)!, "n,,n=nobody,r=abc");
    return text(step.data!);
  } finally {
    await access.close();
  }
}

Deno.test("A user that does not exist has the same salt after a restart, and at another broker's another one", async () => {
  const salts: string[] = [];
  for (let broker = 0; broker < 2; broker++) {
    using folder = new AccountsFolder();
    await (await folder.open()).addUser({ name: "sensor-1" });
    const config = makeConfig({ dataDir: folder.folder.path });
    const [first, second] = [await serverFirst(config), await serverFirst(config)].map((line) =>
      /,s=(?<salt>[^,]+),/.exec(line)!.groups!.salt
    );
    assertMatch(first, /^[A-Za-z0-9+/]{22}==$/);
    assertEquals(second, first);
    salts.push(first);
  }
  assertNotEquals(salts[0], salts[1]);
});

Deno.test("A disk that takes no secret stops nobody: the salts are good until the next start, and the log says so", async () => {
  using folder = new AccountsFolder();
  await (await folder.open()).addUser({ name: "sensor-1" });
  const config = makeConfig({ dataDir: folder.folder.path, limits: { clientsRegisteredMax: 0 } });
  const log = new TestLog();
  const { commit } = AccountsKv.prototype;
  AccountsKv.prototype.commit = () => Promise.reject(new AccountsError("unavailable", "the disk is full"));
  try {
    assertMatch(await serverFirst(config, log), /,s=[A-Za-z0-9+/]{22}==,/);
  } finally {
    AccountsKv.prototype.commit = commit;
  }
  assertEquals(log.lines, [
    "warning: The salts of users that do not exist will be others after a restart: the disk is full",
  ]);
});
