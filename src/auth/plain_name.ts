/** Which names of users may come from outside, out of a certificate or a token. Room: pure. @module */

import { escapeControls } from "../base/log.ts";
import { fitsUtf8String } from "../topic/topic_name.ts";

/** Not empty, no control characters and nothing that changes the direction of text, and what MQTT can carry: one that
 * looks like another in a log, or ends early at a NUL, is nobody's name. */
export function isPlainName(name: string): boolean {
  return name !== "" && fitsUtf8String(name) && escapeControls(name) === name;
}
