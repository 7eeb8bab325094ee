/** src/config/limits.ts @module */

import { assert, assertEquals } from "@std/assert";
import { DEFAULT_LIMITS, LIMIT_RULES } from "../../src/config/limits.ts";

Deno.test("LIMIT_RULES has a default within its range, a unit and a description for each bound", () => {
  for (const [name, rule] of Object.entries(LIMIT_RULES)) {
    assert(rule.min <= rule.defaultValue && rule.defaultValue <= rule.max, name);
    assert([rule.min, rule.defaultValue, rule.max].every(Number.isSafeInteger), name);
    assert(rule.unit.length > 0 && rule.about.length > 0, name);
  }
});

Deno.test("DEFAULT_LIMITS holds each rule's default, and cannot be changed", () => {
  assertEquals(Object.keys(DEFAULT_LIMITS).sort(), [...Object.keys(LIMIT_RULES), "queuePolicy"].sort());
  assertEquals(DEFAULT_LIMITS.connectionsMax, 10_000);
  assertEquals(DEFAULT_LIMITS.queuePolicy, "drop-newest");
  assert(Object.isFrozen(DEFAULT_LIMITS));
});

Deno.test("[MQTT-3.1.3-5] no configuration forbids Client Identifiers of 23 bytes", () => {
  assert(LIMIT_RULES.clientIdBytesMax.min >= 23);
});

Deno.test("LIMIT_RULES allows what the protocol's own fields can hold, and no more", () => {
  const cases: [keyof typeof LIMIT_RULES, number][] = [
    ["maximumPacketSize", 268_435_460],
    ["receiveMaximum", 0xFFFF],
    ["outgoingInFlightMax", 0xFFFF],
    ["topicAliasMaximum", 0xFFFF],
    ["keepAliveMaxS", 0xFFFF],
    ["topicBytesMax", 0xFFFF],
    ["topicLevelsMax", 0x10000],
    ["sessionExpiryIntervalMaxS", 0xFFFFFFFF],
  ];
  for (const [name, max] of cases) assertEquals(LIMIT_RULES[name].max, max, name);
});
