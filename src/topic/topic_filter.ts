/** Topic Filters: whether a string is one, and whether one pair of name and filter matches. Spec §4.7.1, §4.7.2.
 * The match of one pair is the definition that the trie and the tree are tested against; for access rules it is also
 * fast enough. Room: pure; one pass with two indices, no split, no recursion. @module */

import { fitsUtf8String, isServerTopic } from "./topic_name.ts";

const NULL = 0x00;
const NUMBER_SIGN = 0x23;
const PLUS = 0x2b;
const SLASH = 0x2f;

/** `#` stands alone or after a slash, and last [MQTT-4.7.1-1]; `+` fills a whole level [MQTT-4.7.1-2]; 1 to 65,535 bytes
 * and no U+0000 [MQTT-4.7.3-1] [MQTT-4.7.3-2] [MQTT-4.7.3-3]. A shared filter is well-formed in this sense, too: whoever
 * takes subscriptions asks `parseSharedFilter` first. */
export function isValidTopicFilter(filter: string): boolean {
  const last = filter.length - 1;
  for (let index = 0; index <= last; index++) {
    const unit = filter.charCodeAt(index);
    if (unit === NULL) return false;
    if (unit !== PLUS && unit !== NUMBER_SIGN) continue;
    if (index > 0 && filter.charCodeAt(index - 1) !== SLASH) return false;
    if (index < last && (unit === NUMBER_SIGN || filter.charCodeAt(index + 1) !== SLASH)) return false;
  }
  return last >= 0 && fitsUtf8String(filter);
}

/** `filter` is valid: so `#` can only stand at its end. */
export function hasWildcard(filter: string): boolean {
  return filter.charCodeAt(filter.length - 1) === NUMBER_SIGN || filter.includes("+");
}

/** Both are valid, and `filter` has no $share prefix. "sport/#" matches "sport", too; a level may be empty, and `+`
 * matches an empty one; a leading wildcard does not match a topic that begins with $ [MQTT-4.7.2-1]. */
export function topicMatchesFilter(topicName: string, filter: string): boolean {
  const first = filter.charCodeAt(0);
  if ((first === PLUS || first === NUMBER_SIGN) && isServerTopic(topicName)) return false;
  const nameEnd = topicName.length;
  const filterEnd = filter.length;
  // Each round compares one level; both indices stand at its start.
  for (let at = 0, filterAt = 0;; at++, filterAt++) {
    const unit = filter.charCodeAt(filterAt);
    if (unit === NUMBER_SIGN) return true;
    if (unit === PLUS) {
      filterAt++;
      while (at < nameEnd && topicName.charCodeAt(at) !== SLASH) at++;
    } else {
      while (filterAt < filterEnd) {
        const filterUnit = filter.charCodeAt(filterAt);
        if (filterUnit === SLASH) break;
        // Beyond its end the name yields NaN, which equals nothing.
        if (filterUnit !== topicName.charCodeAt(at)) return false;
        filterAt++;
        at++;
      }
      if (at < nameEnd && topicName.charCodeAt(at) !== SLASH) return false;
    }
    if (filterAt === filterEnd) return at === nameEnd;
    // The filter goes on and the name does not: only "/#", which is the end, matches the level above it.
    if (at === nameEnd) return filter.charCodeAt(filterAt + 1) === NUMBER_SIGN;
  }
}
