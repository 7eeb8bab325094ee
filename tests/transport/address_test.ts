/** src/transport/address.ts @module */

import { assertEquals } from "@std/assert";
import { hostAndPort, isLoopbackHost, plainHost } from "../../src/transport/address.ts";

const LOOPBACK: [string, boolean][] = [
  ["127.0.0.1", true],
  ["127.0.0.2", true],
  ["127.255.255.254", true],
  ["::1", true],
  ["[::1]", true],
  ["0:0:0:0:0:0:0:1", true],
  ["::ffff:127.0.0.1", true],
  ["localhost", true],
  ["LocalHost", true],
  ["0.0.0.0", false],
  ["::", false],
  ["10.0.0.1", false],
  ["128.0.0.1", false],
  ["127.0.0.1.example.com", false],
  ["127.0.0", false],
  ["127.0.0.256", false],
  ["127.example.com", false],
  ["localhost.example.com", false],
  ["::ffff:10.0.0.1", false],
  ["fe80::1", false],
  ["", false],
];
for (const [host, expected] of LOOPBACK) {
  Deno.test(`isLoopbackHost() is ${expected} for "${host}"`, () => assertEquals(isLoopbackHost(host), expected));
}

Deno.test("hostAndPort() puts brackets around IPv6 only", () => {
  assertEquals(hostAndPort("127.0.0.1", 1883), "127.0.0.1:1883");
  assertEquals(hostAndPort("::1", 1883), "[::1]:1883");
});

Deno.test("plainHost() knows a host by one name", () => {
  assertEquals(plainHost("::ffff:10.0.0.1"), "10.0.0.1");
  assertEquals(plainHost("::FFFF:10.0.0.1"), "10.0.0.1");
  assertEquals(plainHost("[fe80::1]"), "fe80::1");
  assertEquals(plainHost("10.0.0.1"), "10.0.0.1");
});
