/** Observers that act upon what they see: they may publish and end the client, whatever is under way. @module */

import { assertEquals } from "@std/assert";
import type { Client, ClientState } from "../../src/client/client.ts";
import type { ClientObserver } from "../../src/client/client_observer.ts";
import { PacketType } from "../../src/packet/mod.ts";
import { connectThrough, FakeServer, settle, TestTime } from "./support.ts";

const { Connect, Publish } = PacketType;

/** A client whose observer can use it. */
async function observed(makeObserver: (client: () => Client | undefined) => ClientObserver) {
  const fake = new FakeServer();
  const time = new TestTime();
  const made: { client?: Client } = {};
  const connecting = connectThrough(fake.open, {
    properties: { sessionExpiryInterval: 100 },
    observer: makeObserver(() => made.client),
  }, time);
  const server = await fake.next();
  await server.accept();
  const client = made.client = (await connecting).client;
  return { fake, time, client, server };
}

for (const last of ["waiting", "connecting"] as const) {
  Deno.test(`a client that its observer ends at "${last}" stays ended`, async () => {
    const states: ClientState[] = [];
    const { fake, time, client, server } = await observed((client) => ({
      state(state) {
        states.push(state);
        if (state === last) client()?.drop();
      },
    }));
    server.stream.reset();
    await time.advance(60_000);
    assertEquals(client.state, "closed");
    assertEquals(states.at(-1), "closed");
    assertEquals(time.nextMs, Infinity);
    if (last === "connecting") await (await fake.next()).expectClosed();
    assertEquals(fake.arrivals, last === "connecting" ? 2 : 1);
  });
}

Deno.test('what an observer publishes at "connected" goes once, behind what the session repeats', async () => {
  const { fake, time, client, server } = await observed((client) => ({
    state: (state) => void (state === "connected" && client()?.publish("birth", "", { qos: 1 }).catch(() => {})),
  }));
  const publishing = client.publish("a", "", { qos: 1 });
  publishing.catch(() => {});
  await server.expect(Publish);
  server.stream.reset();
  await time.advance(300);
  const next = await fake.next();
  await next.accept({ sessionPresent: true });
  await settle();
  const sent: [string, boolean, number][] = [];
  client.drop();
  for (let packet = await next.receive(); packet !== undefined; packet = await next.receive()) {
    if (packet.type === Publish) sent.push([packet.message.topicName, packet.dup, packet.packetIdentifier]);
  }
  assertEquals(sent, [["a", true, 1], ["birth", false, 2]]);
});

Deno.test("an observer may publish while it is shown a PUBLISH", async () => {
  const { client, server } = await observed((client) => ({
    packet(direction, packet) {
      if (direction === "sent" && packet.type === Publish && packet.message.topicName === "first") {
        client()!.publish("second", "of another length").catch(() => {});
      }
    },
  }));
  await client.publish("first", "1");
  assertEquals((await server.expect(Publish)).message.topicName, "first");
  assertEquals((await server.expect(Publish)).message.topicName, "second");
  client.drop();
});

Deno.test("a Server on its way down is not taken for one of 3.1.1", async () => {
  const fake = new FakeServer();
  const time = new TestTime();
  const { client } = await connectThrough(fake.open, { startOffline: true }, time);
  const server = await fake.next();
  fake.refuses = new Error("restarting");
  server.stream.close();
  await time.advance(1000);
  assertEquals(client.state, "waiting");
  fake.refuses = undefined;
  assertEquals((await (await fake.nextAfter(time)).expect(Connect)).protocolVersion, 5);
  client.drop();
});
