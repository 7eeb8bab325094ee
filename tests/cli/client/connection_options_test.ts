/** src/cli/client/connection_options.ts, connection_settings.ts, property_arguments.ts and broker_address.ts: from options to
 * what the library takes. @module */

import { assertEquals, assertFalse, assertThrows } from "@std/assert";
import type { ClientOptions } from "../../../src/client/client.ts";
import { UsageError } from "../../../src/cli/arguments.ts";
import { CONNECTION_OPTIONS } from "../../../src/cli/client/connection_option_table.ts";
import { type GivenConnection, readConnection } from "../../../src/cli/client/connection_options.ts";
import { clientOptionsOf, type ConnectionSettings } from "../../../src/cli/client/connection_settings.ts";
import { parseClientOptions } from "../../../src/cli/client/parse_client_options.ts";

function read(args: readonly string[], profile: ConnectionSettings = {}): GivenConnection {
  return readConnection(parseClientOptions("pub", CONNECTION_OPTIONS, args), profile);
}

function optionsOf(args: readonly string[], profile: ConnectionSettings = {}): ClientOptions {
  const { settings, properties, password } = read(args, profile);
  return clientOptionsOf(settings, password, properties);
}

const MQTTS = { url: "mqtts://broker:8884" };
const URLS: [line: string, url: string, profile?: ConnectionSettings][] = [
  ["", "mqtt://localhost"],
  ["-h 127.0.0.1 -p 1884", "mqtt://127.0.0.1:1884"],
  ["-h ::1", "mqtt://[::1]"],
  ["-L mqtt://host/a/b", "mqtt://host"],
  ["-L mqtt://user:pass@host:1885/a", "mqtt://host:1885"],
  ["-L mqtts://[::1]:8884", "mqtts://[::1]:8884"],
  ["-L mqtt://host:1885 -h other", "mqtt://other:1885"],
  ["-p 8883", "mqtts://localhost:8883"],
  ["--cafile ca.crt", "mqtts://localhost"],
  ["--tls", "mqtts://localhost"],
  ["--tls-use-os-certs", "mqtts://localhost"],
  ["--insecure", "mqtts://localhost"],
  ["--ws", "ws://localhost/mqtt"],
  ["--ws-path broker -p 8083", "ws://localhost:8083/broker"],
  ["--ws --tls", "wss://localhost/mqtt"],
  ["-L ws://host:8083/a/#", "ws://host:8083/mqtt"],
  ["-L wss://host", "wss://host/mqtt"],
  ["--unix /run/broker.sock", "unix:/run/broker.sock"],
  ["-L unix:/run/broker.sock", "unix:/run/broker.sock"],
  ["", "mqtts://broker:8884", MQTTS],
  ["-p 1", "mqtts://broker:1", MQTTS],
  ["-h other", "mqtts://other:8884", MQTTS],
  ["-L mqtt://x", "mqtt://x", MQTTS],
  ["--unix /s", "unix:/s", MQTTS],
  ["-h other", "mqtt://other", { url: "unix:/s" }],
  ["", "unix:/s", { url: "unix:/s" }],
];
for (const [line, url, profile] of URLS) {
  Deno.test(`readConnection() connects to ${url} for "${line}"${profile === undefined ? "" : ` and ${profile.url}`}`, () => {
    assertEquals(read(line.split(" ").filter(Boolean), profile).settings.url, url);
  });
}

Deno.test("readConnection() takes user, password and topic out of the URL", () => {
  const { settings, password, topic } = read(["-L", "mqtt://us%65r:p%40:x@host/a/+/#"]);
  assertEquals([settings.userName, password, topic], ["user", "p@:x", "a/+/#"]);
  assertEquals(read(["-L", "mqtt://u:p@h", "-u", "other", "-P", "pw"]).password, "pw");
  assertEquals(read(["-L", "mqtt://h/"]).topic, undefined);
});

const OPTIONS: [line: string, options: ClientOptions][] = [
  ["", { properties: {} }],
  ["-i id -k 30 -u user -P pw", { clientId: "id", keepAlive: 30, userName: "user", password: "pw", properties: {} }],
  ["-I p-", { clientId: `p-${Deno.pid}`, properties: {} }],
  ["-V 311", { protocolVersion: 4, properties: {} }],
  ["-V mqttv31", { protocolVersion: 3, properties: {} }],
  ["-V 5", { protocolVersion: 5, properties: {} }],
  ["-c -i id", { clientId: "id", cleanStart: false, properties: { sessionExpiryInterval: 0xffffffff } }],
  ["-c -i id -x 60", { clientId: "id", cleanStart: false, properties: { sessionExpiryInterval: 60 } }],
  ["-x ∞ -i id", { clientId: "id", properties: { sessionExpiryInterval: 0xffffffff } }],
  ["-x 0", { properties: { sessionExpiryInterval: 0 } }],
  ["--will-topic w", { will: { topicName: "w" }, properties: {} }],
  [
    "--will-topic w --will-payload p --will-qos 2 --will-retain -D will will-delay-interval 5",
    {
      protocolVersion: 5,
      will: { topicName: "w", payload: "p", qos: 2, retain: true, properties: { willDelayInterval: 5 } },
      properties: {},
    },
  ],
  [
    "--cafile a --cert b --key c --insecure",
    { tls: { ca: { file: "a" }, cert: { file: "b" }, key: { file: "c" }, verify: false }, properties: {} },
  ],
  [
    "-V 311 -D connect receive-maximum 5 -D connect request-problem-information 0 -D connect user-property k v " +
    "-D CONNECT user-property k w -D connect topic-alias-maximum 65535 -D connect maximum-packet-size 4294967295",
    {
      // As Mosquitto's clients, a property asks for 5.0.
      protocolVersion: 5,
      properties: {
        receiveMaximum: 5,
        requestProblemInformation: false,
        userProperties: [["k", "v"], ["k", "w"]],
        topicAliasMaximum: 65_535,
        maximumPacketSize: 0xffffffff,
      },
    },
  ],
];
for (const [line, options] of OPTIONS) {
  Deno.test(`clientOptionsOf() has what "${line}" says`, () => {
    const { will, ...rest } = optionsOf(line.split(" ").filter(Boolean));
    const { properties, ...plain } = will ?? {};
    const expected: Record<string, unknown> = { ...options };
    delete expected.will;
    assertEquals<unknown>(rest, expected);
    assertEquals<unknown>(
      { ...plain, ...(Object.keys(properties ?? {}).length > 0 ? { properties } : {}) },
      options.will ?? {},
    );
  });
}

Deno.test("clientOptionsOf() makes an Authentication Method of one step from -D connect", async () => {
  const args = ["-D", "connect", "authentication-method", "KEY", "-D", "connect", "authentication-data", "abc"];
  const { authentication, properties } = optionsOf(args);
  assertEquals([authentication?.name, properties], ["KEY", {}]);
  const conversation = authentication!.begin();
  assertEquals(await conversation.first(), new TextEncoder().encode("abc"));
  assertThrows(() => conversation.next(undefined), Error, "the broker asks for another step of KEY");
});

Deno.test("options win over the profile, and the rest of it stays", () => {
  const profile: ConnectionSettings = {
    clientId: "a",
    keepAlive: 10,
    userName: "u",
    tls: { caFile: "ca", insecure: true },
    will: { topicName: "w", payload: "p", retain: true },
  };
  const { settings } = read(["-i", "b", "--cafile", "other", "--will-payload", "q"], profile);
  assertEquals(settings, {
    url: "mqtts://localhost",
    clientId: "b",
    keepAlive: 10,
    userName: "u",
    tls: { caFile: "other", insecure: true },
    will: { topicName: "w", payload: "q", retain: true },
  });
});

Deno.test("-D publish, subscribe, disconnect and will stand apart", () => {
  const { properties } = read([
    ...["-D", "publish", "content-type", "t", "-D", "publish", "correlation-data", "ü"],
    ...["-D", "subscribe", "user-property", "a", "b", "-D", "disconnect", "session-expiry-interval", "9"],
    ...["-D", "will", "payload-format-indicator", "1", "--will-topic", "w", "-x", "5"],
  ]);
  assertEquals(properties, {
    connect: {},
    publish: { contentType: "t", correlationData: new TextEncoder().encode("ü") },
    subscribe: { userProperties: [["a", "b"]] },
    disconnect: { sessionExpiryInterval: 9 },
    will: { payloadFormatIndicator: 1 },
  });
});

const REFUSED: [line: string, message: string][] = [
  ["-p 0", 'a port is a number from 1 to 65535, not "0"'],
  ["-p http", 'a port is a number from 1 to 65535, not "http"'],
  ["-L http://user:secret@host", "the URL begins with mqtt://"],
  ["-L mqtt:///a", "the URL names no host"],
  ["-V 4", "-V 4: the versions are 5, 311 and 31"],
  ["-k 70000", "--keepalive 70000: it is a whole number from 0 to 65535"],
  ["-c", "a session that stays (-c, -x) is found again by the Client Identifier; name one with -i"],
  ["-x -1", "a session that stays"],
  ["-x never", "-x never: it is a number of seconds"],
  ["-i a -I b", "-i and -I both name the client"],
  ["--will-payload p", "--will-payload goes with --will-topic"],
  ["--will-retain", "--will-retain goes with --will-topic"],
  ["--will-topic w --will-qos 3", "--will-qos 3: it is a whole number from 0 to 2"],
  ["-D will content-type t", "-D will goes with --will-topic"],
  ["--cert c", "--cert and --key go together"],
  ["--tls-version tlsv1.1", "--tls-version tlsv1.1: TLS 1.2 and 1.3 are there"],
  ["--keyform engine", "--keyform engine: a key is a PEM file here"],
  ["--unix /s -h host", "--unix takes the place of -h and -L"],
  ["-D nope nope 1", "-D nope nope: nope is no packet that takes properties"],
  ["-D publish content-typ t", "did you mean content-type?"],
  ["-D publish topic-alias 1", "-D publish topic-alias: the client makes Topic Aliases by itself"],
  ["-D puback user-property a b", "the client sends none with PUBACK"],
  ["-D connect receive-maximum 0", "-D connect receive-maximum 0: it is a whole number from 1 to 65535"],
  ["-D connect receive-maximum 65536", "it is a whole number from 1 to 65535"],
  ["-D publish payload-format-indicator x", "it is a whole number from 0 to 1"],
];
for (const [line, message] of REFUSED) {
  Deno.test(`readConnection() refuses ${line}`, () => {
    const error = assertThrows(() => read(line.split(" ")), UsageError, message);
    assertFalse(error.message.includes("secret"));
  });
}
