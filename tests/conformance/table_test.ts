/** Holds docs/conformance.md to the tests, and the tests to the specification's statements. @module */

import { assert, assertEquals } from "@std/assert";
import { missing, mistaken, readConformance, tableOf, writtenTable } from "./make_table.ts";

const conformance = await readConformance();

Deno.test("every server-binding statement has a test or a reason", () => {
  assertEquals(missing(conformance), []);
});

Deno.test("tests name only statements that exist, and no statement has both a test and a reason", () => {
  assertEquals(mistaken(conformance), []);
});

Deno.test("docs/conformance.md is up to date: deno task conformance", async () => {
  // Not assertEquals: the difference of two tables of 252 rows helps nobody.
  assert(await writtenTable() === tableOf(conformance), "run: deno task conformance");
});
