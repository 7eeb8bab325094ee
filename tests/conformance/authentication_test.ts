/** AUTH and enhanced authentication, by a real challenge and response. Spec §3.15, §4.12. @module */

import { assertEquals } from "@std/assert";
import { type AuthPacket, PacketType, type Properties, ReasonCode } from "../../src/packet/mod.ts";
import { wire } from "../packet/support.ts";
import { CHALLENGE_METHOD, ChallengeAuthenticator, prove, respond } from "../support/authenticators.ts";
import { TestBroker } from "../support/test_broker.ts";
import type { ConnectOptions, TestClient } from "../support/test_client.ts";

const { ContinueAuthentication, ReAuthenticate } = ReasonCode;
const SECRETS = new Map([["alpha", "first secret"], ["beta", "second secret"]]);
const bytes = (text: string) => new TextEncoder().encode(text);

function start(config = {}): Promise<{ broker: TestBroker; authenticator: ChallengeAuthenticator } & AsyncDisposable> {
  const authenticator = new ChallengeAuthenticator(SECRETS);
  return TestBroker.start({ authenticator, config }).then((broker) => ({
    broker,
    authenticator,
    [Symbol.asyncDispose]: () => broker[Symbol.asyncDispose](),
  }));
}

/** Sends CONNECT with the method. */
function sendConnect(client: TestClient, userName: string, options: ConnectOptions = {}): Promise<void> {
  return client.sendConnect({
    ...options,
    properties: {
      ...options.properties,
      authenticationMethod: CHALLENGE_METHOD,
      authenticationData: bytes(userName),
    },
  });
}

function sendAuth(client: TestClient, reasonCode: ReasonCode, properties: Properties = {}): Promise<void> {
  return client.send({
    type: PacketType.Auth,
    reasonCode,
    properties: { authenticationMethod: CHALLENGE_METHOD, ...properties },
  });
}

/** The Server's AUTH with the nonce. */
async function expectChallenge(client: TestClient): Promise<AuthPacket & { nonce: Uint8Array }> {
  const auth = await client.expect(PacketType.Auth);
  assertEquals(auth.reasonCode, ContinueAuthentication);
  assertEquals(auth.properties.authenticationMethod, CHALLENGE_METHOD);
  return { ...auth, nonce: auth.properties.authenticationData! };
}

/** A client that went through the exchange. */
async function authenticated(
  broker: TestBroker,
  userName = "alpha",
  options: ConnectOptions = {},
): Promise<TestClient> {
  const client = broker.client();
  await sendConnect(client, userName, options);
  const { nonce } = await expectChallenge(client);
  const authenticationData = await respond(nonce, SECRETS.get(userName)!);
  await sendAuth(client, ContinueAuthentication, { authenticationData });
  assertEquals((await client.expect(PacketType.Connack)).reasonCode, ReasonCode.Success);
  return client;
}

Deno.test("[MQTT-4.12.0-2] [MQTT-4.12.0-5] [MQTT-3.15.1-1] [MQTT-3.15.2-1] [MQTT-3.2.0-1] The exchange: CONNECT, AUTH 0x18 both ways, CONNACK with the method and the last data", async () => {
  await using it = await start();
  const client = it.broker.client();
  await sendConnect(client, "alpha");
  const { nonce, reasonCode } = await expectChallenge(client);
  assertEquals([nonce.length, reasonCode], [16, ContinueAuthentication]);
  const authenticationData = await respond(nonce, SECRETS.get("alpha")!);
  await sendAuth(client, ContinueAuthentication, { authenticationData });
  const connack = await client.expect(PacketType.Connack);
  assertEquals(connack.reasonCode, ReasonCode.Success);
  assertEquals(connack.properties.authenticationMethod, CHALLENGE_METHOD);
  assertEquals(connack.properties.authenticationData, await prove(nonce, SECRETS.get("alpha")!));
  await client.expectNothing();
});

Deno.test("[MQTT-4.12.0-4] A wrong response is refused by CONNACK, and the connection ends", async () => {
  await using it = await start();
  const client = it.broker.client();
  await sendConnect(client, "alpha");
  const { nonce } = await expectChallenge(client);
  const authenticationData = await respond(nonce, SECRETS.get("beta")!);
  await sendAuth(client, ContinueAuthentication, { authenticationData });
  const connack = await client.expect(PacketType.Connack);
  assertEquals(connack.reasonCode, ReasonCode.BadUserNameOrPassword);
  await client.expectClosed();
  assertEquals(it.broker.server.snapshot().sessions, 0);
});

Deno.test("[MQTT-4.12.0-1] An Authentication Method that the Server does not know is refused with 0x8C", async () => {
  await using it = await start();
  await using plain = await TestBroker.start();
  for (const [broker, method] of [[it.broker, "SCRAM-SHA-1"], [it.broker, ""], [plain, CHALLENGE_METHOD]] as const) {
    const client = broker.client();
    await client.sendConnect({ properties: { authenticationMethod: method } });
    assertEquals((await client.expect(PacketType.Connack)).reasonCode, ReasonCode.BadAuthenticationMethod);
    await client.expectClosed();
  }
});

Deno.test("[MQTT-4.12.0-6] Without a method in CONNECT the Server sends no AUTH and names no method", async () => {
  await using it = await start();
  const client = it.broker.client();
  const connack = await client.connect({ userName: "alpha", password: bytes("first secret") });
  assertEquals(connack.properties.authenticationMethod, undefined);
  assertEquals(connack.properties.authenticationData, undefined);
  const stranger = it.broker.client();
  await stranger.sendConnect({ userName: "alpha", password: bytes("second secret") });
  const refusal = await stranger.expect(PacketType.Connack);
  assertEquals(refusal.reasonCode, ReasonCode.BadUserNameOrPassword);
  assertEquals(refusal.properties.authenticationMethod, undefined);
});

Deno.test("[MQTT-4.12.0-7] AUTH of a Client that named no method brings DISCONNECT 0x82", async () => {
  await using broker = await TestBroker.start();
  for (const reasonCode of [ContinueAuthentication, ReAuthenticate]) {
    const client = await broker.connect();
    await sendAuth(client, reasonCode);
    await client.expectDisconnect(ReasonCode.ProtocolError);
  }
});

Deno.test("[MQTT-4.12.0-5] AUTH with another method, during the exchange: CONNACK 0x8C; later: DISCONNECT 0x8C", async () => {
  await using it = await start();
  const early = it.broker.client();
  await sendConnect(early, "alpha");
  await expectChallenge(early);
  await sendAuth(early, ContinueAuthentication, { authenticationMethod: "OTHER" });
  assertEquals((await early.expect(PacketType.Connack)).reasonCode, ReasonCode.BadAuthenticationMethod);
  await early.expectClosed();

  const late = await authenticated(it.broker);
  await sendAuth(late, ReAuthenticate, { authenticationMethod: "OTHER" });
  await late.expectDisconnect(ReasonCode.BadAuthenticationMethod);
  assertEquals(it.authenticator.abandoned, 1);
});

Deno.test("[MQTT-3.1.2-30] Anything but AUTH and DISCONNECT before CONNACK ends the connection", async () => {
  await using it = await start();
  const watcher = await authenticated(it.broker, "beta");
  await watcher.subscribe("#");
  for (
    const packet of [
      "c0 00",
      `31 [ "a" [ ] 'early' ]`,
      `82 [ 00 01 [ ] "a" 00 ]`,
      `10 [ "MQTT" 05 02 00 00 [ ] "again" ]`,
      "f1 00",
      "ff ff ff ff ff",
    ]
  ) {
    const client = it.broker.client();
    await sendConnect(client, "alpha");
    await expectChallenge(client);
    await client.sendBytes(wire(packet));
    await client.expectClosed();
  }
  await watcher.expectNothing();
  const { sessions, retainedMessages } = it.broker.server.snapshot();
  assertEquals([sessions, retainedMessages, it.authenticator.abandoned], [1, 0, 6]);
});

Deno.test("A Client may give up the exchange with DISCONNECT, or by leaving", async () => {
  await using it = await start();
  const polite = it.broker.client();
  await sendConnect(polite, "alpha");
  await expectChallenge(polite);
  await polite.disconnect();
  const gone = it.broker.client();
  await sendConnect(gone, "alpha");
  await expectChallenge(gone);
  await it.broker.lose(gone);
  assertEquals([it.authenticator.abandoned, it.broker.server.snapshot().connections], [2, 0]);
});

Deno.test("[MQTT-4.12.0-4] A Client that stalls in the exchange is closed after the connect time-out", async () => {
  await using it = await start({ limits: { connectTimeoutMs: 5_000 } });
  const client = it.broker.client();
  await sendConnect(client, "alpha");
  await expectChallenge(client);
  await it.broker.advance(5_050);
  assertEquals((await client.expect(PacketType.Connack)).reasonCode, ReasonCode.NotAuthorized);
  await client.expectClosed();
  assertEquals(it.authenticator.abandoned, 1);
});

Deno.test("A Client that does not wait for the Server's AUTH is refused", async () => {
  await using it = await start();
  const client = it.broker.client();
  await sendConnect(client, "alpha");
  const { nonce } = await expectChallenge(client);
  const authenticationData = await respond(nonce, SECRETS.get("alpha")!);
  // Two in one write: the second comes while the first is looked at.
  await sendAuth(client, ContinueAuthentication, { authenticationData });
  await sendAuth(client, ContinueAuthentication, { authenticationData });
  const connack = await client.expect(PacketType.Connack);
  assertEquals(connack.reasonCode, ReasonCode.ProtocolError);
  await client.expectClosed();
});

Deno.test("AUTH 0x19 before CONNACK is refused with 0x82", async () => {
  await using it = await start();
  const client = it.broker.client();
  await sendConnect(client, "alpha");
  await expectChallenge(client);
  await sendAuth(client, ReAuthenticate);
  assertEquals((await client.expect(PacketType.Connack)).reasonCode, ReasonCode.ProtocolError);
  await client.expectClosed();
});

Deno.test("AUTH 0x18 that no exchange waits for brings DISCONNECT 0x82", async () => {
  await using it = await start();
  const client = await authenticated(it.broker);
  await sendAuth(client, ContinueAuthentication);
  await client.expectDisconnect(ReasonCode.ProtocolError);
});

Deno.test("[MQTT-4.12.0-5] Re-authentication in a live session, while messages go on", async () => {
  await using it = await start();
  const client = await authenticated(it.broker);
  await client.subscribe("a");
  await sendAuth(client, ReAuthenticate, { authenticationData: bytes("alpha") });
  const { nonce } = await expectChallenge(client);
  await client.publish("a", "meanwhile");
  assertEquals((await client.expectPublish()).text, "meanwhile");
  const authenticationData = await respond(nonce, SECRETS.get("alpha")!);
  await sendAuth(client, ContinueAuthentication, { authenticationData });
  const done = await client.expect(PacketType.Auth);
  assertEquals(done, {
    type: PacketType.Auth,
    reasonCode: ReasonCode.Success,
    properties: {
      authenticationMethod: CHALLENGE_METHOD,
      authenticationData: await prove(nonce, SECRETS.get("alpha")!),
    },
  });
  await client.publish("a", "afterwards");
  assertEquals((await client.expectPublish()).text, "afterwards");
});

Deno.test("[MQTT-4.12.1-2] [MQTT-3.14.2-1] A re-authentication that fails brings DISCONNECT 0x87, and the end", async () => {
  await using it = await start();
  const client = await authenticated(it.broker);
  await sendAuth(client, ReAuthenticate, { authenticationData: bytes("alpha") });
  await expectChallenge(client);
  await sendAuth(client, ContinueAuthentication, { authenticationData: bytes("nonsense") });
  await client.expectDisconnect(ReasonCode.NotAuthorized);
});

Deno.test("[MQTT-4.12.1-2] A re-authentication as somebody else is refused with 0x87", async () => {
  await using it = await start();
  const client = await authenticated(it.broker, "alpha");
  await sendAuth(client, ReAuthenticate, { authenticationData: bytes("beta") });
  const { nonce } = await expectChallenge(client);
  const authenticationData = await respond(nonce, SECRETS.get("beta")!);
  await sendAuth(client, ContinueAuthentication, { authenticationData });
  await client.expectDisconnect(ReasonCode.NotAuthorized);
});

Deno.test("[MQTT-4.12.1-2] A re-authentication by a method that is there no more: DISCONNECT 0x8C", async () => {
  await using it = await start();
  const client = await authenticated(it.broker);
  it.authenticator.methods.clear();
  await sendAuth(client, ReAuthenticate);
  await client.expectDisconnect(ReasonCode.BadAuthenticationMethod);
});

Deno.test("A second AUTH 0x19 in the middle of a re-authentication brings DISCONNECT 0x82", async () => {
  await using it = await start();
  const client = await authenticated(it.broker);
  await sendAuth(client, ReAuthenticate, { authenticationData: bytes("alpha") });
  await expectChallenge(client);
  await sendAuth(client, ReAuthenticate, { authenticationData: bytes("alpha") });
  await client.expectDisconnect(ReasonCode.ProtocolError);
  assertEquals(it.authenticator.abandoned, 1);
});

Deno.test("[MQTT-4.12.1-2] A re-authentication that stalls is ended, also while the Client sends other packets", async () => {
  await using it = await start({ limits: { connectTimeoutMs: 5_000 } });
  const client = await authenticated(it.broker, "alpha", { keepAlive: 100 });
  await sendAuth(client, ReAuthenticate, { authenticationData: bytes("alpha") });
  await expectChallenge(client);
  await it.broker.advance(4_900);
  await client.expectNothing();
  await it.broker.advance(150);
  await client.expectDisconnect(ReasonCode.NotAuthorized);
  assertEquals(it.authenticator.abandoned, 1);
});

Deno.test("[MQTT-3.1.2-22] Keep Alive is in force again after a re-authentication", async () => {
  await using it = await start();
  const client = await authenticated(it.broker, "alpha", { keepAlive: 10 });
  await sendAuth(client, ReAuthenticate, { authenticationData: bytes("alpha") });
  const { nonce } = await expectChallenge(client);
  const authenticationData = await respond(nonce, SECRETS.get("alpha")!);
  await sendAuth(client, ContinueAuthentication, { authenticationData });
  await client.expect(PacketType.Auth);
  await it.broker.advance(14_900);
  await client.expectNothing();
  await it.broker.advance(15_050);
  await client.expectDisconnect(ReasonCode.KeepAliveTimeout);
});

Deno.test("[MQTT-3.15.2-2] [MQTT-3.15.2-3] AUTH of the Server has no Reason String and no User Properties that could make it too large", async () => {
  await using it = await start();
  const client = it.broker.client();
  await sendConnect(client, "alpha", { properties: { maximumPacketSize: 100 } });
  const { properties } = await expectChallenge(client);
  assertEquals(Object.keys(properties).sort(), ["authenticationData", "authenticationMethod"]);
});

Deno.test("AUTH without a method is a protocol error", async () => {
  await using it = await start();
  for (const packet of ["f0 [ 18 ]", "f0 [ 18 [ ] ]", "f0 [ 19 [ 16 00 01 00 ] ]", "f0 00"]) {
    const client = await authenticated(it.broker);
    await client.sendBytes(wire(packet));
    await client.expectDisconnect(ReasonCode.ProtocolError);
  }
});

Deno.test("AUTH does not exist before 5.0", async () => {
  await using broker = await TestBroker.start();
  const client = await broker.connect({ protocolVersion: 4 });
  await client.sendBytes(wire("f0 00"));
  await client.expectClosed();
});
