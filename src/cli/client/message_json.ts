/** A message as one JSON object: in mosquitto_sub's shape (`%j`, `%J`), and in ours (`--json`). Room: pure. @module */

import type { UserProperty } from "../../packet/property.ts";
import { isText, parsedJson } from "./payload_view.ts";
import { type JsonValue, layOut } from "./json_layout.ts";
import type { ReceivedMessage } from "./received_message.ts";
import { strftime } from "./strftime.ts";

/** @param isPlain the payload is JSON, and stands there unquoted. @returns undefined if it is none. */
export function payloadJson(message: ReceivedMessage, isPlain: boolean, isPretty: boolean): Uint8Array | undefined {
  const payload = payloadValue(message.payload, isPlain);
  if (payload === undefined) return undefined;
  const date = new Date(message.atMs);
  const { microseconds } = preciseTime(message.atMs);
  const time = `${strftime("F", date)}T${strftime("T", date)}.${microseconds}Z${strftime("z", date)}`;
  const properties = propertyMembers(message.properties);
  const members: [string, JsonValue][] = [
    ["tst", { text: time }],
    ["topic", { text: message.topicName }],
    ["qos", message.qos],
    ["retain", message.retain ? 1 : 0],
    ["payloadlen", message.payload.length],
  ];
  if (message.qos > 0) members.push(["mid", message.packetIdentifier]);
  if (properties.length > 0) members.push(["properties", { members: properties }]);
  members.push(["payload", payload]);
  return layOut({ members }, isPretty);
}

function payloadValue(payload: Uint8Array, isPlain: boolean): JsonValue | undefined {
  // null in both, as mosquitto_sub has it.
  if (payload.length === 0) return null;
  if (!isPlain) return { text: payload };
  const json = parsedJson(payload);
  return json === undefined ? undefined : { json: json.text };
}

/** In the order in which they came. */
function propertyMembers(properties: ReceivedMessage["properties"]): [string, JsonValue][] {
  return Object.entries(properties).flatMap(([key, value]): [string, JsonValue][] => {
    switch (key) {
      case "userProperties":
        return [["user-properties", { members: textMembers(properties.userProperties ?? []) }]];
      case "subscriptionIdentifiers":
        return (properties.subscriptionIdentifiers ?? []).map((number) => ["subscription-identifier", number]);
      default: {
        // "contentType" → "content-type"
        const name = key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
        return value === undefined
          ? []
          : [[name, typeof value === "number" ? value : { text: value as string | Uint8Array }]];
      }
    }
  });
}

function textMembers(pairs: readonly UserProperty[]): [string, JsonValue][] {
  return pairs.map(([name, text]) => [name, { text }]);
}

/** `--json`: one object a line. `payload` is text, `payloadBase64` stands in its place where it is none, and `json` beside
 * it where it is JSON. Names are those of the specification. */
export function messageObject(message: ReceivedMessage): Record<string, unknown> {
  const { topicName, payload, qos, retain, properties, packetIdentifier } = message;
  const { correlationData, ...others } = properties;
  const json = parsedJson(payload);
  return {
    time: new Date(message.atMs).toISOString(),
    topicName,
    qos,
    retain,
    ...(qos > 0 ? { packetIdentifier } : {}),
    payloadBytes: payload.length,
    ...(isText(payload) ? { payload: new TextDecoder().decode(payload) } : { payloadBase64: payload.toBase64() }),
    ...(json === undefined ? {} : { json: json.value }),
    ...others,
    ...(correlationData === undefined ? {} : { correlationDataHex: correlationData.toHex() }),
  };
}

/** The fraction of the second, six digits. */
export function preciseTime(atMs: number): { microseconds: string } {
  const seconds = Math.floor(atMs / 1000);
  const microseconds = Math.min(Math.floor((atMs - seconds * 1000) * 1000), 999_999);
  return { microseconds: String(microseconds).padStart(6, "0") };
}
