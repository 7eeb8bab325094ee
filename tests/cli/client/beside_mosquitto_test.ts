/** `pub`, `sub` and `rr` beside mosquitto_pub, mosquitto_sub and mosquitto_rr: the same arguments, the same messages, the same
 * bytes. With our broker and with theirs. @module */

import { assertEquals, assertNotEquals } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { connect, type Message, type Subscription } from "../../../src/client/mod.ts";
import { Program } from "../../support/program.ts";
import { besideMosquitto, runMosquitto } from "./brokers.ts";
import { cli } from "./support.ts";

const PATIENCE_MS = 30_000;

/** Retained, so that both subscribers get all of them. */
const RETAINED: [topic: string, payload: string, properties: string[]][] = [
  ["a/text", "hello", []],
  ["a/json", '{"a": 1.50, "b":[1,2,{"c":null}], "c":1e3, "n":-0, "z":"\\u00e9\\n", "0":0.1}', []],
  ["a/lines", "one\ntwo\r\n", []],
  ["a/bytes", "\x01\x7fü\u20ac\ufffd", []],
  ["a/ü", "x", []],
  ["a/properties", "p", [
    ...[
      "content-type",
      "text/plain",
      "correlation-data",
      "cd",
      "payload-format-indicator",
      "1",
      "response-topic",
      "r/t",
    ],
  ]],
];
const COUNT = String(RETAINED.length + 1);
const SUBSCRIBERS: string[][] = [
  [],
  ["-v"],
  ["--verbose"],
  ["-N"],
  ["-N", "-v"],
  ["-T", "a/json", "-T", "a/+/x", "-C", String(RETAINED.length)],
  ["--retained-only"],
  ["--retain-as-published"],
  ["-F", "%t|%10t|%-10t|%.2t|%6.2t|%-6.2t|%010t|%l|%5l|%05l|%-5l|%q|%r|%p|%12p|%-12p|%3p|%07p|%x|%X|%4x|%012X|%-12x"],
  [
    "-F",
    "%A|%C|%D|%E|%F|%P|%R|%S|%5A|%05A|%15C|%-15C|%.3C|%3F|%03F|%5R|%.1R|%05S|%m|%3m|%%|@@|\\\\|\\0\\a\\e\\n\\r\\t\\v",
  ],
  ["-F", "@Y-@m @C@y @G @b@B @j @U @V @W @p@P @D @F @Q"],
  ["-F", "%j"],
  ["-F", "%j", "--pretty"],
  ["-F", "%J"],
  ["-F", "%J", "--pretty"],
  ["-F", "%t", "-N", "-q", "0"],
];

besideMosquitto("sub prints byte for byte what mosquitto_sub prints", async (port) => {
  const address = ["-h", "127.0.0.1", "-p", port];
  for (const [topic, payload, properties] of RETAINED) {
    const given: string[] = [];
    for (let at = 0; at < properties.length; at += 2) given.push("-D", "publish", ...properties.slice(at, at + 2));
    const { code } = await cli(["pub", ...address, "-t", topic, "-s", "-r", "-q", "1", ...given], { input: payload });
    assertEquals(code, 0);
  }
  // Each of them once more: a user property, twice the same name.
  const pair = ["-D", "publish", "user-property", "k", "v", "-D", "publish", "user-property", "k", "w"];
  pair.push("-D", "publish", "content-type", "c");
  assertEquals((await cli(["pub", ...address, "-t", "a/user", "-m", "u", "-r", "-q", "1", ...pair])).code, 0);
  for (const args of SUBSCRIBERS) {
    const all = [...address, "-V", "5", "-t", "a/#", "-q", "2", "-C", COUNT, ...args];
    const theirs = await runMosquitto("mosquitto_sub", all);
    const ours = await cli(["sub", ...all]);
    assertEquals(ours.code, theirs.code, args.join(" "));
    assertEquals(withoutTime(ours.bytes), withoutTime(theirs.bytes), args.join(" "));
    assertNotEquals(theirs.bytes.length, 0);
  }
});

/** Times of %j; the rest as Latin-1, so that each byte counts. */
function withoutTime(bytes: Uint8Array): string {
  return new TextDecoder("latin1").decode(bytes).replaceAll(/"tst":(\t?)"[^"]*"/g, '"tst":$1T');
}

const PUBLISHERS: [args: string[], input?: string][] = [
  [["-m", "hello"]],
  [["-m", "-5", "-q", "1"]],
  [["-m", "", "-q", "2"]],
  [["-n", "-r"]],
  [["-s"], "all\nof it\0\n"],
  [["-l"], "one\n\nthree\r\nlast"],
  [["-l", "-q", "1"], "one\ntwo\n"],
  [["-m", "r", "-r", "-q", "2"]],
  [["-m", "again", "--repeat", "3"]],
  [["-m", "again", "--repeat", "2", "--repeat-delay", "0.01", "-q", "1"]],
  [["-m", "31", "-V", "31", "-i", "sensor-1"]],
  [["-m", "311", "-V", "mqttv311"]],
  [[
    ...["-m", "p", "-D", "publish", "content-type", "text/plain", "-D", "publish", "correlation-data", "cd"],
    ...["-D", "PUBLISH", "message-expiry-interval", "100", "-D", "publish", "payload-format-indicator", "1"],
    ...["-D", "publish", "response-topic", "r/t", "-D", "publish", "user-property", "k", "v"],
    ...["-D", "publish", "user-property", "k", "w", "--property", "connect", "user-property", "c", "d"],
  ]],
];

besideMosquitto("pub publishes what mosquitto_pub publishes", async (port) => {
  const file = await Deno.makeTempFile();
  await Deno.writeFile(file, Uint8Array.of(0, 255, 10));
  await using listener = await connect(`mqtt://127.0.0.1:${port}`);
  await using messages = await listener.subscribe("t/#", { qos: 2, retainAsPublished: true });
  try {
    for (const [args, input] of [...PUBLISHERS, [["-f", file, "-q", "1"]] as [string[]]]) {
      const version = args.includes("-V") ? [] : ["-V", "5"];
      const all = ["-h", "127.0.0.1", "-p", port, "-t", "t/x", ...version, ...args];
      assertEquals((await runMosquitto("mosquitto_pub", all, input)).code, 0);
      const theirs = await untilMark(listener, messages);
      const { code, complaints } = await cli(["pub", ...all], { input });
      assertEquals([code, complaints], [0, ""], args.join(" "));
      assertEquals(await untilMark(listener, messages), theirs, args.join(" "));
      assertNotEquals(theirs.length, 0);
    }
  } finally {
    await Deno.remove(file);
  }
});

/** All that came before a message of our own. */
async function untilMark(listener: Awaited<ReturnType<typeof connect>>, messages: Subscription): Promise<unknown[]> {
  await listener.publish("t/mark", "", { qos: 1 });
  const seen: unknown[] = [];
  const gather = async () => {
    for (;;) {
      const { value } = await iteratorOf(messages).next();
      const { topicName, payload, qos, retain, properties } = value as Message;
      if (topicName === "t/mark") return seen;
      const { subscriptionIdentifiers: _ours, ...others } = properties;
      seen.push({ topicName, payload: payload.toHex(), qos, retain, properties: others });
    }
  };
  return await deadline(gather(), PATIENCE_MS);
}

const iterators = new WeakMap<Subscription, AsyncIterator<Message>>();

/** A loop that is left would end the subscription. */
function iteratorOf(messages: Subscription): AsyncIterator<Message> {
  const iterator = iterators.get(messages) ?? messages[Symbol.asyncIterator]();
  iterators.set(messages, iterator);
  return iterator;
}

besideMosquitto("-d says what Mosquitto's clients say", async (port) => {
  const address = ["-h", "127.0.0.1", "-p", port, "-V", "5"];
  for (const args of [["-m", "hello", "-q", "1", "-r"], ["-m", "hello", "-q", "2", "-r", "-k", "30"]]) {
    const all = [...address, "-i", "sensor-1", "-t", "d/x", "-d", ...args];
    assertEquals((await cli(["pub", ...all])).printed, textOf(await runMosquitto("mosquitto_pub", all)));
  }
  const all = [...address, "-i", "reader", "-t", "d/x", "-t", "d/y", "-q", "1", "-C", "1", "-d", "-v"];
  // Ours acknowledges a message when it is printed, theirs before.
  const sorted = (text: string) => text.split("\n").sort();
  assertEquals(sorted((await cli(["sub", ...all])).printed), sorted(textOf(await runMosquitto("mosquitto_sub", all))));
});

function textOf({ bytes }: { readonly bytes: Uint8Array }): string {
  return new TextDecoder().decode(bytes);
}

besideMosquitto("exit codes are those of Mosquitto's clients", async (port) => {
  await using closed = await Program.start(["--no-allow-anonymous"]);
  const refusing = ["-h", "127.0.0.1", "-p", closed.url.port];
  const open = ["-h", "127.0.0.1", "-p", port];
  const cases: [command: "pub" | "sub", args: string[]][] = [
    ["sub", [...open, "-t", "nothing", "-W", "1"]],
    ["sub", [...open, "-t", "nothing", "-E"]],
    ["pub", [...open, "-t", "t", "-m", "m"]],
    ...(["5", "311"] as const).flatMap((version): [command: "pub" | "sub", args: string[]][] => [
      ["pub", [...refusing, "-t", "t", "-m", "m", "-V", version]],
      ["sub", [...refusing, "-t", "t", "-V", version]],
    ]),
    ["pub", ["-h", "nowhere.invalid", "-t", "t", "-m", "m"]],
    ["pub", [...open, "-t", "t", "-f", "/nowhere/at/all"]],
    ["pub", [...open, "-t", "t", "-s"]],
  ];
  for (const [command, args] of cases) {
    const theirs = await runMosquitto(`mosquitto_${command}`, args);
    const ours = await cli([command, ...args]);
    assertEquals(ours.code, theirs.code, `${command} ${args.join(" ")}: ${ours.complaints}; ${theirs.complaints}`);
    // What is wrong before it connects is said all the same, by theirs, too.
    if (args.includes("-f") || args.includes("-s")) continue;
    const quiet = await cli([command, ...args, "--quiet"]);
    assertEquals([quiet.code, quiet.complaints], [theirs.code, ""]);
  }
});

besideMosquitto("sub --remove-retained clears what mosquitto_sub would clear", async (port) => {
  const address = ["-h", "127.0.0.1", "-p", port];
  const left: string[] = [];
  for (
    const run of [(args: string[]) => runMosquitto("mosquitto_sub", args), (args: string[]) => cli(["sub", ...args])]
  ) {
    for (const topic of ["c/a", "c/b", "c/keep"]) {
      await cli(["pub", ...address, "-t", topic, "-m", "x", "-r", "-q", "1"]);
    }
    await run([...address, "-t", "c/#", "-T", "c/keep", "--remove-retained", "-W", "1"]);
    left.push((await cli(["sub", ...address, "-t", "c/#", "-v", "-W", "1"])).printed);
  }
  assertEquals(left, ["c/keep x\n", "c/keep x\n"]);
});

besideMosquitto("sub -c -E makes a session, of which the next one gets what came meanwhile", async (port) => {
  const session = ["-h", "127.0.0.1", "-p", port, "-c", "-i", "reader", "-q", "1"];
  const publish = (text: string) => cli(["pub", "-h", "127.0.0.1", "-p", port, "-t", "s/x", "-m", text, "-q", "1"]);
  assertEquals((await cli(["sub", ...session, "-t", "s/#", "-E"])).code, 0);
  await publish("one");
  assertEquals((await cli(["sub", ...session, "-t", "s/#", "-C", "1"])).printed, "one\n");
  await publish("two");
  // Their client is the same Client, with the same session.
  const theirs = await runMosquitto("mosquitto_sub", [...session, "-V", "5", "-t", "s/#", "-C", "1"]);
  assertEquals(textOf(theirs), "two\n");
  await cli(["sub", ...session, "-U", "s/#", "-E"]);
  await publish("three");
  assertEquals((await cli(["sub", ...session, "-t", "other", "-W", "1"])).printed, "");
});

besideMosquitto("rr and mosquitto_rr understand one another's responders", async (port) => {
  await using responder = await connect(`mqtt://127.0.0.1:${port}`);
  await using _requests = await responder.subscribe("ask", {
    onMessage: async ({ properties: { responseTopic, correlationData }, payload }) => {
      if (responseTopic === undefined) return void await responder.publish("answer", "plain");
      // The first one answers somebody else, where requests can be told apart.
      const others = { properties: { correlationData: new TextEncoder().encode("others") } };
      if (correlationData !== undefined) await responder.publish(responseTopic, "not yours", others);
      await responder.publish(responseTopic, payload, { properties: { correlationData } });
    },
  });
  const address = ["-h", "127.0.0.1", "-p", port, "-t", "ask"];
  for (const args of [["-e", "answer", "-m", "now"], ["-e", "answer", "-m", "now", "-v", "-q", "1"]]) {
    const theirs = await runMosquitto("mosquitto_rr", [...address, "-V", "5", ...args]);
    assertEquals((await cli(["rr", ...address, ...args])).printed, textOf(theirs), args.join(" "));
  }
  assertEquals((await cli(["rr", ...address, "-m", "by itself", "-q", "2"])).printed, "by itself\n");
  assertEquals((await cli(["rr", ...address, "-V", "311", "-e", "answer", "-m", "now"])).printed, "plain\n");
  const none = await cli(["rr", "-h", "127.0.0.1", "-p", port, "-t", "nobody", "-m", "now", "-W", "1"]);
  assertEquals([none.code, none.printed], [27, ""]);
});
