/** SCRAM in AUTH packets through a whole broker, and the shape of an exchange that cannot succeed. Spec §4.12. @module */

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { AllowAll } from "../../src/auth/allow_anonymous.ts";
import { makeCredentials } from "../../src/auth/password.ts";
import type { Config } from "../../src/config/config.ts";
import { PacketType, type Properties, ReasonCode } from "../../src/packet/mod.ts";
import { TestBroker } from "../support/test_broker.ts";
import type { ConnectOptions, TestClient } from "../support/test_client.ts";
import {
  atOnce,
  attemptOf,
  login,
  type LoginOptions,
  type Logins,
  makeLogins,
  PASSWORD,
  ScramClient,
  stepOf,
  text,
  utf8,
  WEAK,
} from "./login_support.ts";

const { ContinueAuthentication, ReAuthenticate, Success } = ReasonCode;
const METHOD = "SCRAM-SHA-256";

type Started = Logins & AsyncDisposable & { readonly broker: TestBroker };

async function start(options: LoginOptions & { config?: Partial<Config> } = {}): Promise<Started> {
  const logins = await makeLogins({ after: atOnce, ...options });
  const broker = await TestBroker.start({
    authenticator: logins.authenticator,
    authorizer: new AllowAll(),
    clock: logins.clock,
    config: options.config,
  });
  return { ...logins, broker, [Symbol.asyncDispose]: () => broker[Symbol.asyncDispose]() };
}

function sendFirst(client: TestClient, scram: ScramClient, options: ConnectOptions = {}): Promise<void> {
  const authenticationMethod = scram.hash === "sha256" ? METHOD : "SCRAM-SHA-512";
  const properties = { authenticationMethod, authenticationData: utf8(scram.first) };
  return client.sendConnect({ ...options, properties });
}

function sendAuth(client: TestClient, reasonCode: ReasonCode, data: string, method = METHOD): Promise<void> {
  const properties: Properties = { authenticationMethod: method, authenticationData: utf8(data) };
  return client.send({ type: PacketType.Auth, reasonCode, properties });
}

async function expectServerFirst(client: TestClient): Promise<string> {
  const auth = await client.expect(PacketType.Auth);
  assertEquals(auth.reasonCode, ContinueAuthentication);
  return text(auth.properties.authenticationData);
}

/** A client that is in. */
async function authenticated(broker: TestBroker, options: ConnectOptions = {}): Promise<TestClient> {
  const client = broker.client();
  const scram = new ScramClient("sha256", "sensor-1", PASSWORD);
  await sendFirst(client, scram, options);
  await sendAuth(client, ContinueAuthentication, scram.final(await expectServerFirst(client)));
  const connack = await client.expect(PacketType.Connack);
  assertEquals(connack.reasonCode, Success);
  return client;
}

for (const [hash, method] of [["sha256", METHOD], ["sha512", "SCRAM-SHA-512"]] as const) {
  Deno.test(`[MQTT-4.12.0-2] [MQTT-4.12.0-5] ${method}: CONNECT, AUTH, AUTH, CONNACK with the Server's proof`, async () => {
    await using it = await start();
    const client = it.broker.client();
    const scram = new ScramClient(hash, "sensor-1", PASSWORD);
    await sendFirst(client, scram);
    const serverFirst = await expectServerFirst(client);
    assertEquals(serverFirst.startsWith(`r=${scram.nonce}`) && serverFirst.length > scram.nonce.length + 24, true);
    await sendAuth(client, ContinueAuthentication, scram.final(serverFirst), method);
    const connack = await client.expect(PacketType.Connack);
    assertEquals([connack.reasonCode, connack.properties.authenticationMethod], [Success, method]);
    assertEquals(scram.isServerProven(text(connack.properties.authenticationData)), true);
    await client.subscribe("a");
    await client.publish("a", "in");
    assertEquals((await client.expectPublish()).text, "in");
  });
}

Deno.test("[MQTT-4.12.0-4] A wrong proof: CONNACK 0x86 without data, and the log says why", async () => {
  await using it = await start();
  const client = it.broker.client();
  const scram = new ScramClient("sha256", "sensor-1", "wrong");
  await sendFirst(client, scram, { clientId: "greenhouse" });
  await sendAuth(client, ContinueAuthentication, scram.final(await expectServerFirst(client)));
  const connack = await client.expect(PacketType.Connack);
  assertEquals(connack.reasonCode, ReasonCode.BadUserNameOrPassword);
  assertEquals(connack.properties.authenticationData, undefined);
  assertEquals(connack.properties.reasonString, "the user name or password is wrong");
  await client.expectClosed();
  assertEquals(it.log.lines, ["Login of u'sensor-1' from memory as greenhouse failed: SCRAM: the proof is wrong."]);
});

Deno.test("[MQTT-4.12.0-1] A method that is not SCRAM-SHA-256 or -512 is refused with 0x8C", async () => {
  await using it = await start();
  for (const authenticationMethod of ["SCRAM-SHA-1", "SCRAM-SHA-256-PLUS", "scram-sha-256", "PLAIN", ""]) {
    const client = it.broker.client();
    await client.sendConnect({ properties: { authenticationMethod } });
    assertEquals((await client.expect(PacketType.Connack)).reasonCode, ReasonCode.BadAuthenticationMethod);
    await client.expectClosed();
  }
});

Deno.test("A client that stalls in the middle is closed after the connect time-out, and leaves nothing", async () => {
  await using it = await start({ config: { limits: { ...(await makeLogins()).limits, connectTimeoutMs: 5_000 } } });
  const client = it.broker.client();
  await sendFirst(client, new ScramClient("sha256", "sensor-1", PASSWORD));
  await expectServerFirst(client);
  await it.broker.advance(5_050);
  assertEquals((await client.expect(PacketType.Connack)).reasonCode, ReasonCode.NotAuthorized);
  await client.expectClosed();
  assertEquals([it.broker.server.snapshot().sessions, it.attempts.size], [0, 0]);
});

Deno.test("[MQTT-4.12.1-2] Re-authentication in a live session: with the password, and without", async () => {
  await using it = await start();
  const client = await authenticated(it.broker);
  const again = new ScramClient("sha256", "sensor-1", PASSWORD);
  await sendAuth(client, ReAuthenticate, again.first);
  await sendAuth(client, ContinueAuthentication, again.final(await expectServerFirst(client)));
  const auth = await client.expect(PacketType.Auth);
  assertEquals(auth.reasonCode, Success);
  assertEquals(again.isServerProven(text(auth.properties.authenticationData)), true);
  await client.subscribe("a");

  const liar = new ScramClient("sha256", "sensor-1", "wrong");
  await sendAuth(client, ReAuthenticate, liar.first);
  await sendAuth(client, ContinueAuthentication, liar.final(await expectServerFirst(client)));
  await client.expectDisconnect(ReasonCode.NotAuthorized);
});

Deno.test("[MQTT-4.12.1-2] Re-authentication as another user ends the connection", async () => {
  await using it = await start();
  it.accounts.set("sensor-2", await makeCredentials("other", WEAK));
  const client = await authenticated(it.broker);
  const other = new ScramClient("sha256", "sensor-2", "other");
  await sendAuth(client, ReAuthenticate, other.first);
  await sendAuth(client, ContinueAuthentication, other.final(await expectServerFirst(client)));
  await client.expectDisconnect(ReasonCode.NotAuthorized);
});

Deno.test("Failed proofs ban the address; a conversation that has begun ends, too", async () => {
  await using it = await start({ limits: { loginFailuresMax: 2 } });
  const begun = it.broker.client();
  const honest = new ScramClient("sha256", "sensor-1", PASSWORD);
  await sendFirst(begun, honest);
  const serverFirst = await expectServerFirst(begun);
  for (let i = 0; i < 2; i++) {
    const client = it.broker.client();
    const scram = new ScramClient("sha256", "sensor-1", "wrong");
    await sendFirst(client, scram);
    await sendAuth(client, ContinueAuthentication, scram.final(await expectServerFirst(client)));
    assertEquals((await client.expect(PacketType.Connack)).reasonCode, ReasonCode.BadUserNameOrPassword);
  }
  const client = it.broker.client();
  await sendFirst(client, honest);
  assertEquals((await client.expect(PacketType.Connack)).reasonCode, ReasonCode.Banned);
  await sendAuth(begun, ContinueAuthentication, honest.final(serverFirst));
  assertEquals((await begun.expect(PacketType.Connack)).reasonCode, ReasonCode.Banned);
});

/** Two steps with a password that is right where there is one. */
async function converse(it: Logins, userName: string, password = PASSWORD, attempt = attemptOf(undefined, undefined)) {
  const exchange = it.authenticator.begin(METHOD, attempt)!;
  const scram = new ScramClient("sha256", userName, password);
  const challenge = await stepOf(exchange, scram.first);
  if (challenge.kind === "done") return { salt: "", iterations: "", verdict: challenge.verdict };
  const serverFirst = text(challenge.data);
  const [, salt, iterations] = serverFirst.split(",");
  const last = await stepOf(exchange, scram.final(serverFirst));
  assert(last.kind === "done");
  return { salt, iterations, verdict: last.verdict };
}

Deno.test("Who cannot do SCRAM has a conversation like others, always with the same salt, and the same refusal", async () => {
  const it = await makeLogins({ after: atOnce, limits: { loginFailuresMax: 0 } });
  it.accounts.set("off", await makeCredentials(PASSWORD, WEAK), { isDisabled: true });
  it.accounts.set("card-only", undefined);
  it.accounts.set("old", { kind: "sha512", salt: new Uint8Array(12), hash: new Uint8Array(64) });
  const wrong = await converse(it, "sensor-1", "wrong");
  assertEquals(wrong.verdict.reasonCode, ReasonCode.BadUserNameOrPassword);
  const reasons: string[] = [];
  for (const name of ["nobody", "off", "card-only", "old"]) {
    const first = await converse(it, name);
    const second = await converse(it, name);
    assertEquals([first.salt, first.salt.length], [second.salt, wrong.salt.length]);
    assertEquals([first.iterations, first.verdict], [wrong.iterations, wrong.verdict]);
    reasons.push(it.log.lines.at(-1)!.split("SCRAM: ")[1]);
  }
  assertNotEquals((await converse(it, "nobody-1")).salt, (await converse(it, "nobody-2")).salt);
  assertEquals(reasons, [
    "there is no such user.",
    "the user is disabled.",
    "the user has no password.",
    "the user has no SCRAM credentials; a login with the plain password makes them.",
  ]);
});

Deno.test("The salts of those who do not exist outlive the process with a secret that is kept", async () => {
  const saltOf = async (pretenceSecret?: Uint8Array) => {
    return (await converse(await makeLogins({ after: atOnce, pretenceSecret }), "nobody")).salt;
  };
  const secret = crypto.getRandomValues(new Uint8Array(32));
  assertEquals(await saltOf(secret), await saltOf(secret));
  assertNotEquals(await saltOf(), await saltOf());
});

Deno.test("SCRAM tells which credential it was, and a plain login made them", async () => {
  const it = await makeLogins({ after: atOnce });
  const user = it.accounts.set("sensor-1", await makeCredentials("new", WEAK));
  const { verdict } = await converse(it, "sensor-1", "new");
  assertEquals(verdict, { reasonCode: Success, userName: "sensor-1", credential: user.credential });
  assertEquals((await login(it.authenticator, attemptOf("sensor-1", "new"))).reasonCode, Success);
});

Deno.test("The password changes, or the user is disabled, in the middle of the conversation", async () => {
  const it = await makeLogins({ after: atOnce });
  const better = await makeCredentials("new", WEAK);
  for (const change of [{}, { isDisabled: true }]) {
    const exchange = it.authenticator.begin(METHOD, attemptOf(undefined, undefined))!;
    const scram = new ScramClient("sha256", "sensor-1", change.isDisabled ? "new" : PASSWORD);
    const challenge = await stepOf(exchange, scram.first);
    it.accounts.set("sensor-1", better, change);
    const last = await stepOf(exchange, scram.final(text(challenge.kind === "continue" ? challenge.data : undefined)));
    assert(last.kind === "done");
    assertEquals(last.verdict.reasonCode, ReasonCode.BadUserNameOrPassword);
  }
});

Deno.test("The User Name of CONNECT, when there is one, is the one of the conversation", async () => {
  const it = await makeLogins({ after: atOnce });
  const same = await converse(it, "sensor-1", PASSWORD, attemptOf("sensor-1", undefined));
  const other = await converse(it, "sensor-1", PASSWORD, attemptOf("sensor-2", undefined));
  assertEquals([same.verdict.reasonCode, other.verdict.reasonCode], [Success, ReasonCode.BadUserNameOrPassword]);
});

Deno.test("Messages that are none count as failures: nothing, garbage, a mandatory extension", async () => {
  const it = await makeLogins({ after: atOnce });
  for (const first of [undefined, "", "garbage", "n,,m=1,n=sensor-1,r=abc", "p=tls-unique,,n=sensor-1,r=abc"]) {
    const exchange = it.authenticator.begin(METHOD, attemptOf(undefined, undefined))!;
    const step = await stepOf(exchange, first);
    assert(step.kind === "done");
    assertEquals(step.verdict.reasonCode, ReasonCode.BadUserNameOrPassword);
  }
  const exchange = it.authenticator.begin(METHOD, attemptOf(undefined, undefined))!;
  await stepOf(exchange, "n,,n=sensor-1,r=abc");
  assertEquals((await stepOf(exchange, "c=biws,r=abc,p=AAAA")).kind, "done");
  assertEquals(it.log.lines.length, 6);
  assertEquals(it.log.lines.at(-1)?.endsWith("SCRAM: the nonce is not the one of this conversation."), true);
});

Deno.test("Who leaves while the refusal waits is answered nothing", async () => {
  const it = await makeLogins();
  const exchange = it.authenticator.begin(METHOD, attemptOf(undefined, undefined))!;
  exchange.step(undefined, () => {
    throw new Error("nobody is there");
  });
  assertEquals(it.timers.delaysMs, [100]);
  exchange.abandon();
  assertEquals(it.timers.waiting, []);
});
