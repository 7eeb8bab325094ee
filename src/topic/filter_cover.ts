/** Whether one Topic Filter covers another: for access rules, which permit or forbid a subscription as a whole. Spec §4.7.
 * Room: pure; one pass with two indices, no split, no recursion. @module */

import { isServerTopic } from "./topic_name.ts";

const NUMBER_SIGN = 0x23;
const PLUS = 0x2b;
const SLASH = 0x2f;

/** Every Topic Name that `narrow` matches is matched by `wide`. Both are valid, and neither has a $share prefix. "a/#"
 * covers "a" and "a/+/b/#"; "+/#" covers "#", since no Topic Name is empty; a leading wildcard covers nothing
 * that begins with $ [MQTT-4.7.2-1]. */
export function filterCovers(wide: string, narrow: string): boolean {
  const first = wide.charCodeAt(0);
  if ((first === PLUS || first === NUMBER_SIGN) && isServerTopic(narrow)) return false;
  // Since no Topic Name is empty, the names of these two have a level more than stands before the #.
  if (narrow === "#") narrow = "+/#";
  else if (narrow === "/#") narrow = "/+/#";
  const wideEnd = wide.length;
  const narrowEnd = narrow.length;
  // Each round compares one level; both indices stand at its start.
  for (let at = 0, wideAt = 0;; at++, wideAt++) {
    const unit = wide.charCodeAt(wideAt);
    if (unit === NUMBER_SIGN) return true;
    // From here on `narrow` goes any number of levels deep, and `wide` does not, or asks for one level more.
    if (narrow.charCodeAt(at) === NUMBER_SIGN) return false;
    if (unit === PLUS) {
      wideAt++;
      while (at < narrowEnd && narrow.charCodeAt(at) !== SLASH) at++;
    } else {
      // A + in `narrow` differs from all that a literal level can be.
      while (wideAt < wideEnd) {
        const wideUnit = wide.charCodeAt(wideAt);
        if (wideUnit === SLASH) break;
        if (wideUnit !== narrow.charCodeAt(at)) return false;
        wideAt++;
        at++;
      }
      if (at < narrowEnd && narrow.charCodeAt(at) !== SLASH) return false;
    }
    if (wideAt === wideEnd) return at === narrowEnd;
    // "a/#" covers "a".
    if (at === narrowEnd) return wide.charCodeAt(wideAt + 1) === NUMBER_SIGN;
  }
}
