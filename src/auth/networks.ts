/** Addresses and networks as text, and which of them a host is in: for rules and bans. An IPv4 address that comes as IPv6
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

function isIn(network: Network, words: readonly number[]): boolean {
  if (network.words.length !== words.length) return false;
  for (let index = 0; index < words.length; index++) {
    if (((words[index] & maskOf(network.prefixBits - index * 32)) >>> 0) !== network.words[index]) return false;
  }
  return true;
}

/** Values at hosts: single ones are one look-up, however many there are; networks are gone through. */
export class NetworkTable<T> {
  readonly #hosts = new Map<string, T[]>();
  readonly #networks: { network: Network; value: T }[] = [];

  /** @param name an address, a network, or the name of a host that has no address. */
  add(name: string, value: T): void {
    const network = parseNetwork(name);
    if (network !== undefined && network.prefixBits < network.words.length * 32) {
      this.#networks.push({ network, value });
      return;
    }
    const key = keyOf(name, network);
    const values = this.#hosts.get(key);
    if (values === undefined) this.#hosts.set(key, [value]);
    else values.push(value);
  }

  /** Values of the address itself first, then of networks in the order in which they were added. */
  at(host: string): T[] {
    if (this.#hosts.size === 0 && this.#networks.length === 0) return [];
    const address = parseNetwork(host);
    const values = [...this.#hosts.get(keyOf(host, address)) ?? []];
    if (address !== undefined) {
      for (const { network, value } of this.#networks) if (isIn(network, address.words)) values.push(value);
    }
    return values;
  }
}

/** The same for all spellings of an address. */
function keyOf(name: string, network: Network | undefined): string {
  return network === undefined ? name : network.words.join(":");
}
