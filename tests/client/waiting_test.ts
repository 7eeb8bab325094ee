/** Programs that wait for the Server while it waits for them, or wait too long. @module */

import { assertEquals } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { connect } from "../../src/client/connect.ts";
import { ConnectionLostError, OutboxFullError, RequestTimeoutError } from "../../src/client/errors.ts";
import { PacketType } from "../../src/packet/mod.ts";
import { FakeServer, PATIENCE_MS, rejectsWith, settle } from "./support.ts";

const { Publish, Suback, Subscribe } = PacketType;
const KIB_64 = "x".repeat(64 * 1024);

Deno.test("publish() of QoS 0 that waits for a Server which waits until it is read", async () => {
  const fake = new FakeServer();
  const { client, server } = await fake.connect({ outboundBytesMax: 64 * 1024 });
  const subscribing = client.subscribe("a");
  const { packetIdentifier } = await server.expect(Subscribe);
  await server.send({ type: Suback, packetIdentifier, reasonCodes: [0], properties: {} });
  await subscribing;
  // As much as is read for a program that does not.
  for (let i = 0; i < 16; i++) await server.publish("a", KIB_64);
  const flood = (async () => {
    for (let i = 0; i < 40; i++) await server.publish("a", KIB_64);
  })();
  let published = 0;
  const publishing = (async () => {
    for (; published < 20; published++) await client.publish("b", KIB_64);
  })();
  await settle();
  assertEquals(published < 20, true);
  await deadline(flood, PATIENCE_MS);
  for (let i = 0; i < 20; i++) await server.expect(Publish);
  await deadline(publishing, PATIENCE_MS);
  client.drop();
});

Deno.test("messages of QoS 0 that wait are bounded, in number and in bytes", async () => {
  for (const options of [{ outboxMessagesMax: 3 }, { outboxBytesMax: 3 * 1050 }]) {
    const fake = new FakeServer();
    const { client, server } = await fake.connect({ outboundBytesMax: 64 * 1024, ...options });
    const publishes = Array.from({ length: 200 }, () => client.publish("a", "x".repeat(1024)));
    const outcomes = Promise.allSettled(publishes);
    await rejectsWith(OutboxFullError, client.publish("a", "x".repeat(1024)));
    const reading = (async () => {
      while (await server.receive() !== undefined);
    })();
    const sent = (await outcomes).filter(({ status }) => status === "fulfilled").length;
    // What the connection takes at once, and the three that wait.
    assertEquals(sent > 50 && sent < 100, true, `${sent} of 200 were taken`);
    client.drop();
    await reading;
  }
});

Deno.test("a request that has timed out is not sent when the connection is back", async () => {
  const fake = new FakeServer();
  const { client, server, time, packets } = await fake.connect();
  server.stream.reset();
  await settle();
  await rejectsWith(RequestTimeoutError, client.request("open/door", "", { timeoutMs: 1 }));
  const next = await fake.nextAfter(time);
  await next.accept();
  const { packetIdentifier } = await next.expect(Subscribe);
  await next.send({ type: Suback, packetIdentifier, reasonCodes: [0], properties: {} });
  await settle();
  assertEquals(packets.includes(`sent ${Publish}`), false);
  client.drop();
});

Deno.test("a request may wait for ever", async () => {
  const fake = new FakeServer();
  const { client, server } = await fake.connect();
  const asking = client.request("a", "", { timeoutMs: Infinity });
  const { packetIdentifier } = await server.expect(Subscribe);
  await server.send({ type: Suback, packetIdentifier, reasonCodes: [0], properties: {} });
  const { responseTopic, correlationData } = (await server.expect(Publish)).message.properties;
  await server.publish(responseTopic!, "answer", { properties: { correlationData } });
  assertEquals((await deadline(asking, PATIENCE_MS)).text(), "answer");
  client.drop();
});

Deno.test("a TLS handshake that the Server leaves unanswered is given up, and its socket closed", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const arriving = listener.accept();
  const connecting = connect(`mqtts://127.0.0.1:${listener.addr.port}`, { connectTimeoutMs: 100 });
  using silent = await arriving;
  await rejectsWith(ConnectionLostError, connecting);
  // The client's first flight, and then the end.
  const bytes = new Uint8Array(65_536);
  while (await deadline(silent.read(bytes), PATIENCE_MS) !== null);
});
