/** Mirrors src/connection/topic_aliases.ts; more of the incoming table is tested with the reader. @module */

import { assert, assertEquals } from "@std/assert";
import { KNOWN_TOPICS_MAX, knownTopics } from "../../src/packet/known_topics.ts";
import { PublishReader } from "../../src/packet/publish.ts";
import { topicNameHash } from "../../src/packet/topic_name_bytes.ts";
import { wire } from "../packet/support.ts";
import { IncomingTopicAliases, OutgoingTopicAliases } from "../../src/connection/topic_aliases.ts";

Deno.test("OutgoingTopicAliases.find() promises the next alias, which counts only when it was assigned", () => {
  const aliases = new OutgoingTopicAliases(2);
  assertEquals([aliases.find("topic/a"), aliases.isNew], [1, true]);
  assertEquals([aliases.find("topic/b"), aliases.isNew], [1, true]); // the first was never written
  aliases.assign("topic/b");
  assertEquals([aliases.find("topic/b"), aliases.isNew], [1, false]);
  assertEquals([aliases.find("topic/a"), aliases.isNew], [2, true]);
  aliases.assign("topic/a");
  assertEquals(aliases.find("topic/c"), 0);
});

Deno.test("OutgoingTopicAliases.find() gives none to a topic that is no longer than an alias", () => {
  assertEquals(new OutgoingTopicAliases(2).find("abc"), 0);
});

Deno.test("IncomingTopicAliases.resolve() brings back what is known of a topic, and only its name when that is another's place now", () => {
  const aliases = new IncomingTopicAliases(1);
  const reader = new PublishReader("client", 0);
  const resolved = (hex: string) => {
    const frame = wire(hex);
    const packet = reader.decode(frame, 0, 2, frame.length, 5);
    aliases.resolve(packet);
    return packet.message;
  };
  const known = resolved(`30 [ "alias/räume" [ 23 0001 ] ]`).knownTopic!;
  assertEquals([known.name, resolved(`30 [ "" [ 23 0001 ] ]`).knownTopic === known], ["alias/räume", true]);
  const setOf = (bytes: Uint8Array) => topicNameHash(bytes, 0, bytes.length) & (KNOWN_TOPICS_MAX / 8 - 1);
  const set = setOf(new TextEncoder().encode(known.name));
  for (let index = 0; knownTopics.at(known.place) === known; index++) {
    assert(index < 1_000_000, "topics that are asked for twice do not push it out");
    const other = new TextEncoder().encode(`alias/${index}`);
    if (setOf(other) !== set) continue;
    // What is asked for once only does not push out others.
    for (let time = 0; time < 2; time++) knownTopics.find(other, 0, other.length);
  }
  const message = resolved(`30 [ "" [ 23 0001 ] ]`);
  assertEquals([message.topicName, message.knownTopic], ["alias/räume", undefined]);
});
