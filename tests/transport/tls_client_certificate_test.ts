/** src/transport/tls.ts: who comes in with a client certificate, and who does not. @module */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { answers, authority, EchoServer, foreign, pair, sClient, test, withOwn } from "./tls_support.ts";

test("listenTls() tells who the client is by its certificate", async () => {
  const own = authority.client("sensor-1", { subjectAltName: "DNS:s1.example,email:s1@example.org,URI:urn:dev:1" });
  await using server = await EchoServer.open({ ...pair, caFile: authority.caFile, requireClientCertificate: true });
  const client = await server.connect({ ...authority, ...own, caFile: authority.caFile });
  assert(await answers(client));
  const { fingerprint, ...names } = server.arrivals[0].peerCertificate!;
  assertEquals(names, {
    commonName: "sensor-1",
    dnsNames: ["s1.example"],
    emailAddresses: ["s1@example.org"],
    uris: ["urn:dev:1"],
  });
  assertMatch(fingerprint, /^[0-9A-F]{2}(:[0-9A-F]{2}){31}$/);
  client.close();
});

/** Whom a listener that requires a certificate keeps out, and what it says about it. */
const REFUSED: [string, string, () => string[]][] = [
  ["without a certificate", "it showed no certificate", () => []],
  ["with one of a foreign authority", "not good", () => withOwn(foreign().client("sensor-1"))],
  [
    "with one of a foreign authority of the same name",
    "not good",
    () => withOwn(foreign("/CN=Test CA").client("sensor-1")),
  ],
  ["with an expired one", "expired on", () => withOwn(authority.client("sensor-1", { days: -1 }))],
  ["with one of version 1", "not good", () => withOwn(authority.client("sensor-1", { isOld: true }))],
  [
    "with the authority's own",
    "the authority's own",
    () => withOwn({ certFile: authority.caFile, keyFile: authority.caKeyFile }),
  ],
  ["with one that signed itself", "not good", () => {
    const other = foreign("/CN=sensor-1");
    return withOwn({ certFile: other.caFile, keyFile: other.caKeyFile });
  }],
];

for (const [name, why, args] of REFUSED) {
  for (const flag of ["-tls1_2", "-tls1_3"]) {
    test(`listenTls() that requires a certificate refuses a client ${name}, ${flag}`, async () => {
      await using server = await EchoServer.open({ ...pair, caFile: authority.caFile, requireClientCertificate: true });
      const said = await sClient(server.port, "let me in\n", flag, "-CAfile", authority.caFile, ...args());
      assertEquals(said.includes("let me in\n"), false, said);
      assertStringIncludes(await server.failed(), why);
      assertEquals(server.arrivals.length, 0);
      // And the next one comes in.
      const client = await server.connect({ caFile: authority.caFile, ...authority.client("sensor-2") });
      assert(await answers(client));
      client.close();
    });
  }
}

test("listenTls() with a CA lets in who shows no certificate if it need not, and refuses a bad one", async () => {
  await using server = await EchoServer.open({ ...pair, caFile: authority.caFile });
  const client = await server.connect({ caFile: authority.caFile });
  assert(await answers(client));
  assertEquals(server.arrivals[0].peerCertificate, undefined);
  client.close();
  const bad = await server.connect({ caFile: authority.caFile, ...foreign().client("sensor-1") });
  assertEquals(await answers(bad), false);
  assertStringIncludes(await server.failed(), "not good");
  bad.close();
});

for (const flag of ["-tls1_2", "-tls1_3"]) {
  test(`listenTls() lets nobody resume a session that was refused, or began elsewhere, ${flag}`, async () => {
    const strict = { ...pair, caFile: authority.caFile, requireClientCertificate: true };
    await using server = await EchoServer.open(strict);
    await using easy = await EchoServer.open(pair);
    const other = foreign();
    await using theirs = await EchoServer.open({ ...pair, caFile: other.caFile });
    const intruder = withOwn(other.client("sensor-1"));
    const base = [flag, "-CAfile", authority.caFile];
    const ticket = `${authority.folder}/ticket${flag}`;
    // Tickets of a listener that asks for nothing, of one that trusts the other authority, and of a refusal.
    const beginnings: [number, string[]][] = [[easy.port, []], [theirs.port, intruder], [server.port, intruder]];
    for (const [port, own] of beginnings) {
      await sClient(port, "sesame one\n", ...base, ...own, "-sess_out", ticket);
      if (!await exists(ticket)) continue;
      const said = await sClient(server.port, "sesame two\n", ...base, ...own, "-sess_in", ticket);
      assertEquals(said.includes("sesame two\n"), false, said);
      await Deno.remove(ticket);
    }
    assertEquals(server.arrivals.length, 0);
    assert(server.failures.length >= 3, `${server.failures}`);
  });

  test(`listenTls() knows a client again that resumes its session, ${flag}`, async () => {
    await using server = await EchoServer.open({ ...pair, caFile: authority.caFile, requireClientCertificate: true });
    const ticket = `${authority.folder}/good${flag}`;
    const args = [flag, "-CAfile", authority.caFile, ...withOwn(authority.client("sensor-1"))];
    assertStringIncludes(await sClient(server.port, "sesame one\n", ...args, "-sess_out", ticket), "sesame one\n");
    const said = await sClient(server.port, "sesame two\n", ...args, "-sess_in", ticket);
    assertStringIncludes(said, "sesame two\n");
    if (flag === "-tls1_3") assertStringIncludes(said, "Reused, TLSv1.3");
    assertEquals(server.arrivals[1].peerCertificate?.commonName, "sensor-1");
  });
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
