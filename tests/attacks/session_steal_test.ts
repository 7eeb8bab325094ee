/** Attack 20: whose session is it (CVE-2026-6564), and what a refusal tells about who exists. @module */

import { assertEquals, assertNotEquals } from "@std/assert";
import { PacketType, ReasonCode } from "../../src/packet/mod.ts";
import { text, utf8, watchHashes } from "../auth/login_support.ts";
import { rule } from "../support/accounts.ts";
import type { ConnectOptions } from "../support/test_client.ts";
import { AccessBroker, as, credentialsOfPassword, FrontDoor, PASSWORD, PERSISTENT, puback } from "./access_support.ts";

const { BadUserNameOrPassword, NotAuthorized, Success } = ReasonCode;
const loopback = () => new FrontDoor("mqtt://loopback", true);
const ALL = rule("#");

/** The session of "owner", a subscription and a message that waits in it, and who may try to get it. */
async function startWithSession(config = {}): Promise<AccessBroker> {
  const it = await AccessBroker.start({
    users: ["owner", "thief"],
    rules: [ALL],
    config: { allowAnonymous: true, ...config },
    door: loopback(),
  });
  const owner = await it.connect(as("owner", { ...PERSISTENT, clientId: "device" }));
  await owner.subscribe("private/#", { qos: 1 });
  await owner.disconnect();
  await puback(await it.connect(as("owner", { clientId: "other" })), "private/a");
  return it;
}

/** Whoever is named here does not get the session, and does not end it. */
async function expectSafe(it: AccessBroker, thieves: readonly ConnectOptions[]): Promise<void> {
  for (const thief of thieves) {
    for (const cleanStart of [false, true]) {
      for (const protocolVersion of [5, 4, 3] as const) {
        await it.expectRefused(NotAuthorized, { ...thief, clientId: "device", cleanStart, protocolVersion });
      }
    }
  }
  const owner = it.client();
  const connack = await owner.connect(as("owner", { ...PERSISTENT, clientId: "device" }));
  assertEquals(connack.sessionPresent, true);
  const packet = await owner.expectPublish();
  assertEquals(packet.topicName, "private/a");
  await owner.acknowledge(PacketType.Puback, packet.packetIdentifier);
  await owner.expectNothing();
}

Deno.test("Attack 20: a session that waits for its user is neither taken nor ended by another one, nor by somebody without a name", async () => {
  await using it = await startWithSession();
  await expectSafe(it, [as("thief"), {}, as("thief", { will: { topicName: "private/will" } })]);
});

Deno.test("Attack 20: the same after a restart, and when its user is gone", async () => {
  await using it = await startWithSession({ durability: "full" });
  await it.end();
  await it.begin();
  await it.store.updateUser("owner", (user) => ({ ...user, isDisabled: true }));
  await it.obeyed();
  for (const thief of [as("thief"), {}]) await it.expectRefused(NotAuthorized, { ...thief, clientId: "device" });
  await it.store.updateUser("owner", (user) => ({ ...user, isDisabled: false }));
  await it.obeyed();
  await expectSafe(it, [as("thief"), {}]);
  await it.store.removeUser("owner");
  await it.obeyed();
  for (const thief of [as("thief"), {}]) await it.expectRefused(NotAuthorized, { ...thief, clientId: "device" });
});

Deno.test("Attack 20: a client that is connected is not thrown out by another user, nor by somebody without a name", async () => {
  await using it = await startWithSession();
  const owner = await it.connect(as("owner", { clientId: "device", cleanStart: true }));
  for (const thief of [as("thief"), {}]) await it.expectRefused(NotAuthorized, { ...thief, clientId: "device" });
  await owner.expectNothing();
  // Its own user may.
  await it.connect(as("owner", { clientId: "device" }));
  await owner.expectDisconnect(ReasonCode.SessionTakenOver);
});

Deno.test("Attack 20: a wrong password takes nothing over, whoever is connected", async () => {
  await using it = await startWithSession();
  const owner = await it.connect(as("owner", { clientId: "device", cleanStart: true }));
  await it.expectRefused(BadUserNameOrPassword, as("owner", { clientId: "device", password: utf8("guess") }));
  await owner.expectNothing();
});

Deno.test("Attack 20: what somebody without a name left behind is not handed to who has one", async () => {
  await using it = await startWithSession();
  const nobody = await it.connect({ ...PERSISTENT, clientId: "free" });
  await nobody.subscribe("private/#", { qos: 1 });
  await nobody.disconnect();
  await puback(await it.connect(as("owner", { clientId: "other" })), "private/b");
  const thief = it.client();
  assertEquals((await thief.connect(as("thief", { ...PERSISTENT, clientId: "free" }))).sessionPresent, false);
  await thief.expectNothing();
  assertEquals(it.server.snapshot().queuedMessages, 2, "the owner's own");
});

Deno.test("Attack 20: other letters are another Client Identifier and another session, however alike they look", async () => {
  await using it = await startWithSession();
  for (const clientId of ["Device", "DEVICE", "devi\u0441e", "device\u200b", "\uff44evice", " device", "device "]) {
    const thief = it.client();
    assertEquals((await thief.connect(as("thief", { clientId, cleanStart: false }))).sessionPresent, false, clientId);
    await thief.disconnect();
  }
  await expectSafe(it, []);
});

Deno.test("Attack 20: claimed Client Identifiers are kept for their user, before it ever came", async () => {
  const credentials = await credentialsOfPassword();
  await using it = await AccessBroker.start({
    users: [{ name: "owner", clientIds: ["%u-*", "device"], credentials }, "thief"],
    rules: [ALL],
    config: { allowAnonymous: true },
    door: loopback(),
  });
  for (const clientId of ["device", "owner-", "owner-1", "owner-*", "owner-owner"]) {
    for (const thief of [as("thief"), {}]) await it.expectRefused(NotAuthorized, { ...thief, clientId });
  }
  // It may use these alone: nothing else of others.
  for (const clientId of ["thief", "owner", "OWNER-1", "device-1"]) {
    await it.expectRefused(NotAuthorized, as("owner", { clientId }));
  }
  for (const clientId of ["device", "owner-", "owner-1"]) {
    assertEquals((await it.answerTo(as("owner", { clientId }))).reasonCode, Success);
  }
  // A user named "*" claims what is written, not everything.
  await it.addUser({ name: "*", clientIds: ["%u"], credentials });
  await it.obeyed();
  assertEquals((await it.answerTo(as("thief"))).reasonCode, Success);
});

Deno.test("Attack 20: who holds a Client Identifier that another user claims now is closed, and its session is not handed over", async () => {
  await using it = await AccessBroker.start({ users: ["owner", "thief"], rules: [ALL] });
  const thief = await it.connect(as("thief", { ...PERSISTENT, clientId: "device" }));
  await thief.subscribe("private/#", { qos: 1 });
  await it.store.updateUser("owner", (user) => ({ ...user, clientIds: ["device"] }));
  await thief.expectDisconnect(NotAuthorized);
  await it.expectRefused(NotAuthorized, as("thief", { ...PERSISTENT, clientId: "device" }));
  await it.expectRefused(NotAuthorized, { ...PERSISTENT, clientId: "device" });
  // Nor does it keep the owner out, as it would for ever.
  const owner = it.client();
  assertEquals((await owner.connect(as("owner", { ...PERSISTENT, clientId: "device" }))).sessionPresent, false);
  await puback(owner, "private/a");
  await owner.expectNothing();
});

Deno.test("Attack 20: who does not exist, has no password, is disabled, or sent a wrong one: the same work and the same words", async () => {
  const credentials = await credentialsOfPassword();
  await using it = await AccessBroker.start({
    users: ["reader", { name: "bare" }, { name: "disabled", isDisabled: true, credentials }],
    config: { limits: { loginFailuresMax: 0 } },
  });
  const attempts: ConnectOptions[] = [
    as("reader", { password: utf8("guess") }),
    as("nobody"),
    as("nobody", { password: utf8("guess") }),
    as("bare"),
    as("disabled"),
    as("disabled", { password: utf8("guess") }),
    as(""),
    as("reader ", { password: PASSWORD }),
  ];
  for (const [index, attempt] of attempts.entries()) {
    using hashes = watchHashes();
    const connack = await it.answerTo(attempt, { host: `198.51.100.${index}` });
    assertEquals(
      [connack.reasonCode, connack.properties, hashes.iterations],
      [BadUserNameOrPassword, { reasonString: "the user name or password is wrong" }, [600_000]],
      attempt.userName,
    );
    // Asked again, it is remembered for all of them alike.
    await it.answerTo(attempt, { host: `198.51.100.${index}` });
    assertEquals(hashes.iterations.length, 1, attempt.userName);
  }
  assertEquals(it.logged(/there is no such user/).length, 8, "the owner sees why");
});

Deno.test("Attack 20: SCRAM begins alike with who exists and with who does not, each time", async () => {
  await using it = await AccessBroker.start({
    users: ["reader", { name: "disabled", isDisabled: true, credentials: await credentialsOfPassword() }, {
      name: "bare",
    }],
    config: { limits: { loginFailuresMax: 0 } },
  });
  const challenge = async (userName: string) => {
    const client = it.client();
    const properties = { authenticationMethod: "SCRAM-SHA-256", authenticationData: utf8(`n,,n=${userName},r=nonce`) };
    await client.sendConnect({ clientId: userName, properties });
    const auth = await client.expect(PacketType.Auth);
    client.drop();
    const parts = /^r=nonce(?<nonce>[^,]{24}),s=(?<salt>[^,]{24}),i=(?<iterations>\d+)$/
      .exec(text(auth.properties.authenticationData))!.groups!;
    return { salt: parts.salt, iterations: parts.iterations, nonce: parts.nonce };
  };
  for (const userName of ["reader", "nobody", "disabled", "bare"]) {
    const [first, second] = [await challenge(userName), await challenge(userName)];
    assertEquals([first.salt, first.iterations, second.iterations], [second.salt, "600000", "600000"], userName);
    assertNotEquals(first.nonce, second.nonce);
  }
  assertNotEquals((await challenge("nobody")).salt, (await challenge("nobody else")).salt);
});
