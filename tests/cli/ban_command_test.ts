/** src/cli/{ban,client}.ts in this process. @module */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { AccountsStore } from "../../src/auth/accounts_store.ts";
import { ClientRegister } from "../../src/auth/client_register.ts";
import { LineLog } from "../support/accounts.ts";
import { Accounts } from "./accounts_support.ts";

Deno.test("ban: add, list and remove", async () => {
  using accounts = new Accounts();
  const before = Date.now();
  assertMatch(
    await accounts.well("ban add --address 2001:DB8:0::1 --for 90min --reason x"),
    /^banned: address 2001:db8::1 until \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ: x$/,
  );
  assertEquals(await accounts.well("ban add --user a"), "banned: user a until it is lifted");
  interface Ban {
    readonly kind: string;
    readonly name: string;
    readonly untilMs: number | null;
    readonly reason: string;
  }
  const [first, second] = await accounts.json<Ban[]>("ban list");
  assertEquals([first.kind, first.name, first.reason], ["address", "2001:db8::1", "x"]);
  assert(first.untilMs! >= before + 90 * 60_000 && first.untilMs! <= Date.now() + 90 * 60_000);
  assertEquals([second.kind, second.name, second.untilMs, second.reason], ["user", "a", null, ""]);
  assertEquals(await accounts.well("ban remove --address 2001:db8::1"), "lifted the ban of the address 2001:db8::1");
  await accounts.fails("ban remove --address 2001:db8::1", 1, 'there is no ban of the address "2001:db8::1"');
  await accounts.fails(
    "ban add",
    2,
    "exactly one of --address, --user, --client-id says whom it is about; none was given",
  );
  await accounts.fails("ban add --user a --for 1", 2, "--for 1: write a number with s, min, h or d, as in --for 90min");
  await accounts.fails(
    "ban add --user a --for 0h",
    2,
    "--for 0h: write a number with s, min, h or d, as in --for 90min",
  );
  await accounts.fails(
    "ban add --user a --for 9999d",
    2,
    "--for 9999d: at most ten years; leave --for out to ban for good",
  );
});

Deno.test("ban list shows none that is over", async () => {
  using accounts = new Accounts();
  {
    using store = await AccountsStore.open(accounts.place, { create: true });
    await store.addBan({ kind: "user", name: "a", untilMs: Date.now() - 1, reason: "" });
  }
  assertEquals(await accounts.well("ban list"), "nobody is banned");
});

Deno.test("client: list, show and forget, with what a client calls itself made harmless", async () => {
  using accounts = new Accounts();
  const clientId = "a\x1b[2J\nb";
  {
    using store = await AccountsStore.open(accounts.place, { create: true });
    const register = new ClientRegister({ store, clientsMax: 10, owner: "here", log: new LineLog() });
    const [cameAtMs, leftAtMs] = [Date.UTC(2026, 0, 2, 3, 4, 5), Date.UTC(2026, 0, 2, 4)];
    const arrival = {
      protocolVersion: 4,
      keepAlive: 60,
      remoteAddress: "192.0.2.7:5000",
      listenerUrl: "mqtt://x:1",
    } as const;
    register.connected({ ...arrival, clientId, userName: "u", atMs: cameAtMs });
    register.connected({ ...arrival, clientId: "there", userName: undefined, keepAlive: 0, atMs: cameAtMs });
    register.disconnected({
      clientId,
      reasonCode: 0x8e,
      reason: "another connection took the session over",
      lastAction: "PUBLISH",
      lastActionAtMs: leftAtMs - 1000,
      atMs: leftAtMs,
    });
    await register.close();
  }
  const listed = (await accounts.well("client list")).split("\n").map((line) => line.split(/ {2,}/));
  assertEquals(listed[0], ["CLIENT", "USER", "STATE", "ADDRESS", "MQTT", "CAME", "LAST ACTION"]);
  const row = listed.find(([name]) => name.startsWith("a"));
  assertEquals(row?.[0], "a\\u{1b}[2J\\nb");
  assertEquals(row?.slice(2), [
    "away",
    "192.0.2.7:5000",
    "3.1.1",
    "2026-01-02T03:04:05Z",
    "PUBLISH 2026-01-02T03:59:59Z",
  ]);
  const shown = await accounts.run(["client", "show", clientId]);
  assertEquals(shown.code, 0);
  const lines = Object.fromEntries(shown.printed.split("\n").map((line) => line.split(/ {2,}/)));
  assertEquals(lines, {
    client: "a\\u{1b}[2J\\nb",
    user: "u",
    state: "away",
    address: "192.0.2.7:5000",
    listener: "mqtt://x:1",
    MQTT: "3.1.1",
    "Keep Alive": "60 s",
    "came first": "2026-01-02T03:04:05Z",
    "came last": "2026-01-02T03:04:05Z",
    connections: "1",
    "left last": "2026-01-02T04:00:00Z",
    why: "Session taken over (0x8E): another connection took the session over",
    "last action": "PUBLISH, 2026-01-02T03:59:59Z",
  });
  interface Shown {
    readonly userName: string | null;
    readonly keepAlive: number;
    readonly disconnectedAtMs: number | null;
  }
  const there = await accounts.json<Shown>("client show there");
  assertEquals([there.userName, there.keepAlive, there.disconnectedAtMs], [null, 0, null]);
  assertStringIncludes(await accounts.well("client show there"), "none (anonymous)");
  assertEquals((await accounts.run(["client", "forget", clientId])).printed, 'forgot the client "a\\u{1b}[2J\\nb"');
  assertEquals((await accounts.json<unknown[]>("client list")).length, 1);
  await accounts.fails(
    "client forget nobody",
    1,
    'the register has no client "nobody"; client list shows those that it has',
  );
  await accounts.fails(
    "client show nobody",
    1,
    'the register has no client "nobody"; client list shows those that it has',
  );
});

Deno.test("client show says why a client left: a connection that was lost has no Reason Code, and each code has its name", async () => {
  using accounts = new Accounts();
  const ends: [reasonCode: number, reason: string, why: string][] = [
    [0x00, "connection lost", "connection lost"],
    [0x00, "", "Normal disconnection (0x00)"],
    [0x04, "", "Disconnect with Will Message (0x04)"],
    [0x8d, "nothing was received", "Keep Alive timeout (0x8D): nothing was received"],
  ];
  {
    using store = await AccountsStore.open(accounts.place, { create: true });
    const register = new ClientRegister({ store, clientsMax: 10, owner: "here", log: new LineLog() });
    const arrival = { protocolVersion: 5, keepAlive: 60, remoteAddress: "", listenerUrl: "", userName: "u" } as const;
    for (const [index, [reasonCode, reason]] of ends.entries()) {
      const clientId = `c${index}`;
      register.connected({ ...arrival, clientId, atMs: 1 });
      register.disconnected({ clientId, reasonCode, reason, lastAction: "", lastActionAtMs: 1, atMs: 2 });
    }
    await register.close();
  }
  for (const [index, [, , why]] of ends.entries()) {
    const shown = await accounts.well(`client show c${index}`);
    assertEquals(/^why +(.*)$/m.exec(shown)?.[1], why);
  }
});

Deno.test("acl explain says of a user that is banned, and of an address, that it cannot connect at all", async () => {
  using accounts = new Accounts();
  await accounts.well("acl allow --everyone publish a");
  await accounts.run("user add u --no-password".split(" "));
  const explain = (line: string) => accounts.run(`acl explain ${line} publish a`.split(" "));
  assertEquals((await explain("--user u --address 192.0.2.7")).complaints, "");
  await accounts.well("ban add --address 192.0.2.0/24");
  const banned = await explain("--user u --address 192.0.2.7");
  assertEquals(banned.complaints, "warning: the address 192.0.2.0/24 is banned: such a client cannot connect");
  await accounts.well("ban add --user u");
  assertEquals((await explain("--user u")).complaints, "warning: the user u is banned: such a client cannot connect");
  assertEquals((await explain("--user v")).complaints.includes("banned"), false);
});
