/** Bytes to a running broker, and what it makes of them. In: bytes. Out: assertions about the answer and the end of the
 * Network Connection. @module */

import { assertEquals } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { PacketType, type ProtocolVersion, type ReasonCode } from "../../src/packet/mod.ts";
import type { ByteStream } from "../../src/transport/byte_stream.ts";
import { wire } from "../packet/support.ts";
import { TestBroker } from "./test_broker.ts";

export interface BadPacket {
  readonly name: string;
  /** In the notation of `wire`. */
  readonly wire: string;
  readonly reasonCode: ReasonCode;
  /** Of the answer, for a CONNECT. Default 5. */
  readonly version?: ProtocolVersion;
}

/** A CONNECT that is refused: CONNACK with this Reason Code, Session Present 0, then the end. */
export async function expectConnectRefused(broker: TestBroker, bad: BadPacket): Promise<void> {
  const client = broker.client();
  client.speak(bad.version ?? 5);
  await client.sendBytes(wire(bad.wire));
  const connack = await client.expect(PacketType.Connack);
  assertEquals([connack.reasonCode, connack.sessionPresent], [bad.reasonCode, false], connack.properties.reasonString);
  await client.expectClosed();
}

/** A packet of a Client that was let in: DISCONNECT with this Reason Code, then the end. */
export async function expectDisconnected(broker: TestBroker, bad: BadPacket): Promise<void> {
  const client = await broker.connect();
  await client.sendBytes(wire(bad.wire));
  const disconnect = await client.expect(PacketType.Disconnect);
  assertEquals(disconnect.reasonCode, bad.reasonCode, disconnect.properties.reasonString);
  await client.expectClosed();
}

/** One test for each case, each with a broker of its own. */
export function testRefusedConnects(cases: readonly BadPacket[]): void {
  for (const bad of cases) {
    Deno.test(bad.name, async () => {
      await using broker = await TestBroker.start();
      await expectConnectRefused(broker, bad);
      // Nobody else is harmed.
      await (await broker.connect()).expectNothing();
    });
  }
}

/** One test for each case, each with a broker of its own. */
export function testDisconnected(cases: readonly BadPacket[]): void {
  for (const bad of cases) {
    Deno.test(bad.name, async () => {
      await using broker = await TestBroker.start();
      await expectDisconnected(broker, bad);
      await (await broker.connect()).expectNothing();
    });
  }
}

/** The next bytes that the Server sends, just as they are. */
export async function readBytes(stream: ByteStream, count: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(count);
  for (let at = 0; at < count;) {
    const read = await deadline(stream.read(bytes.subarray(at)), 5_000);
    if (read === null) throw new Error(`closed after ${at} of ${count} bytes`);
    at += read;
  }
  return bytes;
}
