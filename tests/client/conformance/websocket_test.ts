/** MQTT over WebSocket, as a Server sees the client: one that is written out here, over a real socket. Spec §6. @module */

import { assert, assertEquals } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { createHash } from "node:crypto";
import type { Client } from "../../../src/client/client.ts";
import { connect } from "../../../src/client/connect.ts";
import { wire } from "../../packet/support.ts";
import { frame } from "../../transport/websocket_wire.ts";
import { PATIENCE_MS } from "../support.ts";

const BINARY = 0x82;
const TEXT = 0x81;

class WebSocketServer implements AsyncDisposable {
  /** The head of the client's request, its names in small letters. */
  readonly head = new Map<string, string>();
  #bytes = new Uint8Array(0);

  private constructor(readonly conn: Deno.TcpConn) {}

  /** A client that is connected, and its Server. */
  static async connected(): Promise<{ client: Client; server: WebSocketServer; connectFrame: Uint8Array }> {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const url = `ws://127.0.0.1:${listener.addr.port}/mqtt`;
    const connecting = connect(url, { clientId: "c", keepAlive: 0, reconnect: false });
    const server = new WebSocketServer(await listener.accept());
    await server.#shakeHands();
    const connectFrame = await server.readBinary();
    // One packet in two frames.
    await server.send(frame(BINARY, wire("20 03")));
    await server.send(frame(BINARY, wire("00 00 00")));
    const client = await deadline(connecting, PATIENCE_MS);
    client.closed.catch(() => {});
    return { client, server, connectFrame };
  }

  async #shakeHands(): Promise<void> {
    let text = "";
    while (!text.endsWith("\r\n\r\n")) text += new TextDecoder().decode(await this.#read(1));
    for (const line of text.split("\r\n").slice(1)) {
      const colon = line.indexOf(":");
      if (colon > 0) this.head.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
    }
    const key = this.head.get("sec-websocket-key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    const answer = [
      ...["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"],
      `Sec-WebSocket-Accept: ${createHash("sha1").update(key).digest("base64")}`,
      ...["Sec-WebSocket-Protocol: mqtt", "", ""],
    ];
    await this.send(new TextEncoder().encode(answer.join("\r\n")));
  }

  /** The payload of the client's next frame, which is binary, whole and masked. */
  async readBinary(): Promise<Uint8Array> {
    const [first, second] = await this.#read(2);
    assertEquals(first, BINARY);
    assert((second & 0x80) !== 0 && (second & 0x7f) < 126, "a short masked frame");
    const mask = await this.#read(4);
    return (await this.#read(second & 0x7f)).map((byte, i) => byte ^ mask[i % 4]);
  }

  /** @returns whether the client has closed the connection, whatever it said before. */
  async isLeft(): Promise<boolean> {
    const buffer = new Uint8Array(1024);
    for (;;) {
      const count = await deadline(this.conn.read(buffer), PATIENCE_MS).catch(() => null);
      if (count === null) return true;
    }
  }

  async #read(count: number): Promise<Uint8Array> {
    const buffer = new Uint8Array(1024);
    while (this.#bytes.length < count) {
      const read = await deadline(this.conn.read(buffer), PATIENCE_MS);
      if (read === null) throw new Error("closed");
      this.#bytes = Uint8Array.from([...this.#bytes, ...buffer.subarray(0, read)]);
    }
    const bytes = this.#bytes.slice(0, count);
    this.#bytes = this.#bytes.slice(count);
    return bytes;
  }

  async send(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) at += await this.conn.write(bytes.subarray(at));
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.conn.close();
    return Promise.resolve();
  }
}

Deno.test("[MQTT-6.0.0-3] [MQTT-6.0.0-1] the client offers the subprotocol mqtt, and sends binary frames", async () => {
  const { client, server, connectFrame } = await WebSocketServer.connected();
  await using _ = server;
  assertEquals(server.head.get("sec-websocket-protocol"), "mqtt");
  assertEquals(connectFrame, wire(`10 [ "MQTT" 05 02 00 00 [ 21 00 64 ] "c" ]`));
  await client.publish("a", "x");
  assertEquals(await server.readBinary(), wire(`30 [ "a" 00 'x' ]`));
  client.drop();
});

Deno.test("[MQTT-6.0.0-2] packets need not begin and end where frames do", async () => {
  const { client, server } = await WebSocketServer.connected();
  await using _ = server;
  const subscribing = client.subscribe("a");
  await server.readBinary();
  // The end of one packet, a whole one, and the beginning of a third.
  await server.send(frame(BINARY, wire("90 04 00 01")));
  await server.send(frame(BINARY, wire(`00 00 30 [ "a" 00 '1' ] 30`)));
  await server.send(frame(BINARY, wire(`05 "a" 00 '2'`)));
  const iterator = (await subscribing)[Symbol.asyncIterator]();
  for (const expected of ["1", "2"]) {
    const { value } = await deadline(Promise.resolve(iterator.next()), PATIENCE_MS);
    assertEquals(value?.text(), expected);
  }
  client.drop();
});

Deno.test("[MQTT-6.0.0-1] a text frame of the Server closes the connection", async () => {
  const { client, server } = await WebSocketServer.connected();
  await using _ = server;
  await server.send(frame(TEXT, wire("d0 00")));
  assert(await server.isLeft());
  await client.closed.catch(() => {});
  assertEquals(client.state, "closed");
});
