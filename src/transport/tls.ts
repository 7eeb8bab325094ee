/** Network Connections over TLS 1.2 and 1.3. Spec §4.2, §5.4. RFC 8446, RFC 5246. In: a `Listener` and certificates.
 * Out: a `Listener` whose streams are encrypted, and know what certificate their client has shown.
 * Room: the engine of `node:tls`; carries bytes only. Why that engine: docs/decisions/0016. @module */

import { Server, type TLSSocket } from "node:tls";
import type { Log } from "../base/log.ts";
import type { ByteStream, PeerCertificate } from "./byte_stream.ts";
import { type CertificateFiles, CertificateWatch, type Credentials, readCredentials } from "./certificate_files.ts";
import type { Listener } from "./listener.ts";
import { peerCertificate } from "./peer_certificate.ts";
import { listenTcp, type TcpOptions } from "./tcp.ts";
import { Cable, NO_HANDSHAKE_TIMER, TlsStream } from "./tls_stream.ts";
import { checkedByHandshake } from "./tls_trial.ts";
import { type UpgradeLimits, UpgradingListener } from "./upgrade.ts";

export type TlsVersion = "1.2" | "1.3";

export interface TlsOptions extends CertificateFiles {
  /** true: who shows no certificate that `caFile` has signed is refused. Default false: with a `caFile`, a certificate
   * may be shown, and one that is not good is refused nevertheless. */
  readonly requireClientCertificate?: boolean;
  /** Default "1.2". */
  readonly minVersion?: TlsVersion;
  readonly limits: UpgradeLimits;
  readonly log: Log;
  /** Hears of each handshake that came to nothing. */
  readonly onFailed?: (stream: ByteStream, error: unknown) => void;
  /** Between two looks at the files. Default 1,000. */
  readonly pollMs?: number;
}

const POLL_MS = 1000;
/** Certificates that are remembered as verified; 100 bytes each. */
const VERIFIED_MAX = 100_000;
/** Handshakes that are under way at the same time while clients arrive as fast as they can. */
const IDLE_SERVERS_MAX = 16;

/** Opens a port.
 * @throws as `listenTcp`, and Error that says what is wrong with which file. */
export async function listenTls(options: TlsOptions & TcpOptions): Promise<Listener> {
  const doorman = await TlsDoorman.open(options);
  return new TlsListener(listenTcp(options), doorman, options);
}

/** TLS for what arrives at `inner`: over a Unix socket, or behind the PROXY protocol. `inner` is closed when this
 * fails. @throws Error that says what is wrong with which file. */
export async function secured(inner: Listener, options: TlsOptions): Promise<Listener> {
  try {
    return new TlsListener(inner, await TlsDoorman.open(options), options);
  } catch (error) {
    inner.close();
    throw error;
  }
}

class TlsListener extends UpgradingListener {
  readonly #watch: CertificateWatch;

  constructor(inner: Listener, doorman: TlsDoorman, options: TlsOptions) {
    const url = inner.url.replace(/^mqtt:/, "mqtts:");
    super(inner, url, (stream) => doorman.welcome(stream), options.limits, options.onFailed);
    this.#watch = new CertificateWatch(options, options.pollMs ?? POLL_MS, () => doorman.reload());
  }

  override close(): void {
    this.#watch.close();
    super.close();
  }
}

/** What a handshake goes by, from its beginning to its end. */
interface InForce {
  readonly credentials: Credentials;
  /** Fingerprints of client certificates that were verified in a whole handshake under this `ca`, the oldest first.
   * A resumed session is not verified by the engine: neither whether its certificate was accepted when it began, nor
   * whether it began at another listener of this process. Only who stands here may resume. */
  readonly verified: Set<string>;
  /** Of the engine, for one handshake at a time each; making one costs as much as a handshake. */
  readonly idle: Server[];
}

/** Holds the certificates in force, and decides who comes in. */
class TlsDoorman {
  #inForce: InForce;

  private constructor(readonly options: TlsOptions, credentials: Credentials) {
    this.#inForce = { credentials, verified: new Set(), idle: [] };
  }

  static async open(options: TlsOptions): Promise<TlsDoorman> {
    if (options.requireClientCertificate && options.caFile === undefined) {
      throw new Error("to require certificates of clients, name the file of the authority that signs them (CA)");
    }
    return new TlsDoorman(options, await checkedByHandshake(readCredentials(options, options.log), options));
  }

  /** Connections that exist keep what they began with. */
  async reload(): Promise<void> {
    const { certFile, log } = this.options;
    try {
      const credentials = await checkedByHandshake(readCredentials(this.options, log), this.options);
      const former = this.#inForce;
      const verified = credentials.ca === former.credentials.ca ? former.verified : new Set<string>();
      this.#inForce = { credentials, verified, idle: [] };
      log.info(`${certFile}: the new certificate is in force`);
    } catch (error) {
      log.error(`The former certificate stays in force: ${(error as Error).message}`);
    }
  }

  async welcome(stream: ByteStream): Promise<ByteStream> {
    const inForce = this.#inForce;
    const server = inForce.idle.pop() ?? this.#newServer(inForce.credentials);
    const cable = new Cable(stream);
    const outcome = Promise.withResolvers<TlsStream>();
    // At once: what the socket says after this must have a listener.
    server.once("secureConnection", (socket) => {
      // From now on the engine speaks of this socket to itself only. After a failure more may come: that one is not kept.
      server.removeAllListeners("tlsClientError");
      if (inForce.idle.length < IDLE_SERVERS_MAX) inForce.idle.push(server);
      try {
        outcome.resolve(new TlsStream(cable, socket, this.#judge(socket, inForce)));
      } catch (error) {
        socket.destroy();
        outcome.reject(error);
      }
    });
    server.once("tlsClientError", (error) => outcome.reject(error));
    let isDone = false;
    outcome.promise.then(() => isDone = true, () => isDone = true);
    server.emit("connection", cable);
    try {
      while (!isDone && !cable.isDone) await cable.pull();
      // What the engine has to say about it comes first.
      const left = cable.error ?? new Error("the client left in the middle of the handshake");
      if (cable.isDone) setTimeout(() => outcome.reject(left), 0);
      return await outcome.promise;
    } catch (error) {
      cable.destroy();
      throw error;
    }
  }

  #newServer({ cert, key, ca }: Credentials): Server {
    const minVersion = `TLSv${this.options.minVersion ?? "1.2"}` as const;
    // The engine would refuse without a word about why; #judge() refuses with one.
    return new Server({
      cert,
      key,
      ca,
      minVersion,
      requestCert: ca !== undefined,
      rejectUnauthorized: false,
      handshakeTimeout: NO_HANDSHAKE_TIMER,
    });
  }

  /** @throws when the client's certificate, or its lack, does not let it in. */
  #judge(socket: TLSSocket, { credentials, verified }: InForce): PeerCertificate | undefined {
    const { ca, caFingerprints } = credentials;
    if (ca === undefined) return undefined;
    const { raw, valid_from, valid_to } = socket.getPeerCertificate();
    if (raw === undefined) {
      if (this.options.requireClientCertificate) throw refused("it showed no certificate");
      return undefined;
    }
    // The engine's own word for both is that it knows no issuer.
    if (Date.parse(valid_to) <= Date.now()) throw refused(`its certificate expired on ${valid_to}`);
    if (Date.parse(valid_from) > Date.now()) throw refused(`its certificate is not valid before ${valid_from}`);
    const certificate = peerCertificate(raw);
    if (!socket.authorized) throw refused(`its certificate is not good: ${socket.authorizationError}`);
    // The engine takes it without asking for more, and does not check the signature of an old one (X.509 version 1).
    if (caFingerprints.has(certificate.fingerprint)) throw refused("its certificate is the authority's own");
    if (socket.isSessionReused()) {
      if (!verified.has(certificate.fingerprint)) {
        throw refused("it resumes a session whose certificate was not verified here");
      }
    } else remember(verified, certificate.fingerprint);
    return certificate;
  }
}

function remember(verified: Set<string>, fingerprint: string): void {
  verified.delete(fingerprint);
  verified.add(fingerprint);
  if (verified.size <= VERIFIED_MAX) return;
  for (const oldest of verified) {
    verified.delete(oldest);
    return;
  }
}

function refused(why: string): Error {
  return new Deno.errors.PermissionDenied(`the client is refused: ${why}`);
}
