/** Enhanced authentication with methods that take their time, and Servers that do not wait for them. @module */

import { assertEquals } from "@std/assert";
import type { AuthenticationMethod } from "../../src/client/authentication_method.ts";
import { ServerProtocolError } from "../../src/client/errors.ts";
import { PacketType, ReasonCode } from "../../src/packet/mod.ts";
import { connectThrough, FakeServer, rejectsWith, settle, TestTime } from "./support.ts";

const { Auth, Connack, Connect, Publish, Puback } = PacketType;
const CHALLENGE = {
  type: Auth,
  reasonCode: ReasonCode.ContinueAuthentication,
  properties: { authenticationMethod: "X", authenticationData: new Uint8Array(1) },
} as const;
const WELCOME = {
  type: Connack,
  sessionPresent: false,
  reasonCode: 0,
  properties: { authenticationMethod: "X" },
} as const;

Deno.test("a Server that sends AUTH again before its answer makes the method work once, and is left", async () => {
  let steps = 0;
  const next = () => {
    steps++;
    return new Promise<Uint8Array>(() => {});
  };
  const authentication = { name: "X", begin: () => ({ first: () => undefined, next, finish() {} }) };
  const fake = new FakeServer();
  const rejected = rejectsWith(ServerProtocolError, connectThrough(fake.open, { authentication }));
  const server = await fake.next();
  await server.expect(Connect);
  await server.send(CHALLENGE);
  await server.send(CHALLENGE);
  assertEquals((await rejected).reasonCode, ReasonCode.ProtocolError);
  assertEquals(steps, 1);
});

Deno.test("re-authentication that begins slowly is not taken for an answer that is missing since the first one", async () => {
  let isFirst = true;
  const card = Promise.withResolvers<Uint8Array>();
  const authentication: AuthenticationMethod = {
    name: "X",
    begin: () => ({
      first: () => isFirst ? undefined : card.promise,
      next: () => new Uint8Array(1),
      finish() {
        isFirst = false;
      },
    }),
  };
  const fake = new FakeServer();
  const time = new TestTime();
  const connecting = connectThrough(fake.open, { authentication, keepAlive: 0 }, time);
  const server = await fake.next();
  await server.expect(Connect);
  await server.send(CHALLENGE);
  await server.expect(Auth);
  await server.send(WELCOME);
  const { client } = await connecting;
  await time.advance(3_600_000);
  const publishing = client.publish("a", "", { qos: 1 });
  const { packetIdentifier } = await server.expect(Publish);
  const authenticating = client.reauthenticate();
  await server.acknowledge(Puback, packetIdentifier);
  await publishing;
  await time.advance(60_000);
  assertEquals(client.state, "connected");
  card.resolve(new Uint8Array(1));
  await server.expect(Auth);
  await server.send({ type: Auth, reasonCode: ReasonCode.Success, properties: { authenticationMethod: "X" } });
  await authenticating;
  await settle();
  client.drop();
});
