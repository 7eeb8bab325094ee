/** Contract: one Network Connection as a stream of bytes. Spec §4.2 [MQTT-4.2.0-1]. Carries bytes, knows no packets.
 * @module */

/** What TLS has verified of the peer: it has the key, and somebody who is trusted here has signed. RFC 5280. */
export interface PeerCertificate {
  /** The subject's Common Name; undefined = it has none, or several. */
  readonly commonName: string | undefined;
  /** Subject Alternative Names by their kind. */
  readonly dnsNames: readonly string[];
  readonly emailAddresses: readonly string[];
  readonly uris: readonly string[];
  /** SHA-256 of the certificate: "AB:CD:…". */
  readonly fingerprint: string;
}

export interface ByteStream {
  /** Where the peer is, for logs and rules: "127.0.0.1:50312", "memory:3". */
  readonly remoteAddress: string;
  /** The part of `remoteAddress` that tells hosts apart: "127.0.0.1". */
  readonly remoteHost: string;
  /** undefined: no TLS, or the peer showed no certificate. */
  readonly peerCertificate?: PeerCertificate;
  /** true: `close` lets arrive what was written, as long as the peer has sent nothing that was not read. Default: false, it
   * has to be told the end by `endWriting` first. */
  readonly closeDelivers?: boolean;
  /** Fills the front of `into`. @returns the number of bytes, or null at the end of the stream.
   * @throws when the connection was reset, or closed from this side. */
  read(into: Uint8Array): Promise<number | null>;
  /** Writes some of `bytes`, at least one. @returns how many. @throws when the connection is gone. */
  write(bytes: Uint8Array): Promise<number>;
  /** Tells the peer that nothing more is written; reading goes on. Never throws, may be called again. */
  endWriting(): void;
  /** Ends the connection in both directions at once. Never throws, may be called again. */
  close(): void;
}
