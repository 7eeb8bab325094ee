/** The Topic Filter of a rule as people write it: what is wrong with it, in words. Stricter than what a record may hold:
 * a variable that is mistyped would be text, and the rule would do something else. Room: pure. @module */

import { fitsUtf8String, TOPIC_BYTES_MAX } from "../topic/topic_name.ts";
import { aclFilterProblem } from "./acl_pattern.ts";

/** @returns undefined = nothing is wrong. */
export function writtenFilterProblem(filter: string): string | undefined {
  for (const [variable] of filter.matchAll(/%\p{L}/gu)) {
    if (variable !== "%u" && variable !== "%c") {
      return `${variable} is no variable; there are %u, %c, \${user}, \${client-id} and \${role}`;
    }
  }
  const problem = aclFilterProblem(filter);
  return problem === undefined ? undefined : wildcardProblem(filter) ?? problem;
}

/** Why this is no Topic Filter at all, if it is none. */
function wildcardProblem(filter: string): string | undefined {
  if (filter === "") return "a Topic Filter is not empty";
  if (filter.includes("\0")) return "a Topic Filter has no null character";
  if (!fitsUtf8String(filter)) return `a Topic Filter is text of at most ${TOPIC_BYTES_MAX} bytes`;
  const levels = filter.split("/");
  for (const level of levels) {
    if (level === "+" || level === "#") continue;
    if (level.includes("+")) return `+ stands for a whole level, and "${level}" has more in it`;
    if (level.includes("#")) return `# stands for whole levels, and "${level}" has more in it`;
  }
  return levels.slice(0, -1).includes("#") ? "# stands at the end only" : undefined;
}
