/** The version of this program, as `deno.json` has it. @module */

import manifest from "../../deno.json" with { type: "json" };

/** "0.1.0" */
export const VERSION: string = manifest.version;
