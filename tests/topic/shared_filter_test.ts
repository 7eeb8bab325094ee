/** $share/{ShareName}/{Topic Filter}. Spec §4.8.2. @module */

import { assert, assertEquals, assertFalse } from "@std/assert";
import { isSharedFilter, parseSharedFilter } from "../../src/topic/shared_filter.ts";

Deno.test("parseSharedFilter() leaves ordinary filters alone", () => {
  for (
    const filter of ["a", "$share", "$SHARE/g/a", "$shared/g/a", "/$share/g/a", "share/g/a", "+/share/#", "$SYS/#"]
  ) {
    assertFalse(isSharedFilter(filter), filter);
    assertEquals(parseSharedFilter(filter), undefined, filter);
  }
});

Deno.test("parseSharedFilter() takes the parts apart", () => {
  const cases: [filter: string, shareName: string, topicFilter: string][] = [
    ["$share/g/a", "g", "a"],
    ["$share/consumer1/sport/tennis/+", "consumer1", "sport/tennis/+"],
    ["$share/g/#", "g", "#"],
    ["$share/g//finance", "g", "/finance"],
    ["$share/g//", "g", "/"],
    ["$share/$share/$SYS/#", "$share", "$SYS/#"],
    ["$share/a b é/x", "a b é", "x"],
  ];
  for (const [filter, shareName, topicFilter] of cases) {
    assert(isSharedFilter(filter));
    assertEquals(parseSharedFilter(filter), { shareName, topicFilter }, filter);
  }
});

Deno.test("[MQTT-4.8.2-1] a ShareName has at least one character", () => {
  for (const filter of ["$share/", "$share//", "$share//a", "$share//#"]) {
    assertEquals(parseSharedFilter(filter), "invalid", filter);
  }
});

Deno.test("[MQTT-4.8.2-2] a ShareName has no wildcard, and a slash and a Topic Filter follow it", () => {
  for (
    const filter of [
      "$share/g",
      "$share/g/",
      "$share/+/a",
      "$share/#/a",
      "$share/#",
      "$share/g+/a",
      "$share/g#h/a",
      "$share/g/a#",
      "$share/g/#/a",
      "$share/g/a+",
      "$share/g\0/a",
      "$share/g/a\0",
    ]
  ) {
    assert(isSharedFilter(filter));
    assertEquals(parseSharedFilter(filter), "invalid", filter);
  }
});

Deno.test("[MQTT-4.7.3-3] a shared filter as a whole has at most 65,535 bytes of UTF-8", () => {
  const prefix = "$share/g/";
  const longest = prefix + "a".repeat(65_535 - prefix.length);
  assertEquals(parseSharedFilter(longest), { shareName: "g", topicFilter: longest.slice(prefix.length) });
  assertEquals(parseSharedFilter(longest + "a"), "invalid");
});
