/** The native load generator, tiny and against a real broker: it drives each of its shapes, and it notices what it is there
 * to notice. Where it cannot be compiled it says why, and nothing else is to be tested. @module */

import { assert, assertEquals, assertRejects } from "@std/assert";
import type { FlowResult, FlowShape } from "../bench/native/load_shape.ts";
import { NativeGenerator } from "../bench/native/native_generator.ts";
import { BrokerProcess } from "../bench/scenarios/broker_process.ts";
import { type Fault, FaultyProxy } from "./support/faulty_proxy.ts";

const ALL_ARE_HERE = Deno.env.get("CI") === "true";
const generator = await NativeGenerator.prepare().catch((error: Error) => {
  if (ALL_ARE_HERE && Deno.build.os === "linux") throw error;
  console.log(error.message);
  return undefined;
});
const ignore = generator === undefined;

const FEATURES = { protocolVersion: 5, hasProperties: true, hasSubscriptionIdentifiers: true } as const;
const SHAPES: Readonly<Record<string, FlowShape>> = {
  "pairs, QoS 2": { publishers: 3, subscribers: 3, qos: 2, messages: 600 },
  "fan-in, QoS 1": { pattern: "fanin", publishers: 5, subscribers: 2, qos: 1, messages: 500 },
  "fan-out, QoS 0, 5.0": { pattern: "fanout", subscribers: 4, messages: 500, protocolVersion: 5 },
  "filters, QoS 0, all of 5.0": { filters: 40, subscribers: 4, publishers: 2, messages: 500, ...FEATURES },
  "pairs, QoS 1, all of 5.0": { qos: 1, messages: 500, hasTopicAliases: true, ...FEATURES },
  "large payloads, QoS 1": { qos: 1, payloadBytes: 262_144, messages: 20 },
  "a queue, QoS 1": { publishers: 2, subscribers: 2, qos: 1, messages: 500, isQueued: true },
  "paced, beside idle clients": { messagesPerSecond: 5000, messages: 300, idle: 20, isIdleSubscribed: true },
};

for (const [name, shape] of Object.entries(SHAPES)) {
  Deno.test({ name: `the native generator drives ${name}`, ignore }, async () => {
    await using broker = await BrokerProcess.start("off");
    const result = await generator!.flow(broker, shape);
    const each = shape.pattern === "fanin" || shape.pattern === "fanout" ? shape.subscribers! : shape.filters ? 4 : 1;
    const { isFine, sent, expected, delivered, unacknowledged, wrongQos, protocolErrors, error } = result;
    assertEquals([isFine, sent, expected, delivered, unacknowledged, wrongQos, protocolErrors, error], [
      ...[true, shape.messages!, shape.messages! * each, shape.messages! * each],
      ...[0, 0, 0, ""],
    ]);
    const aliased = shape.hasTopicAliases ? shape.messages! - shape.publishers! || shape.messages! - 1 : 0;
    assertEquals([result.aliasesSent, result.aliasesReceived], [aliased, aliased]);
    assert(result.deliveredPerSecond > 0 && result.p99Us >= result.p50Us, JSON.stringify(result));
  });
}

Deno.test(
  { name: "the native generator connects clients with sessions, and samples the broker's memory", ignore },
  async () => {
    await using broker = await BrokerProcess.start("off");
    const storm = await generator!.storm(broker, {
      clients: 50,
      holdSeconds: 0,
      isSubscribed: true,
      protocolVersion: 5,
    });
    const { isFine, connects, failed, dropped, error } = storm;
    assertEquals({ isFine, connects, failed, dropped, error }, {
      isFine: true,
      connects: 50,
      failed: 0,
      dropped: 0,
      error: "",
    });
    const { rssSamples } = await generator!.flow(broker, { messages: 1000, rssEvery: 250 });
    assert(rssSamples.length >= 1 && rssSamples.every((bytes) => bytes > 1_000_000), String(rssSamples));
  },
);

const MESSAGES = 505;
const EVERY = 100;
type Counts = Partial<Pick<FlowResult, "lost" | "duplicated" | "disordered" | "corrupt" | "wrongProperties">>;
/** What each fault is called, and whether it breaks what the QoS promises. A damaged message is missing, too. */
const FAULTS: readonly (readonly [fault: Fault | undefined, qos: 0 | 1 | 2, counts: Counts, isFine: boolean])[] = [
  [undefined, 1, {}, true],
  [undefined, 2, {}, true],
  ["drop", 0, { lost: 5 }, true],
  ["drop", 1, { lost: 5 }, false],
  ["repeat", 0, { duplicated: 5 }, true],
  ["repeat", 1, { duplicated: 5 }, true],
  // The same Packet Identifier again before its PUBREL: no second delivery.
  ["repeat", 2, {}, true],
  ["swap", 0, { disordered: 5 }, true],
  ["damage", 1, { corrupt: 5, lost: 5 }, false],
  ["alter-property", 0, { wrongProperties: 5 }, false],
];

for (const [fault, qos, counts, isFine] of FAULTS) {
  Deno.test({ name: `the native generator counts at QoS ${qos}: ${fault ?? "no fault"}`, ignore }, async () => {
    await using broker = await BrokerProcess.start("off");
    await using proxy = new FaultyProxy(broker.port, fault, EVERY);
    const shape: FlowShape = { qos, messages: MESSAGES, quietSeconds: 0.5, protocolVersion: 5, hasProperties: true };
    const result = await generator!.flow({ port: proxy.port }, shape);
    const { lost, duplicated, disordered, corrupt, wrongProperties } = result;
    assertEquals({ isFine: result.isFine, lost, duplicated, disordered, corrupt, wrongProperties }, {
      ...{ isFine, lost: 0, duplicated: 0, disordered: 0, corrupt: 0, wrongProperties: 0 },
      ...counts,
    });
    assertEquals(proxy.faults, fault === undefined ? 0 : 5);
  });
}

Deno.test({ name: "the native generator says what it cannot do", ignore }, async () => {
  const why = async (shape: FlowShape): Promise<string> =>
    (await assertRejects(() => generator!.flow({ port: 1 }, shape), Error)).message;
  assertEquals((await why({ hasTopicAliases: true })).endsWith("need --version 5"), true);
  assertEquals((await why({ messages: 1 })).endsWith("Connection refused"), true);
});
