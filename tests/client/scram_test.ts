/** SCRAM-SHA-256 of the client: RFC 7677's own example, the broker's accounts, re-authentication, and Servers that are not
 * to be trusted. @module */

import { assertEquals } from "@std/assert";
import type { AuthenticationMethod } from "../../src/client/authentication_method.ts";
import { ConnectRefusedError, MqttError } from "../../src/client/errors.ts";
import { ScramConversation, ScramError, scramSha256 } from "../../src/client/scram.ts";
import { AllowAll } from "../../src/auth/allow_anonymous.ts";
import type { Credentials } from "../../src/auth/credentials.ts";
import { digest, hmac, makeCredentials } from "../../src/auth/password.ts";
import { PacketType, ReasonCode } from "../../src/packet/mod.ts";
import { makeLogins, text, utf8, WEAK } from "../auth/login_support.ts";
import { TestBroker } from "../support/test_broker.ts";
import { connectThrough, connectTo, FakeServer, rejectsWith } from "./support.ts";

/** RFC 7677 §3 */
const CLIENT_NONCE = "rOprNGfwEbeRWgbNEkqO";
const SERVER_FIRST = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
const CLIENT_FINAL = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0," +
  "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
const SERVER_FINAL = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

function conversation(userName = "user", password = "pencil"): ScramConversation {
  return new ScramConversation({ userName, password }, CLIENT_NONCE);
}

Deno.test("ScramConversation says what RFC 7677 shows", async () => {
  const example = conversation();
  assertEquals(text(example.first()), `n,,n=user,r=${CLIENT_NONCE}`);
  assertEquals(text(await example.next(utf8(SERVER_FIRST))), CLIENT_FINAL);
  example.finish(utf8(SERVER_FINAL));
});

Deno.test("ScramConversation writes a user name in one spelling, with its commas and equals signs", () => {
  assertEquals(text(conversation("a,b=c").first()), `n,,n=a=2Cb=3Dc,r=${CLIENT_NONCE}`);
  assertEquals(text(conversation("I\u00ADX \u2168").first()), `n,,n=IX IX,r=${CLIENT_NONCE}`);
});

for (
  const [what, challenge] of [
    ["another nonce", SERVER_FIRST.replace("r=rO", "r=xx")],
    ["no nonce of its own", `r=${CLIENT_NONCE},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`],
    ["too few iterations", SERVER_FIRST.replace("4096", "1000")],
    ["too many iterations", SERVER_FIRST.replace("4096", "999999999999")],
    ["no salt", SERVER_FIRST.replace(/s=[^,]*/, "s=")],
    ["an unknown extension", `m=x,${SERVER_FIRST}`],
    ["nothing that is SCRAM", "hello"],
  ]
) {
  Deno.test(`ScramConversation refuses a challenge with ${what}`, async () => {
    await rejectsWith(ScramError, conversation().next(utf8(challenge)));
  });
}

Deno.test("ScramConversation does not believe a Server that does not know the user", async () => {
  for (const final of [SERVER_FINAL.replace("6rri", "7rri"), "e=invalid-proof", "", "v="]) {
    const example = conversation();
    await example.next(utf8(SERVER_FIRST));
    await rejectsWith(ScramError, (async () => await example.finish(utf8(final)))());
  }
  const silent = conversation();
  await rejectsWith(ScramError, (async () => await silent.finish(utf8(SERVER_FINAL)))());
  await rejectsWith(ScramError, (async () => await silent.finish(undefined))());
});

Deno.test("scramSha256() lets in who has the password, again by re-authentication, and nobody else", async () => {
  const { authenticator, accounts } = await makeLogins({
    after: (_, callback) => {
      callback();
      return () => {};
    },
  });
  accounts.set("sensor-2", await makeCredentials(utf8("ümläut, =1"), WEAK));
  await using broker = await TestBroker.start({ authenticator, authorizer: new AllowAll() });
  const authentication = scramSha256({ userName: "sensor-2", password: "ümläut, =1" });
  const { client, packets } = await connectTo(broker, { authentication });
  const { Connect, Auth, Connack } = PacketType;
  assertEquals(packets, [`sent ${Connect}`, `received ${Auth}`, `sent ${Auth}`, `received ${Connack}`]);
  await client.reauthenticate();
  await client.publish("a", "", { qos: 1 });
  const wrong = scramSha256({ userName: "sensor-2", password: "another" });
  const error = await rejectsWith(ConnectRefusedError, connectTo(broker, { authentication: wrong }));
  assertEquals(error.reasonCode, ReasonCode.BadUserNameOrPassword);
  const { client: without } = await connectTo(broker, { userName: "sensor-2", password: "ümläut, =1" });
  await rejectsWith(MqttError, without.reauthenticate());
});

Deno.test("a Server that does not prove itself in CONNACK gets nothing else from the client", async () => {
  const fake = new FakeServer();
  const connecting = connectThrough(fake.open, { authentication: scramSha256({ userName: "u", password: "p" }) });
  const server = await fake.next();
  const { properties } = await server.expect(PacketType.Connect);
  const nonce = /r=(.*)$/.exec(text(properties.authenticationData))![1];
  const authenticationMethod = "SCRAM-SHA-256";
  const challenge = utf8(`r=${nonce}more,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`);
  const reasonCode = ReasonCode.ContinueAuthentication;
  await server.send({
    type: PacketType.Auth,
    reasonCode,
    properties: { authenticationMethod, authenticationData: challenge },
  });
  await server.expect(PacketType.Auth);
  const rejected = rejectsWith(ScramError, connecting);
  await server.send({
    type: PacketType.Connack,
    sessionPresent: false,
    reasonCode: 0,
    properties: { authenticationMethod, authenticationData: utf8(SERVER_FINAL) },
  });
  await server.expectDisconnect(ReasonCode.UnspecifiedError);
  await rejected;
});

Deno.test("an authentication method may throw at each step, at once or later, and the client says what", async () => {
  const mistake = new Error("the card was taken out");
  const later = () => Promise.reject(mistake);
  const now = () => {
    throw mistake;
  };
  for (const fail of [later, now]) {
    const methods: AuthenticationMethod[] = [
      { name: "X", begin: () => ({ first: fail, next: fail, finish: fail }) },
      { name: "X", begin: () => ({ first: () => undefined, next: fail, finish: fail }) },
      { name: "X", begin: () => ({ first: () => undefined, next: () => undefined, finish: fail }) },
    ];
    for (const [step, authentication] of methods.entries()) {
      const fake = new FakeServer();
      const connecting = connectThrough(fake.open, { authentication });
      const rejected = rejectsWith(Error, connecting);
      const server = await fake.next();
      if (step > 0) await server.expect(PacketType.Connect);
      const properties = { authenticationMethod: "X" };
      if (step === 1) {
        await server.send({ type: PacketType.Auth, reasonCode: ReasonCode.ContinueAuthentication, properties });
      }
      if (step === 2) {
        await server.send({ type: PacketType.Connack, sessionPresent: false, reasonCode: 0, properties });
      }
      assertEquals(await rejected, mistake);
    }
  }
});

Deno.test("Client and broker derive the same from any password: mapped, prohibited, long", async () => {
  for (const password of ["I\u00ADX \u2168", "with a \u0007 bell", "\u0301".repeat(2000)]) {
    const { sha256 } = await makeCredentials(utf8(password), WEAK) as Extract<Credentials, { kind: "scram" }>;
    const challenge = `r=${CLIENT_NONCE}x,s=${sha256.salt.toBase64()},i=${sha256.iterations}`;
    const client = conversation("user", password);
    const final = text(await client.next(utf8(challenge)));
    const bare = `n=user,r=${CLIENT_NONCE}`;
    const withoutProof = final.slice(0, final.lastIndexOf(",p="));
    const authMessage = `${bare},${challenge},${withoutProof}`;
    const signature = hmac("SHA-256", sha256.storedKey, authMessage);
    const proof = Uint8Array.fromBase64(final.slice(final.lastIndexOf(",p=") + 3));
    const clientKey = proof.map((byte, i) => byte ^ signature[i]);
    assertEquals(digest("SHA-256", clientKey), sha256.storedKey);
  }
});
