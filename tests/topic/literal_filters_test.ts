/** Mirrors src/topic/literal_filters.ts. @module */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { LiteralFilters } from "../../src/topic/literal_filters.ts";
import { TopicLevels } from "../../src/topic/topic_levels.ts";
import { topicName } from "./arbitraries.ts";

const levels = new TopicLevels();

function find<T>(filters: LiteralFilters<T>, name: string): T | undefined {
  const bytes = new TextEncoder().encode(name);
  levels.readBytes(bytes, 0, bytes.length);
  return filters.find(levels)?.values;
}

Deno.test("LiteralFilters are a map by text, and by the bytes of a topic, while they come and go", () => {
  const step = fc.record({ name: fc.oneof(topicName, fc.nat(40).map((n) => `n/${n}`)), value: fc.nat() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), topicName, (steps, absent) => {
      const filters = new LiteralFilters<number>();
      const expected = new Map<string, number>();
      for (const { name, value } of steps) {
        const known = filters.get(name);
        assertEquals([known?.values, find(filters, name)], [expected.get(name), expected.get(name)]);
        if (known === undefined) {
          filters.add(name, value);
          expected.set(name, value);
        } else {
          filters.remove(known);
          expected.delete(name);
        }
        assertEquals(filters.size, expected.size);
      }
      for (const [name, value] of expected) assertEquals(find(filters, name), value, name);
      assertEquals(find(filters, absent), expected.get(absent));
    }),
    { numRuns: 200 },
  );
});

Deno.test("LiteralFilters find each of many, and no other, while they grow and when most have gone", () => {
  const filters = new LiteralFilters<number>();
  const nameOf = (index: number) => `plant/${index % 7}/räume/${index}`;
  for (let index = 0; index < 20_000; index++) filters.add(nameOf(index), index);
  for (let index = 0; index < 20_000; index++) assert(find(filters, nameOf(index)) === index, `${index}`);
  for (let index = 0; index < 20_000; index++) if (index % 100 !== 0) filters.remove(filters.get(nameOf(index))!);
  for (let index = 0; index < 20_000; index++) {
    assert(find(filters, nameOf(index)) === (index % 100 === 0 ? index : undefined), `${index}`);
  }
  assertEquals(filters.size, 200);
});
