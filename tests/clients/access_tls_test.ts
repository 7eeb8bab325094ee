/** Who may come in over TLS, shown with programs that nobody here wrote: mosquitto_pub and mosquitto_sub, Paho, and openssl.
 * Against the program as a process. @module */

import { assertEquals, assertMatch, assertNotEquals, assertStringIncludes } from "@std/assert";
import { TestAuthority } from "../support/certificates.ts";
import {
  AccessFolder,
  AccessProgram,
  accessTest,
  keepAndFetch,
  loginArgs,
  OPENSSL,
  outcomeOf,
  OWN,
  publish,
  REFUSED,
  USER,
  visitWithPaho,
  WRONG,
} from "./access_program.ts";
import { connectionArgs, mosquitto } from "./mosquitto.ts";
import { interpreter, paho } from "./paho.ts";
import { VERSION_NAMES, VERSIONS } from "./support.ts";

/** A broker whose certificate `authority` has signed. */
async function startTls(
  folder: AccessFolder,
  authority: TestAuthority,
  args: readonly string[] = [],
): Promise<{ broker: AccessProgram; url: URL }> {
  const { certFile, keyFile } = authority.server();
  const broker = await folder.start(["--tls-port", "0", "--cert", certFile, "--key", keyFile, ...args]);
  return { broker, url: await broker.url("mqtts") };
}

accessTest("mosquitto with --cafile knows the broker, and comes in with user name and password", [
  mosquitto,
  OPENSSL,
], async (t) => {
  using stack = new DisposableStack();
  const authority = stack.adopt(TestAuthority.make(), (authority) => authority.remove());
  const stranger = stack.adopt(TestAuthority.make("/CN=Another CA"), (authority) => authority.remove());
  const folder = stack.use(await AccessFolder.make());
  const { broker, url } = await startTls(folder, authority);
  await using _ = broker;
  for (const version of VERSIONS) {
    await t.step(VERSION_NAMES[version], async () => {
      const plain = connectionArgs(url, version);
      const connection = [...plain, "--cafile", authority.caFile];
      await keepAndFetch([...connection, ...loginArgs(USER)], `with ${version}`);
      assertEquals((await publish([...connection, ...loginArgs(WRONG)])).code, REFUSED[version].wrong);
      assertEquals((await publish(connection)).code, REFUSED[version].nobody);
      const unknownCa = await publish([...plain, "--cafile", stranger.caFile, ...loginArgs(USER)]);
      assertMatch(unknownCa.complaints, /TLS error|certificate verify failed/);
      assertNotEquals(unknownCa.code, 0);
      assertNotEquals((await publish([...plain, ...loginArgs(USER)])).code, 0);
    });
  }
  await broker.logged(/Handshake with \S+ on mqtts:\S+ failed: .*UnknownCA/i);
});

accessTest("Paho over TLS knows the broker, and comes in with user name and password", [paho, OPENSSL], async (t) => {
  using stack = new DisposableStack();
  const authority = stack.adopt(TestAuthority.make(), (authority) => authority.remove());
  const stranger = stack.adopt(TestAuthority.make("/CN=Another CA"), (authority) => authority.remove());
  const folder = stack.use(await AccessFolder.make());
  const { broker, url } = await startTls(folder, authority);
  await using _ = broker;
  for (const version of VERSIONS) {
    await t.step(VERSION_NAMES[version], async () => {
      const options = { version, topics: [OWN], caFile: authority.caFile };
      const welcome = { connack: 0, suback: [1], received: "there and back" };
      assertEquals(await visitWithPaho(interpreter!, url, { ...options, ...USER }), welcome);
      assertEquals(await visitWithPaho(interpreter!, url, { ...options, ...WRONG }), {
        connack: REFUSED[version].wrong,
      });
      const unknownCa = await visitWithPaho(interpreter!, url, { ...options, ...USER, caFile: stranger.caFile });
      assertEquals(unknownCa, { connack: null, error: "SSLCertVerificationError" });
    });
  }
});

/** Doors that ask for client certificates: the first one requires them, the second one takes passwords, too. */
async function startCertificates(folder: AccessFolder, authority: TestAuthority): Promise<AccessProgram> {
  const tls = { ...authority.server(), caFile: authority.caFile };
  const listeners = [
    { type: "mqtt", port: 0 },
    { type: "mqtts", port: 0, tls: { ...tls, requireClientCertificate: true }, authenticators: ["certificate"] },
    { type: "mqtts", port: 0, tls, authenticators: ["certificate", "accounts"] },
  ];
  return await folder.start([], { QUETZAL_LISTENERS: JSON.stringify(listeners) });
}

accessTest("mosquitto with --cert and --key is who the certificate says, and nobody comes in without one", [
  mosquitto,
  OPENSSL,
], async (t) => {
  using stack = new DisposableStack();
  const authority = stack.adopt(TestAuthority.make(), (authority) => authority.remove());
  const stranger = stack.adopt(TestAuthority.make("/CN=Another CA"), (authority) => authority.remove());
  const folder = stack.use(await AccessFolder.make());
  await using broker = await startCertificates(folder, authority);
  const own = authority.client("sensor-1");
  const forged = stranger.client("sensor-1");
  const required = await broker.url("mqtts", 0);
  const asked = await broker.url("mqtts", 1);
  const certArgs = ({ certFile, keyFile } = own) => ["--cert", certFile, "--key", keyFile];
  for (const version of VERSIONS) {
    await t.step(VERSION_NAMES[version], async () => {
      const connection = [...connectionArgs(required, version), "--cafile", authority.caFile];
      await keepAndFetch([...connection, ...certArgs()], `with ${version}`);
      // No password is a way in where certificates are required.
      for (const args of [[], loginArgs(USER), certArgs(forged)]) {
        const { code, complaints } = await publish([...connection, ...args]);
        assertNotEquals(code, 0);
        assertMatch(complaints, /lost|TLS error|alert/);
      }
      const either = [...connectionArgs(asked, version), "--cafile", authority.caFile];
      await keepAndFetch([...either, ...certArgs()], `certificate with ${version}`);
      await keepAndFetch([...either, ...loginArgs(USER)], `password with ${version}`);
      assertEquals((await publish(either)).code, REFUSED[version].nobody);
    });
  }
  await broker.logged(/failed: the client is refused: it showed no certificate/);
  await broker.logged(/failed: the client is refused: its certificate is not good/);
  await broker.logged(/New client connected from \S+ as \S+ \(p5, c1, k60, u'sensor-1'\)/);
});

accessTest(
  "Paho with a client certificate is who it says, and is not let in without one",
  [paho, OPENSSL],
  async (t) => {
    using stack = new DisposableStack();
    const authority = stack.adopt(TestAuthority.make(), (authority) => authority.remove());
    const folder = stack.use(await AccessFolder.make());
    await using broker = await startCertificates(folder, authority);
    const url = await broker.url("mqtts");
    const certificate = authority.client("sensor-1");
    for (const version of VERSIONS) {
      await t.step(VERSION_NAMES[version], async () => {
        const options = { version, topics: [OWN], caFile: authority.caFile };
        const welcome = { connack: 0, suback: [1], received: "there and back" };
        assertEquals(await visitWithPaho(interpreter!, url, { ...options, ...certificate }), welcome);
        assertEquals((await visitWithPaho(interpreter!, url, { ...options, ...USER })).connack, null);
      });
    }
  },
);

/** @returns all that it says. What comes after the handshake is not asked for. */
async function handshake(url: URL, authority: TestAuthority, args: readonly string[]): Promise<string> {
  const where = ["-connect", url.host, "-servername", "localhost", "-CAfile", authority.caFile];
  const { printed, complaints } = await outcomeOf("openssl", ["s_client", ...where, ...args]);
  return printed + complaints;
}

accessTest("openssl s_client speaks TLS 1.2 and 1.3 with the broker, and nothing older", [OPENSSL], async (t) => {
  using stack = new DisposableStack();
  const authority = stack.adopt(TestAuthority.make(), (authority) => authority.remove());
  const folder = stack.use(await AccessFolder.make());
  const tls = authority.server({ algorithm: "rsa:2048" });
  const listeners = [
    { type: "mqtt", port: 0 },
    { type: "mqtts", port: 0, tls },
    { type: "mqtts", port: 0, tls: { ...tls, minVersion: "1.3" } },
  ];
  await using broker = await folder.start([], { QUETZAL_LISTENERS: JSON.stringify(listeners) });
  const [usual, strict] = [await broker.url("mqtts", 0), await broker.url("mqtts", 1)];
  /** What openssl itself would not offer any more. */
  const weak = ["-cipher", "DEFAULT@SECLEVEL=0"];
  const cases: [name: string, url: URL, args: string[], agreed: string | undefined][] = [
    ["1.2", usual, ["-tls1_2"], "TLSv1.2"],
    ["1.3", usual, ["-tls1_3"], "TLSv1.3"],
    ["its own choice", usual, [], "TLSv1.3"],
    ["1.1", usual, ["-tls1_1", ...weak], undefined],
    ["1.0", usual, ["-tls1", ...weak], undefined],
    ["1.2 without forward secrecy", usual, ["-tls1_2", "-cipher", "AES128-GCM-SHA256"], undefined],
    ["1.2 with CBC", usual, ["-tls1_2", "-cipher", "ECDHE-RSA-AES128-SHA256"], undefined],
    ["1.3 where it is the oldest", strict, ["-tls1_3"], "TLSv1.3"],
    ["1.2 where 1.3 is the oldest", strict, ["-tls1_2"], undefined],
  ];
  let refused = 0;
  for (const [name, url, args, agreed] of cases) {
    await t.step(`${name}: ${agreed ?? "refused"}`, async () => {
      const said = await handshake(url, authority, args);
      if (agreed !== undefined) {
        assertStringIncludes(said, `New, ${agreed}, Cipher is `);
        assertStringIncludes(said, "Verify return code: 0 (ok)");
        return;
      }
      assertStringIncludes(said, "New, (NONE), Cipher is (NONE)");
      // It is the broker that refused, and not openssl.
      refused++;
      await broker.logged(new RegExp(`(?:Handshake with \\S+ on mqtts:\\S+ failed: [^]*){${refused}}`));
    });
  }
});
