/** invariant: our own bugs. @module */

import { assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { invariant, InvariantError } from "../../src/base/assert.ts";

Deno.test("invariant() does nothing while the condition holds", () => {
  for (const condition of [true, 1, "x", {}]) invariant(condition, "holds");
});

Deno.test("invariant() throws an InvariantError that says what should hold", () => {
  for (const condition of [false, 0, "", undefined, null, NaN]) {
    const error = assertThrows(() => invariant(condition, "the sky is above"), InvariantError, "the sky is above");
    assertInstanceOf(error, Error);
    assertEquals(error.name, "InvariantError");
  }
});
