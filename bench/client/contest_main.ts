/** One contestant as a process: its job comes as JSON in the first argument, its result goes out as a line of JSON.
 * @module */

import { contest } from "./contest.ts";
import type { ClientJob } from "./job.ts";

const result = await contest(JSON.parse(Deno.args[0]) as ClientJob);
console.log(JSON.stringify(result));
Deno.exit(0);
