/** The load generator, a process of its own: `deno run -A main.ts '{ … a LoadJob … }'`. Out: a LoadResult as JSON.
 * @module */

import type { LoadJob } from "./job.ts";
import { Run } from "./run.ts";

const job = JSON.parse(Deno.args[0]) as LoadJob;
console.log(JSON.stringify(await new Run(job).result()));
Deno.exit(0);
