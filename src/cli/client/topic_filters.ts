/** Topic Filters from the command line. Room: pure. @module */

import { isValidTopicFilter, parseSharedFilter } from "../../topic/mod.ts";
import { UsageError } from "../arguments.ts";
import { brief } from "./packet_text.ts";

/** @throws UsageError */
export function requireFilters(option: string, filters: readonly string[]): void {
  for (const filter of filters) {
    if (isValidTopicFilter(filter) && parseSharedFilter(filter) !== "invalid") continue;
    throw new UsageError(
      `${option} ${
        brief(filter)
      }: no Topic Filter; + fills a whole level, # is the last one, and a shared one is $share/NAME/FILTER`,
    );
  }
}
