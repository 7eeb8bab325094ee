/** Whether one Topic Filter covers another, and whether two have a Topic Name in common: for access rules, which permit or
 * forbid a subscription as a whole. Spec §4.7. Room: pure; one pass with two indices, no split, no recursion. @module */

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

/** There is a Topic Name that both match. Both are valid, and neither has a $share prefix. */
export function filtersOverlap(one: string, other: string): boolean {
  if (isServerTopic(one) ? hasLeadingWildcard(other) : isServerTopic(other) && hasLeadingWildcard(one)) return false;
  // What matches "+" is not empty, which "/#" would ask of it: so a level more than stands before the #, as above.
  if (one === "/#") one = "/+/#";
  if (other === "/#") other = "/+/#";
  // Each round compares one level; both indices stand at its start.
  for (let at = 0, otherAt = 0;; at++, otherAt++) {
    const unit = one.charCodeAt(at);
    const otherUnit = other.charCodeAt(otherAt);
    if (unit === NUMBER_SIGN || otherUnit === NUMBER_SIGN) return true;
    if (unit === PLUS || otherUnit === PLUS) {
      at = levelEnd(one, at);
      otherAt = levelEnd(other, otherAt);
    } else {
      while (at < one.length && one.charCodeAt(at) !== SLASH) {
        if (one.charCodeAt(at) !== other.charCodeAt(otherAt)) return false;
        at++;
        otherAt++;
      }
      if (otherAt < other.length && other.charCodeAt(otherAt) !== SLASH) return false;
    }
    // "a/#" and "a" have "a" in common.
    if (at === one.length) return otherAt === other.length || other.charCodeAt(otherAt + 1) === NUMBER_SIGN;
    if (otherAt === other.length) return one.charCodeAt(at + 1) === NUMBER_SIGN;
  }
}

function hasLeadingWildcard(filter: string): boolean {
  const first = filter.charCodeAt(0);
  return first === PLUS || first === NUMBER_SIGN;
}

function levelEnd(filter: string, at: number): number {
  while (at < filter.length && filter.charCodeAt(at) !== SLASH) at++;
  return at;
}
