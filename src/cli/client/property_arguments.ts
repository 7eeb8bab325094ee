/** `-D PACKET NAME VALUE`: properties of MQTT 5.0 from the command line, under their names in the specification with
 * hyphens. In: arguments. Out: the properties of each packet. Room: pure. @module */

import type { Properties, UserProperty } from "../../packet/property.ts";
import { nearest } from "../../config/keys.ts";
import { isValidTopicName } from "../../topic/mod.ts";
import { UsageError } from "../arguments.ts";
import { brief, requireText } from "./packet_text.ts";

export type PropertyPacket = "connect" | "publish" | "subscribe" | "disconnect" | "will";
export type GivenProperties = Readonly<Record<PropertyPacket, Properties>>;

interface Kind {
  readonly key: keyof Properties;
  /** The largest number; "text", "bytes" or "pair". */
  readonly type: number | "text" | "bytes" | "pair" | "flag";
  readonly min?: 1;
}
const UINT16 = 0xffff;
const UINT32 = 0xffffffff;
const KINDS: Readonly<Record<string, Kind>> = {
  "authentication-data": { key: "authenticationData", type: "bytes" },
  "authentication-method": { key: "authenticationMethod", type: "text" },
  "content-type": { key: "contentType", type: "text" },
  "correlation-data": { key: "correlationData", type: "bytes" },
  "maximum-packet-size": { key: "maximumPacketSize", type: UINT32, min: 1 },
  "message-expiry-interval": { key: "messageExpiryInterval", type: UINT32 },
  "payload-format-indicator": { key: "payloadFormatIndicator", type: 1 },
  "receive-maximum": { key: "receiveMaximum", type: UINT16, min: 1 },
  "request-problem-information": { key: "requestProblemInformation", type: "flag" },
  "request-response-information": { key: "requestResponseInformation", type: "flag" },
  "response-topic": { key: "responseTopic", type: "text" },
  "session-expiry-interval": { key: "sessionExpiryInterval", type: UINT32 },
  "topic-alias-maximum": { key: "topicAliasMaximum", type: UINT16 },
  "user-property": { key: "userProperties", type: "pair" },
  "will-delay-interval": { key: "willDelayInterval", type: UINT32 },
};
const MESSAGE = [
  "content-type",
  "correlation-data",
  "message-expiry-interval",
  "payload-format-indicator",
  "response-topic",
  "user-property",
];
const NAMES: Readonly<Record<PropertyPacket, readonly string[]>> = {
  connect: [
    "authentication-data",
    "authentication-method",
    "maximum-packet-size",
    "receive-maximum",
    "request-problem-information",
    "request-response-information",
    "session-expiry-interval",
    "topic-alias-maximum",
    "user-property",
  ],
  publish: MESSAGE,
  subscribe: ["user-property"],
  disconnect: ["session-expiry-interval"],
  will: [...MESSAGE, "will-delay-interval"],
};
/** What Mosquitto's clients take, and this one does not. */
const REFUSED: Readonly<Record<string, string>> = {
  "publish topic-alias": "the client makes Topic Aliases by itself where the broker takes them; leave it out",
  "subscribe subscription-identifier": "the client gives its subscriptions identifiers by itself; leave it out",
  "disconnect user-property": "the client sends none with DISCONNECT; leave it out",
  "unsubscribe user-property": "the client sends none with UNSUBSCRIBE; leave it out",
  "auth user-property": "the client sends none with AUTH; leave it out",
};
for (const packet of ["puback", "pubrec", "pubrel", "pubcomp"]) {
  Object.assign(REFUSED, {
    [`${packet} user-property`]: `the client sends none with ${packet.toUpperCase()}; leave it out`,
  });
}

/** How many values belong to a `-D`, as far as those that are there tell. */
export function propertyArgumentCount([, name]: readonly string[]): number {
  return name === "user-property" ? 4 : 3;
}

/** @param given what stood behind each `-D`. @throws UsageError */
export function readProperties(given: readonly (readonly string[])[]): GivenProperties {
  const properties: Record<PropertyPacket, Properties> = {
    connect: {},
    publish: {},
    subscribe: {},
    disconnect: {},
    will: {},
  };
  for (const [packetText, name, ...values] of given) {
    const packet = packetText.toLowerCase();
    const said = `-D ${packetText} ${name}`;
    const refusal = REFUSED[`${packet} ${name}`];
    if (refusal !== undefined) throw new UsageError(`${said}: ${refusal}`);
    if (!Object.hasOwn(NAMES, packet)) {
      throw new UsageError(
        `${said}: ${packetText} is no packet that takes properties; those are ${Object.keys(NAMES).join(", ")}`,
      );
    }
    const names = NAMES[packet as PropertyPacket];
    if (!names.includes(name)) {
      const meant = nearest(name, names);
      const hint = meant === undefined ? `it takes ${names.join(", ")}` : `did you mean ${meant}?`;
      throw new UsageError(`${said}: ${packet} has no such property; ${hint}`);
    }
    set(properties[packet as PropertyPacket], said, KINDS[name], values);
  }
  return properties;
}

/** Of several that may be there once, the last counts. */
function set(properties: Properties, said: string, { key, type, min = undefined }: Kind, values: string[]): void {
  if (typeof type !== "number") { for (const value of values) requireText(said, value); }
  if (key === "responseTopic" && !isValidTopicName(values[0])) {
    throw new UsageError(`${said} ${brief(values[0])}: a response comes on one topic, without + and #`);
  }
  if (type === "pair") {
    (properties.userProperties ??= []).push(values as unknown as UserProperty);
    return;
  }
  const [value] = values;
  Object.assign(properties, {
    [key]: type === "text"
      ? value
      : type === "bytes"
      ? new TextEncoder().encode(value)
      : type === "flag"
      ? numberOf(said, value, 0, 1) === 1
      : numberOf(said, value, min ?? 0, type),
  });
}

function numberOf(said: string, text: string, min: number, max: number): number {
  const number = /^\d+$/.test(text) ? Number(text) : NaN;
  if (number >= min && number <= max) return number;
  throw new UsageError(`${said} ${text}: it is a whole number from ${min} to ${max}`);
}
