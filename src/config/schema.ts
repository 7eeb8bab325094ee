/** The one schema of the configuration. From it come: the check of every value, the type `Config`, the defaults,
 * the JSON Schema that editors complete from (`quetzal.schema.json`), the environment variables, the options of the
 * command line and their help. A key that is added here is added everywhere. Room: pure; files, environment and
 * command line are read elsewhere. @module */

import * as v from "valibot";
import { LIMIT_RULES, QUEUE_POLICIES } from "./limits.ts";

/** A whole number of some unit, both ends allowed. */
function wholeNumber(min: number, max: number) {
  return v.pipe(v.number(), v.integer(), v.minValue(min), v.maxValue(max));
}

/** A key with a default. `about` is shown by editors and by the help. */
function key<const Schema extends v.GenericSchema>(
  schema: Schema,
  defaultValue: v.InferInput<Schema>,
  about: string,
): v.OptionalSchema<Schema, v.InferInput<Schema>> {
  return v.optional(v.pipe(schema, v.description(about)), defaultValue) as unknown as v.OptionalSchema<
    Schema,
    v.InferInput<Schema>
  >;
}

/** A key that may be left out, and then means what `about` says. */
function keyOrNothing<const Schema extends v.GenericSchema>(
  schema: Schema,
  about: string,
): v.OptionalSchema<Schema, undefined> {
  return v.optional(v.pipe(schema, v.description(about))) as unknown as v.OptionalSchema<Schema, undefined>;
}

function section<const Entries extends v.ObjectEntries>(entries: Entries) {
  return v.optional(v.strictObject(entries), {} as never);
}

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
    v.pipe(v.string(), v.nonEmpty()),
    "127.0.0.1",
    "address to listen on: 127.0.0.1 for this machine only, 0.0.0.0 for all IPv4 networks, :: for all networks",
  ),
  port: key(wholeNumber(0, 65_535), 1883, "TCP port to listen on; 0 takes a free one"),
  dataDir: key(v.pipe(v.string(), v.nonEmpty()), "./quetzal-data", "folder of what must survive a restart"),
  durability: key(
    v.picklist(["full", "normal", "off"]),
    "full",
    "when an acknowledged message is safe: full = on the disk, normal = with the operating system, off = in memory only",
  ),
  allowAnonymous: keyOrNothing(
    v.boolean(),
    "let everybody in, unchecked: there are no accounts yet, and user names are ignored; " +
      "left out: on loopback addresses only",
  ),
  protocolVersions: key(
    v.pipe(v.array(v.picklist([3, 4, 5])), v.minLength(1)),
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
    file: keyOrNothing(v.pipe(v.string(), v.nonEmpty()), "log to this file, too; left out: to the console only"),
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
