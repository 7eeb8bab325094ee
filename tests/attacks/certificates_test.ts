/** Attack 19: a certificate that is read as another name than its owner's (GHSA-3f24, NATS's mapping of distinguished
 * names), or that nobody has signed who is trusted here. @module */

import { Buffer } from "node:buffer";
import { sign } from "node:crypto";
import { assertEquals, assertRejects } from "@std/assert";
import { makeConfig } from "../../src/config/config.ts";
import { PacketType, ReasonCode } from "../../src/packet/mod.ts";
import { type RunningServer, startServer } from "../../src/server.ts";
import { connectTls } from "../support/deno_tls.ts";
import { rule } from "../support/accounts.ts";
import { type CertificatePair, HAS_OPENSSL, TestAuthority } from "../support/certificates.ts";
import { type ConnectOptions, TestClient } from "../support/test_client.ts";
import { AccessBroker, as, puback, suback, utf8 } from "./access_support.ts";

const { BadUserNameOrPassword, NotAuthorized, Success } = ReasonCode;
const RULES = [rule("admin/#", { subjectKind: "user", subjectName: "admin" }), rule("own/%u/#")];

/** DER: the elements that one consists of, each with its header. */
function elementsWithin(der: Buffer): Buffer[] {
  const bounds = (at: number) => {
    const longForm = der[at + 1] > 0x80 ? der[at + 1] - 0x80 : 0;
    const start = at + 2 + longForm;
    const length = longForm === 0 ? der[at + 1] : der.readUIntBE(at + 2, longForm);
    return { start, end: start + length };
  };
  const found: Buffer[] = [];
  const { start, end } = bounds(0);
  for (let at = start; at < end; at = bounds(at).end) found.push(der.subarray(at, bounds(at).end));
  return found;
}

function element(tag: number, ...parts: Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const header = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...header]), content]);
}

/** A broker that wants certificates, with real TLS. */
class TlsBroker implements AsyncDisposable {
  private constructor(
    readonly accounts: AccessBroker,
    readonly server: RunningServer,
    readonly authority: TestAuthority,
  ) {}

  static async start(): Promise<TlsBroker> {
    const accounts = await AccessBroker.start({ users: ["admin"], rules: RULES });
    const authority = TestAuthority.make();
    const { certFile, keyFile } = authority.server();
    const server = await startServer(
      makeConfig({
        accounts: accounts.folder.place,
        durability: "off",
        dataDir: accounts.folder.folder.path,
        sysIntervalS: 0,
        // All come from one address, whose failures are answered more and more slowly until they are forgotten.
        limits: { loginFailuresMax: 0, loginFailuresS: 1 },
        listeners: [{
          type: "mqtts",
          host: "127.0.0.1",
          port: 0,
          tls: { certFile, keyFile, caFile: authority.caFile, requireClientCertificate: true },
          authenticators: ["certificate", "accounts"],
        }],
      }),
      accounts.log,
    );
    return new TlsBroker(accounts, server, authority);
  }

  async open(pair: Partial<CertificatePair>): Promise<TestClient> {
    const port = Number(new URL(this.server.urls[0].replace("mqtts:", "https:")).port);
    return new TestClient(await connectTls("127.0.0.1", port, { caFile: this.authority.caFile, ...pair }));
  }

  async connack(pair: CertificatePair, options: ConnectOptions = {}): Promise<ReasonCode> {
    const client = await this.open(pair);
    await client.sendConnect(options);
    const { reasonCode } = await client.expect(PacketType.Connack);
    client.drop();
    return reasonCode;
  }

  /** A certificate whose Common Name is these bytes, whatever they are: changed, and signed anew. */
  withName(name: Uint8Array): CertificatePair {
    const placeholder = "x".repeat(name.length);
    const pair = this.authority.client(placeholder);
    const der = Buffer.from(Deno.readTextFileSync(pair.certFile).replace(/-----.*-----/g, ""), "base64");
    der.set(name, der.indexOf(placeholder));
    const [toBeSigned, algorithm] = elementsWithin(der);
    const key = Deno.readTextFileSync(this.authority.caKeyFile);
    const signature = element(0x03, Buffer.from([0]), sign("sha256", toBeSigned, key));
    const certificate = element(0x30, toBeSigned, algorithm, signature).toString("base64").replace(/.{64}/g, "$&\n");
    Deno.writeTextFileSync(pair.certFile, `-----BEGIN CERTIFICATE-----\n${certificate}\n-----END CERTIFICATE-----\n`);
    return pair;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.stop();
    this.authority.remove();
    await this.accounts[Symbol.asyncDispose]();
  }
}

Deno.test({
  name: "Attack 19: real certificates with several names, none, or one hidden in another: refused, or who they are",
  ignore: !HAS_OPENSSL,
  fn: async () => {
    await using it = await TlsBroker.start();
    for (const subject of ["/CN=admin/CN=sensor-1", "/CN=sensor-1/CN=admin", "/O=admin", "/CN=admin/O=x/CN=admin"]) {
      assertEquals(await it.connack(it.authority.issue({ subject })), BadUserNameOrPassword, subject);
    }
    for (const subject of ["/O=x\\/CN=admin/CN=sensor-1", "/O=x, CN=admin/CN=sensor-1", "/CN=sensor-1/OU=CN=admin"]) {
      const client = await it.open(
        it.authority.issue({ subject, subjectAltName: "DNS:admin,email:admin@x,URI:admin" }),
      );
      await client.connect({ clientId: "c" });
      assertEquals(
        [await suback(client, "admin/#"), await suback(client, "own/sensor-1/#")],
        [NotAuthorized, 1],
        subject,
      );
      await client.disconnect();
    }
    assertEquals(await it.connack(it.authority.client("admin"), { userName: "sensor-1" }), BadUserNameOrPassword);
    assertEquals(await it.connack(it.authority.client("admin")), Success);
  },
});

Deno.test({
  name:
    "Attack 19: no certificate, an expired one, or one that somebody else has signed: nobody comes as far as CONNECT",
  ignore: !HAS_OPENSSL,
  fn: async () => {
    await using it = await TlsBroker.start();
    const stranger = TestAuthority.make();
    try {
      const good = await it.open(it.authority.client("admin"));
      await good.connect({ clientId: "good" });
      const bad = [{}, stranger.client("admin"), it.authority.client("admin", { days: -1 })];
      for (const pair of bad) {
        await assertRejects(async () => {
          const client = await it.open(pair);
          await client.sendConnect({ clientId: "bad" });
          if (await client.receive() === undefined) throw new Error("closed without a word");
        });
      }
      assertEquals(it.server.snapshot().sessions, 1);
      assertEquals(it.accounts.logged(/^Handshake with .* failed/).length, bad.length);
      await good.expectNothing();
      await good.disconnect();
    } finally {
      stranger.remove();
    }
  },
});

Deno.test({
  name:
    "Attack 19: a name with U+0000, control characters, a turned direction, broken UTF-8, or none: nobody's certificate",
  ignore: !HAS_OPENSSL,
  fn: async () => {
    await using it = await TlsBroker.start();
    const names = ["admin\0", "admin\0.example", "\0\0\0\0\0", "admin\n", "\tadmin", "\u202enimda", "admin\u2066"];
    const bytes = [
      ...names.map(utf8),
      Uint8Array.of(0xed, 0xa0, 0x80, 0x61, 0x61),
      Uint8Array.of(0xc1, 0xa1, 0x64, 0x6d, 0x6e),
    ];
    const pairs = [...bytes.map((name) => it.withName(name)), it.authority.issue({ subject: "/O=Greenhouse" })];
    for (const [index, pair] of pairs.entries()) {
      // A password beside it does not help: the certificate is what is judged.
      const options = index % 2 === 0 ? as("admin") : {};
      assertEquals(await it.connack(pair, options), BadUserNameOrPassword, `certificate ${index}`);
    }
    assertEquals(it.accounts.logged(/exactly one good name/).length, pairs.length);
    assertEquals(it.server.snapshot().sessions, 0);
    // What was signed anew is a good certificate.
    assertEquals(await it.connack(it.withName(utf8("admin"))), Success);
  },
});

Deno.test({
  name: "Attack 19: names that only look like admin's have their own rights, which are none",
  ignore: !HAS_OPENSSL,
  fn: async () => {
    await using it = await TlsBroker.start();
    for (
      const name of [
        "Admin",
        "\u0430dmin",
        "admin ",
        "admin,",
        "x/CN=admin",
        "ad+in",
        "adm\u00adin",
        "#####",
        "admin/#",
      ]
    ) {
      const client = await it.open(it.withName(utf8(name)));
      await client.connect({ clientId: "c" });
      assertEquals([await suback(client, "admin/#"), await puback(client, "admin/a")], [NotAuthorized, NotAuthorized]);
      for (const filter of ["own/admin/#", "own/+/#", "own/#"]) {
        assertEquals(await suback(client, filter), NotAuthorized, name);
      }
      await client.disconnect();
    }
  },
});

Deno.test({
  name: "Attack 19: a certificate speaks for its own name alone, and for no user that is disabled or banned",
  ignore: !HAS_OPENSSL,
  fn: async () => {
    await using it = await TlsBroker.start();
    const { store } = it.accounts;
    await it.accounts.addUser("reader");
    const pair = it.authority.client("reader");
    for (const options of [as("admin"), { userName: "" }, as("admin", { userName: "Reader" })]) {
      assertEquals(await it.connack(pair, options), BadUserNameOrPassword);
    }
    const client = await it.open(pair);
    await client.connect({ clientId: "c", userName: "reader" });
    assertEquals([await suback(client, "admin/#"), await suback(client, "own/reader/#")], [NotAuthorized, 1]);
    await store.updateUser("reader", (user) => ({ ...user, isDisabled: true }));
    await client.expectDisconnect(NotAuthorized);
    assertEquals(await it.connack(pair), BadUserNameOrPassword);
    await store.addBan({ kind: "user", name: "reader", untilMs: undefined, reason: "" });
    await store.updateUser("reader", (user) => ({ ...user, isDisabled: false }));
    while (await it.connack(pair) === BadUserNameOrPassword); // until the broker has seen it
    assertEquals(await it.connack(pair), ReasonCode.Banned);
  },
});

Deno.test("Attack 19: where certificates are not asked for by the listener, one that is shown is not believed", async () => {
  await using it = await AccessBroker.start({ users: ["admin"], rules: RULES });
  const certificate = { commonName: "admin", dnsNames: [], emailAddresses: [], uris: [], fingerprint: "AB:CD" };
  await it.expectRefused(NotAuthorized, { clientId: "c" }, { certificate });
});
