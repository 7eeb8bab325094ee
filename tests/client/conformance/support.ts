/** A Server for the client's conformance tests that looks at the very bytes the client sends, and answers in bytes. Both are
 * written as `wire` of `tests/packet/support.ts` says. @module */

import { assertEquals } from "@std/assert";
import { deadline } from "@std/async/deadline";
import type { Client, ClientOptions, Subscription } from "../../../src/client/client.ts";
import { wire } from "../../packet/support.ts";
import type { MemoryStream } from "../../../src/transport/memory.ts";
import { connectThrough, FakeServer, PATIENCE_MS, settle, type TestTime } from "../support.ts";

/** CONNACK that says nothing else. */
export const CONNACK = "20 [ 00 00 [ ] ]";
export const CONNACK_SESSION = "20 [ 01 00 [ ] ]";
/** A session that outlives its connections. */
export const LASTING: ClientOptions = { clientId: "c", keepAlive: 0, properties: { sessionExpiryInterval: 1000 } };

export class WireServer {
  constructor(readonly stream: MemoryStream) {}

  /** The next bytes are these. @param times how often. */
  async expect(text: string): Promise<void> {
    const expected = wire(text);
    assertEquals(hex(await this.#read(expected.length)), hex(expected), text);
  }

  /** The next packet, of less than 130 bytes, as hex: what a test cannot know beforehand. */
  async packet(): Promise<Uint8Array> {
    const head = await this.#read(2);
    return Uint8Array.from([...head, ...await this.#read(head[1])]);
  }

  async #read(count: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(count);
    for (let at = 0; at < count;) {
      const read = await deadline(this.stream.read(bytes.subarray(at)), PATIENCE_MS);
      if (read === null) throw new Error(`closed after ${hex(bytes.subarray(0, at))}`);
      at += read;
    }
    return bytes;
  }

  /** The client has said all that it says for now. */
  async expectNothing(): Promise<void> {
    await settle();
    assertEquals(this.stream.unreadBytes, 0);
  }

  async expectClosed(): Promise<void> {
    const byte = new Uint8Array(1);
    const count = await deadline(this.stream.read(byte), PATIENCE_MS).catch(() => null);
    assertEquals(count, null, `not closed, but ${hex(byte)}`);
    // The client waits for that.
    this.stream.close();
  }

  /** DISCONNECT with this Reason Code, and the end. */
  async expectDisconnect(reasonCode: number): Promise<void> {
    await this.expect(`e0 [ ${reasonCode.toString(16)} ]`);
    await this.expectClosed();
  }

  async send(text: string): Promise<void> {
    const bytes = wire(text);
    for (let at = 0; at < bytes.length;) at += await this.stream.write(bytes.subarray(at));
  }

  /** SUBSCRIBE of one filter, granted. */
  async subscribed(client: Client, topicFilter: string, qos: 0 | 1 | 2): Promise<Subscription> {
    const subscribing = client.subscribe(topicFilter, { qos });
    const bytes = await this.packet();
    assertEquals(bytes[0], 0x82);
    await this.send(`90 [ ${hex(bytes.subarray(2, 4))} [ ] 0${qos} ]`);
    return await subscribing;
  }
}

export interface WireConnection {
  readonly client: Client;
  readonly server: WireServer;
  readonly time: TestTime;
  readonly fake: FakeServer;
}

/** A client that was let in; its CONNECT was read. */
export async function connected(options: ClientOptions = {}, connack = CONNACK): Promise<WireConnection> {
  const fake = new FakeServer();
  const connecting = connectThrough(fake.open, options);
  const server = await letIn(fake, connack);
  const { client, time } = await connecting;
  return { client, server, time, fake };
}

/** The next one who comes. */
export async function letIn(fake: FakeServer, connack: string): Promise<WireServer> {
  const server = new WireServer((await fake.next()).stream);
  assertEquals((await server.packet())[0], 0x10);
  await server.send(connack);
  return server;
}

/** Breaks the connection, and lets the client in again. */
export async function connectedAgain({ fake, server, time }: WireConnection, connack: string): Promise<WireServer> {
  server.stream.reset();
  const { stream } = await fake.nextAfter(time);
  const next = new WireServer(stream);
  assertEquals((await next.packet())[0], 0x10);
  await next.send(connack);
  return next;
}

/** A client of these options, and the bytes of its CONNECT are these. */
export async function expectConnect(options: ClientOptions, text: string): Promise<void> {
  const fake = new FakeServer();
  const connecting = connectThrough(fake.open, options);
  const server = new WireServer((await fake.next()).stream);
  await server.expect(text);
  await server.expectNothing();
  await server.send(options.protocolVersion === undefined ? CONNACK : "20 02 00 00");
  (await connecting).client.drop();
}

/** After CONNACK the Server sends this, and the client leaves with this Reason Code. */
export async function expectLeave(text: string, reasonCode: number, options: ClientOptions = {}): Promise<void> {
  const { client, server } = await connected({ reconnect: false, ...options });
  client.closed.catch(() => {});
  await server.send(text);
  await server.expectDisconnect(reasonCode);
}

export function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
}
