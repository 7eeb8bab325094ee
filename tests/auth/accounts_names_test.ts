/** src/auth/account_names.ts: names, and the one spelling of addresses and networks. @module */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import {
  addressBytes,
  banProblem,
  clientIdProblem,
  nameProblem,
  normalNetwork,
  subjectProblem,
} from "../../src/auth/account_names.ts";

Deno.test("nameProblem() takes any text without control characters, up to 1,024 bytes", () => {
  for (const name of ["reader", "a b", "%u", "#", "+/$", "ä", "\u{1F331}", "n".repeat(1024), "ö".repeat(512)]) {
    assertEquals(nameProblem(name), undefined, name);
  }
  assertStringIncludes(nameProblem("")!, "at least one character");
  for (const name of ["a\0", "a\nb", "\u007f", "\u0085"]) {
    assertStringIncludes(nameProblem(name)!, "no control characters");
  }
  assertStringIncludes(nameProblem("\udc00")!, "half a character");
  assertStringIncludes(nameProblem("ö".repeat(513))!, "at most 1024 bytes, this one has 1026");
});

Deno.test("clientIdProblem() takes up to 8,192 bytes", () => {
  assertEquals(clientIdProblem("i".repeat(8192)), undefined);
  assertStringIncludes(clientIdProblem("i".repeat(8193))!, "a Client Identifier has at most 8192 bytes");
});

Deno.test("subjectProblem() and banProblem() know what each kind is named by", () => {
  assertEquals(subjectProblem("everyone", ""), undefined);
  assertEquals(subjectProblem("anonymous", ""), undefined);
  assertStringIncludes(subjectProblem("anonymous", "x")!, 'a rule for "anonymous" has no name');
  assertStringIncludes(subjectProblem("user", "")!, "a name has");
  assertStringIncludes(subjectProblem("role", "")!, "a name has");
  assertStringIncludes(subjectProblem("client-id", "")!, "a Client Identifier has");
  assertStringIncludes(subjectProblem("address", "reader")!, "an address is one such as");
  assertEquals(banProblem("address", "10.0.0.0/8"), undefined);
  assertStringIncludes(banProblem("address", "10.0.0.1/8")!, "for this one it is 10.0.0.0/8");
  assertEquals(banProblem("user", "n".repeat(1024)), undefined);
  assertStringIncludes(banProblem("user", "n".repeat(1025))!, "a name has at most");
  assertEquals(banProblem("client-id", "n".repeat(1025)), undefined);
});

const SPELLINGS: readonly (readonly [string, string | undefined])[] = [
  ["192.0.2.7", "192.0.2.7"],
  ["192.0.2.7/32", "192.0.2.7"],
  ["192.0.2.7/24", "192.0.2.0/24"],
  ["255.255.255.255/0", "0.0.0.0/0"],
  ["10.255.0.0/9", "10.128.0.0/9"],
  ["2001:DB8:0:0:0:0:0:7", "2001:db8::7"],
  ["[2001:db8::7]", "2001:db8::7"],
  ["2001:db8::7/128", "2001:db8::7"],
  ["2001:db8:ffff::/33", "2001:db8:8000::/33"],
  ["::/0", "::/0"],
  ["::1", "::1"],
  ["::ffff:192.0.2.7", "192.0.2.7"],
  ["::ffff:10.1.2.3/104", "10.0.0.0/8"],
  ["::ffff:0:0/95", "::fffe:0:0/95"],
  ["10.0.0.0/33", undefined],
  ["10.1", undefined],
  ["010.0.0.1", undefined],
  ["10.0.0.1/", undefined],
  ["10.0.0.1/08", undefined],
  ["2001:db8::/129", undefined],
  ["2001:db8:::7", undefined],
  ["localhost", undefined],
  ["", undefined],
];

for (const [written, normal] of SPELLINGS) {
  Deno.test(`normalNetwork() of ${JSON.stringify(written)} is ${normal}`, () => {
    assertEquals(normalNetwork(written), normal);
  });
}

Deno.test("normalNetwork() of what it gave is the same, and every address has one spelling", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.tuple(fc.ipV4(), fc.nat(32)).map(([address, bits]) => `${address}/${bits}`),
        fc.tuple(fc.ipV6(), fc.nat(128)).map(([address, bits]) => `${address}/${bits}`),
      ),
      (written) => {
        const normal = normalNetwork(written);
        assert(normal !== undefined);
        assertEquals(normalNetwork(normal), normal);
        assertEquals(banProblem("address", normal), undefined);
      },
    ),
  );
});

Deno.test("addressBytes() are those of single addresses, in network order", () => {
  assertEquals(addressBytes("192.0.2.255"), Uint8Array.of(192, 0, 2, 255));
  assertEquals(addressBytes("::ffff:192.0.2.255"), Uint8Array.of(192, 0, 2, 255));
  const v6 = new Uint8Array(16);
  v6.set([0x20, 0x01, 0x0D, 0xB8]);
  v6[15] = 7;
  assertEquals(addressBytes("2001:db8::7"), v6);
  for (const none of ["10.0.0.0/8", "10.0.0.1/32", "localhost", ""]) assertEquals(addressBytes(none), undefined);
});
