/** src/cli/start_report.ts @module */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { AccountsError } from "../../src/auth/accounts_store.ts";
import { JwtKeyError } from "../../src/auth/jwt_keys.ts";
import { explainStartError, startReport } from "../../src/cli/start_report.ts";
import { makeConfig, type PartialConfig } from "../../src/config/config.ts";
import { ListenError, resolveListeners } from "../../src/open_listeners.ts";
import { DataFolderError } from "../../src/persistence/data_folder.ts";
import { StartRefusedError } from "../../src/server.ts";

const LOOPBACK = "mqtt://127.0.0.1:1883";

const NOTHING = { sessions: 0, messages: 0, retainedMessages: 0, durationMs: 3 };

Deno.test("startReport() says where the broker listens, last", () => {
  const config = makeConfig({ listeners: [{ type: "mqtt" }, { type: "mqtt", host: "::1", port: 1884 }] });
  const { lines } = startReport(config, { urls: [LOOPBACK, "mqtt://[::1]:1884"], loaded: NOTHING });
  assertEquals(lines.slice(-2), ["listening on mqtt://127.0.0.1:1883", "listening on mqtt://[::1]:1884"]);
});

const DURABILITIES = [
  ["full", "durability full: what is acknowledged is on the disk, and survives a power failure"],
  [
    "normal",
    "durability normal: what is acknowledged survives a crash of the broker; " +
    "a crash of the system or a power failure can lose the last moments",
  ],
  ["off", "durability off: everything is in memory only, and no files are written: it is lost when the broker ends"],
] as const;
for (const [durability, expected] of DURABILITIES) {
  Deno.test(`startReport() says what durability ${durability} can lose`, () => {
    const report = startReport(makeConfig({ durability }), { urls: [LOOPBACK], loaded: NOTHING });
    assertEquals(report.lines[0], expected);
    assertEquals(report.warnings, []);
  });
}

const LOADED = [
  [
    { sessions: 12, messages: 3400, retainedMessages: 7, durationMs: 234 },
    "12 sessions, 3,400 queued messages and 7 retained messages came back from ./d in 0.2 s",
  ],
  [
    { sessions: 1, messages: 1, retainedMessages: 1, durationMs: 12_000 },
    "1 session, 1 queued message and 1 retained message came back from ./d in 12.0 s",
  ],
  [
    { sessions: 0, messages: 0, retainedMessages: 1, durationMs: 0 },
    "0 sessions, 0 queued messages and 1 retained message came back from ./d in 0.0 s",
  ],
  [NOTHING, "the store in ./d is empty"],
] as const;
for (const [loaded, expected] of LOADED) {
  Deno.test(`startReport() says: ${expected}`, () => {
    const config = makeConfig({ dataDir: "./d" });
    assertEquals(startReport(config, { urls: [LOOPBACK], loaded }).lines[1], expected);
  });
}

Deno.test("startReport() says nothing of a store with durability off", () => {
  const { lines } = startReport(makeConfig({ durability: "off" }), { urls: [LOOPBACK], loaded: NOTHING });
  assertEquals(lines.length, 2);
});

Deno.test("startReport() says with durability off that a store which is there is not used", () => {
  const config = makeConfig({ durability: "off", dataDir: "./d" });
  const { lines } = startReport(config, { urls: [LOOPBACK], loaded: NOTHING, hasUnusedStore: true });
  assertEquals(lines[1], "the store in ./d stays as it is, and is not used");
});

Deno.test("startReport() warns of what was done in the data folder", () => {
  const { warnings } = startReport(makeConfig(), { urls: [LOOPBACK], loaded: NOTHING, notices: ["a log was moved"] });
  assertEquals(warnings, ["a log was moved"]);
});

const NO_ACCOUNT =
  "anonymous clients are refused on mqtt://h:1883, and there is no account yet: nobody can connect there";
const EVERYBODY = "everybody who can reach mqtt://h:1883 may publish and subscribe (allowAnonymous)";
const BY_RULES = "clients without a user name may connect to mqtt://h:1883, with the rules for anonymous clients";
const BY_PROOF =
  "who comes in at mqtt://h:1883 by a certificate may do everything that no rule forbids, as long as there is no user";
const NOT_USED = "the certificate c is not used, since no listener speaks TLS";
const CERTIFICATES: PartialConfig = {
  allowAnonymous: false,
  tls: { certFile: "c", keyFile: "k", caFile: "a", requireClientCertificate: true },
  listeners: [{ type: "mqtts" }],
};

const DOORS: [given: PartialConfig, hasAccounts: boolean, warning: string | undefined][] = [
  [{}, false, undefined],
  [{}, true, undefined],
  [{ allowAnonymous: true }, false, undefined],
  [{ allowAnonymous: true }, true, undefined],
  [{ allowAnonymous: false }, false, NO_ACCOUNT],
  [{ allowAnonymous: false }, true, undefined],
  [{ allowAnonymous: false, jwt: { jwksFile: "k" } }, false, undefined],
  [{ jwt: { jwksFile: "k" } }, false, undefined],
  [{ jwt: { jwksFile: "k" } }, true, undefined],
  [{ allowAnonymous: true, jwt: { jwksFile: "k" } }, true, undefined],
  [CERTIFICATES, false, BY_PROOF],
  [CERTIFICATES, true, undefined],
  [{ tls: { certFile: "c", keyFile: "k" } }, false, NOT_USED],
  [{ tls: { certFile: "c", keyFile: "k" }, wssPort: 8084 }, false, undefined],
  [{ accounts: "a.kv" }, false, "there is no user in a.kv yet"],
  [{ accounts: "a.kv" }, true, undefined],
  [{ host: "0.0.0.0" }, false, NO_ACCOUNT],
  [{ host: "0.0.0.0" }, true, undefined],
  [{ host: "::" }, false, NO_ACCOUNT],
  [{ host: "0.0.0.0", allowAnonymous: true }, false, EVERYBODY],
  [{ host: "0.0.0.0", allowAnonymous: true }, true, BY_RULES],
  [{ listeners: [{ type: "mqtt", host: "0.0.0.0", allowAnonymous: true }] }, false, EVERYBODY],
  [{ mqtt: false, unixPath: "/s" }, false, undefined],
];
for (const [given, hasAccounts, warning] of DOORS) {
  Deno.test(`startReport() looks at ${JSON.stringify(given)} ${hasAccounts ? "with" : "without"} accounts`, () => {
    const facts = { urls: ["mqtt://h:1883"], loaded: NOTHING, hasAccounts };
    const { warnings } = startReport(makeConfig(given), facts);
    if (warning === undefined) assertEquals(warnings, []);
    else assert(warnings.length === 1 && warnings[0].startsWith(warning), warnings.join("\n"));
  });
}

Deno.test("startReport() names the listener that a warning is about", () => {
  const config = makeConfig({ host: "0.0.0.0", listeners: [{ type: "mqtt", allowAnonymous: true }, { type: "ws" }] });
  const { warnings } = startReport(config, { urls: ["mqtt://a", "ws://b"], loaded: NOTHING });
  assertEquals(warnings.length, 2);
  assertStringIncludes(warnings[0], "reach mqtt://a may");
  assertStringIncludes(warnings[1], "refused on ws://b,");
});

Deno.test("explainStartError() leaves what is for a person as it is", () => {
  const message = "the data folder /x is in use by the process 7: end that one";
  const errors = [
    new DataFolderError(message),
    new AccountsError("unavailable", message),
    new JwtKeyError(message),
    new StartRefusedError(message),
  ];
  for (const error of errors) assertEquals(explainStartError(error), message);
});

Deno.test("explainStartError() says what it does not know as it is", () => {
  assertEquals(explainStartError(new Error("odd")), "cannot start: odd");
  assertEquals(explainStartError("text"), "cannot start: text");
});

const { AddrInUse, AddrNotAvailable, NotFound, PermissionDenied } = Deno.errors;
const UNIX: PartialConfig = { mqtt: false, unixPath: "/s" };
const LIST: PartialConfig = { listeners: [{ type: "ws", host: "::1", port: 80 }] };

/** The configuration, what opening its (first) listener threw, and the line. */
const ERRORS: [given: PartialConfig, error: unknown, line: RegExp][] = [
  [{ port: 80 }, new AddrInUse("x"), /^port 80 on 127\.0\.0\.1 is in use: .* --port \(0 takes a free one\)$/],
  [{ mqtt: false, wsPort: 80 }, new AddrInUse("x"), /^port 80 on 127\.0\.0\.1 is in use: .* --ws-port /],
  [LIST, new AddrInUse("x"), /^port 80 on ::1 is in use: .* listeners\[0\]\.port /],
  [{}, new AddrNotAvailable("x"), /^this machine has no address 127\.0\.0\.1; choose one with --host /],
  [LIST, new AddrNotAvailable("x"), /^this machine has no address ::1; choose one with listeners\[0\]\.host /],
  [{ port: 80 }, new PermissionDenied("x"), /^port 80 on 127\.0\.0\.1 is not allowed: .* --port/],
  [
    {},
    new Error("failed to lookup address information: Name or service not known"),
    /^the host 127\.0\.0\.1 is not known; .* --host/,
  ],
  [{ port: 80 }, new Error("odd"), /^cannot listen on 127\.0\.0\.1, port 80 \(port\): odd$/],
  [UNIX, new AddrInUse("x"), /^the socket \/s cannot be made: another broker .* --unix$/],
  [UNIX, new NotFound("x"), /^the socket \/s cannot be made: .*make the folder first$/],
  [UNIX, new PermissionDenied("x"), /^the socket \/s cannot be made: this user may not write there; .* --unix$/],
  [UNIX, "odd", /^the socket \/s cannot be made: odd$/],
];
for (const [given, error, line] of ERRORS) {
  Deno.test(`explainStartError() of ${JSON.stringify(given)} says: ${line.source}`, () => {
    const [listener] = resolveListeners(makeConfig(given));
    assertMatch(explainStartError(new ListenError(listener, error)), line);
  });
}
