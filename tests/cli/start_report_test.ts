/** src/cli/start_report.ts @module */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { explainStartError, startReport } from "../../src/cli/start_report.ts";
import { makeConfig } from "../../src/config/config.ts";
import { DataFolderError } from "../../src/persistence/data_folder.ts";

const LOOPBACK = "mqtt://127.0.0.1:1883";
const ALL_NETWORKS = "mqtt://0.0.0.0:1883";

const NOTHING = { sessions: 0, messages: 0, retainedMessages: 0, durationMs: 3 };

Deno.test("startReport() says where the broker listens, last", () => {
  const { lines } = startReport(makeConfig(), { urls: [LOOPBACK, "mqtt://[::1]:1884"], loaded: NOTHING });
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

const ANONYMOUS: [boolean | undefined, string, string | undefined][] = [
  [undefined, LOOPBACK, undefined],
  [true, LOOPBACK, undefined],
  [false, LOOPBACK, "anonymous clients are refused on mqtt://127.0.0.1:1883"],
  [undefined, ALL_NETWORKS, "anonymous clients are refused on mqtt://0.0.0.0:1883"],
  [undefined, "mqtt://[::]:1883", "anonymous clients are refused on mqtt://[::]:1883"],
  [true, ALL_NETWORKS, "everybody who can reach mqtt://0.0.0.0:1883 may publish and subscribe"],
];
for (const [allowAnonymous, url, expected] of ANONYMOUS) {
  Deno.test(`startReport() with allowAnonymous ${allowAnonymous} on ${url}`, () => {
    const { warnings } = startReport(makeConfig({ allowAnonymous }), { urls: [url], loaded: NOTHING });
    if (expected === undefined) assertEquals(warnings, []);
    else assert(warnings.length === 1 && warnings[0].startsWith(expected), warnings.join("\n"));
  });
}

const ERRORS: [unknown, string][] = [
  [new Deno.errors.AddrInUse("x"), "port 80 on 127.0.0.1 is in use"],
  [new Deno.errors.AddrNotAvailable("x"), "this machine has no address 127.0.0.1"],
  [new Deno.errors.PermissionDenied("x"), "port 80 on 127.0.0.1 is not allowed"],
  [new Error("failed to lookup address information: Name or service not known"), "the host 127.0.0.1 is not known"],
  [new Error("odd"), "cannot start on 127.0.0.1, port 80: odd"],
  ["text", "cannot start on 127.0.0.1, port 80: text"],
];
Deno.test("explainStartError() leaves what a data folder says as it is", () => {
  const error = new DataFolderError("the data folder /x is in use by the process 7: end that one");
  assertEquals(explainStartError(error, makeConfig()), error.message);
});

for (const [error, expected] of ERRORS) {
  Deno.test(`explainStartError() says "${expected}" in one line with what to do`, () => {
    const line = explainStartError(error, makeConfig({ port: 80 }));
    assertStringIncludes(line, expected);
    assert(!line.includes("\n"));
    if (error instanceof Error && error.message !== "odd") assertStringIncludes(line, "--");
  });
}
