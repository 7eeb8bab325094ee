/** Attack 20: tokens that nobody who is trusted has signed for this Client at this time. @module */

import { assert, assertEquals } from "@std/assert";
import { exportSPKI, generateKeyPair, type JWTPayload, SignJWT } from "jose";
import type { PartialConfig } from "../../src/config/config.ts";
import { ReasonCode } from "../../src/packet/mod.ts";
import { rule } from "../support/accounts.ts";
import { TemporaryFolder } from "../support/store_files.ts";
import { AccessBroker, as, PERSISTENT, puback, suback, utf8 } from "./access_support.ts";
import { assertServes } from "./support.ts";

const { BadUserNameOrPassword, NoMatchingSubscribers, NotAuthorized, Success } = ReasonCode;
const SECRET = utf8("a secret of at least thirty-two bytes");
/** 2026-01-01, where the clock stands. */
const NOW_S = Date.UTC(2026, 0, 1) / 1000;
const rsa = await generateKeyPair("RS256", { extractable: true });
const publicPem = await exportSPKI(rsa.publicKey);
type Key = Uint8Array | typeof rsa.privateKey;

function sign(payload: JWTPayload, alg = "HS256", key: Key = SECRET): Promise<string> {
  return new SignJWT(payload).setProtectedHeader({ alg }).sign(key);
}

/** As a program would that makes its own. */
function unsigned(header: object, payload: object, signature = ""): string {
  const part = (value: object) => utf8(JSON.stringify(value)).toBase64({ alphabet: "base64url", omitPadding: true });
  return `${part(header)}.${part(payload)}.${signature}`;
}

async function start(jwt: PartialConfig["jwt"], rest: PartialConfig = {}): Promise<AccessBroker> {
  return await AccessBroker.start({
    users: ["reader"],
    rules: [rule("own/%u/#")],
    config: { jwt, limits: { loginFailuresMax: 0, connectPacketSizeMax: 1 << 18 }, ...rest },
  });
}

function secretFile(folder: TemporaryFolder): string {
  Deno.writeFileSync(folder.file("secret"), SECRET);
  return folder.file("secret");
}

Deno.test("Attack 20: tokens that are expired, unsigned, signed otherwise, for others, cut or far too long: all hear the same", async () => {
  using folder = new TemporaryFolder();
  await using it = await start({ secretFile: secretFile(folder), audience: "quetzal" });
  const good = { sub: "reader", aud: "quetzal", exp: NOW_S + 60 };
  const whole = await sign(good);
  const tokens: readonly string[] = [
    await sign({ ...good, exp: NOW_S - 60 }),
    await sign({ ...good, nbf: NOW_S + 60 }),
    await sign({ ...good, exp: "2100" as unknown as number }),
    await sign({ ...good, aud: "other" }),
    await sign({ ...good, sub: undefined }),
    await sign({ ...good, sub: "reader\0" }),
    await sign({ ...good, publish: ["#", 7] }),
    await sign({ ...good, subscribe: "#" }),
    await sign(good, "HS384"),
    await sign(good, "HS256", utf8("another secret of thirty-two bytes!")),
    await sign(good, "RS256", rsa.privateKey),
    unsigned({ alg: "none" }, good),
    unsigned({ alg: "none" }, good, "AAAA"),
    unsigned({ alg: "HS256" }, good),
    unsigned({ alg: ["HS256"] }, good, whole.split(".")[2]),
    unsigned({ alg: "HS256", crit: ["x"], x: 1 }, good, whole.split(".")[2]),
    whole.slice(0, -1),
    `${whole}.${whole}`,
    `${whole.split(".")[0]}.${"A".repeat(65_000)}.AAAA`,
    await sign({ ...good, sub: "x".repeat(40_000), aud: "other" }),
  ];
  await Promise.all(tokens.map(async (token, number) => {
    const options = { clientId: `c-${number}`, userName: "reader", password: utf8(token) };
    const { reasonCode, properties } = await it.answerTo(options, { host: `10.0.0.${number}` });
    const heard = [reasonCode, properties.reasonString];
    assertEquals(heard, [BadUserNameOrPassword, "the user name or password is wrong"], `token ${number}`);
  }));
  await it.expectRefused(BadUserNameOrPassword, { userName: "admin", password: utf8(whole) });
  for (const line of it.log.lines) {
    assert(line.length < 2_000 && !tokens.some((token) => line.includes(token.slice(0, 60))), line);
  }
  assertEquals(it.server.snapshot().sessions, 0);
  assertEquals((await it.answerTo({ clientId: "c", password: utf8(whole) })).reasonCode, Success);
});

Deno.test("Attack 20: the public key is no secret to sign with (HS256 in the place of RS256)", async () => {
  using folder = new TemporaryFolder();
  Deno.writeTextFileSync(folder.file("key.pem"), publicPem);
  await using it = await start({ publicKeyFile: folder.file("key.pem") });
  const good = { sub: "reader", exp: NOW_S + 60 };
  for (const key of [utf8(publicPem), utf8(publicPem.trim())]) {
    await it.expectRefused(BadUserNameOrPassword, { password: utf8(await sign(good, "HS256", key)) });
  }
  const token = utf8(await sign(good, "RS256", rsa.privateKey));
  assertEquals((await it.answerTo({ password: token })).reasonCode, Success);
});

Deno.test("Attack 20: a token ends with its time: the connection is closed, and it opens nothing any more", async () => {
  using folder = new TemporaryFolder();
  await using it = await start({ secretFile: secretFile(folder), clockToleranceS: 0 });
  const token = utf8(
    await sign({ sub: "sensor-1", exp: NOW_S + 60, publish: ["own/#"], subscribe: ["own/#", "$SYS/#"] }),
  );
  const client = await it.connect({ ...PERSISTENT, clientId: "c", password: token });
  assertEquals([await suback(client, "own/a"), await suback(client, "#")], [1, NotAuthorized]);
  assertEquals([await puback(client, "own/x/y"), await puback(client, "x")], [NoMatchingSubscribers, NotAuthorized]);
  await it.advance(60_000);
  await client.expectDisconnect(NotAuthorized);
  await it.expectRefused(BadUserNameOrPassword, { ...PERSISTENT, clientId: "c", password: token });
  // The next token may permit less: what the last one permitted is gone.
  const poor = utf8(await sign({ sub: "sensor-1", exp: NOW_S + 600 }));
  const again = await it.connect({ ...PERSISTENT, clientId: "c", password: poor });
  assertEquals([await suback(again, "own/#"), await puback(again, "own/x/y")], [NotAuthorized, NotAuthorized]);
});

Deno.test("Attack 20: a user who is disabled does not come in by a token, and is closed who came in by one", async () => {
  using folder = new TemporaryFolder();
  await using it = await start({ secretFile: secretFile(folder) });
  const token = utf8(await sign({ sub: "reader", publish: ["#"] }));
  const client = await it.connect({ clientId: "c", password: token });
  const other = await it.connect({
    clientId: "d",
    password: utf8(await sign({ sub: "d", publish: ["#"], subscribe: ["#"] })),
  });
  await it.store.updateUser("reader", (user) => ({ ...user, isDisabled: true }));
  await client.expectDisconnect(NotAuthorized);
  await it.expectRefused(BadUserNameOrPassword, { clientId: "c", password: token });
  await assertServes(other);
});

Deno.test("Attack 20: where tokens are not taken, one is a wrong password, and a password is no token where they alone are", async () => {
  using folder = new TemporaryFolder();
  await using accounts = await AccessBroker.start({ users: ["reader"] });
  const token = utf8(await sign({ sub: "reader" }));
  await accounts.expectRefused(BadUserNameOrPassword, as("reader", { password: token }));
  await using tokens = await start({ secretFile: secretFile(folder) }, { authenticators: ["jwt"] });
  await tokens.expectRefused(BadUserNameOrPassword, as("reader"));
  await tokens.expectRefused(NotAuthorized, {});
});
