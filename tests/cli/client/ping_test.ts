/** `ping`, with a whole broker. @module */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { PingRound } from "../../../src/cli/client/ping_round.ts";
import { StampedPayload } from "../../../src/cli/client/stamped_payload.ts";
import { TableAuthorizer } from "../../support/table_authorizer.ts";
import { freePort, RunningBroker } from "./running_broker.ts";
import { cli } from "./support.ts";

for (const [version, qos] of [["5", 0], ["5", 1], ["5", 2], ["311", 0], ["311", 1], ["31", 2]] as const) {
  Deno.test(`ping brings each message back, MQTT ${version}, QoS ${qos}`, async () => {
    await using broker = await RunningBroker.start();
    const options = ["-V", version, "-q", String(qos), "--count", "5", "--interval", "0", "--size", "100", "--json"];
    const { code, printed, complaints } = await cli(["ping", ...broker.place, ...options]);
    assertEquals([code, complaints], [0, ""]);
    const result = JSON.parse(printed);
    assertEquals([result.qos, result.size, result.sent, result.received, result.lost], [qos, 100, 5, 5, 0]);
    const { count, min, p50, max } = result.roundTripMs;
    assertEquals(count, 5);
    assert(min > 0 && min <= p50 && p50 <= max);
  });
}

Deno.test("ping says each message, the percentiles and a picture", async () => {
  await using broker = await RunningBroker.start();
  const { code, printed } = await cli(["ping", ...broker.place, "--count", "3", "--interval", "0.01", "-t", "a/b"]);
  assertEquals(code, 0);
  const lines = printed.trimEnd().split("\n");
  assertEquals(lines[0], `mqtt://127.0.0.1:${broker.port}: 64 bytes, QoS 0, on a/b`);
  for (const number of [1, 2, 3]) assert(lines.some((line) => new RegExp(`^${number}: [\\d.]+ (µs|ms)$`).test(line)));
  assertEquals(lines[5], "3 messages sent, 3 back, 0 lost (0 %)");
  assertMatch(lines[6], /^min [\d.]+ (µs|ms), median .*, 99\.9 % .*, max /);
  assertMatch(printed, /– +[\d.]+ (µs|ms) +\d +█/);
});

Deno.test("ping, bench and station use the topic of the URL", async () => {
  await using broker = await RunningBroker.start();
  for (
    const [line, topicName] of [
      ["ping --count 1", "a/b"],
      ["bench --duration 0.1 --warm-up 0", "a/b/0"],
      ["station --once -i s", "a/b/s/status"],
    ]
  ) {
    const inbox = await broker.listen("#");
    const { code } = await cli([...line.split(" "), "-L", `${broker.url}/a/b`]);
    assertEquals([code, (await inbox.until(() => true)).topicName], [0, topicName]);
  }
});

Deno.test("ping ends with 1 when messages do not come back in time, whatever else comes", async () => {
  const authorizer = new TableAuthorizer([{ may: "receive", clientId: "pinger", topic: "a" }]);
  await using broker = await RunningBroker.start(0, { authorizer });
  const options = ["-i", "pinger", "--count", "2", "--interval", "0", "--timeout", "0.1", "-t", "a"];
  const { code, printed } = await cli(["ping", ...broker.place, ...options]);
  assertEquals(code, 1);
  assertStringIncludes(printed, "2: lost: nothing came in time\n\n2 messages sent, 0 back, 2 lost (100 %)\n");
});

Deno.test("ping ends with 1 when the broker refuses messages, and says why", async () => {
  const authorizer = new TableAuthorizer([{ may: "publish", topic: "a" }]);
  await using broker = await RunningBroker.start(0, { authorizer });
  const { code, printed } = await cli(["ping", ...broker.place, "--count", "1", "-q", "1", "-t", "a"]);
  assertEquals(code, 1);
  assertStringIncludes(printed, "1: lost: ");
  assertStringIncludes(printed, "Not authorized");
});

Deno.test("ping takes messages of others, and its own ones that come twice, for nothing", async () => {
  const round = new PingRound(64, 7);
  const never = new AbortController().signal;
  const answer = await round.send(0, 60_000, never, (payload) => {
    round.take(new Uint8Array(3));
    round.take(new StampedPayload(64, 8, 0).stamp(0, 0));
    round.take(new StampedPayload(64, 7, 0).stamp(1, 0));
    round.take(payload);
    round.take(payload);
    return Promise.resolve();
  });
  assert(answer.ms !== undefined && answer.ms >= 0 && answer.ms < 60_000);
});

for (
  const [line, complaint] of [
    ["localhost", 'ping: "localhost" stands alone; -h says which broker: -h localhost'],
    ["-t a/#", "ping: -t a/#: it is one topic, without + and #"],
    ["--size 5", "ping: --size 5: it is a whole number from 24 to"],
    ["--timeout 0", "ping: --timeout 0: it is a number of seconds from"],
  ]
) {
  Deno.test(`ping ${line} is refused with what to do`, async () => {
    const { code, complaints } = await cli(["ping", ...line.split(" ")]);
    assertEquals(code, 2);
    assertStringIncludes(complaints, complaint);
  });
}

Deno.test("ping without a broker ends with 1 and says so", async () => {
  const port = await freePort();
  const { code, complaints } = await cli(["ping", "-h", "127.0.0.1", "-p", port]);
  assertEquals(code, 1);
  assertStringIncludes(complaints, `127.0.0.1:${port}`);
});
