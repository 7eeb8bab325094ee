/** Holds docs/conformance.md to the tests, and the tests to the specification's statements. @module */

import { assert, assertEquals } from "@std/assert";
import { missing, mistaken, readConformance, SIDES, tableOf, writtenTable } from "./make_table.ts";

const conformance = await readConformance();

for (const side of SIDES) {
  Deno.test(`every ${side}-binding statement has a test of the ${side} or a reason`, () => {
    assertEquals(missing(conformance, side), []);
  });

  Deno.test(`tests of the ${side} name only statements that exist, and none has both a test and a reason`, () => {
    assertEquals(mistaken(conformance, side), []);
  });
}

Deno.test("docs/conformance.md is up to date: deno task conformance", async () => {
  // Not assertEquals: the difference of two tables of 252 rows helps nobody.
  assert(await writtenTable() === tableOf(conformance), "run: deno task conformance");
});
