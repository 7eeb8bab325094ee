/** A number for one level of a topic, so that a level can be looked up without being cut out. In: text and a range. Out:
 * a hash that equal levels share, and others rarely. Room: pure; random once for each process.
 *
 * Each character is multiplied by a secret number of its place, and the products are added: who cannot know the numbers
 * cannot choose levels whose hashes meet more often than chance has it (multilinear hashing: Carter and Wegman 1979;
 * Lemire and Kaser 2014). Sums need not wait for each other, as the steps of most hashes have to. @module */

/** Longer levels are hashed in parts of so many characters; a power of two. */
const PLACES = 256;

/** Odd, so that no character is lost. */
const factors = crypto.getRandomValues(new Int32Array(PLACES)).map((factor) => factor | 1);

/** Of text[start, end). @returns 1 to 2³⁰: a small integer on any machine, and never 0, which callers take for "unknown". */
export function levelHash(text: string, start: number, end: number): number {
  let hash = 0;
  for (let at = start, place = 0; at < end; at++) {
    hash = (hash + Math.imul(text.charCodeAt(at), factors[place])) | 0;
    if (++place === PLACES) {
      // The next part meets the same factors: without this, what changes places with it would hash alike.
      hash = mixed(hash);
      place = 0;
    }
  }
  return (mixed(hash) >>> 2) + 1;
}

/** The same of units[start, end). */
export function unitsHash(units: Uint16Array, start: number, end: number): number {
  let hash = 0;
  for (let at = start, place = 0; at < end; at++) {
    hash = (hash + Math.imul(units[at], factors[place])) | 0;
    if (++place === PLACES) {
      hash = mixed(hash);
      place = 0;
    }
  }
  return (mixed(hash) >>> 2) + 1;
}

/** Spreads every bit over the lower ones, which tables go by; loses none. MurmurHash3's steps (Appleby 2008). */
function mixed(hash: number): number {
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return hash ^ (hash >>> 13);
}
