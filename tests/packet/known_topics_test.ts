/** Mirrors src/packet/known_topics.ts. What is known is the process's: each test begins when all is looked up. @module */

import { assert, assertEquals, assertGreater, assertLess, assertThrows } from "@std/assert";
import fc from "fast-check";
import { PeerError } from "../../src/packet/errors.ts";
import { KNOWN_TOPICS_MAX, type KnownTopic, knownTopics } from "../../src/packet/known_topics.ts";
import { topicNameHash } from "../../src/packet/topic_name_bytes.ts";

const encoder = new TextEncoder();

function find(name: string): KnownTopic | undefined {
  const bytes = encoder.encode(`<${name}>`);
  return knownTopics.find(bytes, 1, bytes.length - 1);
}

/** Until topics are few again. */
function settle(): void {
  for (let time = 0; time < KNOWN_TOPICS_MAX * 9; time++) find("settle");
  assert(find("settle") !== undefined);
}

Deno.test("knownTopics.find() is the same topic for the same bytes, with the name that they say", () => {
  settle();
  for (const name of ["a", "a/b", "räume/温度/🌡", "/", "\ufeff", "x".repeat(128)]) {
    const topic = find(name)!;
    assertEquals(topic.name, name);
    assert(find(name) === topic && knownTopics.at(topic.place) === topic && knownTopics.keeps(topic), name);
  }
});

Deno.test("knownTopics.find() knows no other topic than that of the bytes, whatever was known before", () => {
  settle();
  const name = fc.stringMatching(/^[ab/]{1,9}$/);
  fc.assert(
    fc.property(fc.array(name, { maxLength: 30 }), (names) => {
      for (const name of names) {
        const topic = find(name);
        assertEquals(topic?.name, name);
        const other = encoder.encode(`${name}c`);
        assertEquals(knownTopics.holds(topic!.place, other, 0, other.length), false);
        assertEquals(knownTopics.holds(topic!.place, other, 0, name.length), true);
      }
    }),
  );
});

Deno.test("knownTopics.find() refuses what is no Topic Name, and leaves long ones to others", () => {
  settle();
  for (const name of ["a/+", "#", "a\0b", ""]) assertThrows(() => find(name), PeerError);
  assertEquals(find("x".repeat(129)), undefined);
});

Deno.test("knownTopics gives no place to two topics at a time, and keeps no more than it has places", () => {
  settle();
  const all: KnownTopic[] = [];
  for (let index = 0; index < KNOWN_TOPICS_MAX * 2; index++) {
    const topic = find(`places/${index}`);
    if (topic !== undefined) all.push(topic);
  }
  const kept = all.filter((topic) => knownTopics.keeps(topic));
  assertGreater(kept.length, KNOWN_TOPICS_MAX / 2);
  assertEquals(new Set(kept.map(({ place }) => place)).size, kept.length);
  assert(kept.every(({ place }) => place >= 0 && place < KNOWN_TOPICS_MAX));
});

/** All in the set of places of the first one: what somebody may find who knows the hash. */
function colliding(count: number): string[] {
  const names: string[] = [];
  const setOf = (name: string) => {
    const bytes = encoder.encode(name);
    return topicNameHash(bytes, 0, bytes.length) & (KNOWN_TOPICS_MAX / 8 - 1);
  };
  const set = setOf("colliding/0");
  for (let index = 0; names.length < count; index++) {
    const name = `colliding/${index}`;
    if (setOf(name) === set) names.push(name);
  }
  return names;
}

Deno.test("knownTopics takes eight places for topics that were chosen to collide, and tells them apart", () => {
  settle();
  const names = Array.from({ length: 500 }, (_, index) => `others/${index}`);
  for (let time = 0; time < 200; time++) names.forEach(find);
  const others = names.map((name) => find(name)!);
  const kept = new Set<KnownTopic>();
  for (const name of colliding(300)) {
    for (let time = 0; time < 2; time++) {
      const topic = find(name)!;
      assertEquals(topic.name, name);
      kept.add(topic);
    }
  }
  assertEquals([...kept].filter((topic) => knownTopics.keeps(topic)).length, 8);
  assertGreater(others.filter((topic) => knownTopics.keeps(topic)).length, 490);
});

Deno.test("knownTopics keeps what is asked for again while others come once", () => {
  settle();
  const names = colliding(307);
  const known = names.splice(0, 7);
  for (let time = 0; time < 3 * 64; time++) known.forEach(find);
  const steady = known.map((name) => find(name)!);
  for (const name of names) {
    for (const topic of steady) assert(find(topic.name) === topic, topic.name);
    find(name);
  }
});

Deno.test("knownTopics looks for few while more come in turn than fit, and for all once they are fewer", () => {
  settle();
  const inTurn = (topics: number, rounds: number) => {
    let looked = 0;
    for (let time = 0; time < topics * rounds; time++) if (find(`turn/${time % topics}`) !== undefined) looked++;
    return looked / (topics * rounds);
  };
  inTurn(KNOWN_TOPICS_MAX * 3, 4);
  assertLess(inTurn(KNOWN_TOPICS_MAX * 3, 4), 0.05);
  inTurn(KNOWN_TOPICS_MAX / 2, 100);
  assertEquals(inTurn(KNOWN_TOPICS_MAX / 2, 2), 1);
});
