/** The one schema of the configuration. From it come: the check of every value, the type `Config`, the defaults,
 * the JSON Schema that editors complete from (`quetzal.schema.json`), the environment variables, the options of the
 * command line and their help. A key that is added here is added everywhere. Room: pure; files, environment and
 * command line are read elsewhere. @module */

import * as v from "valibot";
import { LIMIT_RULES, QUEUE_POLICIES } from "./limits.ts";
import {
  ABOUT,
  authenticatorsSchema,
  certificateUserNameSchema,
  LISTENERS_ABOUT,
  listenersSchema,
  networksSchema,
  originsSchema,
  portSchema,
  protocolVersionsSchema,
  tlsVersionSchema,
  webSocketPathSchema,
} from "./listener_schema.ts";
import { key, keyOrNothing, section, text, wholeNumber } from "./schema_parts.ts";

type NumberKey = ReturnType<typeof wholeNumber>;

function limitEntries() {
  const entries = {} as Record<keyof typeof LIMIT_RULES, v.OptionalSchema<NumberKey, number>>;
  for (const name of Object.keys(LIMIT_RULES) as (keyof typeof LIMIT_RULES)[]) {
    const { defaultValue, min, max, unit, about } = LIMIT_RULES[name];
    entries[name] = key(wholeNumber(min, max), defaultValue, `${about} [${unit}]`);
  }
  return entries;
}

export const configSchema = v.strictObject({
  host: key(
    text(),
    "127.0.0.1",
    "address to listen on: 127.0.0.1 for this machine only, 0.0.0.0 for all IPv4 networks, :: for all networks",
  ),
  port: key(portSchema, 1883, "TCP port to listen on; 0 takes a free one"),
  mqtt: key(
    v.boolean(),
    true,
    "listen on host and port for MQTT over TCP, without TLS; a list of listeners replaces it",
  ),
  tlsPort: keyOrNothing(portSchema, "listen on this port of host for MQTT over TLS, too (usually 8883)"),
  wsPort: keyOrNothing(portSchema, "listen on this port of host for MQTT over WebSocket, too (often 8083)"),
  wssPort: keyOrNothing(portSchema, "listen on this port of host for MQTT over WebSocket and TLS, too (often 8084)"),
  unixPath: keyOrNothing(text(), "listen on a Unix socket at this path, too"),
  listeners: keyOrNothing(listenersSchema, LISTENERS_ABOUT),
  tls: section({
    certFile: keyOrNothing(text(), ABOUT.certFile),
    keyFile: keyOrNothing(text(), ABOUT.keyFile),
    caFile: keyOrNothing(text(), ABOUT.caFile),
    requireClientCertificate: key(v.boolean(), false, ABOUT.requireClientCertificate),
    minVersion: key(tlsVersionSchema, "1.2", ABOUT.minVersion),
  }),
  webSocket: section({
    path: key(webSocketPathSchema, "/mqtt", ABOUT.path),
    origins: keyOrNothing(originsSchema, ABOUT.origins),
  }),
  proxyProtocolFrom: key(networksSchema, [], ABOUT.proxyProtocolFrom),
  dataDir: key(text(), "./quetzal-data", "folder of what must survive a restart"),
  accounts: keyOrNothing(
    text(),
    "the Deno KV database of users, roles and rules: a path, or the URL of a shared one; left out: accounts.kv in dataDir",
  ),
  durability: key(
    v.picklist(["full", "normal", "off"]),
    "full",
    "when an acknowledged message is safe: full = on the disk, normal = with the operating system, off = in memory only",
  ),
  allowAnonymous: keyOrNothing(
    v.boolean(),
    "let clients in that show no user name: true = all of them, with the rules for anonymous clients; false = none; " +
      "left out: on loopback addresses only, while there is no account, where no token or certificate is asked for",
  ),
  authenticators: keyOrNothing(authenticatorsSchema, ABOUT.authenticators),
  certificateUserName: key(certificateUserNameSchema, "common-name", ABOUT.certificateUserName),
  jwt: section({
    secretFile: keyOrNothing(
      text(),
      "the secret of tokens that are signed with HS256: the file's bytes",
    ),
    publicKeyFile: keyOrNothing(text(), "the public key of who signs tokens with RS256 or ES256, in PEM"),
    jwksFile: keyOrNothing(text(), "the public keys of who signs tokens, as a JSON Web Key Set (RFC 7517)"),
    issuer: keyOrNothing(text(), "what the claim iss must be; left out: anything"),
    audience: keyOrNothing(text(), "what the claim aud must hold; left out: tokens must have none"),
    userNameClaim: key(text(), "sub", "the claim that is the user name"),
    clientIdClaim: keyOrNothing(text(), "the claim that the Client Identifier must be equal to; left out: none"),
    publishClaim: key(text(), "publish", "the claim with the Topic Filters that may be published to"),
    subscribeClaim: key(text(), "subscribe", "the claim with the Topic Filters that may be subscribed to"),
    clockToleranceS: key(wholeNumber(0, 3600), 5, "seconds that the clock of who signs may be wrong"),
  }),
  protocolVersions: key(
    protocolVersionsSchema,
    [3, 4, 5],
    "protocol versions that are let in: 3 = MQTT 3.1, 4 = MQTT 3.1.1, 5 = MQTT 5.0",
  ),
  sharedSubscriptionStrategy: key(
    v.picklist(["round-robin", "random", "sticky", "hash"]),
    "round-robin",
    "which member of a Shared Subscription gets a message: in turn, by chance, the same one while it lasts, " +
      "or by a hash of the publisher's Client Identifier",
  ),
  sysIntervalS: key(wholeNumber(0, 86_400), 10, "seconds between two updates of $SYS/broker/…; 0 = no $SYS topics"),
  checkPayloadFormat: key(
    v.boolean(),
    false,
    "refuse (0x99) a payload that claims to be UTF-8 by its Payload Format Indicator and is not",
  ),
  features: section({
    maximumQoS: key(v.picklist([0, 1, 2]), 2, "highest QoS (Maximum QoS, §3.2.2.3.4)"),
    retainAvailable: key(v.boolean(), true, "retained messages (§3.2.2.3.5)"),
    wildcardSubscriptionAvailable: key(v.boolean(), true, "+ and # in Topic Filters (§3.2.2.3.11)"),
    sharedSubscriptionAvailable: key(v.boolean(), true, "$share/… subscriptions (§3.2.2.3.13)"),
    subscriptionIdentifierAvailable: key(v.boolean(), true, "Subscription Identifiers (§3.2.2.3.12)"),
    responseInformation: keyOrNothing(
      v.pipe(v.string(), v.regex(/^[^+#\0]+$/, "a text without + and #, not empty")),
      "topic prefix for responses, told to clients that ask for it (Response Information, §3.2.2.3.15); " +
        "left out: none",
    ),
  }),
  log: section({
    level: key(
      v.picklist(["none", "error", "warning", "info", "debug"]),
      "info",
      "what is logged: this level and the ones before it",
    ),
    format: key(v.picklist(["text", "json"]), "text", "a line for people, or a JSON object a line"),
    file: keyOrNothing(text(), "log to this file, too; left out: to the console only"),
    fileBytesMax: key(
      wholeNumber(1024, 1_099_511_627_776),
      10_485_760,
      "size from which a new log file is begun [bytes]",
    ),
    filesMax: key(wholeNumber(1, 100), 5, "log files that are kept: the current one and older ones"),
  }),
  limits: section({
    ...limitEntries(),
    queuePolicy: key(
      v.picklist(QUEUE_POLICIES),
      "drop-newest",
      "which message is lost when a session's queue is full",
    ),
  }),
});

type Parsed = v.InferOutput<typeof configSchema>;

/** What a value must not be beside another one. Checked when all sources are merged. */
export const RELATIONS: readonly {
  readonly path: string;
  readonly broken: (config: Parsed) => boolean;
  readonly allowed: (config: Parsed) => string;
}[] = [
  {
    path: "limits.maximumPacketSize",
    broken: ({ limits }) => limits.maximumPacketSize > limits.outboundBytesMax,
    allowed: ({ limits }) =>
      `at most limits.outboundBytesMax (${limits.outboundBytesMax}), ` +
      "or the largest packets could be accepted and never be delivered",
  },
  {
    path: "limits.outboundMarkBytes",
    broken: ({ limits }) => limits.outboundMarkBytes > limits.outboundBytesMax,
    allowed: ({ limits }) => `at most limits.outboundBytesMax (${limits.outboundBytesMax})`,
  },
  {
    path: "limits.outboundBytesMax",
    broken: ({ limits }) => limits.outboundBytesMax > limits.outboundBytesTotalMax,
    allowed: ({ limits }) => `at most limits.outboundBytesTotalMax (${limits.outboundBytesTotalMax})`,
  },
];
