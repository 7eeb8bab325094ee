/** src/cli/start_report.ts @module */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { explainStartError, startReport } from "../../src/cli/start_report.ts";
import { makeConfig } from "../../src/config/config.ts";

const LOOPBACK = "mqtt://127.0.0.1:1883";
const ALL_NETWORKS = "mqtt://0.0.0.0:1883";

Deno.test("startReport() says where the broker listens", () => {
  assertEquals(startReport(makeConfig(), [LOOPBACK, "mqtt://[::1]:1884"]).lines, [
    "listening on mqtt://127.0.0.1:1883",
    "listening on mqtt://[::1]:1884",
  ]);
});

Deno.test("startReport() has nothing to warn of with durability off on loopback", () => {
  assertEquals(startReport(makeConfig({ durability: "off" }), [LOOPBACK, "mqtt://[::1]:1884"]).warnings, []);
});

for (const durability of ["full", "normal"] as const) {
  Deno.test(`startReport() admits that durability ${durability} is not kept by the memory store`, () => {
    const { warnings } = startReport(makeConfig({ durability }), [LOOPBACK]);
    assertEquals(warnings, [
      `durability: the memory store keeps nothing over a restart; running as off, not as ${durability}`,
    ]);
  });
}

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
    const { warnings } = startReport(makeConfig({ durability: "off", allowAnonymous }), [url]);
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
for (const [error, expected] of ERRORS) {
  Deno.test(`explainStartError() says "${expected}" in one line with what to do`, () => {
    const line = explainStartError(error, makeConfig({ port: 80 }));
    assertStringIncludes(line, expected);
    assert(!line.includes("\n"));
    if (error instanceof Error && error.message !== "odd") assertStringIncludes(line, "--");
  });
}
