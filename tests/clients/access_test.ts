/** Who may come in, shown with programs that nobody here wrote: user names and passwords over TCP, WebSocket and Unix
 * sockets, tokens, and accounts that Mosquitto's own program made. Against the program as a process. @module */

import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { exportJWK, exportSPKI, generateKeyPair, SignJWT } from "jose";
import mqtt, { type IClientOptions } from "mqtt";
import type { ProtocolVersion } from "../../src/packet/mod.ts";
import { TestAuthority } from "../support/certificates.ts";
import {
  AccessFolder,
  accessTest,
  keepAndFetch,
  type Login,
  loginArgs,
  OPENSSL,
  outcomeOf,
  OWN,
  publish,
  REFUSED,
  UNKNOWN,
  USER,
  visitWithPaho,
  WRONG,
} from "./access_program.ts";
import { patiently } from "./client_program.ts";
import { connectionArgs, mosquitto } from "./mosquitto.ts";
import { interpreter, paho } from "./paho.ts";
import { VERSION_NAMES, VERSIONS } from "./support.ts";

/** Not the topic of `USER`. */
const FOREIGN = "site/sensor-2/temperature";

/* Each failed login is answered later than the one before it: hence a broker for each version where many fail. */

accessTest("mosquitto_pub and mosquitto_sub come in with user name and password, and nobody else does", [
  mosquitto,
], async (t) => {
  using folder = await AccessFolder.make();
  for (const version of VERSIONS) {
    await t.step(VERSION_NAMES[version], async () => {
      await using broker = await folder.start();
      const connection = connectionArgs(broker.program.url, version);
      await keepAndFetch([...connection, ...loginArgs(USER)], `with ${version}`);
      // They end with the code of CONNACK.
      const { wrong, nobody } = REFUSED[version];
      for (const program of ["mosquitto_pub", "mosquitto_sub"]) {
        const rest = program === "mosquitto_pub" ? ["-t", OWN, "-m", "x"] : ["-t", OWN, "-C", "1"];
        const codeOf = async (login: string[]) => (await outcomeOf(program, [...connection, ...login, ...rest])).code;
        assertEquals(await codeOf(loginArgs(WRONG)), wrong);
        assertEquals(await codeOf(loginArgs(UNKNOWN)), wrong);
        assertEquals(await codeOf([]), nobody);
      }
      await broker.logged(/Login of u'sensor-1' from 127\.0\.0\.1 as \S+ failed: the password is wrong/);
      await broker.logged(/Login of u'sensor-2' from 127\.0\.0\.1 as \S+ failed: there is no such user/);
      for (const { password } of [USER, WRONG]) assert(!broker.program.complaints.text.includes(password));
    });
  }
});

accessTest("mosquitto_pub and mosquitto_sub are told what they may not do", [mosquitto], async (t) => {
  using folder = await AccessFolder.make();
  await using broker = await folder.start();
  for (const version of VERSIONS) {
    await t.step(VERSION_NAMES[version], async () => {
      const connection = [...connectionArgs(broker.program.url, version), ...loginArgs(USER)];
      const refused = await publish(connection, FOREIGN);
      // Before 5.0 there is no word for it in PUBACK.
      if (version === 5) assertStringIncludes(refused.complaints, "Not authorized");
      else assertEquals(refused, { code: 0, printed: "", complaints: "" });
      // Before 3.1.1 there is none in SUBACK either.
      if (version === 3) return;
      const denied = await outcomeOf("mosquitto_sub", [...connection, "-t", FOREIGN, "-t", "#", "-C", "1"]);
      assertStringIncludes(denied.complaints + denied.printed, "All subscription requests were denied");
    });
  }
  await broker.logged(/PUBLISH of \S+, u'[^']+', to site\/sensor-2\/temperature refused: Not authorized/);
});

accessTest("Paho comes in with user name and password, and is told what it may not do", [paho], async (t) => {
  using folder = await AccessFolder.make();
  for (const version of VERSIONS) {
    await t.step(VERSION_NAMES[version], async () => {
      await using broker = await folder.start();
      const visit = (login: Partial<Login>) =>
        visitWithPaho(interpreter!, broker.program.url, { version, ...login, topics: [OWN, FOREIGN] });
      const refusedFilter = version === 5 ? 0x87 : 0x80;
      assertEquals(await visit(USER), { connack: 0, suback: [1, refusedFilter], received: "there and back" });
      const { wrong, nobody } = REFUSED[version];
      assertEquals(await visit(WRONG), { connack: wrong });
      assertEquals(await visit(UNKNOWN), { connack: wrong });
      assertEquals(await visit({}), { connack: nobody });
    });
  }
});

/** Comes in, and gets back what it publishes. @throws what CONNACK said. */
async function visitWithMqttJs(url: URL, options: IClientOptions): Promise<string> {
  const client = mqtt.connect(url.href, { ...options, reconnectPeriod: 0 });
  try {
    const message = new Promise<string>((resolve, reject) => {
      client.on("message", (_topic, payload) => resolve(payload.toString()));
      client.on("error", reject);
      client.on("close", () => reject(new Error("closed")));
    });
    client.on(
      "connect",
      () => client.subscribe(OWN, { qos: 1 }, () => client.publish(OWN, "there and back", { qos: 1 })),
    );
    return await patiently(message);
  } finally {
    await client.endAsync(true);
  }
}

for (const scheme of ["ws", "wss"] as const) {
  const needed = scheme === "wss" ? [OPENSSL] : [];
  accessTest(`MQTT.js over ${scheme} comes in with user name and password, and nobody else does`, needed, async (t) => {
    using stack = new DisposableStack();
    const folder = stack.use(await AccessFolder.make());
    const authority = scheme === "ws"
      ? undefined
      : stack.adopt(TestAuthority.make(), (authority) => authority.remove());
    const pair = authority?.server();
    const files = pair === undefined ? [] : ["--cert", pair.certFile, "--key", pair.keyFile];
    const ca = authority === undefined ? undefined : [await Deno.readTextFile(authority.caFile)];
    for (const version of VERSIONS) {
      await t.step(VERSION_NAMES[version], async () => {
        await using broker = await folder.start([`--${scheme}-port`, "0", ...files]);
        const url = await broker.url(scheme);
        const options = { ca, ...versionOptions(version) };
        const visit = ({ userName, password }: Partial<Login>) =>
          visitWithMqttJs(url, { ...options, username: userName, password });
        assertEquals(await visit(USER), "there and back");
        const refusedWith = async (login: Partial<Login>) =>
          (await assertRejects(() => visit(login)) as { code?: number }).code;
        assertEquals(await refusedWith(WRONG), REFUSED[version].wrong);
        assertEquals(await refusedWith(UNKNOWN), REFUSED[version].wrong);
        assertEquals(await refusedWith({}), REFUSED[version].nobody);
      });
    }
  });
}

function versionOptions(version: ProtocolVersion): IClientOptions {
  return { protocolVersion: version, protocolId: version === 3 ? "MQIsdp" : "MQTT" };
}

interface TokenSigner {
  readonly option: string;
  readonly keyFile: string | Uint8Array;
  readonly key: Parameters<SignJWT["sign"]>[0];
}

async function tokenSigner(algorithm: "HS256" | "RS256" | "ES256", asSet: boolean): Promise<TokenSigner> {
  if (algorithm === "HS256") {
    // Line ends at the end of the file would not belong to it.
    const secret = crypto.getRandomValues(new Uint8Array(48)).map((byte) => byte | 0x80);
    return { option: "jwt.secretFile", keyFile: secret, key: secret };
  }
  const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true });
  const keyFile = asSet
    ? JSON.stringify({ keys: [{ ...await exportJWK(publicKey), kid: "1", alg: algorithm }] })
    : await exportSPKI(publicKey);
  return { option: asSet ? "jwt.jwksFile" : "jwt.publicKeyFile", keyFile, key: privateKey };
}

for (const [algorithm, asSet] of [["HS256", false], ["RS256", false], ["ES256", false], ["RS256", true]] as const) {
  const name = `mosquitto with a token (${algorithm}${asSet ? ", JWKS" : ""}) in the place of the password`;
  accessTest(`${name} may do what the token says`, [mosquitto], async (t) => {
    using folder = await AccessFolder.make();
    const { option, keyFile, key } = await tokenSigner(algorithm, asSet);
    const file = folder.folder.file("key");
    await Deno.writeFile(file, typeof keyFile === "string" ? new TextEncoder().encode(keyFile) : keyFile);
    await using broker = await folder.start(["--set", `${option}=${file}`]);
    const tokenFor = (expiresIn: string) =>
      new SignJWT({ publish: [FOREIGN] })
        .setProtectedHeader({ alg: algorithm, kid: "1" }).setSubject("service").setExpirationTime(expiresIn).sign(key);
    const good = { userName: "service", password: await tokenFor("1h") };
    const expired = { ...good, password: await tokenFor("1h ago") };
    for (const version of VERSIONS) {
      await t.step(VERSION_NAMES[version], async () => {
        const connection = connectionArgs(broker.program.url, version);
        const permitted = await publish([...connection, ...loginArgs(good)], FOREIGN);
        assertEquals(permitted, { code: 0, printed: "", complaints: "" });
        const other = await publish([...connection, ...loginArgs(good)], OWN);
        assertEquals(other.complaints.includes("Not authorized"), version === 5);
        assertEquals((await publish([...connection, ...loginArgs(expired)])).code, REFUSED[version].wrong);
        // Passwords go on to work beside it, and are no tokens.
        assertEquals((await publish([...connection, ...loginArgs(USER)])).code, 0);
      });
    }
    assert(!broker.program.complaints.text.includes(good.password.slice(-20)));
  });
}

accessTest("mosquitto over the Unix socket comes in with user name and password", [
  mosquitto,
  { missing: await whyNoUnixSocket() },
], async (t) => {
  using folder = await AccessFolder.make();
  const path = folder.folder.file("mqtt.sock");
  await using broker = await folder.start(["--unix", path]);
  await broker.url("unix");
  for (const version of VERSIONS) {
    await t.step(VERSION_NAMES[version], async () => {
      const [, , , , ...versionArgs] = connectionArgs(broker.program.url, version);
      const connection = ["--unix", path, ...versionArgs];
      await keepAndFetch([...connection, ...loginArgs(USER)], `with ${version}`);
      assertEquals((await publish([...connection, ...loginArgs(WRONG)])).code, REFUSED[version].wrong);
      assertEquals((await publish(connection)).code, REFUSED[version].nobody);
    });
  }
});

async function whyNoUnixSocket(): Promise<string | undefined> {
  if (Deno.build.os === "windows") return "Mosquitto's clients know no Unix sockets on Windows";
  if (mosquitto.missing !== undefined) return mosquitto.missing;
  const { printed, complaints } = await outcomeOf("mosquitto_pub", ["--help"]);
  return (printed + complaints).includes("--unix") ? undefined : "mosquitto_pub before 2.0 knows no Unix sockets";
}

async function whyNoPasswordProgram(): Promise<string | undefined> {
  try {
    await outcomeOf("mosquitto_passwd", ["--help"]);
    return undefined;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return "there is no mosquitto_passwd: apt-get install mosquitto";
  }
}

accessTest("who was let in by Mosquitto's own files comes in with the old password, and may do the same", [
  mosquitto,
  { missing: await whyNoPasswordProgram() },
], async (t) => {
  using folder = new AccessFolder();
  const [passwd, acl] = [folder.folder.file("passwd"), folder.folder.file("acl")];
  const users = [
    { userName: "sensor-1", password: "correct horse", hash: "sha512-pbkdf2" },
    { userName: "sensor-0", password: "hunter2", hash: "sha512" },
    { userName: "gewächshaus", password: "pässword: €", hash: "sha512-pbkdf2" },
  ];
  await Deno.writeTextFile(passwd, "");
  for (const { userName, password, hash } of users) {
    const { code, complaints } = await outcomeOf("mosquitto_passwd", ["-H", hash, "-b", passwd, userName, password]);
    assertEquals(code, 0, complaints);
  }
  const rules = ["pattern readwrite site/%u/#", "user sensor-0", `topic write ${OWN}`];
  await Deno.writeTextFile(acl, `${rules.join("\n")}\n`);
  assertMatch(
    await folder.quetzal(`import mosquitto --passwd ${passwd} --acl ${acl}`),
    /^imported 3 users and 2 rules$/m,
  );
  // The second time, their passwords have been hashed anew.
  for (const visit of ["first visit", "second visit"]) {
    await using broker = await folder.start();
    for (const { userName, password } of users) {
      await t.step(`${userName}, ${visit}`, async () => {
        for (const version of [4, 5] as const) {
          const connection = connectionArgs(broker.program.url, version);
          const own = await publish([...connection, ...loginArgs({ userName, password })], `site/${userName}/x`);
          assertEquals(own, { code: 0, printed: "", complaints: "" });
        }
        const connection = connectionArgs(broker.program.url, 5);
        const wrong = await publish([...connection, ...loginArgs({ userName, password: `${password} ` })]);
        assertEquals(wrong.code, REFUSED[5].wrong);
        const foreign = await publish([...connection, ...loginArgs({ userName, password })], OWN);
        assertEquals(foreign.complaints.includes("Not authorized"), userName === "gewächshaus");
      });
    }
    if (visit === "first visit") await isHashedAnew(folder, users.length);
  }
});

async function isHashedAnew(folder: AccessFolder, count: number): Promise<void> {
  // A login does not wait for it.
  const deadlineMs = Date.now() + 30_000;
  for (;;) {
    const users: { readonly password: string }[] = JSON.parse(await folder.quetzal("user list --json"));
    assertEquals(users.length, count);
    if (users.every(({ password }) => password === "scram")) return;
    assert(Date.now() < deadlineMs, JSON.stringify(users));
  }
}
