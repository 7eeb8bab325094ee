/** The encoded properties of a former PUBLISH of one connection, and what they say. A publisher mostly sends the same ones
 * with each message: to compare them with those that were found right takes a tenth of the time of checking them again.
 * Spec §3.3.2.3. In: a range of bytes. Out: whether they are the same. Room: pure. @module */

import { NEVER_EXPIRES } from "./application_message.ts";
import { copyWords, viewOf } from "./copy_bytes.ts";
import type { PublishPacket } from "./publish.ts";

/** Longer ones are checked each time: so much is kept for each connection that sends properties, and no more. */
const KNOWN_BYTES_MAX = 256;
/** Of so many PUBLISH packets with other properties one is remembered: where all differ, to copy each would gain nothing. */
const MISSES_PER_COPY = 8;

let lastKey = 0;

export class KnownProperties {
  readonly #bytes = new Uint8Array(KNOWN_BYTES_MAX);
  readonly #view = new DataView(this.#bytes.buffer);
  /** 0 = none are known. */
  #length = 0;
  #misses = 0;
  /** For `ApplicationMessage.propertiesKey`: another one whenever others are remembered. */
  key = 0;
  messageExpiryInterval = NEVER_EXPIRES;
  /** 0 = none. */
  topicAlias = 0;
  /** What is passed on, if it is not one range of them. */
  forwarded: Uint8Array | undefined = undefined;
  /** Otherwise: where what is passed on begins and ends among them. */
  keptStart = 0;
  keptEnd = 0;

  /** Whether [start, end), which is not empty, are these. */
  are(buffer: Uint8Array, start: number, end: number): boolean {
    const length = end - start;
    if (this.#length !== length) return false;
    const known = this.#view;
    const received = viewOf(buffer);
    // Eight bytes a step, and the last step goes back, as in `copyWords`; shorter ones are as rare as cheap.
    const last = length - 8;
    if (last < 0) return false;
    for (let i = 0; i < last; i += 8) if (known.getBigInt64(i) !== received.getBigInt64(start + i)) return false;
    return known.getBigInt64(last) === received.getBigInt64(start + last);
  }

  /** [start, end) were others, and right: they are remembered now and then.
   * @param packet what they say; there is no Subscription Identifier. */
  miss({ message, topicAlias }: PublishPacket, start: number, end: number): void {
    if (end - start > KNOWN_BYTES_MAX || this.#misses++ % MISSES_PER_COPY !== 0) return;
    copyWords(this.#bytes, this.#view, 0, message.buffer, viewOf(message.buffer), start, end);
    this.#length = end - start;
    this.key = ++lastKey;
    this.messageExpiryInterval = message.messageExpiryInterval;
    this.topicAlias = topicAlias;
    this.forwarded = message.forwardedProperties;
    this.keptStart = message.propertiesStart - start;
    this.keptEnd = message.propertiesEnd - start;
  }
}
