/** The crash harness in full: `deno task test:crash [--kills 200] [--seed N] [--seconds-per-life 1.5]
 * [--durability full|normal|off] [--json]`. Exit code 1 when anything was violated. How it proves what: docs/durability.md.
 * @module */

import { parseArgs } from "@std/cli/parse-args";
import { crash } from "./harness.ts";

const VIOLATIONS_SHOWN = 30;

const USAGE =
  `deno task test:crash [--kills 200] [--seed N] [--seconds-per-life 1.5] [--durability full|normal|off] [--json]
Ends a broker under load with SIGKILL, again and again, and holds it to what it acknowledged: docs/durability.md.`;

const given = parseArgs(Deno.args, {
  string: ["kills", "seed", "seconds-per-life", "durability"],
  boolean: ["json", "help"],
  unknown: (argument) => refuse(`unknown: ${argument}`),
  default: { kills: "200", seed: String(Date.now() % 1_000_000), "seconds-per-life": "1.5", durability: "full" },
});
if (given.help) {
  console.log(USAGE);
  Deno.exit(0);
}
const durability = String(given.durability);
if (!["full", "normal", "off"].includes(durability)) refuse(`--durability ${durability}`);
const result = await crash({
  kills: numberOf("kills", 1),
  seed: numberOf("seed", 0),
  secondsPerLife: numberOf("seconds-per-life", 0.1),
  durability,
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

function numberOf(name: "kills" | "seed" | "seconds-per-life", least: number): number {
  const number = Number(given[name]);
  if (!(number >= least)) refuse(`--${name} ${given[name]}: a number from ${least} on`);
  return number;
}

function refuse(why: string): never {
  console.error(`${why}\n${USAGE}`);
  Deno.exit(2);
}
