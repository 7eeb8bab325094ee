/** An outbox on the disk: what was published waits there for the Server, over the end of the process, and arrives once at
 * QoS 2. With the real SQLite store, and with a process that is killed. @module */

import { assertEquals } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { systemClock } from "../../src/base/clock.ts";
import type { ClientOptions, Message } from "../../src/client/client.ts";
import type { ClientObserver } from "../../src/client/client_observer.ts";
import { connect } from "../../src/client/mod.ts";
import { makeConfig } from "../../src/config/config.ts";
import { PacketType, ReasonCode } from "../../src/packet/mod.ts";
import { MemoryStore } from "../../src/persistence/memory_store.ts";
import { SqliteStore } from "../../src/persistence/sqlite_store.ts";
import type { Store } from "../../src/persistence/store.ts";
import { startServer } from "../../src/server.ts";
import { SeededRandom } from "../simulation/random.ts";
import { LineLog } from "../support/accounts.ts";
import { ProcessOutput } from "../support/process_output.ts";
import { TemporaryFolder } from "../support/store_files.ts";
import { TestBroker } from "../support/test_broker.ts";
import { connectThrough, connectTo, FakeServer, rejectsWith, settle } from "./support.ts";

const PATIENCE_MS = 60_000;
const KILLS = 6;
const { Publish, Pubrec, Pubrel, Pubcomp } = PacketType;

function options(outbox: Store): ClientOptions {
  return { clientId: "station", properties: { sessionExpiryInterval: 3600 }, outbox, startOffline: true, keepAlive: 0 };
}

function openStore(folder: TemporaryFolder): Promise<SqliteStore> {
  return SqliteStore.open(folder.path, { durability: "normal", clock: systemClock });
}

Deno.test("readings of a station without a network are sent by the next process, in order, with their properties", async () => {
  using folder = new TemporaryFolder();
  const absent = new FakeServer();
  absent.refuses = new Error("no network");
  const store = await openStore(folder);
  const first = await connectThrough(absent.open, options(store));
  const properties = { contentType: "text/plain", userProperties: [["unit", "°C"]] } as const;
  const total = 500;
  for (let i = 0; i < total; i++) {
    const qos = i % 3 === 0 ? 1 : 2;
    first.client.publish("readings", `${i}`, { qos, retain: i % 2 === 0, properties: properties as never }).catch(
      () => {},
    );
  }
  await store.close();
  first.client.drop();

  await using broker = await TestBroker.start();
  const { client: reader } = await connectTo(broker);
  const readings = await reader.subscribe("readings", { qos: 2, retainAsPublished: true });
  const again = await openStore(folder);
  const second = await connectTo(broker, options(again));
  const messages: Message[] = [];
  for await (const message of readings) if (messages.push(message) === total) break;
  assertEquals(messages.map((message) => message.text()), Array.from({ length: total }, (_, i) => `${i}`));
  assertEquals(messages.every(({ retain, qos }, i) => retain === (i % 2 === 0) && qos === (i % 3 === 0 ? 1 : 2)), true);
  const { subscriptionIdentifiers: _, ...kept } = messages[0].properties;
  assertEquals(kept as unknown, properties);
  while (second.client.outboxLength > 0) await new Promise((resolve) => setTimeout(resolve));
  await second.client.disconnect();
  await again.close();

  // Nothing is left for a third one.
  const third = await openStore(folder);
  const absentAgain = await connectThrough(absent.open, options(third));
  assertEquals(absentAgain.client.outboxLength, 0);
  absentAgain.client.drop();
  await third.close();
});

Deno.test("QoS 2 over a restart: before PUBREC the message goes again with its identifier, after it PUBREL does", async () => {
  for (const newStore of [() => new MemoryStore(), undefined]) {
    using folder = new TemporaryFolder();
    const fake = new FakeServer();
    let store = newStore?.() ?? await openStore(folder);
    const first = connectThrough(fake.open, { ...options(store), startOffline: false });
    const server = await fake.next();
    const { cleanStart } = await server.accept();
    assertEquals(cleanStart, false);
    const { client } = await first;
    for (const text of ["open", "received", "done"]) client.publish("a", text, { qos: 2 }).catch(() => {});
    const identifiers: number[] = [];
    for (let i = 0; i < 3; i++) identifiers.push((await server.expect(Publish)).packetIdentifier);
    await server.acknowledge(Pubrec, identifiers[1]);
    await server.expect(Pubrel);
    await server.acknowledge(Pubrec, identifiers[2]);
    await server.expect(Pubrel);
    await server.acknowledge(Pubcomp, identifiers[2]);
    while (client.outboxLength > 2) await new Promise((resolve) => setTimeout(resolve));
    client.drop();
    if (newStore === undefined) {
      await store.close();
      store = await openStore(folder);
    }
    const second = connectThrough(fake.open, { ...options(store), startOffline: false });
    const next = await fake.next();
    await next.accept({ sessionPresent: true });
    const publish = await next.expect(Publish);
    assertEquals(new TextDecoder().decode(publish.message.payload), "open");
    assertEquals([publish.packetIdentifier, publish.dup], [identifiers[0], true]);
    assertEquals((await next.expect(Pubrel)).packetIdentifier, identifiers[1]);
    const { client: restarted } = await second;
    assertEquals(restarted.outboxLength, 2);
    // A new message takes none of theirs.
    restarted.publish("a", "new", { qos: 1 }).catch(() => {});
    assertEquals(identifiers.slice(0, 2).includes((await next.expect(Publish)).packetIdentifier), false);
    restarted.drop();
    await store.close();
  }
});

Deno.test("a message of an earlier process that is given up is told to the observer, and one that waits is not", async () => {
  const store = new MemoryStore();
  const fake = new FakeServer();
  const first = connectThrough(fake.open, { ...options(store), startOffline: false });
  const server = await fake.next();
  await server.accept();
  const { client } = await first;
  const publish = (text: string, qos: 1 | 2) => client.publish("a", text, { qos, retain: true }).catch(() => {});
  publish("unknown", 2);
  publish("again", 1);
  await server.expect(Publish);
  await server.expect(Publish);
  client.drop();

  const lost: unknown[] = [];
  const observer: ClientObserver = {
    lost: ({ payload, ...message }, why) => {
      lost.push({ ...message, text: new TextDecoder().decode(payload), why: why.name });
      // It may call back.
      second.client.publish("lost", payload, { qos: 1 }).catch(() => {});
    },
  };
  const connecting = connectThrough(fake.open, { ...options(store), startOffline: true, observer });
  const next = await fake.next();
  const second = await connecting;
  await next.accept({ sessionPresent: false });
  const { message, dup, packetIdentifier } = await next.expect(Publish);
  assertEquals([new TextDecoder().decode(message.payload), dup], ["again", false]);
  assertEquals((await next.expect(Publish)).message.topicName, "lost");
  await next.acknowledge(PacketType.Puback, packetIdentifier, ReasonCode.QuotaExceeded);
  assertEquals((await next.expect(Publish)).message.topicName, "lost");
  second.client.drop();
  await settle();
  assertEquals(lost, [
    { topicName: "a", text: "unknown", qos: 2, retain: true, why: "SessionLostError" },
    { topicName: "a", text: "again", qos: 1, retain: true, why: "PublishRefusedError" },
  ]);
  await store.close();
});

Deno.test("an incoming QoS 2 message that was handed over does not come again after a restart", async () => {
  using folder = new TemporaryFolder();
  const fake = new FakeServer();
  const seen: string[] = [];
  for (const process of [1, 2]) {
    const store = await openStore(folder);
    const connecting = connectThrough(fake.open, { ...options(store), startOffline: false });
    const server = await fake.next();
    await server.accept({ sessionPresent: process === 2 });
    const { client } = await connecting;
    const subscribing = client.subscribe("a", { qos: 2, onMessage: (message) => void seen.push(message.text()) });
    const { packetIdentifier } = await server.expect(PacketType.Subscribe);
    await server.send({ type: PacketType.Suback, packetIdentifier, reasonCodes: [2], properties: {} });
    await subscribing;
    await server.publish("a", "once", { qos: 2, packetIdentifier: 7, dup: process === 2 });
    await server.expect(Pubrec);
    if (process === 2) {
      await server.acknowledge(Pubrel, 7);
      assertEquals((await server.expect(Pubcomp)).reasonCode, ReasonCode.Success);
    }
    client.drop();
    await store.close();
  }
  assertEquals(seen, ["once"]);
});

Deno.test("an outbox needs a session that can go on", async () => {
  const fake = new FakeServer();
  const outbox = new MemoryStore();
  const expiry = { properties: { sessionExpiryInterval: 10 } };
  await rejectsWith(TypeError, connectThrough(fake.open, { outbox, ...expiry }));
  await rejectsWith(TypeError, connectThrough(fake.open, { outbox, clientId: "c" }));
  await rejectsWith(
    TypeError,
    connectThrough(fake.open, { outbox, clientId: "c", protocolVersion: 4, cleanStart: true }),
  );
  assertEquals(fake.arrivals, 0);
});

/** The station as a process. */
class Station {
  readonly #process: Deno.ChildProcess;
  readonly output: ProcessOutput;
  readonly complaints: ProcessOutput;

  constructor(args: readonly string[]) {
    this.#process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", new URL("station_program.ts", import.meta.url).pathname, ...args],
      cwd: new URL("../../", import.meta.url),
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.output = new ProcessOutput(this.#process.stdout);
    this.complaints = new ProcessOutput(this.#process.stderr);
  }

  numbers(what: "begun" | "acknowledged"): number[] {
    return [...this.output.text.matchAll(new RegExp(`^${what} (\\d+)$`, "gm"))].map(([, number]) => Number(number));
  }

  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.status;
    await Promise.all([this.output.ended, this.complaints.ended]);
  }
}

Deno.test("a station that is killed again and again: what was acknowledged is there, and nothing twice at QoS 2", async () => {
  using folder = new TemporaryFolder();
  const random = new SeededRandom(Date.now());
  const config = makeConfig({ port: 0, durability: "off", sysIntervalS: 0, accounts: "/nonexistent/accounts.kv" });
  const server = await startServer(config, new LineLog());
  const reader = await connect(server.urls[0], { clientId: "reader" });
  const received: string[] = [];
  await reader.subscribe("readings/+", {
    qos: 2,
    onMessage: (message) => void received.push(message.text()),
  });
  const acknowledged = new Set<number>();
  let next = 0;
  try {
    for (let kill = 0; kill < KILLS; kill++) {
      const station = new Station([server.urls[0], folder.path, `${next}`, "0"]);
      const enough = next + 20 + random.below(500);
      while (!station.numbers("begun").some((number) => number >= enough) && !station.output.isEnded) {
        await deadline(station.output.changed, PATIENCE_MS);
      }
      await station.kill();
      assertEquals(station.complaints.text, "");
      for (const number of station.numbers("acknowledged")) acknowledged.add(number);
      next = Math.max(...station.numbers("begun")) + 1;
    }
    const last = new Station([server.urls[0], folder.path, `${next}`, "10"]);
    await deadline(last.output.until(/^done$/m), PATIENCE_MS).catch((error) => {
      throw new Error(last.complaints.text, { cause: error });
    });
    await last.kill().catch(() => {});
    for (const number of last.numbers("acknowledged")) acknowledged.add(number);
  } finally {
    // Behind all that it is still to get.
    await reader.publish("readings/q0", "end", { qos: 2 });
    while (!received.includes("end")) await new Promise((resolve) => setTimeout(resolve, 5));
    await reader.disconnect();
    await server.stop();
  }
  const distinct = new Set(received);
  assertEquals([...acknowledged].filter((number) => !distinct.has(`${number}`)), [], "acknowledged, and lost");
  const ofQoS2 = received.filter((text) => text !== "end" && Number(text) % 2 === 1);
  assertEquals(ofQoS2.length, new Set(ofQoS2).size, "twice at QoS 2");
  assertEquals(acknowledged.size > 100, true);
});
