/** Shared Subscriptions: `$share/{ShareName}/{Topic Filter}` in, its two parts out. Spec §4.8.2. Room: pure. @module */

import { isValidTopicFilter } from "./topic_filter.ts";

const PREFIX = "$share/";

export interface SharedFilter {
  /** At least one character, without `/`, `+` and `#`. */
  readonly shareName: string;
  /** Valid in itself; it is what is matched, and what access rules are asked about. */
  readonly topicFilter: string;
}

/** Begins with `$share/`, be it well-formed or not. "$share" alone is an ordinary filter. */
export function isSharedFilter(filter: string): boolean {
  return filter.startsWith(PREFIX);
}

/** @returns undefined for an ordinary filter (whose own validity is not looked at); "invalid" when it begins with
 * `$share/` and the ShareName is missing or has a wildcard [MQTT-4.8.2-1], or no slash and valid Topic Filter follow
 * it [MQTT-4.8.2-2]. */
export function parseSharedFilter(filter: string): SharedFilter | "invalid" | undefined {
  if (!isSharedFilter(filter)) return undefined;
  const slash = filter.indexOf("/", PREFIX.length);
  if (slash <= PREFIX.length) return "invalid";
  const shareName = filter.slice(PREFIX.length, slash);
  if (shareName.includes("+") || shareName.includes("#")) return "invalid";
  // The whole is checked as well, for its length and what the ShareName may hide (U+0000).
  const topicFilter = filter.slice(slash + 1);
  if (!isValidTopicFilter(topicFilter) || !isValidTopicFilter(filter)) return "invalid";
  return { shareName, topicFilter };
}
