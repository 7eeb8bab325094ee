/** The charts of the benches: that all figures are in them, that they follow a dark page, and that the broker knows nothing
 * of the library that draws them. @module */

import { assert, assertEquals } from "@std/assert";
import { barChart, lineChart, shortNumber } from "../bench/charts/chart.ts";

function texts(svg: string): string[] {
  return [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text]) => text);
}

Deno.test("barChart() shows each figure, and nothing where there is none", () => {
  const svg = barChart({
    title: "Deliveries",
    labels: ["one", "two"],
    x: { name: "times the peer", isLog: true, min: 0.1, format: (value) => `×${value}` },
    series: [{ name: "ours", values: [23, 5] }, { name: "other", values: [0.5, undefined], texts: ["half"] }],
    mark: { at: 1, text: "the peer" },
  });
  const said = texts(svg);
  for (const text of ["Deliveries", "ours", "other", "one", "two", "×23", "×5", "half", "the peer", "times the peer"]) {
    assert(said.includes(text), `${text} is not in ${said}`);
  }
  assertEquals(said.filter((text) => /NaN|undefined|-/.test(text)), []);
});

Deno.test("lineChart() draws a line for each series, the dashed ones dashed", () => {
  const points = [[1, 1], [10, 2], [100, 4]] as const;
  const series = [{ name: "exact", points }, { name: "wildcard", points, isDashed: true }];
  const svg = lineChart({ title: "Growth", x: { name: "filters", isLog: true }, y: { name: "µs" }, series });
  for (const text of ["Growth", "exact", "wildcard", "filters", "µs"]) assert(texts(svg).includes(text), text);
  assertEquals(svg.includes("stroke-dasharray"), true);
  const solid = lineChart({ title: "Growth", x: { name: "filters" }, y: { name: "µs" }, series: series.slice(0, 1) });
  assertEquals(solid.includes("stroke-dasharray"), false);
});

Deno.test("a chart changes every colour of its page and its ink on a dark page", () => {
  const svg = lineChart({ title: "t", x: { name: "x" }, y: { name: "y" }, series: [{ name: "s", points: [[1, 1]] }] });
  const [, sheet] = /<style>@media \(prefers-color-scheme: dark\)\{(.*)\}<\/style>/.exec(svg)!;
  const used = new Set([...svg.matchAll(/fill="(#[0-9a-f]{6})"/g)].map(([, color]) => color));
  used.delete("#d9480f"); // the series itself is for both
  for (const color of used) assert(sheet.includes(`[fill="${color}"]`), `${color} stays on a dark page`);
});

Deno.test("the same figures are the same text, whatever was drawn before", () => {
  const draw = () => barChart({ title: "t", labels: ["a"], x: { name: "x" }, series: [{ name: "s", values: [1] }] });
  const first = draw();
  lineChart({ title: "t", x: { name: "x" }, y: { name: "y" }, series: [{ name: "s", points: [[1, 1], [2, 2]] }] });
  assertEquals(draw(), first);
});

Deno.test("shortNumber() has three digits at most", () => {
  assertEquals([0.25, 7, 950, 1500, 23_456, 20e6, 3.21e9].map(shortNumber), [
    ...["0.25", "7", "950", "1.5k", "23.5k", "20M", "3.21G"],
  ]);
});

Deno.test("the broker's module graph has no chart library and no bench in it", async () => {
  const main = new URL("../main.ts", import.meta.url).href;
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json", main] }).output();
  const { modules } = JSON.parse(new TextDecoder().decode(stdout)) as {
    modules: { specifier: string; npmPackage?: string }[];
  };
  const specifiers = modules.map(({ specifier, npmPackage }) => `${specifier} ${npmPackage ?? ""}`);
  assert(specifiers.some((specifier) => specifier.includes("@logtape/logtape@")), "packages are not in this graph");
  assert(specifiers.length > 50, "this is not the graph");
  assertEquals(specifiers.filter((specifier) => /echarts|zrender|\/bench\//.test(specifier)), []);
});
