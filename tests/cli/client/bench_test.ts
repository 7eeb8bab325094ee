/** `bench`, with a whole broker. No speed is looked at: what is counted is. @module */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { TableAuthorizer } from "../../support/table_authorizer.ts";
import { freePort, RunningBroker } from "./running_broker.ts";
import { cli } from "./support.ts";

const SHORT = ["--duration", "0.2", "--warm-up", "0"];

for (
  const [version, qos, options] of [
    ["5", 0, []],
    ["5", 1, ["--publishers", "3", "--window", "10"]],
    ["5", 2, ["--pattern", "fanin", "--publishers", "3", "--subscribers", "2"]],
    ["5", 0, ["--pattern", "fanout", "--subscribers", "3", "--window", "100"]],
    ["5", 1, ["--rate", "500", "--publishers", "2", "--size", "1000"]],
    ["311", 1, []],
    ["31", 2, []],
  ] as const
) {
  Deno.test(`bench -V ${version} -q ${qos} ${options.join(" ")} verifies each delivery`, async () => {
    await using broker = await RunningBroker.start();
    const what = ["-V", version, "-q", String(qos), ...options, ...SHORT, "--json", "-"];
    const { code, printed, complaints } = await cli(["bench", ...broker.place, ...what]);
    assertEquals([code, complaints], [0, ""]);
    const report = JSON.parse(printed);
    assert(report.sent > 0 && report.sentPerS > 0 && report.receivedPerS > 0);
    const copies = report.pattern === "pairs" ? 1 : report.subscribers;
    assertEquals([report.expected, report.received, report.lost], [report.sent * copies, report.sent * copies, 0]);
    assertEquals([report.duplicated, report.disordered, report.foreign, report.failed], [0, 0, 0, 0]);
    assertEquals(report.latencyMs.count, report.received);
    assertEquals(report.acknowledgementMs?.count, qos === 0 ? undefined : report.sent);
    assertEquals(report.protocolVersion, { "5": 5, "311": 4, "31": 3 }[version]);
  });
}

Deno.test("bench sends no more than its rate", async () => {
  await using broker = await RunningBroker.start();
  const what = ["--rate", "200", "--duration", "0.5", "--warm-up", "0", "--json", "-"];
  const beginMs = performance.now();
  const { sent } = JSON.parse((await cli(["bench", ...broker.place, ...what])).printed);
  const seconds = (performance.now() - beginMs) / 1000;
  assert(sent > 0 && sent <= 200 * seconds + 1, `${sent} in ${seconds} s`);
});

Deno.test("bench counts what does not arrive, ends with 1, and does not wait for ever", async () => {
  const run = "bench-topic";
  const authorizer = new TableAuthorizer([{ may: "receive", topic: `${run}/1` }]);
  await using broker = await RunningBroker.start(0, { authorizer });
  const what = ["--publishers", "2", "-t", run, ...SHORT, "--window", "50", "--patience", "0.3", "--json", "-"];
  const { code, printed } = await cli(["bench", ...broker.place, ...what]);
  const report = JSON.parse(printed);
  assertEquals(code, 1);
  assert(report.lost > 0 && report.received > 0);
  assertEquals(report.received + report.lost, report.expected);
});

Deno.test("bench says what the broker refused, and ends with 1", async () => {
  const authorizer = new TableAuthorizer([{ may: "publish" }]);
  await using broker = await RunningBroker.start(0, { authorizer });
  const { code, printed } = await cli(["bench", ...broker.place, "-q", "1", ...SHORT]);
  assertEquals(code, 1);
  assertStringIncludes(printed, "not sent");
  assertStringIncludes(printed, "Not authorized");
});

Deno.test("bench ends with 1 when the broker ends, and reports what was", async () => {
  const broker = await RunningBroker.start();
  const inbox = await broker.listen("a/#");
  const running = cli(["bench", ...broker.place, "-t", "a", "--rate", "100", "--duration", "3600", "--json", "-"]);
  await inbox.until(() => true);
  await broker.server.stop();
  const { code, printed } = await running;
  const report = JSON.parse(printed);
  assertEquals(code, 1);
  assert(report.sent > 0);
  assertStringIncludes(report.failure, "subscriber-0: ");
  await broker[Symbol.asyncDispose]();
});

Deno.test("bench writes its report into a file, and a text for people", async () => {
  await using broker = await RunningBroker.start();
  const path = await Deno.makeTempFile();
  try {
    const { code, printed } = await cli(["bench", ...broker.place, ...SHORT, "--json", path]);
    assertEquals(code, 0);
    const report = JSON.parse(await Deno.readTextFile(path));
    const sent = report.sent.toLocaleString("en");
    assertStringIncludes(printed, `received  ${sent} of ${sent}, `);
    assertStringIncludes(printed, "lost      none\n");
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("bench shows how far it is where somebody looks", async () => {
  await using broker = await RunningBroker.start();
  const shown: string[] = [];
  const { runCommandLine } = await import("../../../src/cli/run.ts");
  const code = await runCommandLine(
    ["bench", ...broker.place, "--duration", "2.2", "--warm-up", "0", "--rate", "100"],
    {
      print: () => {},
      complain: () => {},
      progress: (text) => shown.push(text),
      environment: {},
    },
  );
  assertEquals([code, shown[0], shown.at(-1)], [0, "connecting 2 clients", ""]);
  assert(shown.some((text) => /^\d+ s {2}sent [\d,]+\/s {2}received [\d,]+\/s {2}on the way/.test(text)), shown.join());
});

Deno.test("bench without a broker, or without a place for its report, ends with 1 and says so", async () => {
  const port = await freePort();
  for (
    const [line, complaint] of [
      [`-h 127.0.0.1 -p ${port}`, `127.0.0.1:${port}`],
      [`-h 127.0.0.1 -p ${port} --json /nonexistent/report.json`, "--json /nonexistent/report.json: "],
    ]
  ) {
    const { code, complaints } = await cli(["bench", ...line.split(" ")]);
    assertEquals(code, 1);
    assertStringIncludes(complaints, complaint);
  }
});
