/** What the tests of TLS share: an authority with a server's certificate, a listener that answers, and `openssl s_client`
 * as the other side. @module */

import type { Log } from "../../src/base/log.ts";
import type { ByteStream } from "../../src/transport/byte_stream.ts";
import { connectTls, type ConnectTlsOptions } from "../support/deno_tls.ts";
import type { Listener } from "../../src/transport/listener.ts";
import { listenTls, secured, type TlsOptions } from "../../src/transport/tls.ts";
import { type CertificatePair, HAS_OPENSSL, TestAuthority } from "../support/certificates.ts";
import { readBytes, writeAll } from "./byte_stream_suite.ts";

export const LIMITS = { handshakesMax: 100, handshakeTimeoutMs: 60_000 };

/** What was said, "level: text", and who waits for a line of it. */
export class Lines implements Log {
  readonly lines: string[] = [];
  #wake: (() => void) | undefined;
  isEnabled = () => true;
  error = (text: string) => this.#add(`error: ${text}`);
  warning = (text: string) => this.#add(`warning: ${text}`);
  info = (text: string) => this.#add(`info: ${text}`);
  debug = (text: string) => this.#add(`debug: ${text}`);

  async until(part: string): Promise<void> {
    while (!this.lines.some((line) => line.includes(part))) await new Promise<void>((wake) => this.#wake = wake);
  }

  #add(line: string): void {
    this.lines.push(line);
    this.#wake?.();
  }
}

/** A listener that answers each byte with the same byte, and what came to it. */
export class EchoServer {
  readonly arrivals: ByteStream[] = [];
  readonly failures: string[] = [];
  readonly log = new Lines();
  #listener!: Listener;
  #served!: Promise<void>;
  #wake: (() => void) | undefined;

  static async open(options: Partial<TlsOptions> & CertificatePair, inner?: Listener): Promise<EchoServer> {
    const server = new EchoServer();
    const onFailed = (_: ByteStream, error: unknown) => {
      server.failures.push((error as Error).message);
      server.#wake?.();
    };
    const all = { limits: LIMITS, log: server.log, onFailed, ...options };
    server.#listener = inner === undefined
      ? await listenTls({ host: "127.0.0.1", port: 0, tcpBacklog: 100, ...all })
      : await secured(inner, all);
    server.#served = server.#listener.serve((stream) => {
      server.arrivals.push(stream);
      server.#wake?.();
      echo(stream);
    }, (error) => {
      throw error;
    });
    return server;
  }

  get url(): string {
    return this.#listener.url;
  }

  get port(): number {
    return Number(/:(\d+)$/.exec(this.url)![1]);
  }

  connect(options: ConnectTlsOptions): Promise<ByteStream> {
    return connectTls("127.0.0.1", this.port, options);
  }

  async failed(count = 1): Promise<string> {
    while (this.failures.length < count) await new Promise<void>((wake) => this.#wake = wake);
    return this.failures[count - 1];
  }

  /** Until so many have either arrived or failed. */
  async settled(count: number): Promise<void> {
    while (this.arrivals.length + this.failures.length < count) await new Promise<void>((wake) => this.#wake = wake);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#served;
    for (const stream of this.arrivals) stream.close();
  }
}

async function echo(stream: ByteStream): Promise<void> {
  const into = new Uint8Array(1000);
  try {
    for (let count: number | null; (count = await stream.read(into)) !== null;) {
      await writeAll(stream, into.subarray(0, count));
    }
    stream.endWriting();
  } catch {
    // The client is gone.
  }
}

export async function answers(client: ByteStream): Promise<boolean> {
  try {
    await writeAll(client, Uint8Array.of(42));
    return (await readBytes(client, 1))[0] === 42;
  } catch {
    return false;
  }
}

/** `openssl s_client`, until it got back what it sent, or was sent away. @returns everything it said. */
export async function sClient(port: number, input: string, ...args: string[]): Promise<string> {
  const child = new Deno.Command("openssl", {
    args: ["s_client", "-connect", `127.0.0.1:${port}`, "-no_ign_eof", ...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const decoder = new TextDecoder();
  let said = "";
  const stdin = child.stdin.getWriter();
  const errors = new Response(child.stderr).text();
  await stdin.write(new TextEncoder().encode(input)).catch(() => {});
  for await (const bytes of child.stdout) {
    said += decoder.decode(bytes, { stream: true });
    // The answer is there: that was all.
    if (input !== "" && said.includes(input)) {
      await stdin.close().catch(() => {});
      break;
    }
  }
  await stdin.close().catch(() => {});
  await child.status;
  return said + await errors;
}

export let authority: TestAuthority;
export let pair: CertificatePair;
if (HAS_OPENSSL) {
  authority = TestAuthority.make();
  pair = authority.server();
}

export function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, ignore: !HAS_OPENSSL, fn });
}

/** Arguments for `sClient`. */
export function withOwn({ certFile, keyFile }: CertificatePair): string[] {
  return ["-cert", certFile, "-key", keyFile];
}

/** Another authority, that nobody trusts. */
export function foreign(subject = "/CN=Foreign CA"): TestAuthority {
  return TestAuthority.make(subject);
}

/** Until one end is gone. */
export async function pipe(from: ByteStream, to: ByteStream): Promise<void> {
  const into = new Uint8Array(4096);
  try {
    for (let count: number | null; (count = await from.read(into)) !== null;) {
      await writeAll(to, into.subarray(0, count));
    }
  } catch {
    // One end is gone.
  }
  from.close();
  to.close();
}
