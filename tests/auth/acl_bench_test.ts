/** The bench of rights runs tiny, and decides what it says. @module */

import { assertEquals } from "@std/assert";
import { aclWorkload } from "../../bench/auth/acl_bench.ts";

Deno.test("acl_bench runs tiny", () => {
  for (const kind of ["warm", "cold", "new client", "changed accounts"] as const) {
    for (const rules of [10, 400]) {
      const run = aclWorkload(kind, rules, 10);
      assertEquals([run(), run()], [5, 5], `${kind}, ${rules} rules`);
    }
  }
});
