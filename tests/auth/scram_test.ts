/** SCRAM against the examples of the RFCs, and against what the grammar forbids. @module */

import { assertEquals, assertThrows } from "@std/assert";
import { scramKeys } from "../../src/auth/password.ts";
import { parseClientFirst, ScramConversation, ScramError } from "../../src/auth/scram.ts";
import { ScramClient, text, utf8 } from "./login_support.ts";

const bytesOf = (base64: string) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));

/** RFC 7677 §3: user "user", password "pencil". */
const FIRST = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
const SERVER_NONCE = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
const CHALLENGE = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
const FINAL = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0," +
  "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
const SERVER_FINAL = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

async function rfcConversation(first = FIRST): Promise<ScramConversation> {
  const keys = await scramKeys("SHA-256", utf8("pencil"), bytesOf("W22ZaJ0SNY7soEsUEjb6gQ=="), 4096);
  return new ScramConversation("SHA-256", parseClientFirst(utf8(first)), keys, SERVER_NONCE);
}

Deno.test("ScramConversation: the example of RFC 7677 §3, byte for byte", async () => {
  const conversation = await rfcConversation();
  assertEquals(text(conversation.challenge), CHALLENGE);
  assertEquals(text(conversation.prove(utf8(FINAL))), SERVER_FINAL);
});

for (const [hash, name] of [["SHA-256", "sha256"], ["SHA-512", "sha512"]] as const) {
  Deno.test(`ScramConversation: SCRAM-${hash} with a client of other making, "n" and "y"`, async () => {
    for (
      const [userName, header] of [
        ["sensor,=1", "n,,"],
        ["sensor,=1", "y,,"],
        ["sensor,=1", "n,a=sensor=2C=3D1,"],
        ["f\u00FChler-\u20AC", "n,a=f\u00FChler-\u20AC,"],
      ]
    ) {
      const salt = crypto.getRandomValues(new Uint8Array(16));
      const keys = await scramKeys(hash, utf8("pa,ss=w\u00F6rd"), salt, 4096);
      const client = new ScramClient(name, userName, "pa,ss=w\u00F6rd", header);
      const conversation = new ScramConversation(hash, parseClientFirst(utf8(client.first)), keys, "server");
      assertEquals(conversation.first.userName, userName);
      const serverFinal = conversation.prove(utf8(client.final(text(conversation.challenge))));
      assertEquals(client.isServerProven(text(serverFinal)), true);
      const liar = new ScramClient(name, userName, "pa,ss=word", header, client.nonce);
      assertEquals(conversation.prove(utf8(liar.final(text(conversation.challenge)))), undefined);
    }
  });
}

const BAD_FIRST: Readonly<Record<string, string>> = {
  "nothing": "",
  "no header": "n=user,r=abc",
  "an unknown flag": "x,,n=user,r=abc",
  "channel binding": "p=tls-exporter,,n=user,r=abc",
  "another identity": "n,a=admin,n=user,r=abc",
  "a mandatory extension": "n,,m=1,n=user,r=abc",
  "no user name": "n,,r=abc",
  "an empty user name": "n,,n=,r=abc",
  "a bare equals sign": "n,,n=us=er,r=abc",
  "an escape in lower case": "n,,n=us=2cer,r=abc",
  "no nonce": "n,,n=user",
  "an empty nonce": "n,,n=user,r=",
  "a nonce with a space": "n,,n=user,r=a b",
  "a nonce beyond ASCII": "n,,n=user,r=\u00FC",
  "a nonce that is too long": `n,,n=user,r=${"a".repeat(257)}`,
  "a NUL": "n,,n=us\0er,r=abc",
  "too many bytes": `n,,n=${"u".repeat(4096)},r=abc`,
};

for (const [what, first] of Object.entries(BAD_FIRST)) {
  Deno.test(`parseClientFirst() refuses ${what}`, () => {
    assertThrows(() => parseClientFirst(utf8(first)), ScramError);
  });
}

Deno.test("parseClientFirst() says what is not offered", () => {
  const refuse = (first: string, why: string) => assertThrows(() => parseClientFirst(utf8(first)), ScramError, why);
  refuse("n,,m=1,n=user,r=abc", "a mandatory extension is not known");
  refuse("p=tls-exporter,,n=user,r=abc", "channel binding is not offered");
  refuse("n,a=admin,n=user,r=abc", "acting for another user is not offered");
});

Deno.test("parseClientFirst() refuses what is not UTF-8, and takes extensions that are not mandatory", () => {
  assertThrows(() => parseClientFirst(Uint8Array.of(0x6e, 0x2c, 0x2c, 0xff)), ScramError, "UTF-8");
  const first = parseClientFirst(utf8("y,a=a=2Cb,n=a=2Cb,r=abc,x=1"));
  assertEquals(first, { header: "y,a=a=2Cb,", bare: "n=a=2Cb,r=abc,x=1", userName: "a,b", nonce: "abc" });
});

const NONCE = CHALLENGE.slice(2, CHALLENGE.indexOf(","));
const PROOF = FINAL.slice(FINAL.indexOf(",p="));
const BAD_FINAL: Readonly<Record<string, string>> = {
  "nothing": "",
  "no proof": `c=biws,r=${NONCE}`,
  "another header (y)": `c=eSws,r=${NONCE}${PROOF}`,
  "the Client's nonce alone": `c=biws,r=rOprNGfwEbeRWgbNEkqO${PROOF}`,
  "a longer nonce": `c=biws,r=${NONCE}x${PROOF}`,
  "the wrong order": `r=${NONCE},c=biws${PROOF}`,
  "an empty proof": `c=biws,r=${NONCE},p=`,
  "a proof that is too short": `c=biws,r=${NONCE},p=AAAA`,
  "a proof that is no Base64": `c=biws,r=${NONCE},p=${"*".repeat(44)}`,
  "something behind the proof": `${FINAL},x=1`,
  "too many bytes": `c=biws,r=${NONCE},x=${"y".repeat(4096)}${PROOF}`,
};

for (const [what, final] of Object.entries(BAD_FINAL)) {
  Deno.test(`ScramConversation.prove() refuses ${what}`, async () => {
    const conversation = await rfcConversation();
    assertThrows(() => conversation.prove(utf8(final)), ScramError);
  });
}

Deno.test("ScramConversation.prove(): each bit of the proof counts, and so does what it covers", async () => {
  const conversation = await rfcConversation();
  const proof = bytesOf(PROOF.slice(3));
  for (const at of [0, 15, 31]) {
    const changed = proof.slice();
    changed[at] ^= 1;
    const final = `c=biws,r=${NONCE},p=${btoa(String.fromCharCode(...changed))}`;
    assertEquals(conversation.prove(utf8(final)), undefined);
  }
  // An extension is covered by the signature: this proof is not of this message.
  assertEquals(conversation.prove(utf8(`c=biws,r=${NONCE},x=1${PROOF}`)), undefined);
  assertEquals((await rfcConversation("n,,n=user,r=rOprNGfwEbeRWgbNEkqO,x=1")).prove(utf8(FINAL)), undefined);
});
