/** PROXY protocol, version 1 and 2: a proxy that is trusted says before anything else where a connection comes from.
 * haproxy.org/download/3.0/doc/proxy-protocol.txt. An address that is not named as a proxy is refused, as HAProxy does:
 * who may say where he comes from may be anybody.
 * In: a `Listener` at which proxies arrive. Out: one at which their clients do. @module */

import { isIPv4, isIPv6 } from "node:net";
import { NetworkTable, networkText, parseNetwork } from "../base/networks.ts";
import { hostAndPort } from "./address.ts";
import type { ByteStream, PeerCertificate } from "./byte_stream.ts";
import type { Listener } from "./listener.ts";
import { type Upgrade, type UpgradeLimits, UpgradingListener } from "./upgrade.ts";

export interface ProxyProtocolOptions {
  /** Addresses and networks of the proxies: "10.0.0.5", "10.1.0.0/16". */
  readonly proxies: readonly string[];
  readonly limits: UpgradeLimits;
  readonly onFailed?: (stream: ByteStream, error: unknown) => void;
}

/** @throws Error when `proxies` holds what is no address. */
export function behindProxy(inner: Listener, options: ProxyProtocolOptions): Listener {
  return new ProxiedListener(inner, inner.url, proxyProtocol(options.proxies), options.limits, options.onFailed);
}

class ProxiedListener extends UpgradingListener {
  /** A proxy on this machine brings clients from anywhere. */
  override readonly isLoopback = false;

  /** All arrivals are of a few proxies, which are trusted; the doors above this one know the clients' addresses. */
  protected override keyOf(): undefined {
    return undefined;
  }
}

/** The whole of "PROXY TCP6 " with two addresses of 39 characters, two ports, and CR LF. */
const V1_BYTES_MAX = 107;
const V1_PREFIX = new TextEncoder().encode("PROXY ");
const V2_SIGNATURE = Uint8Array.of(0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A);
const V2_HEADER_BYTES = 16;
/** Addresses take 36 bytes, or 216 for Unix sockets; the rest are remarks (TLV) that are not read. */
const V2_BYTES_MAX = 2048;
/** "PROXY UNKNOWN" and CR LF: no header is shorter, so that reading so much takes nothing of what follows. */
const HEADER_BYTES_MIN = 15;
const CARRIAGE_RETURN = 0x0D;
const LINE_FEED = 0x0A;

/** What a header says; undefined = nothing, the connection is the proxy's own. */
type Source = { readonly host: string; readonly port: number } | undefined;

/** @throws Error when `proxies` holds what is no address. */
export function proxyProtocol(proxies: readonly string[]): Upgrade {
  const trusted = new NetworkTable<true>();
  for (const proxy of proxies) {
    if (parseNetwork(proxy) === undefined) {
      throw new Error(`"${proxy}" is no address and no network; write it as 10.0.0.5, 10.0.0.0/8, ::1 or fd00::/8`);
    }
    trusted.add(proxy, true);
  }
  return async (stream) => {
    if (trusted.at(stream.remoteHost).length === 0) {
      throw new Deno.errors.PermissionDenied(`${stream.remoteHost} is not named as a proxy`);
    }
    const source = await readHeader(stream);
    return source === undefined ? stream : new ProxiedStream(stream, source.host, source.port);
  };
}

class ProxiedStream implements ByteStream {
  readonly remoteAddress: string;
  readonly peerCertificate: PeerCertificate | undefined;

  constructor(readonly stream: ByteStream, readonly remoteHost: string, port: number) {
    this.remoteAddress = hostAndPort(remoteHost, port);
    this.peerCertificate = stream.peerCertificate;
  }

  read(into: Uint8Array): Promise<number | null> {
    return this.stream.read(into);
  }

  write(bytes: Uint8Array): Promise<number> {
    return this.stream.write(bytes);
  }

  endWriting(): void {
    this.stream.endWriting();
  }

  close(): void {
    this.stream.close();
  }
}

/** Takes the header and not a byte more. @throws for anything else. */
async function readHeader(stream: ByteStream): Promise<Source> {
  const header = new Uint8Array(V2_BYTES_MAX);
  // What is no header is refused with its first byte that shows it: an MQTT client would wait for an answer to its own.
  let length = 0;
  while (length < HEADER_BYTES_MIN) {
    length += await readSome(stream, header.subarray(length, HEADER_BYTES_MIN));
    if (!agrees(header, length, V1_PREFIX) && !agrees(header, length, V2_SIGNATURE)) throw malformed("no header");
  }
  return header[0] === V1_PREFIX[0] ? await readV1(stream, header) : await readV2(stream, header);
}

async function readV1(stream: ByteStream, header: Uint8Array): Promise<Source> {
  let length = HEADER_BYTES_MIN;
  // The end of the line is not known before it is there: byte by byte, since what follows is not ours to take.
  while (header[length - 1] !== LINE_FEED) {
    if (length === V1_BYTES_MAX) throw malformed(`a line of more than ${V1_BYTES_MAX} bytes`);
    await readFully(stream, header.subarray(length, ++length));
  }
  if (header[length - 2] !== CARRIAGE_RETURN) throw malformed("a line without CR LF");
  return parseV1(new TextDecoder("latin1").decode(header.subarray(V1_PREFIX.length, length - 2)));
}

/** @param text without "PROXY " and CR LF. */
function parseV1(text: string): Source {
  if (text === "UNKNOWN" || text.startsWith("UNKNOWN ")) return undefined;
  const [protocol, source, destination, sourcePort, destinationPort, ...rest] = text.split(" ");
  const isAddress = protocol === "TCP4" ? isIPv4 : protocol === "TCP6" ? isIPv6 : () => false;
  const isPort = (port: string) => /^(0|[1-9]\d{0,4})$/.test(port ?? "") && Number(port) <= 0xFFFF;
  const isWhole = isAddress(source ?? "") && isAddress(destination ?? "") && isPort(sourcePort) &&
    isPort(destinationPort) && rest.length === 0;
  // A scope ("%eth0") is for this machine only.
  if (!isWhole || source.includes("%")) throw malformed("a line that is not as it should be");
  return { host: canonicalHost(source), port: Number(sourcePort) };
}

async function readV2(stream: ByteStream, header: Uint8Array): Promise<Source> {
  await readFully(stream, header.subarray(HEADER_BYTES_MIN, V2_HEADER_BYTES));
  const view = new DataView(header.buffer);
  const version = header[12] >>> 4;
  const command = header[12] & 0x0F;
  const length = V2_HEADER_BYTES + view.getUint16(14);
  if (version !== 2 || command > 1) throw malformed(`version and command 0x${header[12].toString(16)}`);
  if (length > V2_BYTES_MAX) throw malformed(`a header of ${length} bytes`);
  await readFully(stream, header.subarray(V2_HEADER_BYTES, length));
  // LOCAL: the proxy itself, which looks whether anybody is here.
  if (command === 0) return undefined;
  const addresses = header.subarray(V2_HEADER_BYTES, length);
  switch (header[13]) {
    case 0x00: // unspecified
    case 0x31: // a Unix socket: no address that a rule could know
      return undefined;
    case 0x11:
      if (addresses.length < 12) break;
      return { host: addresses.subarray(0, 4).join("."), port: view.getUint16(V2_HEADER_BYTES + 8) };
    case 0x21: {
      if (addresses.length < 36) break;
      const groups = Array.from({ length: 8 }, (_, index) => view.getUint16(V2_HEADER_BYTES + 2 * index).toString(16));
      return { host: canonicalHost(groups.join(":")), port: view.getUint16(V2_HEADER_BYTES + 32) };
    }
  }
  throw malformed(`${addresses.length} bytes of addresses of the kind 0x${header[13].toString(16)}`);
}

/** One spelling for each address: shortened, and an IPv4 address within IPv6 as IPv4. */
function canonicalHost(address: string): string {
  return networkText(parseNetwork(address)!);
}

function agrees(header: Uint8Array, length: number, expected: Uint8Array): boolean {
  return expected.every((byte, index) => index >= length || header[index] === byte);
}

async function readFully(stream: ByteStream, into: Uint8Array): Promise<void> {
  for (let filled = 0; filled < into.length;) filled += await readSome(stream, into.subarray(filled));
}

async function readSome(stream: ByteStream, into: Uint8Array): Promise<number> {
  const count = await stream.read(into);
  if (count === null) throw malformed("the end of the stream");
  return count;
}

function malformed(what: string): Error {
  return new Deno.errors.InvalidData(`PROXY protocol: the proxy sent ${what}`);
}
