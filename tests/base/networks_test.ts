/** Mirrors src/base/networks.ts: addresses and networks, in the spellings that they come in. @module */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { addressKey, NetworkTable, networkText, parseNetwork } from "../../src/base/networks.ts";

function contains(network: string, host: string): boolean {
  const table = new NetworkTable<true>();
  table.add(network, true);
  return table.at(host).length > 0;
}

Deno.test("NetworkTable knows which hosts are in a network", () => {
  const cases: [network: string, inside: string[], outside: string[]][] = [
    ["10.0.0.0/8", ["10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3", "[::ffff:a01:203]"], [
      "11.0.0.0",
      "9.255.255.255",
    ]],
    ["10.1.2.3", ["10.1.2.3", "::ffff:10.1.2.3", "::FFFF:0A01:0203"], ["10.1.2.4", "::10.1.2.3", "memory"]],
    ["10.1.2.3/8", ["10.200.0.1"], ["11.1.2.3"]],
    ["192.168.1.128/25", ["192.168.1.128", "192.168.1.255"], ["192.168.1.127", "192.168.2.128"]],
    ["0.0.0.0/0", ["1.2.3.4", "255.255.255.255", "::ffff:1.2.3.4"], ["::1", "memory", "unix"]],
    ["255.255.255.255/32", ["255.255.255.255"], ["255.255.255.254"]],
    ["::/0", ["::1", "fd00::1", "2001:db8::"], ["1.2.3.4", "::ffff:1.2.3.4"]],
    ["fd00::/8", ["fd00::1", "fdff:ffff::1", "fd12:3456::%eth0"], ["fc00::1", "fe80::1"]],
    ["2001:db8::/33", ["2001:db8:7fff::1"], ["2001:db8:8000::"]],
    ["2001:db8:0:1::/64", ["2001:db8:0:1:ffff::", "2001:0DB8:0000:0001:0:0:0:1"], ["2001:db8:0:2::"]],
    ["::1", ["::1", "0:0:0:0:0:0:0:1", "[::1]", "::0.0.0.1"], ["::2", "127.0.0.1"]],
    ["::ffff:10.0.0.0/104", ["10.9.8.7", "::ffff:10.9.8.7"], ["11.0.0.0"]],
    ["fe80::1%eth0", ["fe80::1", "fe80::1%eth1"], ["fe80::2"]],
    ["memory", ["memory"], ["unix", "Memory", "127.0.0.1", ""]],
    ["unix", ["unix"], ["memory", "::"]],
  ];
  for (const [network, inside, outside] of cases) {
    for (const host of inside) assertEquals(contains(network, host), true, `${host} is in ${network}`);
    for (const host of outside) assertEquals(contains(network, host), false, `${host} is not in ${network}`);
  }
});

Deno.test("parseNetwork() takes nothing that could be read in two ways", () => {
  const none = [
    ...[
      "",
      "10.0.0",
      "10.1",
      "010.0.0.1",
      "256.0.0.1",
      "1.2.3.4.5",
      "1.2.3.4/33",
      "1.2.3.4/",
      "1.2.3.4/08",
      "1.2.3.4/-1",
    ],
    ...["0x7f.0.0.1", " 1.2.3.4", "1.2.3.4/8/8", ":", ":::", "1::2::3", "::/129", "12345::", "g::", "1:2:3:4:5:6:7"],
    ...["1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7::8", "::1.2.3.4:5", "1.2.3.4::", "::1.2.3", "localhost", "[::1", "::1]"],
  ];
  for (const text of none) assertEquals(parseNetwork(text), undefined, text);
});

Deno.test("NetworkTable gives all values of a host, the narrowest network first", () => {
  const table = new NetworkTable<string>();
  table.add("10.0.0.0/8", "wide");
  table.add("10.1.0.0/16", "narrow");
  table.add("10.1.2.3", "own");
  table.add("::ffff:10.1.2.3", "own, as IPv6");
  table.add("fd00::/8", "other");
  assertEquals(table.at("10.1.2.3"), ["own", "own, as IPv6", "narrow", "wide"]);
  assertEquals(table.at("10.2.2.3"), ["wide"]);
  assertEquals(table.at("memory"), []);
});

Deno.test("NetworkTable agrees with the bits written out", () => {
  const byte = fc.constantFrom(0, 1, 0x7F, 0x80, 0xFF);
  const bytes = fc.oneof(
    fc.array(byte, { minLength: 4, maxLength: 4 }),
    fc.array(byte, { minLength: 16, maxLength: 16 }),
  );
  const bitsOf = (bytes: readonly number[]) => bytes.map((byte) => byte.toString(2).padStart(8, "0")).join("");
  const textOf = (bits: string) => {
    const groups = bits.match(bits.length === 32 ? /.{8}/g : /.{16}/g)!.map((group) => parseInt(group, 2));
    return groups.length === 4 ? groups.join(".") : groups.map((group) => group.toString(16)).join(":");
  };
  fc.assert(
    fc.property(bytes, fc.nat(128), fc.nat(127), (bytes, prefix, turned) => {
      const bits = bitsOf(bytes);
      const prefixBits = prefix % (bits.length + 1);
      const at = turned % bits.length;
      // One bit turned: outside exactly when it stands within the prefix.
      const host = bits.slice(0, at) + (bits[at] === "0" ? "1" : "0") + bits.slice(at + 1);
      assertEquals(contains(`${textOf(bits)}/${prefixBits}`, textOf(bits)), true);
      assertEquals(contains(`${textOf(bits)}/${prefixBits}`, textOf(host)), at >= prefixBits);
    }),
    { numRuns: 3_000 },
  );
});

Deno.test("addressKey(): an IPv4 address, or the /64 of an IPv6 address", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["192.0.2.1", "192.0.2.1"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["2001:db8::1", "2001:db8:0:0::/64"],
    ["2001:DB8:0:0:1:2:3:4", "2001:db8:0:0::/64"],
    ["2001:0db8:0000:0000::9", "2001:db8:0:0::/64"],
    ["2001:db8:0:1::1", "2001:db8:0:1::/64"],
    ["fe80::1%eth0", "fe80:0:0:0::/64"],
    ["::1", "0:0:0:0::/64"],
    ["::ffff:c000:201", "192.0.2.1"],
    ["64:ff9b::192.0.2.1", "64:ff9b:0:0::/64"],
    ["memory", "memory"],
    ["unix:/run/x", "unix:/run/x"],
  ];
  for (const [host, key] of cases) assertEquals(addressKey(host), key, host);
});

Deno.test("networkText(): one spelling for each address and network", () => {
  const cases = [
    ["2001:0DB8:0:0:0:0:0:7", "2001:db8::7"],
    ["::ffff:c000:0207", "192.0.2.7"],
    ["10.1.2.3/8", "10.0.0.0/8"],
    ["10.1.2.3/32", "10.1.2.3"],
    ["fd12::1/8", "fd00::/8"],
  ];
  for (const [written, text] of cases) assertEquals(networkText(parseNetwork(written)!), text, written);
});
