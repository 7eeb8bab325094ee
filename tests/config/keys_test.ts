/** src/config/keys.ts @module */

import { assert, assertEquals } from "@std/assert";
import { CONFIG_KEYS, configKey, environmentName, nearest } from "../../src/config/keys.ts";
import { makeConfig, valueAt } from "../../src/config/config.ts";

Deno.test("CONFIG_KEYS reaches every value of the configuration, each under its own environment variable", () => {
  const config = makeConfig();
  for (const [name, value] of Object.entries(config)) {
    const paths = typeof value === "object" && !Array.isArray(value)
      ? Object.keys(value).map((inner) => `${name}.${inner}`)
      : [name];
    for (const path of paths) assertEquals(configKey(path)?.defaultValue, valueAt(config, path), path);
  }
  assertEquals(new Set(CONFIG_KEYS.map((key) => key.environmentName)).size, CONFIG_KEYS.length);
});

Deno.test("CONFIG_KEYS describes each key and what it allows", () => {
  for (const key of CONFIG_KEYS) assert(key.about !== "" && key.allowed !== "", key.path);
});

const ENVIRONMENT_NAMES: [string, string][] = [
  ["port", "QUETZAL_PORT"],
  ["dataDir", "QUETZAL_DATA_DIR"],
  ["sysIntervalS", "QUETZAL_SYS_INTERVAL_S"],
  ["log.fileBytesMax", "QUETZAL_LOG_FILE_BYTES_MAX"],
  ["features.maximumQoS", "QUETZAL_FEATURES_MAXIMUM_QOS"],
  ["tls.certFile", "QUETZAL_TLS_CERT_FILE"],
  ["webSocket.origins", "QUETZAL_WEB_SOCKET_ORIGINS"],
  ["listeners", "QUETZAL_LISTENERS"],
  ["limits.connectTimeoutMs", "QUETZAL_LIMITS_CONNECT_TIMEOUT_MS"],
];
for (const [path, name] of ENVIRONMENT_NAMES) {
  Deno.test(`environmentName() makes ${name} of ${path}`, () => assertEquals(environmentName(path), name));
}

const TEXTS: [path: string, text: string, value: unknown][] = [
  ["port", "1884", 1884],
  ["port", " 1884 ", 1884],
  ["port", "0x10", "0x10"],
  ["port", "1e3", "1e3"],
  ["port", "", ""],
  ["port", "-1", -1],
  ["limits.queuedBytesMax", "64KiB", 65_536],
  ["limits.queuedBytesMax", "1.5 MiB", 1_572_864],
  ["limits.queuedBytesMax", "64KB", "64KB"],
  ["allowAnonymous", "true", true],
  ["allowAnonymous", "false", false],
  ["allowAnonymous", "1", "1"],
  ["features.maximumQoS", "1", 1],
  ["durability", "off", "off"],
  ["host", "::1", "::1"],
  ["protocolVersions", "4,5", [4, 5]],
  ["protocolVersions", "five", ["five"]],
  ["protocolVersions", "", []],
  ["authenticators", "accounts, jwt", ["accounts", "jwt"]],
  ["proxyProtocolFrom", "10.0.0.0/8,::1", ["10.0.0.0/8", "::1"]],
  ["listeners", '[{ "type": "ws" }]', [{ type: "ws" }]],
  ["listeners", "ws", "ws"],
];
for (const [path, text, value] of TEXTS) {
  Deno.test(`ConfigKey.fromText() reads ${JSON.stringify(text)} for ${path}`, () => {
    assertEquals(configKey(path)!.fromText(text), value);
  });
}

Deno.test("nearest() forgives a slip and does not guess wildly", () => {
  assertEquals(nearest("hots", ["host", "port"]), "host");
  assertEquals(nearest("HOST", ["host", "port"]), "host");
  assertEquals(nearest("elephant", ["host", "port"]), undefined);
});
