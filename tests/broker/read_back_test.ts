/** Mirrors src/broker/read_back.ts and reading_places.ts: how many sessions read at a time, whose turn it is, and what
 * becomes of those that wait. How a queue comes back: queue_tail_test.ts. @module */

import { assert, assertEquals } from "@std/assert";
import { ClientSession } from "../../src/broker/client_session.ts";
import { ReadingPlaces, READINGS_MAX } from "../../src/broker/reading_places.ts";
import type { PartialConfig } from "../../src/config/config.ts";
import { DEFAULT_LIMITS } from "../../src/config/limits.ts";
import { PacketType } from "../../src/packet/mod.ts";
import { DelayedStore } from "../support/delayed_store.ts";
import { TestBroker } from "../support/test_broker.ts";
import type { PublishOptions, TestClient } from "../support/test_client.ts";
import { identityOf } from "./support.ts";

const LASTING = { sessionExpiryInterval: 1000 };

/** Sessions s0, s1 … whose queues are on the disk alone, and a disk that waits for `answerRead`. */
class Crowd implements AsyncDisposable {
  readonly clients: TestClient[] = [];
  publisher!: TestClient;

  private constructor(readonly store: DelayedStore, readonly broker: TestBroker, readonly size: number) {}

  static async start(size: number, payloads: readonly string[], limits: PartialConfig["limits"] = {}): Promise<Crowd> {
    const first = new DelayedStore();
    await using broker = await TestBroker.start({ store: first });
    for (let i = 0; i < size; i++) {
      const client = await broker.connect({ clientId: `s${i}`, properties: LASTING });
      await client.subscribe("t", { qos: 1 });
      await client.disconnect();
    }
    const publisher = await broker.connect();
    for (const payload of payloads) await publisher.publishAcknowledged("t", payload, { qos: 1 });
    const store = first.crash();
    const next = await TestBroker.start({ store, clock: broker.clock, config: { limits } });
    const crowd = new Crowd(store, next, size);
    crowd.publisher = await next.connect();
    return crowd;
  }

  /** Their Clients come, in their order. */
  async comeBack(first = 0, last = this.size - 1): Promise<void> {
    this.store.hold();
    for (let i = first; i <= last; i++) {
      const client = this.broker.client();
      await client.sendConnect({
        clientId: `s${i}`,
        cleanStart: false,
        properties: { ...LASTING, receiveMaximum: 1 },
      });
      await this.store.held();
      this.store.commit();
      await client.expect(PacketType.Connack);
      this.clients[i] = client;
    }
  }

  /** Client Identifiers of what the store was asked, in its order. */
  get asked(): string[] {
    return this.store.reads.map(({ clientId }) => clientId);
  }

  get readings(): number {
    return this.broker.server.snapshot().readings;
  }

  async publish(topicName: string, payload: string, options: PublishOptions = {}): Promise<void> {
    await this.publisher.publish(topicName, payload, { qos: 1, ...options });
    await this.store.held();
    this.store.commit();
    await this.publisher.expect(PacketType.Puback);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.store.release();
    await this.broker[Symbol.asyncDispose]();
  }
}

const names = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => `s${first + i}`);

Deno.test("the store reads for so many sessions at a time, each in its turn, and all get what waits for them", async () => {
  const size = READINGS_MAX + 4;
  // Each read brings one message.
  await using it = await Crowd.start(size, ["a", "b"], { queuedInMemoryBytesMax: 0 });
  await it.comeBack();
  assertEquals(it.asked, names(0, READINGS_MAX - 1));
  assertEquals(it.readings, size);
  for (let answered = 1; answered <= 4; answered++) {
    it.store.answerRead();
    assertEquals(it.asked.length, READINGS_MAX + answered);
  }
  // Who was served first and wants more goes behind all that waited.
  for (const client of it.clients.slice(0, 4)) {
    const { packetIdentifier } = await client.expectPublish();
    await client.acknowledge(PacketType.Puback, packetIdentifier);
    await client.expectNothing();
  }
  for (let answered = 0; answered < 4; answered++) it.store.answerRead();
  assertEquals(it.asked, [...names(0, size - 1), ...names(0, 3)]);
  it.store.release();
  for (const [i, client] of it.clients.entries()) {
    for (const text of i < 4 ? ["b"] : ["a", "b"]) {
      const message = await client.expectPublish();
      assertEquals(message.text, text);
      await client.acknowledge(PacketType.Puback, message.packetIdentifier);
    }
    await client.expectNothing();
  }
  assertEquals([it.readings, it.broker.server.snapshot().queuedMessages], [0, 0]);
});

Deno.test("what a session may be brought is decided when it is its turn: those before it may have used up the total", async () => {
  const size = READINGS_MAX + 12;
  const total = 2 * 1024 * 1024;
  const long = "x".repeat(30_000);
  await using it = await Crowd.start(size, Array(10).fill(long), { queuedBytesTotalMax: total });
  await it.comeBack();
  for (let i = 0; i < 12; i++) it.store.answerRead();
  const { reads } = it.store;
  assertEquals(reads.length, size);
  const isWhole = reads.map(({ bytesMax }) => bytesMax > 200_000);
  assertEquals(isWhole.slice(0, READINGS_MAX), Array(READINGS_MAX).fill(true));
  assertEquals(isWhole.slice(-3), [false, false, false]);
  assert(reads.at(-1)!.bytesMax <= 64 * 1024);
});

Deno.test("a session that ends frees its place, though the store never answers, and one that waits leaves its turn", async () => {
  const size = READINGS_MAX + 3;
  await using it = await Crowd.start(size, ["a"], { queuedInMemoryBytesMax: 0 });
  await it.comeBack();
  assertEquals(it.asked, names(0, READINGS_MAX - 1));
  const end = async (clientId: string) => {
    const client = it.broker.client();
    await client.sendConnect({ clientId, properties: LASTING });
    await it.store.held();
    it.store.commit();
    assertEquals((await client.expect(PacketType.Connack)).sessionPresent, false);
  };
  await end(`s${READINGS_MAX}`); // waits
  assertEquals([it.asked.length, it.readings], [READINGS_MAX, size - 1]);
  await end("s3");
  assertEquals(it.asked, [...names(0, READINGS_MAX - 1), `s${READINGS_MAX + 1}`]);
  // The answer that the ended session never gets is no answer to the one that has its place.
  for (let i = 0; i < 4; i++) it.store.answerRead();
  assertEquals(it.asked.slice(READINGS_MAX), names(READINGS_MAX + 1, READINGS_MAX + 2));
  it.store.release();
  for (const i of [0, READINGS_MAX + 1, READINGS_MAX + 2]) {
    assertEquals((await it.clients[i].expectPublish()).text, "a");
  }
  assertEquals(it.readings, 0);
});

Deno.test("a session whose Client has gone while it waited is passed over", async () => {
  const size = READINGS_MAX + 2;
  await using it = await Crowd.start(size, ["a"], { queuedInMemoryBytesMax: 0 });
  await it.comeBack();
  await it.clients[READINGS_MAX].disconnect();
  it.store.answerRead();
  assertEquals(it.asked, [...names(0, READINGS_MAX - 1), `s${READINGS_MAX + 1}`]);
  assertEquals(it.readings, READINGS_MAX);
});

Deno.test("a read that fails gives its place to the next while it waits to be tried again", async () => {
  const size = READINGS_MAX + 1;
  await using it = await Crowd.start(size, ["a"], { queuedInMemoryBytesMax: 0 });
  await it.comeBack();
  it.store.readError = new Error("no such sector");
  it.store.answerRead();
  it.store.readError = undefined;
  assertEquals(it.asked, names(0, READINGS_MAX));
  it.store.release();
  for (const client of it.clients) assertEquals((await client.expectPublish()).text, "a");
});

Deno.test("questions that wait for a disk in trouble do not keep others from what is there", async () => {
  const size = READINGS_MAX + 2;
  await using it = await Crowd.start(size, ["a"], { queuedInMemoryBytesMax: 0 });
  await it.comeBack();
  await it.broker.advance(2_000);
  assertEquals(it.asked.length, READINGS_MAX, "a disk that is only slow is waited for");
  it.store.trouble = "database or disk is full";
  await it.broker.advance(1);
  assertEquals(it.asked, names(0, size - 1));
  it.store.trouble = undefined;
  it.store.release();
  for (const client of it.clients) assertEquals((await client.expectPublish()).text, "a");
  assertEquals(it.readings, 0);
});

/** The queue of the last session is full of what has expired, more than a question brings, and the first one is asked. */
async function startSweep(size: number): Promise<Crowd> {
  const it = await Crowd.start(size, [], { queuedInMemoryBytesMax: 0, queuedMessagesMax: 30 });
  const last = await it.broker.connect({ clientId: `s${size - 1}`, cleanStart: false, properties: LASTING });
  await last.subscribe("more", { qos: 1 });
  await last.disconnect();
  it.store.hold();
  await it.publish("t", "a");
  const long = "x".repeat(100_000);
  for (let i = 0; i < 29; i++) await it.publish("more", long, { properties: { messageExpiryInterval: 10 } });
  await it.broker.advance(20_000);
  await it.publisher.publish("more", "finds it full", { qos: 1 });
  assertEquals((await it.publisher.receiveAll()).map(({ type }) => type), [PacketType.Puback]);
  assertEquals(it.asked, [`s${size - 1}`]);
  return it;
}

Deno.test("a sweep gives way to those that wait, after each of its questions", async () => {
  const size = READINGS_MAX + 1;
  await using it = await startSweep(size);
  const sweeper = `s${size - 1}`;
  await it.comeBack(0, READINGS_MAX - 1);
  assertEquals(it.asked, [sweeper, ...names(0, READINGS_MAX - 2)]);
  it.store.answerRead();
  assertEquals(it.asked.at(-1), `s${READINGS_MAX - 1}`);
  it.store.answerRead();
  assertEquals(it.asked.at(-1), sweeper);
  it.store.release();
  for (const client of it.clients) assertEquals((await client.expectPublish()).text, "a");
  await it.broker.advance(1);
  assertEquals([it.readings, it.broker.server.snapshot().queuedMessages], [0, READINGS_MAX + 1]);
});

Deno.test("a sweep gives way to its own Client that wants its messages", async () => {
  await using it = await startSweep(1);
  await it.comeBack();
  const [{ bytesMax }] = it.store.reads;
  it.store.answerRead();
  assertEquals(it.store.reads.map((read) => read.bytesMax === bytesMax), [true, false]);
  it.store.release();
  assertEquals((await it.clients[0].expectPublish()).text, "a");
});

Deno.test("a run that is being swept is found again when the shared messages before it are handed over meanwhile", async () => {
  const store = new DelayedStore();
  const limits = { queuedInMemoryBytesMax: 0, queuedMessagesMax: 6, backpressureMsMax: 0 };
  await using broker = await TestBroker.start({ store, config: { limits } });
  const member = await broker.connect({ clientId: "m", properties: { ...LASTING, receiveMaximum: 1 } });
  await member.subscribe(["t", "$share/g/s"], { qos: 1 });
  const publisher = await broker.connect();
  const publish = (topicName: string, text: string, properties = {}) =>
    publisher.publishAcknowledged(topicName, text, { qos: 1, properties });
  // In flight, in the head of the queue, in a run, in memory behind it, and in a run again.
  await publish("t", "a");
  assertEquals((await member.expectPublish()).text, "a");
  await publish("t", "b");
  while (broker.server.snapshot().readings > 0) await new Promise((resolve) => setTimeout(resolve));
  await publish("t", "c");
  await publish("s", "shared");
  for (const text of ["d", "e", "f"]) await publish("t", text, { messageExpiryInterval: 10 });
  const heir = await broker.connect({ clientId: "heir" });
  await heir.subscribe("$share/g/s", { qos: 1 });
  const reads = store.reads.length;
  await broker.advance(20_000);
  store.hold();
  await publisher.publish("t", "finds it full", { qos: 1 });
  await publisher.expect(PacketType.Puback);
  assertEquals(store.reads.length, reads + 1);
  await broker.lose(member);
  const shared = await heir.expectPublish();
  assertEquals(shared.text, "shared");
  await heir.acknowledge(PacketType.Puback, shared.packetIdentifier);
  await heir.expectNothing();
  store.release();
  await broker.advance(1);
  const back = await broker.connect({ clientId: "m", cleanStart: false, properties: LASTING });
  for (const text of ["a", "b", "c"]) {
    const message = await back.expectPublish();
    assertEquals(message.text, text);
    await back.acknowledge(PacketType.Puback, message.packetIdentifier);
  }
  await back.expectNothing();
  while (broker.server.snapshot().readings > 0) await new Promise((resolve) => setTimeout(resolve));
  assertEquals(broker.server.snapshot().queuedMessages, 0);
  assertEquals(broker.lines.filter(({ text }) => text.includes("not in the store")), []);
});

Deno.test("ReadingPlaces gives each its place in the order they came, and keeps the turn of who asks again", () => {
  const places = new ReadingPlaces(2);
  const [a, b, c, d, e] = ["a", "b", "c", "d", "e"].map((id) => new ClientSession(identityOf(id), DEFAULT_LIMITS));
  assertEquals([a, b, c, d, c].map((session) => places.take(session, 0)), [true, true, false, false, false]);
  assertEquals([places.size, places.next(1)], [4, undefined]);
  places.leave(a);
  assertEquals(places.take(e, 1), false, "others wait");
  assertEquals(places.next(1)?.clientId, "c");
  assertEquals(places.next(1), undefined);
  places.leave(d);
  assertEquals([places.isWaiting(d), places.isWaiting(e)], [false, true]);
  places.take(a, 1);
  places.takeBack(0); // b's alone
  assertEquals([places.next(2)?.clientId, places.next(2)], ["e", undefined]);
  for (const session of [a, c, e]) places.leave(session);
  assertEquals([places.size, places.take(a, 3)], [0, true]);
});
