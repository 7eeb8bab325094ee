/** Client Identifiers that belong to users. @module */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { ClientIdClaims } from "../../src/auth/client_id_claims.ts";
import { usersOf } from "./acl_support.ts";

const OTHERS = "this Client Identifier belongs to another user";
const NOT_OWN = "the user may not use this Client Identifier";

Deno.test("ClientIdClaims: a pattern is for its user, and what it matches for nobody else", () => {
  const claims = new ClientIdClaims(
    usersOf({ name: "greenhouse", clientIds: ["green-*", "*-house", "a*b*c", "%u"] }, { name: "garden" }).values(),
  );
  for (const clientId of ["green-", "green-1", "x-house", "-house", "abc", "aXbYbZc", "greenhouse"]) {
    assertEquals(claims.refusal(clientId, "greenhouse"), undefined, clientId);
    assertEquals(claims.refusal(clientId, "garden"), OTHERS, clientId);
    assertEquals(claims.refusal(clientId, undefined), OTHERS, clientId);
  }
  for (const clientId of ["green", "Green-1", "house", "ac", "acb", "abcd", "%u", "greenhouse2", ""]) {
    assertEquals(claims.refusal(clientId, "greenhouse"), NOT_OWN, clientId);
    assertEquals(claims.refusal(clientId, "garden"), undefined, clientId);
    assertEquals(claims.refusal(clientId, undefined), undefined, clientId);
  }
});

Deno.test("ClientIdClaims: * alone takes nothing from others", () => {
  const users = usersOf({ name: "gateway", clientIds: ["*"] }, { name: "hub", clientIds: ["**"] });
  const claims = new ClientIdClaims([...users.values(), ...usersOf({ name: "garden", clientIds: ["g"] }).values()]);
  for (const userName of ["gateway", "hub", "other", undefined]) {
    assertEquals(claims.refusal("sensor-1", userName), undefined);
    assertEquals(claims.refusal("g", userName), OTHERS);
  }
});

Deno.test("ClientIdClaims: where claims meet, each user may; what is written out goes before a pattern", () => {
  const users = usersOf(
    { name: "north", clientIds: ["sensor-*"] },
    { name: "south", clientIds: ["sensor-*", "sensor-7"] },
    { name: "west", clientIds: ["sensor-7"] },
  );
  const claims = new ClientIdClaims(users.values());
  assertEquals(claims.refusal("sensor-1", "north"), undefined);
  assertEquals(claims.refusal("sensor-1", "south"), undefined);
  assertEquals(claims.refusal("sensor-1", "west"), NOT_OWN);
  assertEquals(claims.refusal("sensor-7", "north"), OTHERS);
  assertEquals(claims.refusal("sensor-7", "south"), undefined);
  assertEquals(claims.refusal("sensor-7", "west"), undefined);
  const whose = (clientId: string) =>
    ["north", "south", "west", "other", undefined].filter((userName) => !claims.isOfOthers(clientId, userName));
  assertEquals(whose("sensor-1"), ["north", "south"]);
  assertEquals(whose("sensor-7"), ["south", "west"]);
  assertEquals(whose("pump-1"), ["north", "south", "west", "other", undefined], "nobody has claimed it");
});

Deno.test("ClientIdClaims: a * or %u in a user's name is text", () => {
  const claims = new ClientIdClaims(
    usersOf({ name: "*", clientIds: ["%u-x"] }, { name: "%u$&", clientIds: ["%u"] }).values(),
  );
  assertEquals(claims.refusal("*-x", "*"), undefined);
  assertEquals(claims.refusal("a-x", "*"), NOT_OWN);
  assertEquals(claims.refusal("a-x", undefined), undefined);
  assertEquals(claims.refusal("%u$&", "%u$&"), undefined);
});

Deno.test("ClientIdClaims: * stands for any characters, as in an expression", () => {
  const text = (units: string[]) => fc.string({ unit: fc.constantFrom(...units), maxLength: 7 });
  fc.assert(
    fc.property(text(["a", "b", "*"]), text(["a", "b"]), (pattern, clientId) => {
      const claims = new ClientIdClaims(usersOf({ name: "u", clientIds: [pattern] }).values());
      const matches = new RegExp(`^${pattern.replaceAll("*", ".*")}$`).test(clientId);
      assertEquals(claims.refusal(clientId, "u") === undefined, matches);
      const isAny = /^\*+$/.test(pattern);
      assertEquals(claims.refusal(clientId, undefined), matches && !isAny ? OTHERS : undefined);
    }),
    { numRuns: 2_000 },
  );
});
