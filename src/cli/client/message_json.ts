/** A message as one JSON object: in mosquitto_sub's shape (`%j`, `%J`), and in ours (`--json`). Room: pure. @module */

import { isText, parsedJson } from "./payload_view.ts";
import { type JsonValue, layOut } from "./json_layout.ts";
import type { ReceivedMessage } from "./received_message.ts";
import { strftime } from "./strftime.ts";

/** The payload cannot be shown as the format asks. */
export class UnprintableMessageError extends Error {
  override readonly name = "UnprintableMessageError";
}

/** @param isPlain the payload is JSON, and stands there unquoted. @throws UnprintableMessageError if it is none. */
export function payloadJson(message: ReceivedMessage, isPlain: boolean, isPretty: boolean): Uint8Array {
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
  members.push(["payload", payloadValue(message, isPlain)]);
  return layOut({ members }, isPretty);
}

function payloadValue({ payload, topicName }: ReceivedMessage, isPlain: boolean): JsonValue {
  if (!isPlain) return payload.length === 0 ? null : { text: payload };
  const json = parsedJson(payload);
  if (json === undefined) throw new UnprintableMessageError(`Message payload is not valid JSON on topic ${topicName}.`);
  return { json: json.text };
}

function propertyMembers(properties: ReceivedMessage["properties"]): [string, JsonValue][] {
  const { contentType, correlationData, payloadFormatIndicator, responseTopic } = properties;
  const { subscriptionIdentifiers = [], userProperties = [], messageExpiryInterval } = properties;
  const members: [string, JsonValue][] = [];
  for (const identifier of subscriptionIdentifiers) members.push(["subscription-identifier", identifier]);
  if (contentType !== undefined) members.push(["content-type", { text: contentType }]);
  if (correlationData !== undefined) members.push(["correlation-data", { text: correlationData }]);
  if (payloadFormatIndicator !== undefined) members.push(["payload-format-indicator", payloadFormatIndicator]);
  if (responseTopic !== undefined) members.push(["response-topic", { text: responseTopic }]);
  if (userProperties.length > 0) {
    members.push(["user-properties", {
      members: userProperties.map(([name, value]): [string, JsonValue] => [name, { text: value }]),
    }]);
  }
  if (messageExpiryInterval !== undefined) members.push(["message-expiry-interval", messageExpiryInterval]);
  return members;
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
