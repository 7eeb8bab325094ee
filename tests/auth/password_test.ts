/** Passwords and what is kept of them: against the RFC's own keys, against other implementations, and SASLprep. @module */

import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { argon2id } from "@noble/hashes/argon2";
import { createHash, pbkdf2Sync } from "node:crypto";
import type { Credentials } from "../../src/auth/credentials.ts";
import {
  areEqual,
  dummyCredentials,
  isOutdated,
  makeCredentials,
  PRESENT_STRENGTH,
  scramKeys,
  verifyPassword,
} from "../../src/auth/password.ts";
import { PREPARED_BYTES_MAX, preparePassword, saslprep } from "../../src/base/saslprep.ts";

const WEAK = { sha256Iterations: 4096, sha512Iterations: 4096 };
const utf8 = (text: string) => new TextEncoder().encode(text);
const base64 = (bytes: Uint8Array) => btoa(String.fromCharCode(...bytes));
const salt = Uint8Array.from({ length: 16 }, (_, index) => index);

Deno.test("makeCredentials() is SCRAM at OWASP's strength, and its password is recognised, no other", async () => {
  const credentials = await makeCredentials("correct horse");
  assertEquals(credentials.sha256.iterations, 600_000);
  assertEquals(credentials.sha512.iterations, 220_000);
  assertEquals([credentials.sha256.salt.length, credentials.sha512.salt.length], [16, 16]);
  assertEquals([credentials.sha256.storedKey.length, credentials.sha512.serverKey.length], [32, 64]);
  assertEquals(isOutdated(credentials), false);
  assertEquals(await verifyPassword(credentials, utf8("correct horse")), true);
  assertEquals(await verifyPassword(credentials, utf8("correct horse ")), false);
  assertEquals(await verifyPassword(credentials, utf8("")), false);
});

Deno.test("makeCredentials() salts each record anew, and each of its two keys", async () => {
  const first = await makeCredentials("the same", WEAK);
  const second = await makeCredentials("the same", WEAK);
  const salts = [first, second].flatMap(({ sha256, sha512 }) => [base64(sha256.salt), base64(sha512.salt)]);
  assertEquals(new Set(salts).size, 4);
  assertNotEquals(first.sha256.storedKey, second.sha256.storedKey);
});

Deno.test("makeCredentials() takes one core at a time", async () => {
  const { subtle } = crypto;
  const deriveBits = subtle.deriveBits;
  const running: number[] = [];
  let now = 0;
  subtle.deriveBits = async (...given) => {
    running.push(++now);
    const bits = await deriveBits.apply(subtle, given);
    now--;
    return bits;
  };
  try {
    await makeCredentials("open sesame", { sha256Iterations: 4096, sha512Iterations: 4096 });
  } finally {
    subtle.deriveBits = deriveBits;
  }
  assertEquals(running, [1, 1]);
});

Deno.test("makeCredentials() refuses an empty and a too long password", async () => {
  await assertRejects(() => makeCredentials("", WEAK), RangeError);
  await assertRejects(() => makeCredentials("x".repeat(65_536), WEAK), RangeError);
  await assertRejects(() => makeCredentials("x", { ...WEAK, sha256Iterations: 0 }), RangeError);
});

Deno.test("scramKeys() agrees with PostgreSQL's published verifier form: StoredKey = H(HMAC(Hi, 'Client Key'))", async () => {
  // The password "pencil" with the salt of RFC 7677 §3; Hi by another implementation.
  const rfcSalt = Uint8Array.from(atob("W22ZaJ0SNY7soEsUEjb6gQ=="), (character) => character.charCodeAt(0));
  const hi = pbkdf2Sync("pencil", rfcSalt, 4096, 32, "sha256");
  const clientKey = await hmacOf("SHA-256", hi, "Client Key");
  const keys = await scramKeys("SHA-256", utf8("pencil"), rfcSalt, 4096);
  assertEquals(base64(keys.storedKey), createHash("sha256").update(clientKey).digest("base64"));
  assertEquals(base64(keys.storedKey), "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=");
  assertEquals(base64(keys.serverKey), "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=");
});

async function hmacOf(hash: string, key: Uint8Array, text: string): Promise<Uint8Array> {
  const secret = await crypto.subtle.importKey("raw", key.slice(), { name: "HMAC", hash }, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", secret, utf8(text)));
}

const password = utf8("geheim\u00FC");
const IMPORTED: readonly Credentials[] = [
  {
    kind: "pbkdf2-sha512",
    iterations: 101,
    salt,
    hash: new Uint8Array(pbkdf2Sync(password, salt, 101, 64, "sha512")),
  },
  { kind: "sha512", salt, hash: new Uint8Array(createHash("sha512").update(password).update(salt).digest()) },
  {
    kind: "argon2id",
    memoryKiB: 64,
    passes: 2,
    lanes: 1,
    salt,
    hash: argon2id(password, salt, { m: 64, t: 2, p: 1, dkLen: 32 }),
  },
];

for (const credentials of IMPORTED) {
  Deno.test(`verifyPassword() knows what Mosquitto wrote: ${credentials.kind}`, async () => {
    assertEquals(await verifyPassword(credentials, password), true);
    assertEquals(await verifyPassword(credentials, utf8("geheim")), false);
    assertEquals(isOutdated(credentials), true);
  });
}

Deno.test("verifyPassword() takes an empty or short hash for damage, never for a match", async () => {
  const empty = new Uint8Array();
  await assertRejects(() => verifyPassword({ kind: "pbkdf2-sha512", iterations: 101, salt, hash: empty }, password));
  const argon = { kind: "argon2id", memoryKiB: 64, passes: 1, lanes: 1, salt, hash: empty } as const;
  await assertRejects(() => verifyPassword(argon, password));
  await assertRejects(() => verifyPassword({ ...argon, hash: new Uint8Array(15) }, password), RangeError, "16 bytes");
  assertEquals(await verifyPassword({ kind: "sha512", salt, hash: empty }, password), false);
});

Deno.test("isOutdated(): fewer iterations in either key", async () => {
  const weak = await makeCredentials("x", WEAK);
  assertEquals(isOutdated(weak, WEAK), false);
  assertEquals(isOutdated(weak, { ...WEAK, sha256Iterations: 4097 }), true);
  assertEquals(isOutdated(weak, { ...WEAK, sha512Iterations: 4097 }), true);
  assertEquals(isOutdated(weak), true);
  const half = { ...weak, sha256: { ...weak.sha256, iterations: 600_000 } };
  assertEquals(isOutdated(half), true);
});

Deno.test("dummyCredentials() have the present strength and fit no password", async () => {
  const dummy = dummyCredentials();
  assert(dummy.kind === "scram");
  assertEquals(dummy.sha256.iterations, PRESENT_STRENGTH.sha256Iterations);
  assertEquals(await verifyPassword(dummyCredentials(WEAK), utf8("")), false);
});

Deno.test("areEqual() is false for other lengths", () => {
  assertEquals(areEqual(new Uint8Array(0), new Uint8Array(1)), false);
  assertEquals(areEqual(salt, salt.slice()), true);
});

Deno.test("saslprep(): the examples of RFC 4013 §3", () => {
  assertEquals(saslprep("I\u00ADX"), "IX");
  assertEquals(saslprep("user"), "user");
  assertEquals(saslprep("USER"), "USER");
  assertEquals(saslprep("\u00AA"), "a");
  assertEquals(saslprep("\u2168"), "IX");
  assertEquals(saslprep("\u0007"), undefined);
});

Deno.test("saslprep(): spaces become one kind, and the prohibited is refused", () => {
  assertEquals(saslprep("a\u00A0b\u3000c"), "a b c");
  assertEquals(saslprep("\u00AD"), undefined);
  for (
    const bad of ["\u007F", "\u200E", "\u2028", "\uE000", "\uFFFD", "\u{1FFFE}", "\u{F0000}", "\u{E0020}", "\u0000"]
  ) {
    assertEquals(saslprep(`a${bad}`), undefined, bad.codePointAt(0)!.toString(16));
  }
  assertEquals(saslprep("\u{1F511}"), "\u{1F511}");
});

Deno.test("preparePassword() leaves bytes that are no text, and prohibited ones, as they are", () => {
  const bytes = Uint8Array.of(0xff, 0xfe, 0x00);
  assertEquals(preparePassword(bytes), bytes);
  assertEquals(preparePassword(utf8("a\u0007")), utf8("a\u0007"));
  assertEquals(preparePassword(utf8("u\u0308")), utf8("\u00FC"));
});

Deno.test("preparePassword() looks into no more than a person types: what strangers send is not put in order", () => {
  const letters = (count: number) => utf8("u\u0308".repeat(count));
  const count = Math.floor(PREPARED_BYTES_MAX / 3);
  assertEquals(preparePassword(letters(count)), utf8("\u00FC".repeat(count)));
  assertEquals(preparePassword(letters(count + 1)), letters(count + 1));
});

Deno.test("One password in two spellings is one password", async () => {
  const credentials = await makeCredentials("Schl\u00FCssel", WEAK);
  assertEquals(await verifyPassword(credentials, utf8("Schlu\u0308ssel")), true);
  const binary = await makeCredentials(Uint8Array.of(0xff, 0x00), WEAK);
  assertEquals(await verifyPassword(binary, Uint8Array.of(0xff, 0x00)), true);
  assertEquals(await verifyPassword(binary, Uint8Array.of(0xff, 0x01)), false);
});
