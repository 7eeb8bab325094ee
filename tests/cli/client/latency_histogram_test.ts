/** src/cli/client/latency_histogram.ts @module */

import { assert, assertEquals } from "@std/assert";
import { durationText, LatencyHistogram } from "../../../src/cli/client/latency_histogram.ts";

Deno.test("LatencyHistogram has the percentiles of what was recorded, to three digits", () => {
  const histogram = new LatencyHistogram();
  for (let us = 1; us <= 100_000; us++) histogram.record(us / 1000);
  const { count, min, mean, p50, p90, p99, p999, max } = histogram.summary()!;
  assertEquals([count, min], [100_000, 0.001]);
  for (const [measured, exact] of [[mean, 50], [p50, 50], [p90, 90], [p99, 99], [p999, 99.9], [max, 100]]) {
    assert(Math.abs(measured - exact) <= exact * 0.001, `${measured} for ${exact}`);
  }
});

Deno.test("LatencyHistogram takes any duration, keeps zero and counts an hour for what is longer", () => {
  const histogram = new LatencyHistogram();
  assertEquals([histogram.summary(), histogram.chart()], [undefined, []]);
  for (const ms of [-5, 0, NaN]) histogram.record(ms);
  assertEquals(histogram.summary(), { count: 3, min: 0, mean: 0, p50: 0, p90: 0, p99: 0, p999: 0, max: 0 });
  histogram.reset();
  histogram.record(1e12);
  assertEquals([histogram.count, Math.round(histogram.percentile(50) / 3_600_000)], [1, 1]);
});

Deno.test("LatencyHistogram.chart() has a row for each step from the first to the last that has any", () => {
  const histogram = new LatencyHistogram();
  for (let i = 0; i < 10; i++) histogram.record(0.3);
  for (let i = 0; i < 5; i++) histogram.record(1.5);
  assertEquals(histogram.chart(8), [
    "200 µs – 500 µs  10  ████████",
    "500 µs –   1 ms   0",
    "  1 ms –   2 ms   5  ████",
  ]);
});

Deno.test("LatencyHistogram.chart() puts what is far away into its last row", () => {
  const histogram = new LatencyHistogram();
  for (const ms of [0.001, 10, 1000, 60_000]) histogram.record(ms);
  const rows = histogram.chart();
  assertEquals(rows.length, 12);
  assert(/^ *5 ms – *100 s *3 /.test(rows[11]), rows[11]);
});

Deno.test("durationText() has three digits and a unit that fits", () => {
  assertEquals([0, 0.85, 1, 1.234, 12.34, 123.4, 1234, 61_000].map(durationText), [
    "0 µs",
    "850 µs",
    "1 ms",
    "1.23 ms",
    "12.3 ms",
    "123 ms",
    "1.23 s",
    "61 s",
  ]);
});
