/** Names out of certificates that TLS has verified. @module */

import { assertEquals } from "@std/assert";
import { CertificateAuthenticator, type CertificateName, userNameOf } from "../../src/auth/client_certificate.ts";
import { LoginAttempts } from "../../src/auth/login_attempts.ts";
import { DEFAULT_LIMITS } from "../../src/config/limits.ts";
import { ReasonCode } from "../../src/packet/mod.ts";
import type { PeerCertificate } from "../../src/transport/byte_stream.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { atOnce, attemptOf, login, TestAccounts, TestLog } from "./login_support.ts";

function certificateOf(rest: Partial<PeerCertificate> = {}): PeerCertificate {
  return { commonName: "sensor-1", dnsNames: [], emailAddresses: [], uris: [], fingerprint: "AB:CD", ...rest };
}

Deno.test("userNameOf(): the one name of the kind that is asked for", () => {
  const certificate = certificateOf({
    dnsNames: ["sensor-1.example"],
    emailAddresses: ["sensor-1@example"],
    uris: ["urn:dev:1"],
  });
  const names = (["common-name", "dns", "email", "uri"] as const).map((from) => userNameOf(certificate, from));
  assertEquals(names, ["sensor-1", "sensor-1.example", "sensor-1@example", "urn:dev:1"]);
});

Deno.test("userNameOf(): none, several, or one that is no plain name, is none", () => {
  const cases: readonly (readonly [CertificateName, Partial<PeerCertificate>])[] = [
    ["common-name", { commonName: undefined }],
    ["common-name", { commonName: "" }],
    ["common-name", { commonName: "admin\0.example" }],
    ["common-name", { commonName: "sensor\n1" }],
    ["common-name", { commonName: "sensor\u202E1" }],
    ["common-name", { commonName: "x".repeat(65_536) }],
    ["dns", {}],
    ["dns", { dnsNames: ["a.example", "b.example"] }],
    ["dns", { dnsNames: [""] }],
    ["email", { emailAddresses: ["a@example", "b@example"] }],
    ["uri", { uris: ["urn:a\0"] }],
  ];
  for (const [from, rest] of cases) {
    assertEquals(userNameOf(certificateOf(rest), from), undefined, JSON.stringify(rest));
  }
});

function make(from: CertificateName = "common-name") {
  const accounts = new TestAccounts();
  const log = new TestLog();
  const attempts = new LoginAttempts(DEFAULT_LIMITS, new FakeClock(), log, atOnce);
  const authenticator = new CertificateAuthenticator({ from, accounts, attempts });
  const show = (peerCertificate: PeerCertificate | undefined, userName?: string) =>
    login(authenticator, attemptOf(userName, undefined, { peerCertificate }));
  return { accounts, log, show };
}

Deno.test("Who shows a certificate comes in under its name, account or not", async () => {
  const { accounts, show } = make();
  const verdict = { reasonCode: ReasonCode.Success, userName: "sensor-1" };
  assertEquals(await show(certificateOf()), verdict);
  accounts.set("sensor-1", undefined);
  assertEquals(await show(certificateOf()), verdict);
  assertEquals(await show(certificateOf(), "sensor-1"), verdict);
});

Deno.test("A certificate is refused when its name is no name, not the User Name of CONNECT, or a disabled user's", async () => {
  const { accounts, log, show } = make();
  const why: string[] = [];
  for (const verdict of [show(undefined), show(certificateOf({ commonName: "" })), show(certificateOf(), "sensor-2")]) {
    assertEquals((await verdict).reasonCode, ReasonCode.BadUserNameOrPassword);
  }
  accounts.set("sensor-1", undefined, { isDisabled: true });
  assertEquals((await show(certificateOf())).reasonCode, ReasonCode.BadUserNameOrPassword);
  for (const line of log.lines) why.push(line.split("failed: ")[1]);
  assertEquals(why, [
    "the certificate has not exactly one good name (common-name).",
    "the certificate has not exactly one good name (common-name).",
    "the User Name is not the certificate's.",
    "the user is disabled.",
  ]);
});
