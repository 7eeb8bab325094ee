/** The program as its user sees it: who is let in by default, what the log says, and how it ends for those connected.
 * What ends it before it listens is in tests/cli/. @module */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { PacketType, type ProtocolVersion, ReasonCode } from "../../src/packet/mod.ts";
import { connectTcp } from "../../src/transport/tcp.ts";
import { Program } from "../support/program.ts";
import { TemporaryFolder } from "../support/store_files.ts";
import { type ConnectOptions, TestClient } from "../support/test_client.ts";

async function clientOf(program: Program): Promise<TestClient> {
  return new TestClient(await connectTcp(program.url.hostname, Number(program.url.port)));
}

async function connackCode(program: Program, options: ConnectOptions): Promise<number> {
  const client = await clientOf(program);
  await client.sendConnect(options);
  const { reasonCode } = await client.expect(PacketType.Connack);
  client.drop();
  return reasonCode;
}

const ANONYMOUS: readonly [args: string, version: ProtocolVersion, expected: ReasonCode][] = [
  ["--host 127.0.0.1", 5, ReasonCode.Success],
  ["--host 127.0.0.1 --no-allow-anonymous", 5, ReasonCode.NotAuthorized],
  ["--host 0.0.0.0 --allow-anonymous", 5, ReasonCode.Success],
];
for (const [args, protocolVersion, expected] of ANONYMOUS) {
  Deno.test(`serve ${args} answers an anonymous client 0x${expected.toString(16).padStart(2, "0")}`, async () => {
    await using program = await Program.start(args.split(" "));
    assertEquals(await connackCode(program, { protocolVersion }), expected);
    await program.stop();
  });
}

Deno.test("serve --host 0.0.0.0 with tokens refuses anonymous clients: 0x87, and return code 5 before 5.0", async () => {
  using folder = new TemporaryFolder();
  const secretFile = folder.file("secret");
  await Deno.writeTextFile(secretFile, "x".repeat(32));
  await using program = await Program.start(["--host", "0.0.0.0", "--set", `jwt.secretFile=${secretFile}`]);
  assertEquals(await connackCode(program, { protocolVersion: 5 }), ReasonCode.NotAuthorized);
  for (const protocolVersion of [3, 4] as const) {
    const client = await clientOf(program);
    await client.sendConnect({ protocolVersion });
    const into = new Uint8Array(16);
    const count = await client.stream.read(into);
    assertEquals([...into.subarray(0, count ?? 0)], [0x20, 2, 0, 5]);
    client.drop();
  }
  await program.stop();
});

Deno.test("serve reads --config, and lets options win over it", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const file = `${folder}/quetzal.jsonc`;
    await Deno.writeTextFile(file, `{ // half of it\n  "port": 1, "features": { "maximumQoS": 1 } }`);
    await using program = await Program.start(["--config", file]);
    const client = await clientOf(program);
    assertEquals((await client.connect()).properties.maximumQoS, 1);
    client.drop();
    await program.stop();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("serve ends with 1 and one line for a configuration file that is a folder", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const { code, printed, complaints } = await Program.run(["--port", "0", "--config", folder]);
    assertEquals([code, printed], [1, ""]);
    assertMatch(complaints, /^quetzal: .*--config.*\n$/);
  } finally {
    await Deno.remove(folder);
  }
});

Deno.test("serve logs who comes, subscribes, breaks the protocol and goes, as Mosquitto does", async () => {
  await using program = await Program.start();
  const time = String.raw`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ: `;
  const line = (text: string) => program.logged(new RegExp(time + text + "$", "m"));

  const client = await clientOf(program);
  await client.connect({ clientId: "thermometer", keepAlive: 30 });
  await line(String.raw`New client connected from 127\.0\.0\.1:\d+ as thermometer \(p5, c1, k30\)\.`);
  await client.subscribe(["a/+", "b/#"], { qos: 1 });
  await line(String.raw`thermometer subscribed: a/\+ \(q1\), b/# \(q1\)\.`);
  await client.unsubscribe("a/+");
  await line(String.raw`thermometer unsubscribed: a/\+\.`);
  await client.disconnect();
  await line(String.raw`Client thermometer disconnected\.`);

  const broken = await clientOf(program);
  await broken.connect({ clientId: "broken" });
  // PUBLISH with both bits of QoS set.
  await broken.sendBytes(Uint8Array.of(0x36, 3, 0, 1, 0x61));
  await broken.expectDisconnect(ReasonCode.MalformedPacket);
  await line(String.raw`MalformedPacketError from broken: .*\[MQTT-3\.3\.1-4\]\.`);
  await program.stop();
});

Deno.test("serve keeps passwords and payloads out of the log, even at level debug and in JSON", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const file = `${folder}/quetzal.log`;
    const args = ["--log-level", "debug", "--log-format", "json", "--log-file", file];
    await using program = await Program.start(args);
    const secret = (name: string) => new TextEncoder().encode(`secret-${name}`);
    const client = await clientOf(program);
    await client.connect({
      clientId: "careful",
      userName: "careful",
      password: secret("password"),
      will: { topicName: "will", payload: secret("will") },
    });
    await client.subscribe("topic");
    await client.publish("topic", secret("payload"), { retain: true });
    assertEquals((await client.expectPublish()).text, "secret-payload");
    client.drop();
    await program.logged(/Client careful disconnected/);
    await program.stop();

    for (const text of [program.complaints.text, program.printed.text, await Deno.readTextFile(file)]) {
      assert(!text.includes("secret"), text);
    }
    const lines = (await Deno.readTextFile(file)).trimEnd().split("\n").map((line) => JSON.parse(line));
    assert(lines.some(({ message }) => /Received PUBLISH from careful .*'topic', \.\.\. \(14 bytes\)/.test(message)));
    for (const { time, level, category, message } of lines) {
      assert([time, level, category, message].every((value) => typeof value === "string"));
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  Deno.test({
    name: `serve says DISCONNECT 0x8B to all 5.0 clients at ${signal}, closes on the others, and ends with 0`,
    ignore: Deno.build.os === "windows",
    fn: async () => {
      await using program = await Program.start();
      const clients: TestClient[] = [];
      for (const protocolVersion of [3, 4, 5, 5] as const) {
        const client = await clientOf(program);
        await client.connect({ protocolVersion });
        clients.push(client);
      }
      const stopped = program.stop(signal);
      for (const client of clients) {
        if (client.protocolVersion === 5) await client.expectDisconnect(ReasonCode.ServerShuttingDown);
        else await client.expectClosed();
        client.drop();
      }
      await stopped;
    },
  });
}

Deno.test("deno task start starts it, with options behind", async () => {
  await using program = await Program.start([], { command: ["task", "start"] });
  assertEquals(await connackCode(program, {}), ReasonCode.Success);
  await program.stop();
});
