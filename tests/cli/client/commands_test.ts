/** What `pub`, `sub`, `rr` and `inspect` do beyond Mosquitto's clients, with our broker. @module */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Program } from "../../support/program.ts";
import { cli, type CliOptions, type CliResult } from "./support.ts";

type Run = (line: string | string[], options?: CliOptions) => Promise<CliResult>;

/** `run("pub -t t -m m")` with the address of a new broker. */
function withBroker(name: string, fn: (run: Run, url: URL) => Promise<void>, args: string[] = []): void {
  Deno.test(name, async () => {
    await using program = await Program.start(args);
    const { port } = program.url;
    await fn((line, options) => {
      const [command, ...rest] = typeof line === "string" ? line.split(" ") : line;
      return cli([command, "-h", "127.0.0.1", "-p", port, ...rest], options);
    }, program.url);
  });
}

withBroker("sub --json prints an object a line, with all that a message has", async (run) => {
  await run(
    "pub -t a -s -r -q 1 -D publish content-type c -D publish correlation-data x -D publish user-property k v",
    {
      input: '{"b":1}',
    },
  );
  await run("pub -t b -s -r -q 1", { input: Uint8Array.of(0, 255) });
  await run("pub -t c -m text -r -q 1");
  const { code, printed } = await run("sub -t # -q 2 -C 3 --json");
  const objects = printed.trimEnd().split("\n").map((line) => JSON.parse(line));
  for (const object of objects) assertMatch(object.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  const frame = { qos: 1, retain: true };
  assertEquals([code, ...objects.map(({ time: _time, ...rest }) => rest)], [
    0,
    {
      topicName: "a",
      ...frame,
      packetIdentifier: 1,
      payloadBytes: 7,
      payload: '{"b":1}',
      json: { b: 1 },
      contentType: "c",
      userProperties: [["k", "v"]],
      correlationDataHex: "78",
    },
    { topicName: "b", ...frame, packetIdentifier: 2, payloadBytes: 2, payloadBase64: "AP8=" },
    { topicName: "c", ...frame, packetIdentifier: 3, payloadBytes: 4, payload: "text" },
  ]);
});

withBroker("sub --retained-tree draws the retained messages, and ends", async (run) => {
  for (const topic of ["greenhouse/1/door", "greenhouse/1", "cellar"]) {
    await run(`pub -t ${topic} -m of-${topic} -r -q 1`);
  }
  await run("pub -t greenhouse/2 -m news -q 1");
  const { code, printed } = await run("sub --retained-tree");
  assertEquals([code, printed], [
    0,
    "cellar  of-cellar\ngreenhouse\n└── 1  of-greenhouse/1\n    └── door  of-greenhouse/1/door\n",
  ]);
  const none = await run("sub --retained-tree -t nothing/#");
  assertEquals([none.code, none.printed, none.complaints], [0, "", "quetzal: there are no retained messages"]);
});

withBroker("sub shows people what a program would get as it is", async (run) => {
  await run("pub -t a -s -r -q 1", { input: "\x1b[2Jgone" });
  await run("pub -t b -s -r -q 1", { input: Uint8Array.of(0, 255) });
  await run("pub -t c -n -q 1");
  const args = "sub -t # -v -C 2 -q 1";
  assertEquals((await run(args)).bytes.toHex(), new TextEncoder().encode("a \x1b[2Jgone\nb ").toHex() + "00ff0a");
  const watched = (environment: Record<string, string>) => run(args, { isWatched: true, environment });
  assertEquals((await watched({ NO_COLOR: "1" })).printed, "a (retained) \\u{1b}[2Jgone\nb (retained) 00 ff  |..|\n");
  const coloured = await watched({});
  assertStringIncludes(coloured.printed, "\x1b[36ma\x1b[0m\x1b[2m (retained)\x1b[0m \\u{1b}[2Jgone\n");
  assert(!(await watched({ TERM: "dumb" })).printed.includes("\x1b"));
  // Who says how it is printed gets that.
  assertEquals((await run("sub -t a -F %p -C 1", { isWatched: true })).printed, "\x1b[2Jgone\n");
});

withBroker("--verbose of sub prints as -v, and each packet in a line on standard error", async (run) => {
  await run("pub -t a -m hello -r -q 1");
  const { printed, complaints } = await run("sub -t a --verbose -C 1 -q 1 -V 311 -i reader");
  assertEquals(printed, "a hello\n");
  const packets = complaints.split("\n");
  assertEquals(packets.map((line) => line.split(" ").slice(0, 2).join(" ")), [
    "→ CONNECT",
    "← CONNACK",
    "→ SUBSCRIBE",
    "← SUBACK",
    "← PUBLISH",
    "→ PUBACK",
    "→ DISCONNECT",
  ]);
  assertEquals(
    packets[4],
    '← PUBLISH DUP 0, QoS 1, RETAIN 1, Topic Name "a", Packet Identifier 1, Payload hello (5 bytes)',
  );
});

withBroker("inspect draws the packets of a whole exchange, and writes them as Mermaid", async (run) => {
  const file = await Deno.makeTempFile();
  try {
    const line = `inspect -i sensor-1 -t a/# --publish a/b open -q 2 -C 1 -u reader -P hush --quiet --mermaid ${file}`;
    const { code, printed } = await run(line);
    assertEquals(code, 0);
    const arrows = printed.split("\n").filter((text) => /[▶◀]/.test(text)).map((text) => text.replace(/[^▶◀A-Z]/g, ""));
    // Two conversations run beside each other: each has its order.
    for (const packet of ["SUBSCRIBE▶", "◀SUBACK", "UNSUBSCRIBE▶", "◀UNSUBACK"]) {
      assert(arrows.includes(packet), packet);
    }
    assertEquals(arrows.slice(0, 4), ["CONNECT▶", "◀CONNACK", "SUBSCRIBE▶", "◀SUBACK"]);
    assertEquals(arrows.filter((text) => /^(PUBLISH▶|◀PUBREC|PUBREL▶|◀PUBCOMP)$/.test(text)), [
      "PUBLISH▶",
      "◀PUBREC",
      "PUBREL▶",
      "◀PUBCOMP",
    ]);
    assertEquals(arrows.at(-1), "DISCONNECT▶");
    assertStringIncludes(printed, "│    Password (4 bytes) ");
    assert(!printed.includes("hush"));
    const mermaid = await Deno.readTextFile(file);
    assertMatch(
      mermaid,
      /^sequenceDiagram\n {4}participant C as sensor-1\n {4}participant S as mqtt:\/\/127\.0\.0\.1:\d+\n/,
    );
    assertEquals(mermaid.match(/->>/g)?.length, arrows.length);
    assertStringIncludes(
      mermaid,
      "    C->>S: PUBLISH<br/>DUP 0<br/>QoS 2<br/>RETAIN 0<br/>Topic Name #34;a/b#34;<br/>",
    );
  } finally {
    await Deno.remove(file);
  }
});

withBroker("inspect --drop leaves without DISCONNECT, so that the Will Message comes", async (run) => {
  const said = Promise.withResolvers<void>();
  const will = run("sub -t gone -C 1 -W 20 --packets -i reader", {
    onComplaint: (line) => line.startsWith("← SUBACK") && said.resolve(),
  });
  await said.promise;
  const { printed } = await run("inspect --will-topic gone --will-payload away --drop --mermaid -");
  assert(!/->>.*DISCONNECT/.test(printed));
  assertMatch(printed, /^sequenceDiagram\n[^]*CONNECT[^]*Note over C,S: closed: cut without DISCONNECT, as asked/);
  assertEquals((await will).printed, "away\n");
});

withBroker("rr says in the seconds of -W that no response came", async (run) => {
  const { code, complaints } = await run("rr -t nobody -m x -W 1 -V 5");
  assertEquals([code, complaints], [27, "quetzal: no response within 1 s"]);
});

withBroker("inspect draws a refused connection, and ends with its Reason Code", async (run) => {
  const { code, printed, complaints } = await run("inspect -V 5 -i sensor-1");
  assertEquals(code, 135);
  assertMatch(printed, /◀─+ CONNACK ─│\n +│ +Session Present 0 +│\n +│ +Reason Code 0x87 Not authorized/);
  assertStringIncludes(complaints, "Not authorized");
}, ["--no-allow-anonymous"]);

withBroker("sub --sequence draws in the place of the messages", async (run) => {
  await run("pub -t a -m hello -r");
  const { printed } = await run("sub -t a -C 1 --sequence");
  assert(!printed.includes("\nhello\n"));
  assertMatch(printed, /◀─+ PUBLISH ─│\n[^]*Topic Name "a"[^]*─ DISCONNECT ─+▶│/);
});

const LONG = "x".repeat(65_536);
const USAGE: [line: string, message: string][] = [
  ["pub -m x", "pub: -t says which topic to publish on"],
  ["pub -t t", "pub: what shall it publish? One of -m, -f, -s, -n, -l says so"],
  ["pub -t t -m a -n", "pub: one of -m, -f, -s, -n, -l says what it publishes"],
  ["pub -t a/# -m x", "pub: -t a/#: a message is published on one topic"],
  ["pub -t t -m x -q 3", "pub: --qos 3: it is a whole number from 0 to 2"],
  ["pub -t t -m x y", 'pub: "y" stands alone'],
  ["pub -t t -m x --repeat 0", "pub: --repeat 0: it is a whole number from 1"],
  ["pub -t t -m x --repeat-delay -1", "pub: --repeat-delay -1: it is a number of seconds"],
  ["sub", "sub: -t says what to subscribe to"],
  ["sub -t a -t b -U b", 'sub: -t and -U both name "b"'],
  ["sub -t a#", "sub: -t a#: no Topic Filter"],
  ["sub -t $share//a", "sub: -t $share//a: no Topic Filter"],
  ["sub -t t -U +a", "sub: -U +a: no Topic Filter"],
  ["sub -t t -T a#", "sub: -T a#: no Topic Filter"],
  ["sub -t t -C 0", "sub: --count 0: it is a whole number from 1"],
  ["sub -t t -W 0", "sub: -W 0: it is a whole number from 1"],
  ["sub -t t -R --retained-only", "sub: -R leaves retained messages out"],
  ["sub -t t -F %z", "sub: -F: there is no format %z"],
  ["sub -t t -F %p --json", "sub: -F and --json exclude each other"],
  ["sub -t t --random-filter 0", "sub: --random-filter 0: it is a number from 0.1 to 100"],
  [`pub -t ${LONG} -m x`, `pub: -t ${"x".repeat(39)}…: a message`],
  [`pub -t t -m x -i ${LONG}`, "pub: the Client Identifier has 65536 bytes; at most 65535 fit"],
  [`pub -t t -m x --will-topic w --will-payload ${LONG}`, "pub: --will-payload has 65536 bytes"],
  [`pub -t t -m x -D publish content-type ${LONG}`, "pub: -D publish content-type has 65536 bytes"],
  ["pub -t t -m x --will-topic w/#", "pub: --will-topic w/#: a message is published on one topic"],
  ["pub -t t -m x -D publish response-topic r/+", "pub: -D publish response-topic r/+: a response comes on one topic"],
  ["pub -t t -m x -D disconnect session-expiry-interval 5", "pub: -D disconnect session-expiry-interval: a session"],
  ["pub -t t -m x -V 311 -P pw --quiet", "pub: a password without a user name needs MQTT 5.0"],
  ["pub -t t -m x -h a|b", "pub: mqtt://a|b: the Server's URL is not one"],
  ["sub -t t --sequence --json", "sub: --sequence draws the packets in the place of the messages"],
  ["rr -m x", "rr: -t says which topic the request is published on"],
  ["rr -t t -m x -V 311", "rr: -e says on which topic the response comes"],
  ["rr -t t -e a/# -m x", "rr: -e a/#: a response comes on one topic"],
  ["rr -t t", "rr: what shall it publish? One of -m, -f, -s, -n says so"],
  ["inspect --publish a/# x", "inspect: --publish a/#: one topic"],
];
for (const [line, message] of USAGE) {
  Deno.test(`quetzal ${line.slice(0, 100)} ends with 2, before it connects`, async () => {
    const { code, printed, complaints } = await cli(line.split(" "));
    assertEquals([code, printed], [2, ""]);
    assertStringIncludes(complaints, `quetzal: ${message}`);
  });
}
