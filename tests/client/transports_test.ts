/** `connect` over each kind of URL, with real sockets; and the URLs themselves. @module */

import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { deadline } from "@std/async/deadline";
import type { ClientOptions } from "../../src/client/client.ts";
import { parseServerUrl, plainUrl } from "../../src/client/client_url.ts";
import { connect } from "../../src/client/connect.ts";
import { ConnectionLostError } from "../../src/client/errors.ts";
import { makeConfig, type PartialConfig } from "../../src/config/config.ts";
import { startServer } from "../../src/server.ts";
import { LineLog } from "../support/accounts.ts";
import { HAS_OPENSSL, TestAuthority } from "../support/certificates.ts";
import { TemporaryFolder } from "../support/store_files.ts";
import { rejectsWith } from "./support.ts";

const PATIENCE_MS = 10_000;
type ListenerOptions = NonNullable<PartialConfig["listeners"]>[number];

/** A broker with one listener, and what `use` does with its URL. */
async function withBroker(listener: ListenerOptions, use: (url: string) => Promise<void>): Promise<void> {
  const usual = { durability: "off", sysIntervalS: 0, accounts: "/nonexistent/accounts.kv" } as const;
  const server = await startServer(makeConfig({ ...usual, listeners: [listener] }), new LineLog());
  try {
    await use(server.urls[0]);
  } finally {
    await server.stop();
  }
}

/** There, and back again: a message that is larger than any buffer on the way. */
async function roundTrip(url: string, options: ClientOptions = {}): Promise<void> {
  const client = await connect(url, { will: { topicName: "will", payload: "gone" }, ...options });
  const watcher = await connect(url, options);
  const wills = await watcher.subscribe("will");
  await using echo = await client.subscribe("echo", { qos: 1 });
  const payload = new Uint8Array(300_000).map((_, i) => i);
  const published = client.publish("echo", payload, { qos: 1 });
  const { value } = await deadline(echo[Symbol.asyncIterator]().next(), PATIENCE_MS);
  assertEquals(value.payload, payload);
  await published;
  // DISCONNECT arrives, so there is no will.
  await client.disconnect();
  await watcher.publish("will", "none", { qos: 1 });
  const will = await deadline(wills[Symbol.asyncIterator]().next(), PATIENCE_MS);
  assertEquals(will.value.text(), "none");
  await watcher.disconnect();
}

Deno.test("connect() over TCP", () => withBroker({ type: "mqtt", port: 0 }, (url) => roundTrip(url)));

Deno.test("connect() over WebSocket, with a path and header fields", async () => {
  await withBroker({ type: "ws", port: 0, webSocket: { path: "/deep/mqtt" } }, async (url) => {
    await roundTrip(url, { webSocketHeaders: { "X-Token": "abc" } });
    const error = await rejectsWith(ConnectionLostError, connect(url.replace("/deep/mqtt", "")));
    assertEquals(/404/.test(error.message), true);
    const broken = connect(url, { webSocketHeaders: { "X-Token": "abc\r\nX-Other: secret" } });
    assertEquals((await rejectsWith(ConnectionLostError, broken)).message.includes("secret"), false);
  });
});

Deno.test({
  name: "connect() over a Unix socket",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    using folder = new TemporaryFolder();
    const path = folder.file("mqtt.sock");
    await withBroker({ type: "unix", socketPath: path }, () => roundTrip(`unix:${path}`));
  },
});

Deno.test({
  name: "connect() over TLS: who is trusted, by which name, with which certificate of our own",
  ignore: !HAS_OPENSSL,
  fn: async () => {
    const authority = TestAuthority.make();
    const stranger = TestAuthority.make("/CN=Foreign CA");
    try {
      const { certFile, keyFile } = authority.server({ subjectAltName: "DNS:broker.test,IP:127.0.0.1" });
      const own = authority.client("sensor-1");
      const tls = { certFile, keyFile, caFile: authority.caFile, requireClientCertificate: true };
      await withBroker({ type: "mqtts", port: 0, tls } as ListenerOptions, async (url) => {
        const text = (file: string) => ({ text: Deno.readTextFileSync(file) });
        const ca = { file: authority.caFile };
        const pair = { cert: { file: own.certFile }, key: { file: own.keyFile } };
        await roundTrip(url, { tls: { ca, ...pair } });
        await roundTrip(url, { tls: { ca: text(authority.caFile), cert: text(own.certFile), key: text(own.keyFile) } });
        await roundTrip(url, { tls: { ca, ...pair, serverName: "broker.test" } });
        await roundTrip(url, { tls: { ...pair, verify: false } });
        await rejectsWith(ConnectionLostError, connect(url, { tls: { ca, ...pair, serverName: "other.test" } }));
        await rejectsWith(ConnectionLostError, connect(url, { tls: { ca: { file: stranger.caFile }, ...pair } }));
        await rejectsWith(ConnectionLostError, connect(url, { tls: { ca }, protocolVersion: 5 }));
        await rejectsWith(ConnectionLostError, connect(url, { tls: { ca, cert: pair.cert } }));
        // What Deno's engines would ignore, or end the whole program for.
        const other = { file: authority.client("sensor-2").keyFile };
        const damaged = { text: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" };
        for (
          const [told, wrong] of [
            ["does not belong", { ca, ...pair, key: other }],
            ["tls.cert: certificate 1 in this file is damaged", { ca, ...pair, cert: damaged }],
            ["tls.cert: no certificate", { ca, ...pair, cert: { text: "nonsense" } }],
            ["tls.key: no private key", { ca, ...pair, key: { text: "nonsense" } }],
            ["tls.ca: certificate 1 in this file is damaged", { ca: damaged, ...pair }],
          ] as const
        ) {
          const { message } = await rejectsWith(ConnectionLostError, connect(url, { tls: wrong }));
          assertStringIncludes(message, told);
        }
      });
    } finally {
      authority.remove();
      stranger.remove();
    }
  },
});

Deno.test("parseServerUrl() knows the ports and paths that go without saying", () => {
  const parts = (url: string) => {
    const { transport, isSecure, isWebSocket, host, port, path } = parseServerUrl(url);
    return [transport, isSecure, isWebSocket, host, port, path];
  };
  assertEquals(parts("mqtt://host"), ["tcp", false, false, "host", 1883, ""]);
  assertEquals(parts("mqtt://host:80"), ["tcp", false, false, "host", 80, ""]);
  assertEquals(parts("MQTTS://Host:1"), ["tcp", true, false, "host", 1, ""]);
  assertEquals(parts("mqtts://[::1]"), ["tcp", true, false, "::1", 8883, ""]);
  assertEquals(parts("mqtt://[::1]:80/"), ["tcp", false, false, "::1", 80, ""]);
  assertEquals(parts("ws://host"), ["tcp", false, true, "host", 80, "/mqtt"]);
  assertEquals(parts("ws://host/"), ["tcp", false, true, "host", 80, "/"]);
  assertEquals(parts("wss://host/a/b?c=d"), ["tcp", true, true, "host", 443, "/a/b?c=d"]);
  assertEquals(parts("wss://host:80"), ["tcp", true, true, "host", 80, "/mqtt"]);
  assertEquals(parts("unix:/run/mqtt.sock"), ["unix", false, false, "", 0, "/run/mqtt.sock"]);
  assertEquals(parts("unix:///run/mqtt.sock"), ["unix", false, false, "", 0, "/run/mqtt.sock"]);
});

Deno.test("parseServerUrl() takes a user and a password, and plainUrl() shows neither", () => {
  const address = parseServerUrl("mqtt://us%40er:p%3Ass@host");
  assertEquals([address.userName, address.password], ["us@er", "p:ss"]);
  assertEquals(plainUrl(address), "mqtt://host:1883");
  assertEquals(plainUrl(parseServerUrl("wss://u:p@[::1]/x?token=1")), "wss://[::1]:443/x");
});

Deno.test("parseServerUrl() refuses what is no Server's URL, and does not repeat it", () => {
  for (
    const url of [
      "",
      "host",
      "host:1883",
      "http://secret@host",
      "mqtt:",
      "mqtt://",
      "mqtt://secret:x@host/path",
      "unix:",
      "mqtt://h:99999",
      "mqtt://h?secret=1",
      "mqtt://user:secret%@h",
    ]
  ) {
    const error = assertThrows(() => parseServerUrl(url), TypeError);
    assertEquals(error.message.includes("secret"), false, url);
  }
});
