/** Which proof counts at which door: every kind of attempt at every kind of door, with real authenticators. @module */

import { assertEquals, assertThrows } from "@std/assert";
import { SignJWT } from "jose";
import type { ConnectAttempt } from "../../src/auth/authenticator.ts";
import { AuthenticatorChain, type AuthenticatorKind, type Door } from "../../src/auth/authenticator_chain.ts";
import { CertificateAuthenticator } from "../../src/auth/client_certificate.ts";
import { JwtAuthenticator } from "../../src/auth/jwt.ts";
import { ReasonCode } from "../../src/packet/mod.ts";
import { atOnce, attemptOf, login, makeLogins, PASSWORD, ScramClient, stepOf, utf8 } from "./login_support.ts";

const SECRET = "a secret of at least thirty-two bytes";
const signed = (key: string) =>
  new SignJWT({ sub: "by-token" }).setProtectedHeader({ alg: "HS256" }).sign(new TextEncoder().encode(key));
const TOKEN = await signed(SECRET);
const BAD_TOKEN = await signed("another secret of thirty-two bytes");
const CERTIFICATE = { commonName: "by-certificate", dnsNames: [], emailAddresses: [], uris: [], fingerprint: "AB" };
const URL = "mqtt://127.0.0.1:1883";

async function make(door: Partial<Door>, isClosed = true) {
  const logins = await makeLogins({ after: atOnce, limits: { loginFailuresMax: 0 } });
  const { accounts, attempts, clock, limits, log } = logins;
  accounts.accounts = { ...accounts.accounts, isClosed, ...(isClosed ? {} : { users: new Map() }) };
  const keyFile = await Deno.makeTempFile();
  await Deno.writeTextFile(keyFile, SECRET);
  const settings = { keyFile, keyKind: "secret" } as const;
  const jwt = await JwtAuthenticator.open({ settings, accounts, attempts, limits, clock, log });
  await Deno.remove(keyFile);
  const certificate = new CertificateAuthenticator({ from: "common-name", accounts, attempts });
  const doors = new Map([[URL, { allowAnonymous: undefined, isLoopback: true, authenticators: [], ...door }]]);
  const parts = { source: accounts, accounts: logins.authenticator, jwt, certificate, log };
  return { ...logins, chain: new AuthenticatorChain(doors, parts) };
}

const ATTEMPTS: Readonly<Record<string, ConnectAttempt>> = {
  nothing: attemptOf(undefined, undefined),
  name: attemptOf("sensor-1", undefined),
  password: attemptOf("sensor-1", PASSWORD),
  "wrong password": attemptOf("sensor-1", "wrong"),
  token: attemptOf(undefined, TOKEN),
  "named token": attemptOf("by-token", TOKEN),
  "bad token": attemptOf("by-token", BAD_TOKEN),
  certificate: attemptOf(undefined, undefined, { peerCertificate: CERTIFICATE }),
  "certificate and password": attemptOf("sensor-1", PASSWORD, { peerCertificate: CERTIFICATE }),
  "certificate and token": attemptOf(undefined, TOKEN, { peerCertificate: CERTIFICATE }),
};

/** The name under which each attempt is let in, "anonymous", or the Reason Code in hexadecimal. */
async function outcomes(door: Partial<Door>, isClosed = true): Promise<Record<string, string>> {
  const { chain } = await make(door, isClosed);
  const all: Record<string, string> = {};
  for (const [what, attempt] of Object.entries(ATTEMPTS)) {
    const { reasonCode, userName } = await login(chain, attempt);
    all[what] = reasonCode === ReasonCode.Success ? userName ?? "anonymous" : reasonCode.toString(16);
  }
  return all;
}

const kinds = (...authenticators: AuthenticatorKind[]) => ({ authenticators });

Deno.test("Without accounts a door for them believes no name: everybody is anonymous, or nobody comes in", async () => {
  const all = (outcome: string) => Object.fromEntries(Object.keys(ATTEMPTS).map((what) => [what, outcome]));
  assertEquals(await outcomes(kinds("accounts"), false), all("anonymous"));
  assertEquals(await outcomes({}, false), all("anonymous"));
  assertEquals(await outcomes({ ...kinds("accounts"), isLoopback: false }, false), all("87"));
  assertEquals(await outcomes({ ...kinds("accounts"), allowAnonymous: false }, false), all("87"));
  assertEquals(
    await outcomes({ ...kinds("accounts"), isLoopback: false, allowAnonymous: true }, false),
    all("anonymous"),
  );
});

Deno.test("With the first account, those that came in anonymously stay only where the door says so", async () => {
  const anonymous = { clientId: "client-1", userName: undefined, remoteHost: "192.0.2.1" };
  const cases = [
    [{}, undefined, 0x87],
    [{ allowAnonymous: true }, undefined, undefined],
    [{ isLoopback: false, allowAnonymous: true }, undefined, undefined],
    [{ isLoopback: false }, 0x87, 0x87],
    [{ allowAnonymous: false }, 0x87, 0x87],
  ] as const;
  for (const [door, before, after] of cases) {
    const { chain, accounts } = await make(door, false);
    const refusal = () => chain.presentRefusal(anonymous, URL)?.reasonCode;
    assertEquals(refusal(), before);
    accounts.set("sensor-1", undefined);
    assertEquals(refusal(), after);
    assertEquals(chain.presentRefusal({ ...anonymous, userName: "sensor-1" }, URL), undefined);
    assertEquals(chain.presentRefusal(anonymous, "mqtt://[::1]:1")?.reasonCode, 0x87, "of a door nobody knows");
  }
});

Deno.test("With accounts nobody comes in without a proof, on loopback neither", async () => {
  assertEquals(await outcomes(kinds("accounts")), {
    nothing: "87",
    name: "86",
    password: "sensor-1",
    "wrong password": "86",
    token: "86",
    "named token": "86",
    "bad token": "86",
    certificate: "87",
    "certificate and password": "sensor-1",
    "certificate and token": "86",
  });
});

Deno.test("Where anonymous clients are allowed, a name or a password must still be right", async () => {
  const found = await outcomes({ ...kinds("accounts"), allowAnonymous: true, isLoopback: false });
  assertEquals([found.nothing, found.name, found["wrong password"], found.token], ["anonymous", "86", "86", "86"]);
  assertEquals([found.password, found.certificate], ["sensor-1", "anonymous"]);
});

Deno.test("A door without authenticators takes no proof once there are accounts", async () => {
  const found = await outcomes({ allowAnonymous: true });
  assertEquals([found.nothing, found.certificate, found.name, found.password], ["anonymous", "anonymous", "86", "86"]);
});

Deno.test("Tokens and passwords at one door: what looks like a token is judged as one only", async () => {
  for (const authenticators of [kinds("accounts", "jwt"), kinds("jwt", "accounts")]) {
    const { log, chain } = await make(authenticators);
    await login(chain, ATTEMPTS["bad token"]);
    assertEquals(log.lines.length, 1);
    assertEquals(log.lines[0].includes("the token is not good"), true);
    const found = await outcomes(authenticators);
    assertEquals([found.password, found["wrong password"], found.nothing], ["sensor-1", "86", "87"]);
    assertEquals([found.token, found["named token"], found["bad token"]], ["by-token", "by-token", "86"]);
  }
});

Deno.test("A door for tokens alone: a password is no proof there, and nobody is anonymous by it", async () => {
  for (const isClosed of [true, false]) {
    const found = await outcomes(kinds("jwt"), isClosed);
    assertEquals([found.password, found["wrong password"], found.name], ["86", "86", "86"]);
    assertEquals([found.token, found["bad token"]], ["by-token", "86"]);
    assertEquals(found.nothing, "87");
  }
});

Deno.test("Certificates: the order of the list decides which proof counts when there are two", async () => {
  const first = await outcomes(kinds("certificate", "accounts", "jwt"));
  assertEquals(first.certificate, "by-certificate");
  assertEquals(first["certificate and password"], "86", "the name is not the certificate's");
  assertEquals(first["certificate and token"], "by-certificate");
  assertEquals([first.password, first.token, first.nothing], ["sensor-1", "by-token", "87"]);
  const last = await outcomes(kinds("accounts", "jwt", "certificate"));
  assertEquals([last.certificate, last["certificate and password"]], ["by-certificate", "sensor-1"]);
  assertEquals(last["certificate and token"], "by-token");
  const without = await outcomes(kinds("certificate"), false);
  assertEquals([without.certificate, without.nothing, without.password], ["by-certificate", "87", "86"]);
});

Deno.test("A door for tokens or certificates lets in no one else, also on loopback without accounts, unless it says so", async () => {
  for (const kind of ["jwt", "certificate"] as const) {
    for (const authenticators of [[kind], ["accounts", kind]] as const) {
      assertEquals((await outcomes({ authenticators }, false)).nothing, "87", kind);
      assertEquals((await outcomes({ authenticators, allowAnonymous: true }, false)).nothing, "anonymous", kind);
    }
  }
});

Deno.test("SCRAM is for doors with accounts, when there are any", async () => {
  const attempt = ATTEMPTS.nothing;
  assertEquals((await make(kinds("jwt"))).chain.begin("SCRAM-SHA-256", attempt), undefined);
  assertEquals((await make(kinds("accounts"), false)).chain.begin("SCRAM-SHA-256", attempt), undefined);
  const { chain } = await make(kinds("accounts"));
  assertEquals(chain.begin("SCRAM-SHA-1", attempt), undefined);
  assertEquals(chain.begin("SCRAM-SHA-256", { ...attempt, listenerUrl: "mqtt://elsewhere" }), undefined);
  const exchange = chain.begin("SCRAM-SHA-256", attempt)!;
  assertEquals((await stepOf(exchange, new ScramClient("sha256", "sensor-1", PASSWORD).first)).kind, "continue");
});

Deno.test("Accounts that come into being close the door at once", async () => {
  const { chain, accounts } = await make(kinds("accounts"), false);
  assertEquals((await login(chain, ATTEMPTS.nothing)).reasonCode, ReasonCode.Success);
  accounts.set("sensor-2", undefined);
  assertEquals((await login(chain, ATTEMPTS.nothing)).reasonCode, ReasonCode.NotAuthorized);
  accounts.remove("sensor-2");
  assertEquals((await login(chain, ATTEMPTS.nothing)).reasonCode, ReasonCode.NotAuthorized);
});

Deno.test("A listener that nobody has spoken of lets nobody in, and the log says so", async () => {
  const { chain, log } = await make({ ...kinds("accounts"), allowAnonymous: true });
  for (const attempt of [ATTEMPTS.nothing, ATTEMPTS.password]) {
    const verdict = await login(chain, { ...attempt, listenerUrl: "mqtt://elsewhere" });
    assertEquals(verdict.reasonCode, ReasonCode.NotAuthorized);
  }
  assertEquals(log.lines[0], "error: Nobody has said who may come in through mqtt://elsewhere: nobody may.");
});

Deno.test("A door that asks for what is not set up is a mistake at the start", async () => {
  const { accounts, authenticator, log } = await makeLogins();
  const doors = new Map([[URL, { allowAnonymous: undefined, isLoopback: true, ...kinds("accounts", "jwt") }]]);
  assertThrows(
    () => new AuthenticatorChain(doors, { source: accounts, accounts: authenticator, log }),
    TypeError,
    "jwt",
  );
});

Deno.test("Who leaves is passed on", async () => {
  const { chain, checks, accounts } = await make(kinds("accounts"));
  const { credentials } = accounts.accounts.users.get("sensor-1")!;
  checks.ask({ userName: "x", credentials, password: utf8("x"), address: "x" }, () => {});
  const cancel = chain.authenticate(ATTEMPTS.password, () => {
    throw new Error("nobody is there");
  });
  assertEquals(checks.waiting, 1);
  (cancel as () => void)();
  assertEquals(checks.waiting, 0);
});
