/** The load generator, a process of its own: `deno run -A main.ts '{ … a LoadJob … }'`. Out: a LoadResult as JSON, on the
 * last line. @module */

import type { LoadJob } from "./job.ts";
import { Run } from "./run.ts";

const job = JSON.parse(Deno.args[0]) as LoadJob;

async function untilInputEnds(): Promise<void> {
  console.log("measuring");
  for await (const _ of Deno.stdin.readable);
}

console.log(JSON.stringify(await new Run(job, job.isHeld ? untilInputEnds : undefined).result()));
Deno.exit(0);
