/** The crash harness in short, and the proof that it sees what it should see. The long form: `deno task test:crash`.
 * @module */

import { assert, assertEquals } from "@std/assert";
import { crash } from "./harness.ts";

Deno.test("what was acknowledged survives kill -9 under load, again and again", async () => {
  const seed = Date.now() % 1_000_000;
  const result = await crash({ kills: 5, seed, secondsPerLife: 0.8, durability: "full", realClients: false });
  assertEquals(result.violations.slice(0, 20), [], `--seed ${seed}: ${Deno.inspect(result)}`);
  assert(result.acknowledged > 100, `only ${result.acknowledged} messages were acknowledged`);
  assert(result.retainedChecks > 0 && result.sessionsExpired > 0, Deno.inspect(result));
});

Deno.test("the crash harness tells a broker that forgets", async () => {
  const result = await crash({
    kills: 1,
    seed: 1,
    secondsPerLife: 0.8,
    durability: "off",
    realClients: false,
    quietMs: 3_000,
  });
  await Deno.remove(result.dataDir!, { recursive: true });
  const kinds = new Set(result.violations.map(({ kind }) => kind));
  for (const kind of ["lost message", "lost session", "lost retained message", "wrong will"] as const) {
    assert(kinds.has(kind), `no "${kind}" among ${[...kinds].join(", ")}`);
  }
});
