/** The duel as a process of its own: `deno run -A duel_main.ts '{ … a DuelJob … }'`. Out: a DuelResult as JSON, in an
 * object. @module */

import { duel, type DuelJob } from "./duel.ts";

console.log(JSON.stringify({ contestants: await duel(JSON.parse(Deno.args[0]) as DuelJob) }));
Deno.exit(0);
