/** src/config/load.ts @module */

import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { ConfigError } from "../../src/config/config.ts";
import { type ConfigSources, loadConfig, readConfigFile } from "../../src/config/load.ts";

function file(text: string): ConfigSources["file"] {
  return { path: "quetzal.jsonc", text };
}

function lineOf(sources: ConfigSources): string {
  return assertThrows(() => loadConfig(sources), ConfigError).message;
}

Deno.test("loadConfig() takes the option before the environment, that before the file, that before the default", () => {
  const sources = {
    file: file(`{ "port": 1, "host": "a", "dataDir": "b" }`),
    environment: { QUETZAL_PORT: "2", QUETZAL_HOST: "c" },
    options: [{ path: "port", text: "3", from: "--port" }],
  };
  const { config, values } = loadConfig(sources);
  assertEquals([config.port, config.host, config.dataDir, config.durability], [3, "c", "b", "full"]);
  const shown = values.filter(({ key }) => ["port", "host", "dataDir", "durability"].includes(key));
  assertEquals(shown, [
    { key: "host", value: "c", origin: "environment", from: "QUETZAL_HOST" },
    { key: "port", value: 3, origin: "option", from: "--port" },
    { key: "dataDir", value: "b", origin: "file", from: "quetzal.jsonc" },
    { key: "durability", value: "full", origin: "default", from: "" },
  ]);
});

Deno.test("loadConfig() reads comments, trailing commas and $schema in a file", () => {
  const text = `{
    // an editor completes this
    "$schema": "./quetzal.schema.json",
    "limits": { "connectionsMax": 5, /* few */ },
  }`;
  assertEquals(loadConfig({ file: file(text) }).config.limits.connectionsMax, 5);
});

Deno.test("loadConfig() merges the sections of file, environment and options", () => {
  const { limits } = loadConfig({
    file: file(`{ "limits": { "connectionsMax": 5, "tcpBacklog": 6 } }`),
    environment: { QUETZAL_LIMITS_TCP_BACKLOG: "7" },
    options: [{ path: "limits.queuedBytesMax", text: "1KiB", from: "--set" }],
  }).config;
  assertEquals([limits.connectionsMax, limits.tcpBacklog, limits.queuedBytesMax], [5, 7, 1024]);
});

Deno.test("loadConfig() takes a relation that file and environment fulfil together", () => {
  const { limits } = loadConfig({
    file: file(`{ "limits": { "maximumPacketSize": 104857600 } }`),
    environment: { QUETZAL_LIMITS_OUTBOUND_BYTES_MAX: "200MiB" },
  }).config;
  assertEquals(limits.maximumPacketSize, 104_857_600);
});

const REFUSED: [string, ConfigSources, string][] = [
  [
    "a bad value in the file",
    { file: file(`{ "port": "x" }`) },
    'port (quetzal.jsonc): "x" is not allowed; allowed: a whole number from 0 to 65535',
  ],
  [
    "a bad value in the file, though an option would win over it",
    { file: file(`{ "port": "x" }`), options: [{ path: "port", text: "1", from: "--port" }] },
    'port (quetzal.jsonc): "x" is not allowed; allowed: a whole number from 0 to 65535',
  ],
  [
    "an unknown key in the file",
    { file: file(`{ "hosts": 1 }`) },
    "hosts (quetzal.jsonc): no such key; did you mean host?",
  ],
  [
    "a bad value in the environment",
    { environment: { QUETZAL_LOG_LEVEL: "loud" } },
    'log.level (QUETZAL_LOG_LEVEL): "loud" is not allowed; allowed: "none", "error", "warning", "info" or "debug"',
  ],
  [
    "a bad option",
    { options: [{ path: "port", text: "70000", from: "--port" }] },
    "port (--port): 70000 is not allowed; allowed: a whole number from 0 to 65535",
  ],
  [
    "an unknown key of an option",
    { options: [{ path: "limits.conectionsMax", text: "1", from: "--set" }] },
    "--set: limits.conectionsMax: no such key; did you mean limits.connectionsMax?",
  ],
  [
    "an option for a section",
    { options: [{ path: "limits", text: "1", from: "--set" }] },
    "--set: limits is a group of keys; name one of them, such as limits.connectionsMax",
  ],
  ["a syntax error", { file: file(`{\n  "port": 1,\n  "host": nil\n}`) }, 'quetzal.jsonc:3:11: unexpected token "nil"'],
  ["a syntax error after a CR LF", { file: file(`{\r\n  "port" 1 }`) }, 'quetzal.jsonc:2:10: unexpected token "1"'],
  ["a file that ends too early", { file: file(`{ "port": 1,\n`) }, "quetzal.jsonc:2:1: unexpected end of the file"],
  ["an empty file", { file: file("") }, "quetzal.jsonc:1:1: unexpected end of the file"],
  [
    "a file with a list",
    { file: file("[1]") },
    "the configuration (quetzal.jsonc): [1] is not allowed; allowed: an object with keys",
  ],
];
for (const [name, sources, line] of REFUSED) {
  Deno.test(`loadConfig() refuses ${name}`, () => assertEquals(lineOf(sources), line));
}

Deno.test("loadConfig() warns of QUETZAL_ variables that mean nothing, and only of those", () => {
  const { warnings } = loadConfig({
    environment: { QUETZAL_PROT: "1", QUETZAL_CONFIG: "x", QUETZAL_PASSWORD: "z", PATH: "y", QUETZAL_HOST: "::1" },
  });
  assertEquals(warnings, ["the environment variable QUETZAL_PROT means nothing here; did you mean QUETZAL_PORT?"]);
});

Deno.test("loadConfig() warns of a port that a list of listeners replaces, and not of one that it falls back to", () => {
  const warningsOf = (listeners: string) =>
    loadConfig({
      environment: { QUETZAL_LISTENERS: listeners },
      options: [{ path: "port", text: "5", from: "--port" }, { path: "mqtt", text: "false", from: "--no-mqtt" }],
    }).warnings;
  const aboutMqtt = "mqtt (--no-mqtt) means nothing beside the list of listeners";
  assertEquals(warningsOf('[{ "type": "mqtt" }]'), [aboutMqtt]);
  assertEquals(warningsOf('[{ "type": "mqtt", "port": 6 }]'), [
    aboutMqtt,
    "port (--port) means nothing beside the list of listeners",
  ]);
});

Deno.test("loadConfig() takes an empty variable for one that is not set", () => {
  assertEquals(loadConfig({ environment: { QUETZAL_PORT: "" } }).config.port, 1883);
});

async function withFile(bytes: Uint8Array, use: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempFile({ suffix: ".jsonc" });
  try {
    await Deno.writeFile(path, bytes);
    await use(path);
  } finally {
    await Deno.remove(path);
  }
}

Deno.test("readConfigFile() takes off the byte order mark that some editors write", async () => {
  const bytes = new Uint8Array([0xEF, 0xBB, 0xBF, ...new TextEncoder().encode('{ "port": 5 }')]);
  await withFile(bytes, async (path) => {
    const text = await readConfigFile(path);
    assertEquals(loadConfig({ file: { path, text } }).config.port, 5);
  });
});

Deno.test("readConfigFile() says what to do with a file in UTF-16", async () => {
  await withFile(new Uint8Array([0xFF, 0xFE, 0x7B, 0x00, 0x7D, 0x00]), async (path) => {
    const error = await assertRejects(() => readConfigFile(path), ConfigError);
    assertStringIncludes(error.message, "save it with the encoding UTF-8");
    assert(error.message.startsWith(path));
  });
});
