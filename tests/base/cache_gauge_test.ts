/** Mirrors src/base/cache_gauge.ts. @module */

import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { CacheGauge } from "../../src/base/cache_gauge.ts";

function looksOf(gauge: CacheGauge, times: number, isHit: (time: number) => boolean): number {
  let looks = 0;
  for (let time = 0; time < times; time++) {
    if (!gauge.looks()) continue;
    looks++;
    if (isHit(time)) gauge.hit();
  }
  return looks;
}

Deno.test("CacheGauge always looks where one in ten hits", () => {
  assertEquals(looksOf(new CacheGauge(1_000), 100_000, (time) => time % 10 === 0), 100_000);
});

Deno.test("CacheGauge.looks() now and then only while nothing hits, and always again when much does", () => {
  const gauge = new CacheGauge(1_000);
  assertEquals(looksOf(gauge, 2_000, () => false), 2_000);
  const looks = looksOf(gauge, 160_000, () => false);
  assertGreater(looks, 9_000);
  assertLess(looks, 11_000);
  looksOf(gauge, 10_000, () => true);
  assertEquals(looksOf(gauge, 1_000, () => true), 1_000);
});

Deno.test("CacheGauge.looks() at each of a few things that come in turn", () => {
  const gauge = new CacheGauge(16);
  looksOf(gauge, 1_000, () => false);
  const seen = new Set<number>();
  looksOf(gauge, 16 * 1_000, (time) => {
    seen.add(time % 16);
    return false;
  });
  assert(seen.size === 16, `only ${[...seen]}`);
});
