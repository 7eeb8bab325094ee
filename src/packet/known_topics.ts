/** Topic Names that were met before, by their bytes: one table for all connections of the process. In: a range of a read
 * buffer. Out: what is known of it. Room: pure; what a Topic Name means is topic/'s.
 * A connection mostly repeats a topic, and a broker sees few topics many times: a known one costs a comparison of bytes,
 * no validation and no new string. And since no two of them have the same place, whatever else is remembered of a topic is
 * found by its place, and not looked up a second time (topic/match_cache.ts).
 *
 * A hash says in which set of eight places a topic may be, so a look-up never compares more than eight hashes, whatever
 * topics somebody chooses. While those in use are more than fit, most are neither looked for nor kept
 * (base/cache_gauge.ts). @module */

import { CacheGauge } from "../base/cache_gauge.ts";
import { decodeTopicName, topicNameHash } from "./topic_name_bytes.ts";

/** Places, and those of one set; powers of two. */
export const KNOWN_TOPICS_MAX = 4096;
const SET_PLACES = 8;
const SETS = KNOWN_TOPICS_MAX / SET_PLACES;
/** Of a set, after which its topics have to be asked for anew: what nobody publishes to any more goes. A power of two. */
const MISSES_REMEMBERED = 32;
const ALL_USED = (1 << SET_PLACES) - 1;
/** Longer Topic Names are read anew each time. With so many for each place, 512 KiB for the process, of which only what is used
 * is taken. */
const TOPIC_BYTES_MAX = 128;

export class KnownTopic {
  /** @param place no other that is kept has it: 0 to KNOWN_TOPICS_MAX − 1. */
  constructor(readonly name: string, readonly place: number) {}
}

let bytes = new Uint8Array(0);
/** The same, four bytes in one, to compare with fewer steps: all of a small PUBLISH is decoded in a tenth less time.
 * Little-endian, as are all machines that Deno runs on. */
let words = new Int32Array(0);
const topics: (KnownTopic | undefined)[] = new Array(KNOWN_TOPICS_MAX).fill(undefined);
const lengths = new Uint8Array(KNOWN_TOPICS_MAX);
const hashes = new Int32Array(KNOWN_TOPICS_MAX);
/** Of each set, a bit for each place: asked for lately. */
const used = new Uint8Array(SETS);
/** Of each set, how many places are filled, */
const filled = new Uint8Array(SETS);
/** how often another topic came for one of them, */
const misses = new Uint8Array(SETS);
/** and which one was filled last. */
const newest = new Uint8Array(SETS);
/** To make a topic known, with all that is then remembered of it, takes as long as so many hits spare. */
const HITS_MIN = 6;
/** In miniature, topics of one set in 64 are kept: the lower bits of the hash are the set. */
const gauge = new CacheGauge(KNOWN_TOPICS_MAX, HITS_MIN);

export const knownTopics = {
  /** The Topic Name [start, end), known from now on if it was not. Only those that are valid are kept, so one that is known
   * needs no check. @returns undefined when it is too long to be kept, or topics are too many: it was not checked then.
   * @throws when it is no Topic Name. */
  find(buffer: Uint8Array, start: number, end: number): KnownTopic | undefined {
    if (end - start > TOPIC_BYTES_MAX) return undefined;
    const hash = topicNameHash(buffer, start, end);
    if (gauge.isMiniature && !gauge.samples(hash)) return undefined;
    const first = (hash & (SETS - 1)) * SET_PLACES;
    for (let place = first; place < first + SET_PLACES; place++) {
      if (hashes[place] !== hash || !this.holds(place, buffer, start, end)) continue;
      gauge.hit();
      use(place);
      return topics[place];
    }
    return keep(buffer, start, end, hash);
  },

  /** Whether just these bytes are at `place`. */
  holds(place: number, buffer: Uint8Array, start: number, end: number): boolean {
    const length = end - start;
    if (length === 0 || lengths[place] !== length) return false;
    const base = place * TOPIC_BYTES_MAX;
    let at = start;
    for (let word = base >>> 2; at + 4 <= end; at += 4, word++) {
      const read = buffer[at] | (buffer[at + 1] << 8) | (buffer[at + 2] << 16) | (buffer[at + 3] << 24);
      if (words[word] !== read) return false;
    }
    for (; at < end; at++) if (bytes[base + at - start] !== buffer[at]) return false;
    return true;
  },

  /** That is at `place`, where one is. */
  at(place: number): KnownTopic {
    return topics[place]!;
  },

  /** Whether it is still known, asked by who uses it without its bytes: so it stays. */
  keeps(topic: KnownTopic): boolean {
    if (topics[topic.place] !== topic) return false;
    use(topic.place);
    return true;
  },
};

function use(place: number): void {
  const set = place / SET_PLACES | 0;
  const mark = 1 << (place & (SET_PLACES - 1));
  // Read before it is written: most are marked, and what is not written to stays where it is in the processor's cache.
  if ((used[set] & mark) === 0) used[set] |= mark;
}

function keep(buffer: Uint8Array, start: number, end: number, hash: number): KnownTopic {
  const name = decodeTopicName(buffer, start, end);
  if (bytes.length === 0) {
    bytes = new Uint8Array(KNOWN_TOPICS_MAX * TOPIC_BYTES_MAX);
    words = new Int32Array(bytes.buffer);
  }
  const place = placeToFill(hash & (SETS - 1));
  if (topics[place] !== undefined) gauge.lost(1);
  const base = place * TOPIC_BYTES_MAX;
  for (let at = start; at < end; at++) bytes[base + at - start] = buffer[at];
  hashes[place] = hash;
  lengths[place] = end - start;
  return topics[place] = new KnownTopic(name, place);
}

/** One that was not asked for lately; mostly the newest, if nobody asked for it a second time: so topics that come once, or of
 * which there are too many, take turns at one place, and do not push out those that are in use. */
function placeToFill(set: number): number {
  let way = newest[set];
  if (filled[set] < SET_PLACES) {
    way = filled[set]++;
  } else {
    const marks = used[set];
    const turn = ++misses[set];
    if (marks === ALL_USED || turn % MISSES_REMEMBERED === 0) used[set] = 0;
    // One in a few gets a place for longer, if another one is free: it may be what is in use from now on.
    if (marks === ALL_USED || turn % SET_PLACES === 0) way = (way + 1) % SET_PLACES;
    while (marks !== ALL_USED && (marks >>> way & 1) !== 0) way = (way + 1) % SET_PLACES;
  }
  newest[set] = way;
  return set * SET_PLACES + way;
}
