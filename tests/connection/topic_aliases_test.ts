/** Mirrors src/connection/topic_aliases.ts; the incoming table is tested with the reader. @module */

import { assertEquals } from "@std/assert";
import { OutgoingTopicAliases } from "../../src/connection/topic_aliases.ts";

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
