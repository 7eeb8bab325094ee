/** What was found out about a secret, so that it need not be found out again. Knows no secrets: only their HMAC-SHA-256
 * under a key of this process, so that neither a dump of the memory nor a timing of the table tells anything.
 * Room: passive; time is given. Bounded: the least recently used leave first. Wrong secrets have a quarter of the places
 * of their own, so that whoever tries many cannot push out those that are right. @module */

import { hmac } from "@noble/hashes/hmac";
import { sha256 } from "@noble/hashes/sha2";
import type { Clock } from "../base/clock.ts";
import { ByteWriter } from "../packet/byte_writer.ts";
import { utf8Bytes, writeUtf8 } from "../packet/utf8.ts";

/** Of `Limits`. */
export interface VerdictLimits {
  readonly verdictsRememberedMax: number;
  readonly verdictRememberedS: number;
}

const WRONG_SHARE = 4;

export class VerdictMemory {
  /** Copied for each key: to begin with the secret anew would cost two blocks more. */
  readonly #keyed = hmac.create(sha256, crypto.getRandomValues(new Uint8Array(32)));
  readonly #limits: VerdictLimits;
  readonly #clock: Clock;
  /** By key: until when. In the order of their last use. */
  readonly #right = new Map<string, number>();
  readonly #wrong = new Map<string, number>();

  constructor(limits: VerdictLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  get size(): number {
    return this.#right.size + this.#wrong.size;
  }

  /** Equal parts, and only those, give equal keys. */
  keyOf(...parts: readonly (string | Uint8Array)[]): string {
    joined.length = 0;
    for (const part of parts) join(part);
    const key = this.#keyed.clone().update(joined.written).digest().toBase64();
    // There may be a password in it.
    joined.written.fill(0);
    return key;
  }

  /** @returns undefined = not known, or not any more. */
  recall(key: string): boolean | undefined {
    return this.#use(this.#right, key) ? true : this.#use(this.#wrong, key) ? false : undefined;
  }

  remember(key: string, isRight: boolean): void {
    const { verdictsRememberedMax, verdictRememberedS } = this.#limits;
    const wrongMax = Math.floor(verdictsRememberedMax / WRONG_SHARE);
    const max = isRight ? verdictsRememberedMax - wrongMax : wrongMax;
    if (max === 0 || verdictRememberedS === 0) return;
    const verdicts = isRight ? this.#right : this.#wrong;
    verdicts.delete(key);
    if (verdicts.size >= max) verdicts.delete(verdicts.keys().next().value!);
    verdicts.set(key, this.#clock.monotonicMs() + verdictRememberedS * 1000);
  }

  #use(verdicts: Map<string, number>, key: string): boolean {
    const untilMs = verdicts.get(key);
    if (untilMs === undefined) return false;
    verdicts.delete(key);
    if (untilMs <= this.#clock.monotonicMs()) return false;
    verdicts.set(key, untilMs);
    return true;
  }
}

/** The parts of one key, each with its length: to hash them one by one, and to ask the runtime for the bytes of each text,
 * takes longer than the hash. */
const joined = new ByteWriter();

/** @throws RangeError for a text that no packet can carry. */
function join(part: string | Uint8Array): void {
  const isText = typeof part === "string";
  const count = isText ? utf8Bytes(part) : part.length;
  joined.uint32(count);
  joined.reserve(count);
  if (isText) writeUtf8(joined.buffer, joined.length, part, count);
  else joined.buffer.set(part, joined.length);
  joined.length += count;
}
