/** The files that TLS needs: read, held against each other, and read again when they change. PEM, RFC 7468.
 * In: paths. Out: `Credentials`, and words for people about what is wrong; keys never appear in them. @module */

import { createPrivateKey, X509Certificate } from "node:crypto";
import type { Log } from "../base/log.ts";

export interface CertificateFiles {
  /** The server's certificate, and behind it those between it and the root. */
  readonly certFile: string;
  readonly keyFile: string;
  /** Who may sign certificates of clients. */
  readonly caFile?: string | undefined;
}

export interface Credentials {
  readonly cert: string;
  readonly key: string;
  readonly ca: string | undefined;
  /** SHA-256 of each certificate in `ca`. */
  readonly caFingerprints: ReadonlySet<string>;
}

const PEM_CERTIFICATE =
  /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[\s\S]*?-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g;

/** Holds a certificate and its key against each other, before an engine of TLS gets them: one ignores what it does not
 * understand, another ends the whole program. @param certName, keyName for people.
 * @throws Error that says which of the two is wrong, and how. */
export function requirePair(cert: string, key: string, certName: string, keyName: string): void {
  const [certificate] = certificatesOf(cert, certName);
  checkKey(certificate, key, certName, keyName);
}

/** @throws Error when there is no certificate, or a damaged one. */
export function requireAuthorities(ca: string, name: string): void {
  certificatesOf(ca, name);
}

/** @throws Error that says which file is wrong, and how. */
export function readCredentials(files: CertificateFiles, log: Log): Credentials {
  const { certFile, keyFile, caFile } = files;
  const cert = readText(certFile, "certificate");
  const [certificate] = certificatesOf(cert, certFile);
  const key = readText(keyFile, "private key");
  checkKey(certificate, key, certFile, keyFile);
  warnOfDates(certificate, certFile, log);
  if (caFile === undefined) return { cert, key, ca: undefined, caFingerprints: new Set() };
  const ca = readText(caFile, "certificate of a certification authority");
  const authorities = certificatesOf(ca, caFile);
  for (const authority of authorities) warnOfDates(authority, caFile, log);
  return { cert, key, ca, caFingerprints: new Set(authorities.map((authority) => authority.fingerprint256)) };
}

function readText(path: string, what: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw new Error(`${path}: there is no such file (it should be the ${what})`);
    }
    if (error instanceof Deno.errors.PermissionDenied) {
      throw new Error(`${path}: the broker may not read this file; let the user that it runs as read it`);
    }
    throw new Error(`${path}: ${(error as Error).message}`);
  }
}

function certificatesOf(pem: string, path: string): X509Certificate[] {
  const blocks = pem.match(PEM_CERTIFICATE) ?? [];
  if (blocks.length === 0) {
    throw new Error(
      `${path}: no certificate in PEM form ("-----BEGIN CERTIFICATE-----") is in this file; ` +
        `convert another form with: openssl x509 -inform der -in FILE -out FILE.pem`,
    );
  }
  return blocks.map((block, index) => {
    try {
      return new X509Certificate(block);
    } catch {
      throw new Error(`${path}: certificate ${index + 1} in this file is damaged`);
    }
  });
}

function checkKey(certificate: X509Certificate, pem: string, certFile: string, keyFile: string): void {
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(pem)) {
    throw new Error(
      `${keyFile}: the private key is encrypted, and nobody is there to type its password; ` +
        `decrypt it with: openssl pkey -in FILE -out FILE.pem`,
    );
  }
  if (!/-----BEGIN (?:RSA |EC )?PRIVATE KEY-----/.test(pem)) {
    throw new Error(`${keyFile}: no private key in PEM form ("-----BEGIN PRIVATE KEY-----") is in this file`);
  }
  let belongs: boolean;
  try {
    belongs = certificate.checkPrivateKey(createPrivateKey(pem));
  } catch {
    // The cause may quote what it could not read.
    throw new Error(`${keyFile}: the private key in this file is damaged, or of a kind that is not supported`);
  }
  if (!belongs) throw new Error(`${keyFile}: this private key does not belong to the certificate in ${certFile}`);
}

function warnOfDates(certificate: X509Certificate, path: string, log: Log): void {
  const now = Date.now();
  if (Date.parse(certificate.validTo) < now) {
    log.warning(`${path}: the certificate expired on ${certificate.validTo}; who checks it will refuse it`);
  } else if (Date.parse(certificate.validFrom) > now) {
    log.warning(`${path}: the certificate is not valid before ${certificate.validFrom}; who checks it will refuse it`);
  }
}

/** Looks at the files again and again; three looks take some 10 µs. Works alike on all systems, with links that are
 * switched over, and with folders that are mounted from elsewhere; what tells of changes does not. */
export class CertificateWatch {
  readonly #timer: ReturnType<typeof setInterval>;
  #stamp: string;
  #handled: string;

  /** @param onChange when files have changed and then stayed the same for one interval: a certificate and its key are
   * replaced one after the other, and are not written at once. */
  constructor(readonly files: CertificateFiles, intervalMs: number, onChange: () => void) {
    this.#stamp = this.#handled = this.#look();
    this.#timer = setInterval(() => {
      const stamp = this.#look();
      const isSettled = stamp === this.#stamp;
      this.#stamp = stamp;
      if (!isSettled || stamp === this.#handled) return;
      this.#handled = stamp;
      onChange();
    }, intervalMs);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(): string {
    const { certFile, keyFile, caFile } = this.files;
    return [certFile, keyFile, caFile ?? ""].map(stampOf).join("|");
  }
}

function stampOf(path: string): string {
  if (path === "") return "";
  try {
    const { mtime, size, ino } = Deno.statSync(path);
    return `${mtime?.getTime()} ${size} ${ino}`;
  } catch {
    return "missing";
  }
}
