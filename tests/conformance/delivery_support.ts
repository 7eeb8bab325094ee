/** What the tests of delivery share: clients whose sessions stay, and fences instead of waiting. @module */

import { deadline } from "@std/async/deadline";
import { delay } from "@std/async/delay";
import { PacketType } from "../../src/packet/mod.ts";
import type { TestBroker } from "../support/test_broker.ts";
import type { ConnectOptions, ReceivedPublish, TestClient } from "../support/test_client.ts";

/** Reached only when a test fails. */
const PATIENCE_MS = 5_000;

/** Resolves when `isTrue` is: for what the broker notices by itself, such as the end of a connection. */
export async function until(isTrue: () => boolean): Promise<void> {
  for (const endMs = Date.now() + PATIENCE_MS; !isTrue(); await delay(1)) {
    if (Date.now() > endMs) throw new Error(`did not become true: ${isTrue}`);
  }
}

/** Ends the connection without DISCONNECT, and waits until the broker has noticed. */
export async function dropAndWait(broker: TestBroker, client: TestClient): Promise<void> {
  const before = broker.server.snapshot().connectedClients;
  client.drop();
  await until(() => broker.server.snapshot().connectedClients < before);
}

/** Connects to the session that `clientId` left, or begins one that stays. */
export function connectPersistent(
  broker: TestBroker,
  clientId: string,
  options: ConnectOptions = {},
): Promise<TestClient> {
  const properties = { sessionExpiryInterval: 0xffff_ffff, ...options.properties };
  return broker.connect({ cleanStart: false, ...options, clientId, properties });
}

/** The PUBLISHes that `subscriber` got of what `publisher` sent until now. */
export async function deliveries(publisher: TestClient, subscriber: TestClient): Promise<ReceivedPublish[]> {
  if (publisher !== subscriber) await publisher.receiveAll();
  return (await subscriber.receiveAll()).filter((packet) => packet.type === PacketType.Publish);
}

/** Their payloads, as they came. */
export async function texts(publisher: TestClient, subscriber: TestClient): Promise<string[]> {
  return (await deliveries(publisher, subscriber)).map((publish) => publish.text);
}

/** Does the subscriber's part of the handshake. */
export async function complete(subscriber: TestClient, publish: ReceivedPublish): Promise<void> {
  const { qos, packetIdentifier } = publish;
  if (qos === 1) await subscriber.acknowledge(PacketType.Puback, packetIdentifier);
  if (qos !== 2) return;
  await subscriber.acknowledge(PacketType.Pubrec, packetIdentifier);
  await subscriber.expect(PacketType.Pubrel);
  await subscriber.acknowledge(PacketType.Pubcomp, packetIdentifier);
}

/** The first `count` bytes that the Server sent and that were not taken yet. */
export async function readBytes(client: TestClient, count: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(count);
  for (let at = 0; at < count;) {
    const read = await deadline(client.stream.read(bytes.subarray(at)), PATIENCE_MS);
    if (read === null) throw new Error("closed");
    at += read;
  }
  return bytes;
}
