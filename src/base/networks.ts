/** Addresses and networks as text, and which of them a host is in: for rules, bans and
 * proxies. An IPv4 address that comes as IPv6
 * (`::ffff:10.0.0.1`) is the IPv4 address; a host that is no address ("memory", "unix") is a name, equal to itself only.
 * Room: pure. @module */

/** All addresses whose first `prefixBits` bits are those of `words`. A single address is a network of one. */
export interface Network {
  /** 32 bits each: one of IPv4, four of IPv6. The bits behind the prefix are 0. */
  readonly words: readonly number[];
  readonly prefixBits: number;
}

const V4_BITS = 32;
const V6_BITS = 128;
/** Of `::ffff:0:0/96`, where IPv4 is mapped. RFC 4291 §2.5.5.2 */
const MAPPED_BITS = 96;

/** "10.0.0.1", "10.0.0.0/8", "fd00::/8", "[::1]", "fe80::1%eth0". Bits behind the prefix do not count.
 * @returns undefined for everything else, as "10.0.0.0/33", "10.1", and "010.0.0.1", which some read as octal. */
export function parseNetwork(text: string): Network | undefined {
  const slash = text.indexOf("/");
  const words = parseAddress(slash < 0 ? text : text.slice(0, slash));
  if (words === undefined) return undefined;
  const isMapped = words.length === 4 && words[0] === 0 && words[1] === 0 && words[2] === 0xFFFF;
  let prefixBits = words.length === 1 ? V4_BITS : V6_BITS;
  if (slash >= 0) {
    const prefix = text.slice(slash + 1);
    if (!/^(0|[1-9]\d{0,2})$/.test(prefix) || Number(prefix) > prefixBits) return undefined;
    prefixBits = Number(prefix);
  }
  if (isMapped && prefixBits >= MAPPED_BITS) return masked(words.slice(3), prefixBits - MAPPED_BITS);
  return masked(words, prefixBits);
}

function masked(words: readonly number[], prefixBits: number): Network {
  return { words: words.map((word, index) => (word & maskOf(prefixBits - index * 32)) >>> 0), prefixBits };
}

/** Of the first `bits` bits of a word; all from 32 on, none up to 0. */
function maskOf(bits: number): number {
  if (bits <= 0) return 0;
  return bits >= 32 ? 0xFFFFFFFF : (0xFFFFFFFF << (32 - bits)) >>> 0;
}

function parseAddress(text: string): number[] | undefined {
  const bare = text.startsWith("[") && text.endsWith("]") ? text.slice(1, -1) : text;
  return bare.includes(":") ? parseV6(bare) : parseV4(bare);
}

function parseV4(text: string): number[] | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1);
  if (parts === undefined || parts.some((part) => Number(part) > 255 || (part.length > 1 && part[0] === "0"))) {
    return undefined;
  }
  return [parts.reduce((word, part) => word * 256 + Number(part), 0)];
}

/** RFC 4291 §2.2: groups of four digits, one run of zeros as `::`, the last 32 bits perhaps as IPv4. */
function parseV6(text: string): number[] | undefined {
  // A zone says which of our own links it came by.
  const zone = text.indexOf("%");
  const halves = (zone < 0 ? text : text.slice(0, zone)).split("::");
  if (halves.length > 2) return undefined;
  const head = parseGroups(halves[0], halves.length === 1);
  const tail = halves.length === 1 ? [] : parseGroups(halves[1], true);
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head, ...new Array<number>(missing).fill(0), ...tail];
  return [0, 2, 4, 6].map((index) => groups[index] * 0x10000 + groups[index + 1]);
}

function parseGroups(text: string, isLast: boolean): number[] | undefined {
  if (text === "") return [];
  const parts = text.split(":");
  if (parts.length > 8) return undefined;
  const groups: number[] = [];
  for (const [index, part] of parts.entries()) {
    if (/^[0-9a-f]{1,4}$/i.test(part)) {
      groups.push(parseInt(part, 16));
    } else {
      const v4 = isLast && index === parts.length - 1 ? parseV4(part) : undefined;
      if (v4 === undefined) return undefined;
      groups.push(v4[0] >>> 16, v4[0] & 0xFFFF);
    }
  }
  return groups;
}

/** The one spelling of each: a single address without "/32". */
export function networkText({ words, prefixBits }: Network): string {
  const groups = words.flatMap((word) => [(word >>> 16).toString(16), (word & 0xFFFF).toString(16)]);
  const address = words.length === 1
    ? [24, 16, 8, 0].map((shift) => words[0] >>> shift & 0xFF).join(".")
    // URLs know the shortest spelling (RFC 5952).
    : new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1);
  return prefixBits === words.length * 32 ? address : `${address}/${prefixBits}`;
}

/** What tells one host from another when they are counted: an IPv4 address, or the network of an IPv6 address (one host has all of its /64).
 * "2001:db8:0:1::5" → "2001:db8:0:1::/64"; anything else stays as it is. */
export function addressKey(remoteHost: string): string {
  if (remoteHost !== lastHost) {
    lastKey = keyOfHost(remoteHost);
    lastHost = remoteHost;
  }
  return lastKey;
}

/** Of one arrival several want to know, one after the other. */
let lastHost = "";
let lastKey = "";

function keyOfHost(remoteHost: string): string {
  const words = parseNetwork(remoteHost)?.words;
  if (words === undefined) return remoteHost;
  if (words.length === 1) return [24, 16, 8, 0].map((shift) => words[0] >>> shift & 0xFF).join(".");
  const groups = words.slice(0, 2).flatMap((word) => [word >>> 16, word & 0xFFFF]);
  return `${groups.map((group) => group.toString(16)).join(":")}::/64`;
}

/** Networks of one size. */
interface NetworksOfSize<T> {
  readonly words: number;
  readonly prefixBits: number;
  readonly values: Map<string, T[]>;
}

/** Values at hosts: one look-up for each size of network that is there, however many there are of it. */
export class NetworkTable<T> {
  /** Hosts that have no address. */
  readonly #names = new Map<string, T[]>();
  /** The narrowest first: a single address is the narrowest. */
  readonly #sizes: NetworksOfSize<T>[] = [];

  /** @param name an address, a network, or the name of a host that has no address. */
  add(name: string, value: T): void {
    const network = parseNetwork(name);
    if (network === undefined) append(this.#names, name, value);
    else append(this.#sizeOf(network).values, keyOf(network), value);
  }

  /** Values of the address itself first, then of networks, the narrowest first. */
  at(host: string): T[] {
    if (this.#names.size === 0 && this.#sizes.length === 0) return [];
    const address = parseNetwork(host);
    if (address === undefined) return [...this.#names.get(host) ?? []];
    const found: T[] = [];
    for (const { words, prefixBits, values } of this.#sizes) {
      if (words !== address.words.length) continue;
      const here = values.get(keyOf(masked(address.words, prefixBits)));
      if (here !== undefined) { for (const value of here) found.push(value); }
    }
    return found;
  }

  #sizeOf({ words: { length }, prefixBits }: Network): NetworksOfSize<T> {
    let size = this.#sizes.find((other) => other.words === length && other.prefixBits === prefixBits);
    if (size === undefined) {
      this.#sizes.push(size = { words: length, prefixBits, values: new Map() });
      this.#sizes.sort((a, b) => b.prefixBits - a.prefixBits);
    }
    return size;
  }
}

function append<T>(values: Map<string, T[]>, key: string, value: T): void {
  const same = values.get(key);
  if (same === undefined) values.set(key, [value]);
  else same.push(value);
}

/** The same for all spellings. */
function keyOf({ words }: Network): string {
  return words.length === 1 ? String(words[0]) : words.join(":");
}
