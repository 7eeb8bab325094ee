/** The Topic Filter of a rule as people write it: what is wrong with it, in words. Room: pure. @module */

import { isSharedFilter } from "../topic/shared_filter.ts";
import { isValidTopicFilter } from "../topic/topic_filter.ts";
import { fitsUtf8String, TOPIC_BYTES_MAX } from "../topic/topic_name.ts";

/** What may stand in a rule's filter for something that is known when it is asked. */
export const RULE_VARIABLES = ["%u", "%c", "${role}"] as const;

/** @returns undefined = nothing is wrong. */
export function ruleFilterProblem(filter: string): string | undefined {
  if (isSharedFilter(filter)) {
    return "a shared subscription is judged by the filter behind $share/NAME/; write the rule for that filter";
  }
  return topicFilterProblem(filter) ?? variableProblem(filter);
}

function topicFilterProblem(filter: string): string | undefined {
  if (isValidTopicFilter(filter)) return undefined;
  if (filter === "") return "a Topic Filter is not empty";
  if (filter.includes("\0")) return "a Topic Filter has no null character";
  if (!fitsUtf8String(filter)) return `a Topic Filter is text of at most ${TOPIC_BYTES_MAX} bytes`;
  for (const level of filter.split("/")) {
    if (level === "+" || level === "#") continue;
    if (level.includes("+")) return `+ stands for a whole level, and "${level}" has more in it`;
    if (level.includes("#")) return `# stands for whole levels, and "${level}" has more in it`;
  }
  return "# stands at the end only";
}

/** A % or $ that begins no variable is one: topics may have both. */
function variableProblem(filter: string): string | undefined {
  for (const [variable] of filter.matchAll(/%\p{L}|\$\{[^}/]*\}?/gu)) {
    if (!(RULE_VARIABLES as readonly string[]).includes(variable)) {
      return `the variable ${variable} is not known; known are ${RULE_VARIABLES.join(", ")}`;
    }
  }
  return undefined;
}
