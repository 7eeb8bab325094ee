/** The crash harness in full: `deno task test:crash [--kills 200] [--seed N] [--seconds-per-life 1.5]
 * [--durability full|normal|off] [--json]`. Exit code 1 when anything was violated. How it proves what: docs/durability.md.
 * @module */

import { parseArgs } from "@std/cli/parse-args";
import { crash } from "./harness.ts";

const VIOLATIONS_SHOWN = 30;

const given = parseArgs(Deno.args, {
  string: ["kills", "seed", "seconds-per-life", "durability"],
  boolean: ["json"],
  default: { kills: "200", seed: String(Date.now() % 1_000_000), "seconds-per-life": "1.5", durability: "full" },
});
const result = await crash({
  kills: Number(given.kills),
  seed: Number(given.seed),
  secondsPerLife: Number(given["seconds-per-life"]),
  durability: String(given.durability),
  realClients: true,
  print: given.json ? undefined : console.log,
});
if (given.json) console.log(JSON.stringify(result, null, 2));
else {
  const { violations, ...figures } = result;
  for (const { kind, life, what } of violations.slice(0, VIOLATIONS_SHOWN)) {
    console.log(`VIOLATION in life ${life}: ${kind}: ${what}`);
  }
  if (violations.length > VIOLATIONS_SHOWN) console.log(`… and ${violations.length - VIOLATIONS_SHOWN} more`);
  console.log(figures);
}
Deno.exit(result.violations.length === 0 ? 0 : 1);
