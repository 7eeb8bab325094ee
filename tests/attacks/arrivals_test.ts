/** Attacks on the doors before anybody is known: who arrives and says nothing, who claims to come from elsewhere.
 * Attacks 10 (upgrade slow-loris), 20 and 22 (half-open), over real sockets. @module */

import { assert, assertEquals } from "@std/assert";
import { makeConfig, type PartialConfig } from "../../src/config/config.ts";
import { PacketType, ReasonCode } from "../../src/packet/mod.ts";
import { type RunningServer, startServer } from "../../src/server.ts";
import type { ByteStream } from "../../src/transport/byte_stream.ts";
import { connectTls } from "../support/deno_tls.ts";
import { connectTcp } from "../../src/transport/tcp.ts";
import { connectWebSocket } from "../../src/transport/websocket_client.ts";
import { rule } from "../support/accounts.ts";
import { HAS_OPENSSL, TestAuthority } from "../support/certificates.ts";
import { type ConnectOptions, TestClient } from "../support/test_client.ts";
import { AccessBroker, as, utf8 } from "./access_support.ts";
import { assertServes, until } from "./support.ts";
import { expectEnd, send } from "./websocket_support.ts";

const { BadUserNameOrPassword, Banned, ServerBusy, Success } = ReasonCode;

/** A broker on real sockets, with the accounts of `accounts`. */
class Doors implements AsyncDisposable {
  readonly #streams: ByteStream[] = [];
  private constructor(readonly accounts: AccessBroker, readonly server: RunningServer) {}

  static async start(config: PartialConfig): Promise<Doors> {
    const accounts = await AccessBroker.start({ users: ["reader"], rules: [rule("#")] });
    const { folder } = accounts;
    const usual = { accounts: folder.place, dataDir: folder.folder.path, durability: "off", sysIntervalS: 0 } as const;
    try {
      return new Doors(accounts, await startServer(makeConfig({ ...usual, ...config }), accounts.log));
    } catch (error) {
      await accounts[Symbol.asyncDispose]();
      throw error;
    }
  }

  port(door = 0): number {
    return Number(new URL(this.server.urls[door].replace(/^\w+:/, "http:")).port);
  }

  /** A connection on which nothing was sent. */
  async wire(door = 0): Promise<ByteStream> {
    const stream = await connectTcp("127.0.0.1", this.port(door));
    this.#streams.push(stream);
    return stream;
  }

  async wires(count: number, door = 0): Promise<ByteStream[]> {
    const wires: ByteStream[] = [];
    while (wires.length < count) wires.push(await this.wire(door));
    return wires;
  }

  /** @returns CONNACK's code, and the client. @param before what is sent before CONNECT. */
  async connect(options: ConnectOptions = as("reader"), before = "", door = 0) {
    const stream = await this.wire(door);
    if (before !== "") await send(stream, utf8(before));
    const client = new TestClient(stream);
    await client.sendConnect(options);
    return { client, reasonCode: (await client.expect(PacketType.Connack)).reasonCode };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const stream of this.#streams) stream.close();
    await this.server.stop();
    await this.accounts[Symbol.asyncDispose]();
  }
}

const PROXY_FROM = (host: string) => `PROXY TCP4 ${host} 192.0.2.9 50000 1883\r\n`;

Deno.test("Attack 20: a PROXY header from a stranger is not believed: neither where proxies are named, nor where none are", async () => {
  await using it = await Doors.start({
    listeners: [
      { type: "mqtt", host: "127.0.0.1", port: 0, proxyProtocolFrom: ["192.0.2.0/24"] },
      { type: "mqtt", host: "127.0.0.1", port: 0 },
    ],
    // "PR" is the beginning of a PUBREC, for whose rest the broker waits.
    limits: { connectTimeoutMs: 4000 },
  });
  const headers = [PROXY_FROM("192.0.2.1"), "PROXY UNKNOWN\r\n", "PROXY TCP4 127.0.0.1 127.0.0.1 1 1\r\n"];
  await Promise.all([0, 1].flatMap((door) =>
    headers.map(async (header) => {
      const wire = await it.wire(door);
      await send(wire, utf8(header));
      await expectEnd(wire);
    })
  ));
  // A named listener takes no client but through its proxies.
  const wire = await it.wire(0);
  await new TestClient(wire).sendConnect(as("reader")).catch(() => {});
  await expectEnd(wire);
  assertEquals(it.server.snapshot().sessions, 0);
  assert(it.accounts.logged(/127\.0\.0\.1 is not named as a proxy/).length > 0);
  const { client, reasonCode } = await it.connect(as("reader"), "", 1);
  assertEquals(reasonCode, Success);
  await assertServes(client);
});

Deno.test("Attack 20: behind a proxy each client is judged by its own address: bans and rules of one do not hit the others", async () => {
  await using it = await Doors.start({
    listeners: [{ type: "mqtt", host: "127.0.0.1", port: 0, proxyProtocolFrom: ["127.0.0.1"] }],
    limits: { loginFailuresMax: 2, connectTimeoutMs: 4000 },
  });
  await it.accounts.store.addBan({ kind: "address", name: "203.0.113.0/24", untilMs: undefined, reason: "" });
  while ((await it.connect(as("reader"), PROXY_FROM("203.0.113.5"))).reasonCode !== Banned); // until it is seen
  const guess = (number: number, host: string) =>
    it.connect(as("reader", { clientId: "guess", password: utf8(`guess ${number}`) }), PROXY_FROM(host));
  for (const number of [1, 2]) assertEquals((await guess(number, "198.51.100.7")).reasonCode, BadUserNameOrPassword);
  assertEquals((await guess(3, "198.51.100.7")).reasonCode, Banned);
  // A second header is no header: nobody says twice where he comes from.
  const wire = await it.wire();
  await send(wire, utf8(PROXY_FROM("198.51.100.7") + PROXY_FROM("192.0.2.1")));
  await expectEnd(wire);
  const { client, reasonCode } = await it.connect(as("reader"), PROXY_FROM("198.51.100.8"));
  assertEquals(reasonCode, Success);
  await assertServes(client);
});

Deno.test("Attack 22: 500 connections that never send CONNECT cost no session, keep nobody out, and end by themselves", async () => {
  await using it = await Doors.start({ host: "127.0.0.1", port: 0, limits: { connectTimeoutMs: 4000 } });
  const { client } = await it.connect();
  const silent = await it.wires(500);
  await until(() => it.server.snapshot().connections === 501, "all have arrived");
  assertEquals((await it.connect(as("reader", { clientId: "late" }))).reasonCode, Success);
  assertEquals(it.server.snapshot().sessions, 2);
  await assertServes(client);
  for (const wire of silent) await expectEnd(wire);
  await until(() => it.server.snapshot().connections === 2, "they are gone");
  await assertServes(client);
});

Deno.test("Attack 22: where silent connections take all places, they hold them no longer than connectTimeoutMs", async () => {
  await using it = await Doors.start({
    host: "127.0.0.1",
    port: 0,
    limits: { connectionsMax: 20, connectTimeoutMs: 3000 },
  });
  const { client } = await it.connect();
  const silent = await it.wires(30);
  await until(() => it.server.snapshot().connections > 20, "they have arrived");
  assertEquals((await it.connect(as("reader", { clientId: "late" }))).reasonCode, ServerBusy);
  await assertServes(client);
  for (const wire of silent) await expectEnd(wire);
  assertEquals((await it.connect(as("reader", { clientId: "late" }))).reasonCode, Success);
});

Deno.test({
  name:
    "Attack 10: TLS and WebSocket handshakes that stall keep nobody out at another door nor, when they have ended, at theirs",
  ignore: !HAS_OPENSSL,
  fn: async () => {
    const authority = TestAuthority.make();
    try {
      const tls = authority.server();
      await using it = await Doors.start({
        listeners: [
          { type: "mqtts", host: "127.0.0.1", port: 0, tls },
          { type: "ws", host: "127.0.0.1", port: 0 },
          { type: "wss", host: "127.0.0.1", port: 0, tls },
          { type: "mqtt", host: "127.0.0.1", port: 0 },
        ],
        limits: { handshakesMax: 10, handshakeTimeoutMs: 1500 },
      });
      const over = {
        tls: () => connectTls("127.0.0.1", it.port(0), { caFile: authority.caFile }),
        ws: async () => await connectWebSocket(await it.wire(1), { host: `127.0.0.1:${it.port(1)}` }),
      };
      const arrive = async (stream: ByteStream) => {
        const client = new TestClient(stream);
        await client.connect(as("reader", { clientId: crypto.randomUUID() }));
        return client;
      };
      const first = [await arrive(await over.tls()), await arrive(await over.ws())];
      const stalled: ByteStream[] = [];
      for (const door of [0, 1, 2]) {
        for (const wire of await it.wires(10, door)) {
          // The first bytes of a ClientHello, and of a request.
          await send(wire, door === 1 ? utf8("GET /mqtt HT") : Uint8Array.of(0x16, 0x03, 0x01, 0x02, 0x00, 0x01));
          stalled.push(wire);
        }
      }
      assertEquals((await it.connect(as("reader"), "", 3)).reasonCode, Success);
      for (const client of first) await assertServes(client);
      for (const wire of stalled) await expectEnd(wire);
      for (const open of [over.tls, over.ws]) await assertServes(await arrive(await open()));
      assertEquals(it.accounts.logged(/^Handshake with .* was not done within 1500 ms/).length, 30);
      for (const client of first) client.drop();
    } finally {
      authority.remove();
    }
  },
});
