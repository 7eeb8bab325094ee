/** The soak test in short, so that it does not rot. The long one: `deno task test:soak`. @module */

import { assert, assertEquals } from "@std/assert";
import { soak } from "./soak.ts";

Deno.test("50 clients that come and go for 3 s lose nothing, and get QoS 2 exactly once", async () => {
  const seed = Date.now() % 1_000_000;
  const result = await soak({ clients: 50, seconds: 3, seed });
  assertEquals([result.lost, result.disordered], [0, 0], `seed ${seed}: ${Deno.inspect(result)}`);
  assert(result.published > 500, `only ${result.published} were published`);
});
