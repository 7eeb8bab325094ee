/** src/config/config.ts and schema.ts @module */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { checkConfig, ConfigError, makeConfig } from "../../src/config/config.ts";
import { DEFAULT_LIMITS, type Limits } from "../../src/config/limits.ts";

Deno.test("makeConfig() fills in every default", () => {
  const config = makeConfig();
  assertEquals(config, makeConfig({}));
  assertEquals(config.host, "127.0.0.1");
  assertEquals(config.port, 1883);
  assertEquals(config.allowAnonymous, undefined);
  const limits: Limits = config.limits;
  assertEquals(limits, DEFAULT_LIMITS);
});

Deno.test("makeConfig() keeps what is given, beside the defaults of the same section", () => {
  const config = makeConfig({ port: 0, limits: { connectionsMax: 7 }, features: { maximumQoS: 1 } });
  assertEquals([config.port, config.limits.connectionsMax, config.features.maximumQoS], [0, 7, 1]);
  assertEquals(config.limits.tcpBacklog, DEFAULT_LIMITS.tcpBacklog);
  assertEquals(config.features.retainAvailable, true);
});

Deno.test("makeConfig() returns what nobody can change", () => {
  const config = makeConfig({ port: 0 });
  assert(Object.isFrozen(config) && Object.isFrozen(config.limits) && Object.isFrozen(config.protocolVersions));
});

Deno.test("makeConfig() allows a payload of 100 MiB when the buffers are told, too", () => {
  const MiB = 1024 * 1024;
  const config = makeConfig({ limits: { maximumPacketSize: 101 * MiB, outboundBytesMax: 210 * MiB } });
  assertEquals(config.limits.maximumPacketSize, 101 * MiB);
});

/** What is refused: the configuration, and the line that says where, what, and what is allowed. */
const REFUSED: [string, unknown, string][] = [
  ["a port beyond 65535", { port: 65_536 }, "port: 65536 is not allowed; allowed: a whole number from 0 to 65535"],
  ["a negative port", { port: -1 }, "port: -1 is not allowed; allowed: a whole number from 0 to 65535"],
  ["a broken number", { port: 1.5 }, "port: 1.5 is not allowed; allowed: a whole number from 0 to 65535"],
  ["a number as text", { port: "1883" }, 'port: "1883" is not allowed; allowed: a whole number from 0 to 65535'],
  ["null", { host: null }, "host: null is not allowed; allowed: a text that is not empty"],
  ["an empty text", { host: "" }, 'host: "" is not allowed; allowed: a text that is not empty'],
  ["no boolean", { allowAnonymous: "yes" }, 'allowAnonymous: "yes" is not allowed; allowed: true or false'],
  [
    "a word that is not in the list",
    { durability: "half" },
    'durability: "half" is not allowed; allowed: "full", "normal" or "off"',
  ],
  [
    "an item that is not in the list",
    { protocolVersions: [5, 7] },
    "protocolVersions: [5,7] is not allowed; allowed: a list with one or more of 3, 4, 5",
  ],
  [
    "an empty list",
    { protocolVersions: [] },
    "protocolVersions: [] is not allowed; allowed: a list with one or more of 3, 4, 5",
  ],
  [
    "a value in a section",
    { limits: { connectionsMax: 0 } },
    "limits.connectionsMax: 0 is not allowed; allowed: a whole number from 1 to 1000000000",
  ],
  [
    "a wildcard in the Response Information",
    { features: { responseInformation: "a/#" } },
    'features.responseInformation: "a/#" is not allowed; allowed: a text without + and #, not empty',
  ],
  ["a value for a section", { limits: 5 }, "limits: 5 is not allowed; allowed: an object with keys"],
  ["a list for a section", { log: [] }, "log: [] is not allowed; allowed: an object with keys"],
  ["a list for all", [], "the configuration: [] is not allowed; allowed: an object with keys"],
  ["a text for all", "x", 'the configuration: "x" is not allowed; allowed: an object with keys'],
  ["a misspelt key", { prot: 1 }, "prot: no such key; did you mean port?"],
  [
    "a misspelt key in a section",
    { limits: { conectionMax: 1 } },
    "limits.conectionMax: no such key; did you mean limits.connectionsMax?",
  ],
  [
    "a key outside its section",
    { connectionsMax: 1 },
    "connectionsMax: no such key; did you mean limits.connectionsMax?",
  ],
  [
    "a secret in the place of its file",
    { jwt: { secret: "hunter2" } },
    "jwt.secret: no such key; did you mean jwt.secretFile?",
  ],
  ["a key that resembles none", { xyzzy: 1 }, "xyzzy: no such key; `help config` lists the keys"],
  [
    "a key of all objects",
    JSON.parse('{ "__proto__": {} }'),
    "__proto__: no such key; `help config` lists the keys",
  ],
  [
    "a path for a key",
    { "log.level": "info" },
    'log.level: no such key; write { "log": { "level": … } }',
  ],
  [
    "packets that could not be sent on",
    { limits: { outboundBytesMax: 4096 } },
    "limits.maximumPacketSize: 16777216 is not allowed; allowed: at most limits.outboundBytesMax (4096), " +
    "or the largest packets could be accepted and never be delivered",
  ],
];

for (const [name, given, line] of REFUSED) {
  Deno.test(`makeConfig() refuses ${name}`, () => {
    const error = assertThrows(() => makeConfig(given as never), ConfigError);
    assert(error.problems.includes(line), error.message);
  });
}

Deno.test("checkConfig() names every problem, not the first one only", () => {
  const paths = (given: unknown) => checkConfig(given).problems.map((problem) => problem.path).sort();
  assertEquals(paths({ port: -1, hots: "x", log: { level: "loud" } }), ["hots", "log.level", "port"]);
  assertEquals(
    paths({ prot: 1, limits: { conectionsMax: 5, foo: 1 }, log: { level: "loud" }, Host: "x" }),
    ["Host", "limits.conectionsMax", "limits.foo", "log.level", "prot"],
  );
  assertEquals(
    paths({ port: "1884", limits: [1], log: "x", allowAnonymous: "yes", protocolVersions: [6] }),
    ["allowAnonymous", "limits", "log", "port", "protocolVersions"],
  );
});

Deno.test("checkConfig() names a value once that breaks several rules", () => {
  const { problems } = checkConfig({ port: -1.5, protocolVersions: [6, 7] });
  assertEquals(problems.map((problem) => problem.path), ["port", "protocolVersions"]);
});

Deno.test("checkConfig() names an unknown key that an object inherits", () => {
  const { problems } = checkConfig(Object.create({ xyzzy: 1 }));
  assertEquals(problems.map((problem) => problem.path), ["xyzzy"]);
});

Deno.test("ConfigError cuts long values", () => {
  const error = assertThrows(() => makeConfig({ durability: "x".repeat(10_000) as never }), ConfigError);
  assert(error.message.length < 200);
});

Deno.test("ConfigError shows an object that holds itself", () => {
  const port: Record<string, unknown> = {};
  port.self = port;
  const error = assertThrows(() => makeConfig({ port } as never), ConfigError);
  assertEquals(error.message, "port: [object Object] is not allowed; allowed: a whole number from 0 to 65535");
});
