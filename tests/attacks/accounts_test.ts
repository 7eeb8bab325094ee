/** Attack 13: a broker that opens up because its accounts are empty, damaged, or being changed (CVE-2018-12550, -12551,
 * -20145, CVE-2017-7652). @module */

import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { AccountsError } from "../../src/auth/accounts_store.ts";
import { makeConfig } from "../../src/config/config.ts";
import { ReasonCode } from "../../src/packet/mod.ts";
import { startServer } from "../../src/server.ts";
import { connectTcp } from "../../src/transport/tcp.ts";
import { comes, rule } from "../support/accounts.ts";
import { overwriteMiddle, truncate } from "../support/store_files.ts";
import { type ConnectOptions, TestClient } from "../support/test_client.ts";
import { AccessBroker, as, FrontDoor, puback, suback } from "./access_support.ts";

const { BadUserNameOrPassword, NotAuthorized, Success, UnspecifiedError } = ReasonCode;
/** Where anonymous clients come in as long as there are no users. */
const loopback = () => new FrontDoor("mqtt://loopback", true);

Deno.test("Attack 13: users and no rule: nobody may do anything, in any version, and no Will comes in", async () => {
  await using it = await AccessBroker.start({ users: ["reader"], door: loopback() });
  for (const [protocolVersion, refusal] of [[5, NotAuthorized], [4, UnspecifiedError]] as const) {
    const version = { protocolVersion };
    const client = await it.connect(as("reader", version));
    for (const filter of ["#", "a", "+/+", "$SYS/#", "$share/g/a"]) assertEquals(await suback(client, filter), refusal);
    // 3.1.1 has no word for it: the message is acknowledged and thrown away.
    assertEquals(await puback(client, "a", true), protocolVersion === 5 ? NotAuthorized : Success);
    assertEquals(it.server.snapshot().retainedMessages, 0);
    await client.disconnect();
    await it.expectRefused(NotAuthorized, as("reader", { ...version, will: { topicName: "a" } }));
  }
});

Deno.test("Attack 13: who removes the last user does not open the broker, neither now nor after a restart", async () => {
  await using it = await AccessBroker.start({ users: ["reader"], rules: [rule("a")], door: loopback() });
  const client = await it.connect(as("reader"));
  assertEquals(await suback(client, "a"), 1);
  await it.store.removeUser("reader");
  await client.expectDisconnect(NotAuthorized);
  await it.obeyed();
  await it.store.removeUser("witness");
  for (const round of ["now", "after a restart"]) {
    await it.expectRefused(NotAuthorized, { clientId: round });
    await it.expectRefused(BadUserNameOrPassword, as("reader"));
    await it.end();
    await it.begin();
  }
  assertEquals(it.server.hasAccounts, true);
});

Deno.test("Attack 13: the first user closes the broker: who is in without a name has to go, and its Will says nothing", async () => {
  await using it = await AccessBroker.start({ door: loopback(), rules: [rule("free", { action: "publish" })] });
  const client = await it.connect({ clientId: "early", will: { topicName: "will" } });
  assertEquals(await suback(client, "#"), 1);
  await it.addUser("reader");
  await client.expectDisconnect(NotAuthorized);
  assertEquals(it.logged(/The Will Message of early was not sent/).length, 1);
  await it.expectRefused(NotAuthorized, { clientId: "late" });
});

for (
  const [damage, act] of [
    ["overwritten", (path: string) => overwriteMiddle(path)],
    ["cut in half", (path: string) => truncate(path)],
    ["text", (path: string) => Deno.writeTextFileSync(path, "reader:open sesame\n".repeat(1000))],
    ["a folder", (path: string) => (Deno.removeSync(path), Deno.mkdirSync(path))],
  ] as const
) {
  Deno.test(`Attack 13: an accounts file that is ${damage}: the broker does not start, on loopback neither`, async () => {
    await using it = await AccessBroker.start({ users: ["reader"], door: loopback() });
    await it.end();
    it.store.close();
    for (const suffix of ["-wal", "-shm"]) {
      if (it.folder.folder.names.includes(`accounts.kv${suffix}`)) Deno.removeSync(it.folder.place + suffix);
    }
    act(it.folder.place);
    await assertRejects(() => it.begin(), AccountsError);
  });
}

Deno.test("Attack 13: a record that is no user's: the broker does not start without it", async () => {
  await using it = await AccessBroker.start({ users: ["reader"], door: loopback() });
  await it.end();
  await it.store.kv.commit(it.store.kv.atomic().set(["user", "reader"], "reader:"));
  assertMatch((await assertRejects(() => it.begin(), AccountsError)).message, /reader/);
});

/** Writes as a program would that has a bug, or a person with a tool. */
async function changeByHand(
  { store: { kv } }: AccessBroker,
  records: readonly (readonly [Deno.KvKey, unknown])[],
  touched: object,
): Promise<void> {
  const state = (await kv.get(["version"])).value as { version: number };
  const operation = kv.atomic().set(["version"], { ...state, version: state.version + 1 });
  operation.set(["change", state.version + 1], { users: [], roles: [], rules: [], bans: [], ...touched });
  for (const [key, value] of records) operation.set(key, value);
  await kv.commit(operation);
}

Deno.test("Attack 13: a change of which a part cannot be read is not obeyed by half: the former rules stay, and the log says so", async () => {
  await using it = await AccessBroker.start({
    users: ["reader", "writer"],
    rules: [
      rule("#", { subjectKind: "user", subjectName: "writer" }),
      rule("secret", { effect: "deny" }),
      rule("open"),
    ],
  });
  const reader = await it.connect(as("reader"));
  const writer = await it.connect(as("writer"));
  await it.obeyed();
  const before = (await it.store.kv.get(["user", "reader"])).value as object;
  const allowAll = { ...rule("#"), number: 1 };
  await changeByHand(it, [
    [["rule", 1], allowAll],
    [["rule", 2], { ...rule("secret"), number: 2 }],
    [["user", "reader"], { ...before, roles: "none" }],
  ], { rules: [1, 2], users: ["reader"] });
  await comes(it.log.until(/^error: Changes of accounts are not seen: .*reader/));
  for (const client of [reader, await it.connect(as("reader", { clientId: "again" }))]) {
    assertEquals([await suback(client, "#"), await suback(client, "secret")], [NotAuthorized, NotAuthorized]);
    assertEquals(await suback(client, "open"), 1);
  }
  assertEquals(await puback(writer, "anything"), ReasonCode.NoMatchingSubscribers);
  await it.expectRefused(NotAuthorized, { clientId: "nobody" });
  // When it can be read again, all of it is obeyed.
  await changeByHand(it, [[["user", "reader"], before]], { users: ["reader"] });
  await comes(it.log.until(/in order again/));
  assertEquals([await suback(reader, "#"), await suback(reader, "secret")], [1, 1]);
});

Deno.test({
  name: "Attack 13: an accounts file that vanishes or is replaced while the broker runs: the rules stay in force",
  ignore: Deno.build.os === "windows", // where a file that is open stays where it is
  fn: async () => {
    await using it = await AccessBroker.start({ users: ["reader"], rules: [rule("a")], door: loopback() });
    const client = await it.connect(as("reader"));
    const stillHolds = async () => {
      assertEquals([await suback(client, "a"), await suback(client, "b")], [1, NotAuthorized]);
      await it.expectRefused(NotAuthorized, { clientId: "nobody" });
      await it.connect(as("reader", { clientId: "again" }));
    };
    await Deno.rename(it.folder.place, it.folder.folder.file("away"));
    await comes(it.log.until(/^error: .*gone/));
    await stillHolds();
    await Deno.writeTextFile(it.folder.place, "");
    await comes(it.log.until(/^error: .*replaced by another file/));
    await stillHolds();
  },
});

Deno.test("Attack 13: a user without a password comes in with none, whatever it sends", async () => {
  await using it = await AccessBroker.start({
    users: [{ name: "reader" }],
    config: { limits: { loginFailuresMax: 0 } },
  });
  const passwords = [undefined, "", "\0", "undefined", "null", "*", "!", "x"];
  await Promise.all(passwords.map((password, index) => {
    const options: ConnectOptions = {
      clientId: `c-${index}`,
      userName: "reader",
      password: password === undefined ? undefined : new TextEncoder().encode(password),
    };
    return it.expectRefused(BadUserNameOrPassword, options, { host: `198.51.100.${index}` });
  }));
  // A password without a name is no login, and nobody is let in as anonymous who shows one.
  await it.expectRefused(BadUserNameOrPassword, { password: new TextEncoder().encode("x") });
  assertEquals(it.server.snapshot().sessions, 0);
});

Deno.test("Attack 13: each listener has its own settings, and the rules hold at all of them", async () => {
  await using it = await AccessBroker.start({
    users: ["reader"],
    rules: [rule("a"), rule("b", { subjectKind: "anonymous" })],
  });
  const server = await startServer(
    makeConfig({
      accounts: it.folder.place,
      durability: "off",
      dataDir: it.folder.folder.path,
      sysIntervalS: 0,
      listeners: [
        { type: "mqtt", port: 0, allowAnonymous: true },
        { type: "mqtt", port: 0, allowAnonymous: false, protocolVersions: [5], connectionsMax: 1 },
      ],
    }),
    it.log,
  );
  try {
    const clients: TestClient[] = [];
    const knock = async (door: number, options: ConnectOptions) => {
      const port = Number(new URL(server.urls[door].replace("mqtt:", "http:")).port);
      const client = new TestClient(await connectTcp("127.0.0.1", port));
      clients.push(client);
      await client.sendConnect(options);
      const answer = await client.receive();
      return { client, reasonCode: answer?.type === 2 ? answer.reasonCode : undefined };
    };
    const anonymous = await knock(0, { clientId: "first" });
    assertEquals(anonymous.reasonCode, Success);
    assertEquals((await anonymous.client.subscribe(["a", "b", "c", "#"])).reasonCodes, [
      0,
      0,
      NotAuthorized,
      NotAuthorized,
    ]);
    assertEquals((await knock(1, { clientId: "second" })).reasonCode, NotAuthorized);
    assertEquals(
      (await knock(1, as("reader", { protocolVersion: 4 }))).reasonCode,
      ReasonCode.UnsupportedProtocolVersion,
    );
    const named = await knock(1, as("reader"));
    assertEquals(named.reasonCode, Success);
    assertEquals((await named.client.subscribe(["a", "b", "c", "#"])).reasonCodes, [
      0,
      ...Array(3).fill(NotAuthorized),
    ]);
    assertEquals((await knock(1, as("reader", { clientId: "one more" }))).reasonCode, ReasonCode.ServerBusy);
    assertEquals((await knock(0, as("reader", { clientId: "elsewhere" }))).reasonCode, Success);
    for (const client of clients) client.drop();
  } finally {
    await server.stop();
  }
});
