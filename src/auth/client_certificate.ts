/** A user's name from the certificate that TLS has verified. RFC 5280, RFC 6125 §6.4.4: a name that could be read in two
 * ways is none. @module */

import { ReasonCode } from "../packet/reason_code.ts";
import type { PeerCertificate } from "../transport/byte_stream.ts";
import type { AccountsSource } from "./accounts.ts";
import type { AuthenticationVerdict, ConnectAttempt } from "./authenticator.ts";
import type { LoginAttempts } from "./login_attempts.ts";
import { isPlainName } from "./plain_name.ts";

/** The subject's Common Name, or a Subject Alternative Name of one kind. */
export const CERTIFICATE_NAMES = ["common-name", "dns", "email", "uri"] as const;
export type CertificateName = typeof CERTIFICATE_NAMES[number];

/** @returns undefined = it has none of that kind, several, or one that is no plain name. */
export function userNameOf(certificate: PeerCertificate, from: CertificateName): string | undefined {
  const names = namesOf(certificate, from);
  return names.length === 1 && isPlainName(names[0]) ? names[0] : undefined;
}

function namesOf(certificate: PeerCertificate, from: CertificateName): readonly string[] {
  switch (from) {
    case "common-name":
      return certificate.commonName === undefined ? [] : [certificate.commonName];
    case "dns":
      return certificate.dnsNames;
    case "email":
      return certificate.emailAddresses;
    case "uri":
      return certificate.uris;
  }
}

export interface CertificateParts {
  readonly from: CertificateName;
  readonly accounts: AccountsSource;
  readonly attempts: LoginAttempts;
}

/** Lets in who showed a certificate, under its name. There need not be a user of that name. */
export class CertificateAuthenticator {
  constructor(readonly parts: CertificateParts) {}

  /** As `Authenticator.authenticate`. A password beside the certificate is not looked at. */
  authenticate(attempt: ConnectAttempt, answer: (verdict: AuthenticationVerdict) => void): () => void {
    const { from, accounts, attempts } = this.parts;
    const { peerCertificate, userName: claimed } = attempt;
    const userName = peerCertificate === undefined ? undefined : userNameOf(peerCertificate, from);
    const fail = (why: string) => attempts.fail(attempt, userName ?? claimed, why, answer);
    if (userName === undefined) return fail(`the certificate has not exactly one good name (${from})`);
    if (claimed !== undefined && claimed !== userName) return fail("the User Name is not the certificate's");
    if (accounts.accounts.users.get(userName)?.isDisabled) return fail("the user is disabled");
    answer({ reasonCode: ReasonCode.Success, userName });
    return () => {};
  }
}
