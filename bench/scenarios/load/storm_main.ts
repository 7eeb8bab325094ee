/** The storm as a process of its own: `deno run -A storm_main.ts '{ … a StormJob … }'`. It says "ready", begins at the first
 * line of its input, writes a StormResult as JSON, and ends with its input. @module */

import { Storm, type StormJob } from "./storm.ts";

const storm = new Storm(JSON.parse(Deno.args[0]) as StormJob);
console.log("ready");
const input = Deno.stdin.readable.getReader();
await input.read();
console.log(JSON.stringify(await storm.result()));
while (!(await input.read()).done);
storm.endKept();
Deno.exit(0);
