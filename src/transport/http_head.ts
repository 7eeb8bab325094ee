/** The head of an HTTP/1.1 message: the start line and the header fields. RFC 9112 §2–5.
 * In: a `ByteStream` at its beginning. Out: the head, and the bytes that came behind it. Each byte is looked at once,
 * however few come at a time; what is too long or not HTTP is refused at the byte that shows it. @module */

import type { ByteStream } from "./byte_stream.ts";

/** What the large servers allow; a browser with all its cookies sends less. */
export const HEAD_BYTES_MAX = 8192;
export const HEADERS_MAX = 100;

const CR = 0x0d;
const LF = 0x0a;
const TAB = 0x09;
const SPACE = 0x20;
const COLON = 0x3a;

/** A message that is refused. `status` and `headers` are for the answer to it; `message` for its sender and the log. */
export class HttpError extends Error {
  override readonly name = "HttpError";

  constructor(readonly status: number, message: string, readonly headers: Readonly<Record<string, string>> = {}) {
    super(message);
  }
}

export interface HttpHead {
  /** "GET /mqtt HTTP/1.1", "HTTP/1.1 101 Switching Protocols" */
  readonly startLine: string;
  readonly headers: HttpHeaders;
  /** What came with the last bytes of the head and belongs to what follows it. */
  readonly rest: Uint8Array;
}

/** Header fields by name, in lower case; several of one name stay several. */
export class HttpHeaders {
  readonly #values = new Map<string, string[]>();

  add(name: string, value: string): void {
    const values = this.#values.get(name);
    if (values === undefined) this.#values.set(name, [value]);
    else values.push(value);
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** @returns undefined when it is absent. @throws HttpError when it stands there twice: whoever is in between might take
   * the other one. */
  single(name: string): string | undefined {
    const values = this.#values.get(name);
    if (values !== undefined && values.length > 1) throw new HttpError(400, `there are several ${name} headers`);
    return values?.[0];
  }

  /** The elements of a header that is a list, which may be spread over several. */
  list(name: string): string[] {
    return (this.#values.get(name) ?? []).flatMap((value) => value.split(",")).map((element) => element.trim())
      .filter((element) => element !== "");
  }

  /** Is `element`, in lower case, in the list? For lists whose elements have no case. */
  lists(name: string, element: string): boolean {
    return this.list(name).some((one) => one.toLowerCase() === element);
  }
}

/** @throws HttpError for what is no HTTP; UnexpectedEof when the stream ends before the head does. */
export async function readHttpHead(stream: ByteStream): Promise<HttpHead> {
  const bytes = new Uint8Array(HEAD_BYTES_MAX);
  const parser = new HeadParser(bytes);
  for (let filled = 0;;) {
    if (filled === HEAD_BYTES_MAX) {
      throw new HttpError(431, `the head of the message is longer than ${HEAD_BYTES_MAX} bytes`);
    }
    const count = await stream.read(bytes.subarray(filled));
    if (count === null) throw new Deno.errors.UnexpectedEof("the connection ended within the head of an HTTP message");
    const end = parser.parse(filled, filled += count);
    // A copy: 8 KiB are not to be kept for the few bytes that the other side sent in advance.
    if (end !== undefined) {
      return { startLine: parser.startLine!, headers: parser.headers, rest: bytes.slice(end, filled) };
    }
  }
}

class HeadParser {
  readonly headers = new HttpHeaders();
  startLine: string | undefined;
  #lineStart = 0;
  #count = 0;

  constructor(readonly bytes: Uint8Array) {}

  /** Goes on with the bytes [from, to). @returns the offset behind the head once it is whole. */
  parse(from: number, to: number): number | undefined {
    const { bytes } = this;
    for (let at = from; at < to; at++) {
      const byte = bytes[at];
      if (at > 0 && bytes[at - 1] === CR && byte !== LF) throw notHttp("a line ends with CR alone");
      if (byte === LF) {
        if (at === 0 || bytes[at - 1] !== CR) throw notHttp("a line ends with LF alone");
        if (this.#line(this.#lineStart, at - 1)) return at + 1;
        this.#lineStart = at + 1;
        // TLS and MQTT without WebSocket are known by their first byte: nobody has to wait for a line of theirs.
      } else if (at === 0 ? !isTokenByte(byte) : byte < SPACE && byte !== CR && byte !== TAB || byte === 0x7f) {
        throw notHttp(`there is a byte 0x${byte.toString(16).padStart(2, "0")} in the head`);
      }
    }
    return undefined;
  }

  /** @returns true for the empty line at the end. */
  #line(start: number, end: number): boolean {
    const { bytes } = this;
    if (this.startLine === undefined) {
      if (start === end) throw notHttp("it begins with an empty line");
      this.startLine = latin1(bytes, start, end);
      return false;
    }
    if (start === end) return true;
    if (++this.#count > HEADERS_MAX) throw new HttpError(431, `there are more than ${HEADERS_MAX} headers`);
    let colon = start;
    // A name is a token: no space before the colon, and no line that goes on with the value before (RFC 9112 §5.1, §5.2).
    while (colon < end && isTokenByte(bytes[colon])) colon++;
    if (colon === start || colon === end || bytes[colon] !== COLON) throw notHttp("a header is not `name: value`");
    let from = colon + 1;
    let to = end;
    while (from < to && isBlank(bytes[from])) from++;
    while (to > from && isBlank(bytes[to - 1])) to--;
    this.headers.add(latin1(bytes, start, colon).toLowerCase(), latin1(bytes, from, to));
    return false;
  }
}

function notHttp(why: string): HttpError {
  return new HttpError(400, `this is not HTTP: ${why}`);
}

function isBlank(byte: number): boolean {
  return byte === SPACE || byte === TAB;
}

/** tchar, RFC 9110 §5.6.2 */
const TOKEN_BYTES = new Uint8Array(256);
for (const char of "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
  TOKEN_BYTES[char.charCodeAt(0)] = 1;
}

function isTokenByte(byte: number): boolean {
  return TOKEN_BYTES[byte] === 1;
}

/** A byte is a character: TextDecoder's "latin1" is Windows-1252, which has others. */
function latin1(bytes: Uint8Array, start: number, end: number): string {
  let text = "";
  for (let at = start; at < end; at++) text += String.fromCharCode(bytes[at]);
  return text;
}
