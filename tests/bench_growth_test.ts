/** The curves of `deno task bench:growth`, tiny and against real brokers; whether a flow's verdict notices what it is there
 * to notice; and the arithmetic of how something grows. @module */

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { delay } from "@std/async/delay";
import type { Curve, MeasuredCurve } from "../bench/growth/curve.ts";
import { CURVES } from "../bench/growth/curves.ts";
import { Flow, problemsOf } from "../bench/growth/load/flow.ts";
import { checkOf, SEQUENCE_AT, TOPIC_CHECK_AT, TopicList } from "../bench/growth/load/frames.ts";
import { RawClient } from "../bench/growth/load/raw_client.ts";
import { connectionsPossible } from "../bench/growth/machine_limits.ts";
import { chartsOf, growthTable } from "../bench/growth/report.ts";
import { pageText, readKept, textIn } from "../bench/growth/kept.ts";
import { runTiny } from "../bench/growth/runner.ts";
import { growthOf, wordOf } from "../bench/growth/slope.ts";
import { onePair, Stage } from "../bench/growth/stage.ts";
import { publishTemplate } from "../bench/scenarios/load/frames.ts";

for (const curve of CURVES) {
  Deno.test(`bench:growth: ${curve.id} runs tiny, and everything is delivered`, async () => {
    const { points } = await runTiny(curve);
    assertEquals(points.map(({ series, x }) => [series, x]), curve.series.map((series) => [series, curve.tinyPoint]));
    for (const { series, verified, problems, figures } of points) {
      assertEquals(problems, [], series);
      assert(verified > 0, `${series}: nothing was delivered`);
      // Each chart that is about this series finds its figure, where the system tells of processor time and memory.
      assert(curve.charts.some(({ figure }) => figures[figure] !== undefined) || Deno.build.os !== "linux", series);
    }
  });
}

Deno.test("bench:growth: a flow notices messages that nobody sent, that come twice, or under another topic", async () => {
  const setting = {
    series: "",
    x: 1,
    sliceSeconds: 0,
    slices: 1,
    warmUpSeconds: 0,
    isTiny: true,
    brokerCore: undefined,
  };
  await using stage = await Stage.start(setting);
  const flow = await Flow.open(stage.port, onePair(["flow/a", "flow/b"], ["flow/+"], { messagesMax: 10, window: 100 }));
  flow.start();
  await flow.untilPublished();
  const stranger = new RawClient("stranger");
  await stranger.connect(stage.port);
  const send = (topicName: string, nonce: number, sequence: number, checkedName: string) => {
    const { bytes, view, payloadAt } = publishTemplate(topicName, 0, 64, 0, 0);
    const name = new TextEncoder().encode(checkedName);
    view.setUint32(payloadAt, nonce << 16);
    view.setUint32(payloadAt + SEQUENCE_AT, sequence);
    view.setUint32(payloadAt + TOPIC_CHECK_AT, checkOf(name, 0, name.length));
    view.setUint32(bytes.length - 4, sequence);
    stranger.link.append(bytes);
  };
  send("flow/a", flow.nonce, 3, "flow/a"); // again
  send("flow/a", flow.nonce + 1, 10, "flow/a"); // of another flow
  send("flow/b", flow.nonce, 10, "flow/a"); // under another topic
  await stranger.subscribe(["stranger"]); // its answer comes behind them
  await stranger.disconnect();
  const [subscriber] = flow.subscribers;
  while (subscriber.disordered + subscriber.foreign < 3) await delay(1);
  const verdict = await flow.drain();
  await flow.close();
  assertEquals(verdict, { published: 10, delivered: 10, lost: 0, disordered: 1, foreign: 2 });
  assertEquals(problemsOf({ ...verdict, lost: 4 }), [
    "4 lost",
    "1 twice or out of order",
    "2 that nobody sent so",
  ]);
});

Deno.test("growthOf() gives the exponent of a power, and the steepest step of a curve that bends", () => {
  const powerOf = (exponent: number) => [1, 10, 100, 1000].map((x) => [x, 3 * x ** exponent] as const);
  for (
    const [exponent, word] of [[0, "does not grow"], [0.5, "grows more slowly"], [1, "grows in proportion"]] as const
  ) {
    const growth = growthOf(powerOf(exponent))!;
    assertAlmostEquals(growth.exponent, exponent, 1e-9);
    assertAlmostEquals(growth.steepest, exponent, 1e-9);
    assertEquals(wordOf(growth), word);
  }
  assertEquals(wordOf(growthOf(powerOf(2))!), "grows FASTER than in proportion");
  const bent = growthOf([[1, 1], [10, 1], [100, 1], [1000, 100]])!;
  assertEquals([bent.steepest.toFixed(6), bent.times], ["2.000000", 100]);
  assertEquals(growthOf([[1, 1]]), undefined);
});

Deno.test("growthTable() and chartsOf() show each line that has figures, and no other", () => {
  const point = (series: string, x: number, cost: number | undefined) => ({
    ...{ series, x, figures: { cost }, verified: 1, problems: [] },
  });
  const curve: Curve = {
    ...{
      id: "size",
      title: "Size",
      x: "bytes",
      about: "A size.",
      series: ["one", "two"],
      points: [1, 10],
      tinyPoint: 1,
    },
    charts: [{ id: "", title: "Cost", figure: "cost", y: "µs" }, {
      id: "memory",
      title: "m",
      figure: "rss",
      y: "bytes",
    }],
    measure: () => Promise.reject(new Error("not asked for")),
  };
  const measured: MeasuredCurve = {
    ...{ id: "size", machine: "a machine", measuredAt: "" },
    points: [point("one", 1, 2), point("one", 10, 20), point("two", 1, undefined), point("two", 10, 5)],
  };
  const rows = growthTable([curve], [measured]).split("\n").slice(2);
  assertEquals(rows, ["| size | one | µs | 1 … 10 | 2 → 20 | 1.00 | 1.00 | grows in proportion |"]);
  const charts = chartsOf(curve, measured);
  assertEquals([...charts.keys()], ["size.svg"]);
  for (const text of ["one", "two", "Cost", "a machine"]) {
    assert(charts.get("size.svg")!.includes(`>${text}<`), text);
  }
});

/** As the gate wants pages to be. */
async function formatted(text: string): Promise<string> {
  const args = ["fmt", "--ext", "md", "-"];
  const cwd = new URL("../", import.meta.url);
  const fmt = new Deno.Command(Deno.execPath(), { args, cwd, stdin: "piped", stdout: "piped" }).spawn();
  const input = fmt.stdin.getWriter();
  await input.write(new TextEncoder().encode(text));
  await input.close();
  return new TextDecoder().decode((await fmt.output()).stdout).trim();
}

Deno.test("docs/growth.md and its charts are those of what is kept", async () => {
  const kept = await readKept();
  const page = await Deno.readTextFile(new URL("../docs/growth.md", import.meta.url));
  assertEquals(textIn(page), await formatted(pageText(kept)));
  for (const measured of kept) {
    for (const name of chartsOf(CURVES.find(({ id }) => id === measured.id)!, measured).keys()) {
      assert(page.includes(`(charts/${name})`), name);
      assert((await Deno.stat(new URL(`../docs/charts/${name}`, import.meta.url))).isFile);
    }
  }
});

Deno.test("TopicList gives each name back as it is in a packet", () => {
  const names = ["a/b", "", "ü/€"];
  const list = new TopicList(names);
  const read = names.map((_, index) => {
    const bytes = new Uint8Array(list.bytesOf(index));
    list.write(index, bytes, 0);
    assertEquals(list.check(index), checkOf(bytes, 0, bytes.length));
    return new TextDecoder().decode(bytes);
  });
  assertEquals([list.size, read], [3, names]);
});

Deno.test("connectionsPossible() is a number of connections", () => {
  assert(connectionsPossible() > 100);
});
