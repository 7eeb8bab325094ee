/** src/transport/peer_certificate.ts, with certificates that `openssl` made. @module */

import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import type { PeerCertificate } from "../../src/transport/byte_stream.ts";
import { peerCertificate } from "../../src/transport/peer_certificate.ts";
import { HAS_OPENSSL, type IssueOptions, openssl, TestAuthority } from "../support/certificates.ts";

const authority = HAS_OPENSSL ? TestAuthority.make() : undefined;

function derOf(options: IssueOptions): Uint8Array {
  const { certFile } = authority!.issue(options);
  openssl("x509", "-in", certFile, "-outform", "der", "-out", `${certFile}.der`);
  return Deno.readFileSync(`${certFile}.der`);
}

const NOTHING = { commonName: undefined, dnsNames: [], emailAddresses: [], uris: [] };
const CASES: [string, IssueOptions, Partial<PeerCertificate>][] = [
  ["a Common Name", { subject: "/O=Greenhouse/CN=sensor-1" }, { commonName: "sensor-1" }],
  ["letters of all languages", { subject: "/CN=Gewächshaus Ω 温室" }, { commonName: "Gewächshaus Ω 温室" }],
  ["no Common Name", { subject: "/O=Greenhouse" }, {}],
  ["two Common Names: none", { subject: "/CN=sensor-1/CN=admin" }, {}],
  ["version 1, without extensions", { subject: "/CN=sensor-1", isOld: true }, { commonName: "sensor-1" }],
  ["a list in a Common Name, as it is", { subject: "/CN=a, CN=admin" }, { commonName: "a, CN=admin" }],
  [
    "names of each kind, in order",
    { subject: "/O=x", subjectAltName: "DNS:a.example,DNS:b.example,email:c@example.org,URI:urn:d,IP:10.0.0.1" },
    { dnsNames: ["a.example", "b.example"], emailAddresses: ["c@example.org"], uris: ["urn:d"] },
  ],
];
for (const [name, options, expected] of CASES) {
  Deno.test({
    name: `peerCertificate() reads ${name}`,
    ignore: !HAS_OPENSSL,
    fn: () => {
      const der = derOf(options);
      const { fingerprint, ...names } = peerCertificate(der);
      assertEquals<unknown>(names, { ...NOTHING, ...expected });
      const file = `${authority!.folder}/shown.der`;
      Deno.writeFileSync(file, der);
      const shown = openssl("x509", "-inform", "der", "-in", file, "-noout", "-fingerprint", "-sha256");
      assertEquals(fingerprint, shown.trim().split("=")[1]);
    },
  });
}

/** The name in question in the middle of a certificate, with other bytes in its place. */
function withName(options: IssueOptions, from: string, to: Uint8Array): PeerCertificate {
  const der = derOf(options);
  const bytes = new TextEncoder().encode(from);
  const at = der.findIndex((_, index) => bytes.every((byte, offset) => der[index + offset] === byte));
  der.set(to, at);
  return peerCertificate(der);
}

Deno.test({
  name: "peerCertificate() keeps a name whole that looks like two, and drops one that looks shorter than it is",
  ignore: !HAS_OPENSSL,
  fn: () => {
    const options = { subject: "/O=x", subjectAltName: "DNS:aaaaaaaaaaaaa" };
    const listed = withName(options, "aaaaaaaaaaaaa", new TextEncoder().encode("a, DNS:admin1"));
    assertEquals(listed.dnsNames, ["a, DNS:admin1"]);
    const cut = withName(options, "aaaaaaaaaaaaa", new TextEncoder().encode("admin\0.foreig"));
    assertEquals(cut.dnsNames, []);
    const commonName = withName({ subject: "/CN=admin-x" }, "admin-x", new TextEncoder().encode("admin\0x")).commonName;
    assertEquals(commonName, undefined);
    // Not UTF-8, though it says so.
    assertEquals(withName({ subject: "/CN=adminzz" }, "adminzz", Uint8Array.of(0xC3, 0x28)).commonName, undefined);
  },
});

Deno.test({
  name: "peerCertificate() ends with a name or an error, whatever the bytes are",
  ignore: !HAS_OPENSSL,
  fn: () => {
    const der = derOf({ subject: "/CN=sensor-1", subjectAltName: "DNS:a.example" });
    const place = fc.nat(der.length - 1);
    fc.assert(
      fc.property(fc.array(fc.tuple(place, fc.nat(255)), { maxLength: 4 }), place, (changes, length) => {
        const broken = der.slice(0, length + 1);
        for (const [at, byte] of changes) if (at < broken.length) broken[at] = byte;
        try {
          assertEquals(typeof peerCertificate(broken).fingerprint, "string");
        } catch (error) {
          if (!(error instanceof Deno.errors.InvalidData)) throw error;
        }
      }),
      { numRuns: 2000 },
    );
    for (const length of [0, 1, 2, 100, der.length - 1]) {
      assertThrows(() => peerCertificate(der.subarray(0, length)), Deno.errors.InvalidData);
    }
  },
});
