/** Mirrors src/base/cache_gauge.ts. @module */

import { assert, assertEquals, assertLess } from "@std/assert";
import { CacheGauge } from "../../src/base/cache_gauge.ts";

const ENTRIES_MAX = 4_096;

/** A cache that forgets what has been there longest. */
class Fifo {
  readonly gauge = new CacheGauge(ENTRIES_MAX);
  readonly #kept = new Set<number>();
  looks = 0;

  use(thing: number): boolean {
    // As a hash does: neighbours are far apart.
    if (this.gauge.isMiniature && !this.gauge.samples(Math.imul(thing, 0x9e3779b1) >>> 16)) return false;
    this.looks++;
    if (this.#kept.has(thing)) {
      this.gauge.hit();
      return true;
    }
    while (this.#kept.size >= ENTRIES_MAX / this.gauge.divisor) {
      this.#kept.delete(this.#kept.values().next().value!);
      this.gauge.lost(1);
    }
    this.#kept.add(thing);
    return false;
  }

  /** @returns in how many of the `times` the cache was a miniature. */
  inTurn(things: number, times: number): number {
    let miniature = 0;
    for (let time = 0; time < times; time++) {
      this.use(time % things);
      if (this.gauge.isMiniature) miniature++;
    }
    return miniature;
  }
}

Deno.test("CacheGauge lets things that fit be looked up always, however many miss at first", () => {
  const cache = new Fifo();
  assertEquals(cache.inTurn(ENTRIES_MAX, ENTRIES_MAX * 8), 0);
});

Deno.test("CacheGauge leaves a cache in miniature as long as what comes in turn does not fit, without going to and fro", () => {
  for (const share of [1.25, 2, 4, 50]) {
    const cache = new Fifo();
    const things = Math.ceil(ENTRIES_MAX * share);
    cache.inTurn(things, ENTRIES_MAX * 4);
    assert(cache.gauge.isMiniature, `${share}`);
    cache.looks = 0;
    const times = ENTRIES_MAX * 40;
    assertEquals(cache.inTurn(things, times), times, `${share}`);
    assertLess(cache.looks, times / 20);
  }
});

Deno.test("CacheGauge brings the cache back when things become few, also when it has chosen none of them", () => {
  for (const things of [1, 10, ENTRIES_MAX / 2]) {
    const cache = new Fifo();
    cache.inTurn(ENTRIES_MAX * 10, ENTRIES_MAX * 10);
    assert(cache.gauge.isMiniature);
    cache.inTurn(things, ENTRIES_MAX * 16);
    assertEquals([things, cache.gauge.isMiniature], [things, false]);
    assertEquals(cache.use(0), true);
  }
});

Deno.test("CacheGauge does not divide a small cache", () => {
  const gauge = new CacheGauge(16);
  while (!gauge.isMiniature) gauge.lost(1);
  assertEquals([gauge.divisor, gauge.samples(1), gauge.samples(2)], [1, true, true]);
});
