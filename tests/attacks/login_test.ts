/** Attack 20, and what goes with it: guessing passwords, by force, by flood, and by odd ones. Work is counted in hashes,
 * not in time. @module */

import { assert, assertEquals } from "@std/assert";
import { makeCredentials } from "../../src/auth/password.ts";
import { PacketType, ReasonCode } from "../../src/packet/mod.ts";
import { ScramClient, text, utf8, watchHashes } from "../auth/login_support.ts";
import { rule } from "../support/accounts.ts";
import type { ConnectOptions, TestClient } from "../support/test_client.ts";
import { AccessBroker, as, PASSWORD, puback } from "./access_support.ts";
import { assertServes, until } from "./support.ts";

const { BadUserNameOrPassword, Banned, NotAuthorized, ServerBusy, Success } = ReasonCode;
const HOST = { host: "198.51.100.7" };
const NEIGHBOUR = { host: "198.51.100.8" };
const guess = (number: number, options: ConnectOptions = {}) =>
  as("reader", { clientId: `guess-${number}`, password: utf8(`guess ${number}`), ...options });

Deno.test("Attack 20: an address that guesses is banned for a while: nothing of it is looked at, the right password neither", async () => {
  await using it = await AccessBroker.start({
    users: ["reader", "owner"],
    rules: [rule("#")],
    config: { limits: { loginFailuresMax: 3, loginBanS: 60 } },
  });
  // Who was here before keeps coming in, whatever its neighbour behind the same address does.
  const owner = await it.connect(as("owner"), HOST);
  await Promise.all([1, 2].map((number) => it.expectRefused(BadUserNameOrPassword, guess(number), HOST)));
  await it.expectRefused(BadUserNameOrPassword, guess(3), HOST);
  assertEquals(it.logged(/198\.51\.100\.7 is banned for 60 s/).length, 1);
  {
    using hashes = watchHashes();
    await it.expectRefused(Banned, guess(4), HOST);
    await it.expectRefused(NotAuthorized, guess(5, { protocolVersion: 4 }), HOST); // 3.1.1 has no word for it
    await it.expectRefused(Banned, as("reader"), HOST);
    await it.expectRefused(Banned, as("nobody"), HOST);
    assertEquals((await it.answerTo(as("owner", { clientId: "owner-again" }), HOST)).reasonCode, Success);
    assertEquals(hashes.iterations, [], "nothing was computed");
  }
  assertEquals((await it.answerTo(as("reader"), NEIGHBOUR)).reasonCode, Success);
  await assertServes(owner);
  // That it was proven elsewhere opens nothing here, and a known name is no place to guess on without being counted.
  await it.expectRefused(Banned, as("reader"), HOST);
  assertEquals((await it.answerTo(as("owner", { clientId: "owner-again" }), HOST)).reasonCode, Success);
  for (const number of [1, 2, 3]) {
    await it.expectRefused(Banned, as("owner", { password: utf8(`guess ${number}`) }), HOST);
  }
  await it.expectRefused(Banned, as("owner", { clientId: "owner-again" }), HOST);
  await it.advance(60_000);
  await it.expectRefused(BadUserNameOrPassword, guess(7), HOST);
});

Deno.test("Attack 20: an IPv6 host cannot guess on from other addresses of its network", async () => {
  await using it = await AccessBroker.start({ users: ["reader"], config: { limits: { loginFailuresMax: 2 } } });
  await it.expectRefused(BadUserNameOrPassword, guess(1), { host: "2001:db8::1" });
  await it.expectRefused(BadUserNameOrPassword, guess(2), { host: "2001:db8::ffff:1" });
  await it.expectRefused(Banned, guess(3), { host: "2001:db8:0:0:1:2:3:4" });
  await it.expectRefused(BadUserNameOrPassword, guess(4), { host: "2001:db8:0:1::1" });
});

Deno.test("Attack 20: 10,000 wrong passwords at once: few are computed, few wait, and who is known comes in among them", async () => {
  const count = 10_000;
  await using it = await AccessBroker.start({
    users: ["reader", "owner"],
    rules: [rule("#")],
    config: { limits: { loginFailuresMax: 0, passwordChecksWaitingMax: 8, connectionsMax: 2 * count } },
  });
  const owner = await it.connect(as("owner"));
  using hashes = watchHashes();
  const codes = new Map<ReasonCode, number>();
  const guesses: TestClient[] = [];
  for (let number = 0; number < count; number++) {
    const client = it.client({ host: `10.0.${number >> 8}.${number & 0xff}` });
    guesses.push(client);
    await client.sendConnect(guess(number));
  }
  const note = async (client: TestClient) => {
    const { reasonCode } = await client.expect(PacketType.Connack);
    codes.set(reasonCode, (codes.get(reasonCode) ?? 0) + 1);
  };
  // All of them but those that are computed or wait hear at once that there is too much to do.
  const answered = Promise.all(guesses.map(note));
  assertEquals((await it.answerTo(as("owner", { clientId: "owner-again" }))).reasonCode, Success);
  await assertServes(owner);
  await answered;
  const [wrong, busy] = [codes.get(BadUserNameOrPassword) ?? 0, codes.get(ServerBusy) ?? 0];
  assertEquals(wrong + busy, count);
  assertEquals(hashes.iterations.length, wrong, "one for each that was not sent away");
  assert(wrong >= 9 && wrong < 100, `${wrong} were computed`);
  await assertServes(owner);
});

Deno.test("Attack 20: the same wrong password from everywhere is computed once", async () => {
  await using it = await AccessBroker.start({ users: ["reader"], config: { limits: { loginFailuresMax: 0 } } });
  using hashes = watchHashes();
  const hosts = Array.from({ length: 100 }, (_, number) => ({ host: `10.0.0.${number}` }));
  await Promise.all(
    hosts.map((knock, number) =>
      it.expectRefused(BadUserNameOrPassword, as("reader", { clientId: `c-${number}`, password: utf8("guess") }), knock)
    ),
  );
  assertEquals(hashes.iterations.length, 1);
});

Deno.test("Attack 20: who hangs up after a guess leaves no work behind", async () => {
  await using it = await AccessBroker.start({
    users: ["reader"],
    rules: [rule("#")],
    config: { limits: { loginFailuresMax: 0 } },
  });
  const other = await it.connect(as("reader"));
  using hashes = watchHashes();
  for (let number = 0; number < 300; number++) {
    const client = it.client({ host: `10.0.0.${number % 250}` });
    await client.sendConnect(guess(number));
    client.drop();
  }
  await until(() => it.server.snapshot().connections === 1, "those who hung up are gone");
  await assertServes(other);
  await it.expectRefused(BadUserNameOrPassword, guess(1000));
  assert(hashes.iterations.length < 30, `${hashes.iterations.length} hashes for nobody`);
});

Deno.test("Attack 20: user names and passwords of 64 KiB, empty, binary or not UTF-8: refused like any other, and not in the log", async () => {
  const long = "x".repeat(65_535);
  const secret = "\u{1F511} never in a log";
  await using it = await AccessBroker.start({
    users: ["reader"],
    rules: [rule("#")],
    config: { limits: { loginFailuresMax: 0, connectPacketSizeMax: 1 << 20 } },
  });
  const other = await it.connect(as("reader"));
  const binary = new Uint8Array(65_535).map((_, index) => index * 7);
  const attempts: ConnectOptions[] = [
    { userName: long, password: utf8(long) },
    { userName: "", password: new Uint8Array() },
    { userName: "reader", password: new Uint8Array() },
    { userName: "reader", password: binary },
    { userName: "reader", password: Uint8Array.of(0xff, 0xfe, 0xed, 0xa0, 0x80) },
    { userName: "reader", password: utf8("open sesame ") },
    { userName: "reader", password: utf8("open sesame".padEnd(65_535, "\0")) },
    { userName: "reader", password: utf8("\0open sesame") },
    { userName: "reader", password: utf8("open") },
    { userName: "reader", password: utf8("OPEN SESAME") },
    { userName: "reader", password: utf8(secret) },
    { userName: "__proto__", password: PASSWORD },
    { userName: "constructor", password: PASSWORD },
    { userName: "reader", password: undefined },
    { userName: undefined, password: PASSWORD },
  ];
  await Promise.all(
    attempts.map((attempt, number) =>
      it.expectRefused(BadUserNameOrPassword, { clientId: `c-${number}`, ...attempt }, { host: `10.0.0.${number}` })
    ),
  );
  for (const line of it.log.lines) {
    assert(line.length < 2_000, `${line.length} characters in a line`);
    assert(!line.includes(secret) && !line.includes("sesame"), line);
  }
  assertEquals(it.server.snapshot().sessions, 1);
  await assertServes(other);
});

Deno.test("Attack 20: a CONNECT that is too large for a stranger ends before its password is read", async () => {
  await using it = await AccessBroker.start({ users: ["reader"], config: { limits: { connectPacketSizeMax: 1024 } } });
  using hashes = watchHashes();
  await it.expectRefused(ReasonCode.PacketTooLarge, as("reader", { password: new Uint8Array(2000) }));
  assertEquals(hashes.iterations, []);
});

Deno.test("Attack 20: a long password counts to its last byte", async () => {
  const password = utf8("p".repeat(100) + "q");
  await using it = await AccessBroker.start({
    users: [{ name: "reader", credentials: await makeCredentials(password) }],
  });
  for (const length of [72, 100]) { // 72: where bcrypt stops
    await it.expectRefused(BadUserNameOrPassword, as("reader", { password: password.subarray(0, length) }));
  }
  assertEquals((await it.answerTo(as("reader", { password }))).reasonCode, Success);
});

/** The first step of SCRAM. */
async function beginScram(client: TestClient, clientId: string, scram: ScramClient): Promise<string> {
  const properties = { authenticationMethod: "SCRAM-SHA-256", authenticationData: utf8(scram.first) };
  await client.sendConnect({ clientId, properties });
  return text((await client.expect(PacketType.Auth)).properties.authenticationData);
}

async function sendAuth(client: TestClient, reasonCode: 0x18 | 0x19, data: string): Promise<void> {
  const properties = { authenticationMethod: "SCRAM-SHA-256", authenticationData: utf8(data) };
  await client.send({ type: PacketType.Auth, reasonCode, properties });
}

Deno.test("Attack 20: 1,000 clients that stall in the middle of SCRAM keep nobody out, and are sent away in the end", async () => {
  await using it = await AccessBroker.start({ users: ["reader"], rules: [rule("#")] });
  const stalled: TestClient[] = [];
  for (let number = 0; number < 1000; number++) {
    const client = it.client(HOST);
    await beginScram(client, `stalled-${number}`, new ScramClient("sha256", "reader", "guess"));
    stalled.push(client);
  }
  const scram = new ScramClient("sha256", "reader", "open sesame");
  const reader = it.client();
  await sendAuth(reader, 0x18, scram.final(await beginScram(reader, "reader", scram)));
  const connack = await reader.expect(PacketType.Connack);
  assertEquals(connack.reasonCode, Success);
  assert(scram.isServerProven(text(connack.properties.authenticationData)));
  await it.advance(10_000);
  for (const client of stalled) {
    assertEquals((await client.expect(PacketType.Connack)).reasonCode, NotAuthorized);
    await client.expectClosed();
  }
  await until(() => it.server.snapshot().connections === 1, "the others are gone");
  await assertServes(reader);
});

Deno.test("Attack 20: floods of AUTH: out of turn, replayed, or without an end", async () => {
  await using it = await AccessBroker.start({
    users: ["reader"],
    rules: [rule("#")],
    config: { limits: { loginFailuresMax: 3 } },
  });
  const other = await it.connect(as("reader"));
  // A proof that somebody else made is good for one exchange only.
  const scram = new ScramClient("sha256", "reader", "open sesame");
  const reader = it.client();
  const proof = scram.final(await beginScram(reader, "scram", scram));
  await sendAuth(reader, 0x18, proof);
  assertEquals((await reader.expect(PacketType.Connack)).reasonCode, Success);
  const replay = it.client(HOST);
  await beginScram(replay, "replay", scram);
  await sendAuth(replay, 0x18, proof);
  assertEquals((await replay.expect(PacketType.Connack)).reasonCode, BadUserNameOrPassword);
  await replay.expectClosed();

  // AUTH that nobody waits for, many times: the first one ends it.
  for (let count = 0; count < 100; count++) await sendAuth(reader, 0x18, proof);
  await reader.expectDisconnect(ReasonCode.ProtocolError);

  // Re-authentications that fail count as failed logins.
  for (const number of [1, 2]) {
    const client = it.client(HOST);
    await client.connect(as("reader", { clientId: `again-${number}` }));
    client.drop();
    const live = it.client(HOST);
    const own = new ScramClient("sha256", "reader", "open sesame");
    await sendAuth(live, 0x18, own.final(await beginScram(live, `live-${number}`, own)));
    assertEquals((await live.expect(PacketType.Connack)).reasonCode, Success);
    const wrong = new ScramClient("sha256", "reader", "guess");
    await sendAuth(live, 0x19, wrong.first);
    const challenge = text((await live.expect(PacketType.Auth)).properties.authenticationData);
    await sendAuth(live, 0x18, wrong.final(challenge));
    await live.expectDisconnect(NotAuthorized);
  }
  await it.expectRefused(Banned, {
    properties: { authenticationMethod: "SCRAM-SHA-256", authenticationData: utf8("n,,n=a,r=b") },
  }, HOST);
  await it.expectRefused(ReasonCode.BadAuthenticationMethod, { properties: { authenticationMethod: "SCRAM-SHA-1" } });
  await assertServes(other);
  assertEquals(await puback(other, "a"), ReasonCode.NoMatchingSubscribers);
});

Deno.test("Attack 27: bans of everything, of nothing, and of names with wildcards hit whom they name", async () => {
  await using it = await AccessBroker.start({ users: ["reader"], rules: [rule("#")] });
  const far = { host: "2001:db8::1" };
  const other = await it.connect(as("reader"), far);
  const ban = (kind: "address" | "user" | "client-id", name: string) =>
    it.store.addBan({ kind, name, untilMs: undefined, reason: "" });
  for (const name of ["*", "#", "+", "%u", ".*", "reade?"]) {
    await ban("client-id", name);
    await ban("user", name);
  }
  await it.obeyed();
  assertEquals((await it.answerTo(as("reader", { clientId: "c" }), far)).reasonCode, Success);
  for (const clientId of ["*", "#"]) await it.expectRefused(Banned, as("reader", { clientId }), far);
  await ban("address", "0.0.0.0/0");
  await ban("address", "2001:db8::/33");
  await other.expectDisconnect(ReasonCode.AdministrativeAction);
  for (const host of ["192.0.2.1", "0.0.0.0", "255.255.255.255", "::ffff:192.0.2.1", "2001:db8:7fff::1"]) {
    await it.expectRefused(Banned, as("reader", { clientId: "c" }), { host });
  }
  const beyond = await it.connect(as("reader", { clientId: "c" }), { host: "2001:db8:8000::1" });
  await assertServes(beyond);
});

Deno.test("Attack 27: limits of logins at their lowest shut nobody out who has the right password", async () => {
  const limits = {
    loginFailuresMax: 0,
    loginFailuresS: 1,
    loginBanS: 1,
    loginAddressesMax: 1,
    passwordChecksWaitingMax: 0,
    verdictsRememberedMax: 0,
    verdictRememberedS: 0,
    handshakesMax: 1,
  };
  await using it = await AccessBroker.start({ users: ["reader"], rules: [rule("#")], config: { limits } });
  await it.expectRefused(BadUserNameOrPassword, guess(1), HOST);
  await it.expectRefused(BadUserNameOrPassword, guess(2), NEIGHBOUR);
  for (const clientId of ["a", "b"]) await assertServes(await it.connect(as("reader", { clientId }), HOST));
});
