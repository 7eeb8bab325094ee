/** The program with several doors: each lets clients in, all share one broker, and what keeps it from starting is said in
 * one line. @module */

import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import type { ByteStream } from "../../src/transport/byte_stream.ts";
import { connectTls } from "../support/deno_tls.ts";
import { connectTcp } from "../../src/transport/tcp.ts";
import { connectUnix } from "../../src/transport/unix.ts";
import { connectWebSocket } from "../../src/transport/websocket_client.ts";
import { HAS_OPENSSL, TestAuthority } from "../support/certificates.ts";
import { Program } from "../support/program.ts";
import { TemporaryFolder } from "../support/store_files.ts";
import { TestClient } from "../support/test_client.ts";

/** What it listens on, by the scheme; all of it is said before the first client is let in. */
async function urlOf(program: Program, scheme: string): Promise<URL> {
  const [, url] = await program.printed.until(new RegExp(`^listening on (${scheme}://\\S+)$`, "m"));
  return new URL(url);
}

async function streamTo(url: URL): Promise<ByteStream> {
  const stream = await connectTcp(url.hostname, Number(url.port));
  return url.protocol === "ws:" ? await connectWebSocket(stream, { host: url.host, path: url.pathname }) : stream;
}

Deno.test("serve --ws-port listens beside --port, and both are doors of one broker", async () => {
  await using program = await Program.start(["--ws-port", "0"]);
  const subscriber = new TestClient(await streamTo(await urlOf(program, "ws")));
  await subscriber.connect();
  await subscriber.subscribe("news");
  const publisher = new TestClient(await streamTo(await urlOf(program, "mqtt")));
  await publisher.connect();
  await publisher.publish("news", new TextEncoder().encode("from one door to another"));
  assertEquals((await subscriber.expectPublish()).text, "from one door to another");
  for (const client of [subscriber, publisher]) client.drop();
  await program.stop();
});

Deno.test("serve takes the settings of each listener from the list in QUETZAL_LISTENERS", async () => {
  const listeners = JSON.stringify([
    { type: "mqtt", port: 0, maximumPacketSize: 1000 },
    { type: "ws", port: 0, webSocket: { path: "/elsewhere" }, maximumPacketSize: 2000, keepAliveMaxS: 60 },
  ]);
  await using program = await Program.start([], { environment: { QUETZAL_LISTENERS: listeners } });
  for (const [scheme, maximumPacketSize, serverKeepAlive] of [["mqtt", 1000, undefined], ["ws", 2000, 60]] as const) {
    const client = new TestClient(await streamTo(await urlOf(program, scheme)));
    const { properties } = await client.connect();
    assertEquals([properties.maximumPacketSize, properties.serverKeepAlive], [maximumPacketSize, serverKeepAlive]);
    client.drop();
  }
  assertEquals((await urlOf(program, "ws")).pathname, "/elsewhere");
  await program.stop();
});

Deno.test("serve --no-mqtt does not open the port of --port", async () => {
  const others = [0, 0].map((port) => Deno.listen({ hostname: "127.0.0.1", port }));
  const [mqtt, ws] = others.map(({ addr }) => `${addr.port}`);
  // The plain one would be the first to fail, if it were there.
  const { complaints } = await Program.run(["--no-mqtt", "--port", mqtt, "--ws-port", ws]);
  for (const other of others) other.close();
  assertMatch(complaints, new RegExp(`^quetzal: port ${ws} on 127\\.0\\.0\\.1 is in use: .*\\n$`));
});

Deno.test("serve ends with 1 and one line that names the option of the port which is in use", async () => {
  const other = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = other.addr;
  const { code, printed, complaints } = await Program.run(["--port", "0", "--ws-port", `${port}`]);
  other.close();
  assertEquals([code, printed], [1, ""]);
  assertMatch(complaints, new RegExp(`^quetzal: port ${port} on 127\\.0\\.0\\.1 is in use: .* --ws-port .*\\n$`));
});

Deno.test({
  name: "serve --unix listens on a socket in the file system, and removes it when it ends",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    using folder = new TemporaryFolder();
    const path = folder.file("mqtt.sock");
    await using program = await Program.start(["--unix", path]);
    await program.printed.until(/^listening on unix:.*mqtt\.sock$/m);
    const client = new TestClient(await connectUnix(path));
    await client.connect();
    client.drop();
    const second = await Program.run(["--port", "0", "--durability", "off", "--unix", path]);
    assertMatch(
      second.complaints,
      /^quetzal: the socket .* cannot be made: another broker may be listening there; .*\n$/,
    );
    await program.stop();
    assertEquals(folder.names, []);
  },
});

Deno.test({
  name:
    "serve --tls-port and --wss-port ask for certificates with --ca, and let nobody in without with --require-client-cert",
  ignore: !HAS_OPENSSL,
  fn: async () => {
    const authority = TestAuthority.make();
    try {
      const { caFile } = authority;
      const { certFile, keyFile } = authority.server();
      const files = ["--cert", certFile, "--key", keyFile, "--ca", caFile, "--require-client-cert"];
      await using program = await Program.start(["--tls-port", "0", "--wss-port", "0", ...files]);
      const own = { caFile, ...authority.client("sensor-1") };
      for (const scheme of ["mqtts", "wss"]) {
        const url = await urlOf(program, scheme);
        const stream = await connectTls(url.hostname, Number(url.port), own);
        const isWebSocket = scheme === "wss";
        const client = new TestClient(isWebSocket ? await connectWebSocket(stream, { host: url.host }) : stream);
        await client.connect();
        client.drop();
      }
      const { hostname, port } = await urlOf(program, "mqtts");
      const stranger = await connectTls(hostname, Number(port), { caFile }).catch(() => undefined);
      // TLS 1.3 tells who knocks of it with the first bytes that he reads.
      if (stranger !== undefined) await assertRejects(() => stranger.read(new Uint8Array(1)));
      await program.logged(/Handshake with 127\.0\.0\.1:\d+ on mqtts:\/\/127\.0\.0\.1:\d+ failed: /);
      await program.stop();
    } finally {
      authority.remove();
    }
  },
});

Deno.test("serve ends with 1 and one line for a certificate that is not there", async () => {
  const files = ["--cert", "/nowhere/server.crt", "--key", "/nowhere/server.key"];
  const { code, printed, complaints } = await Program.run(["--port", "0", "--tls-port", "0", ...files]);
  assertEquals([code, printed], [1, ""]);
  assertMatch(
    complaints,
    /^quetzal: cannot listen on .* \(tlsPort\): \/nowhere\/server\.crt: there is no such file .*\n$/,
  );
});

const REFUSED: [args: string, line: RegExp][] = [
  [
    "--tls-port 8883",
    /^quetzal: tls\.certFile is missing; needed: .*--cert FILE\nquetzal: tls\.keyFile is missing; .*\n$/,
  ],
  [
    "--port 5 --ws-port 5",
    /^quetzal: wsPort \(--ws-port\): 5 is not allowed; allowed: another one than that of port\n$/,
  ],
  ["--no-mqtt", /^quetzal: mqtt \(--no-mqtt\): false is not allowed; .*\n$/],
  ["--set listeners=[{]", /^quetzal: listeners \(--set\): "\[\{\]" is not allowed; .* as JSON, .*\n$/],
];
for (const [args, line] of REFUSED) {
  Deno.test(`serve ${args} ends with 2 and says why`, async () => {
    const { code, printed, complaints } = await Program.run(args.split(" "));
    assertEquals([code, printed], [2, ""]);
    assertMatch(complaints, line);
  });
}

Deno.test("serve --host 0.0.0.0 without an account ends with 1, and says how to make one", async () => {
  using folder = new TemporaryFolder();
  const { code, printed, complaints } = await Program.run(
    ["--host", "0.0.0.0", "--port", "0", "--durability", "off", "--data-dir", folder.path],
  );
  assertEquals([code, printed], [1, ""]);
  assertMatch(complaints, /^quetzal: other machines can reach 0\.0\.0\.0:0, .*"quetzal user add NAME --data-dir .*\n$/);
});
