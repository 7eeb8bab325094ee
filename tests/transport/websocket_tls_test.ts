/** src/transport/websocket.ts above src/transport/tls.ts: wss. @module */

import { assertEquals, assertRejects } from "@std/assert";
import { getLog } from "../../src/base/log.ts";
import type { ByteStream } from "../../src/transport/byte_stream.ts";
import { connectTls } from "../support/deno_tls.ts";
import type { Listener } from "../../src/transport/listener.ts";
import { listenTls } from "../../src/transport/tls.ts";
import { connectWebSocket } from "../../src/transport/websocket_client.ts";
import { listenWebSocket } from "../../src/transport/websocket.ts";
import { WebSocketError } from "../../src/transport/websocket_frame.ts";
import { HAS_OPENSSL, TestAuthority } from "../support/certificates.ts";
import { byteStreamSuite, type Pair, readBytes, writeAll } from "./byte_stream_suite.ts";
import { frame, readFrame, text } from "./websocket_wire.ts";

const LIMITS = { handshakesMax: 10, handshakeTimeoutMs: 10_000 };

interface Door {
  readonly listener: Listener;
  readonly arrived: Promise<ByteStream>;
  readonly tls: ByteStream;
  readonly host: string;
}

async function open(authority: TestAuthority): Promise<Door> {
  const options = { host: "127.0.0.1", port: 0, tcpBacklog: 16, limits: LIMITS, log: getLog("transport") };
  const tcp = await listenTls({ ...options, ...authority.server() });
  const listener = listenWebSocket(tcp, { origins: undefined, closeTimeoutMs: 1000, limits: LIMITS });
  const { promise, resolve } = Promise.withResolvers<ByteStream>();
  listener.serve(resolve, () => {});
  const { host, port } = new URL(listener.url.replace("wss:", "https:"));
  const tls = await connectTls("127.0.0.1", Number(port), { caFile: authority.caFile });
  return { listener, arrived: promise, tls, host };
}

if (HAS_OPENSSL) {
  let door: Door | undefined;
  let authority: TestAuthority | undefined;
  byteStreamSuite("listenWebSocket() over TLS", async (): Promise<Pair> => {
    authority = TestAuthority.make();
    door = await open(authority);
    const client = await connectWebSocket(door.tls, { host: door.host });
    return { client, server: await door.arrived };
  }, () => {
    door!.listener.close();
    authority!.remove();
  });
}

Deno.test({
  name: "listenWebSocket() over TLS is at wss, and who breaks the rules hears the code",
  ignore: !HAS_OPENSSL && Deno.env.get("CI") !== "true",
  fn: async () => {
    const authority = TestAuthority.make();
    const { listener, arrived, tls, host } = await open(authority);
    assertEquals(/^wss:\/\/127\.0\.0\.1:\d+\/mqtt$/.test(listener.url), true, listener.url);
    const client = await connectWebSocket(tls, { host });
    const server = await arrived;
    await writeAll(client, text("fine"));
    assertEquals(await readBytes(server, 4), text("fine"));
    await writeAll(tls, frame(0x82, text("not masked")));
    const refused = assertRejects(() => server.read(new Uint8Array(10)), WebSocketError);
    assertEquals(await readFrame(tls), { first: 0x88, payload: Uint8Array.of(1002 >>> 8, 1002 & 0xff) });
    tls.close();
    await refused;
    server.close();
    listener.close();
    authority.remove();
  },
});
