/** One message as `watch` shows it: what is known of it, its properties by the specification's names, its payload.
 * Room: pure. @module */

import type { Message } from "../../client/client.ts";
import { timeText } from "../answer.ts";
import { parsedJson, viewPayload } from "./payload_view.ts";
import type { Span } from "./terminal_cells.ts";
import type { SeenMessage, TopicNode } from "./topic_tree_view.ts";
import type { PayloadView } from "./watch_model.ts";
import { escapeControls } from "../../base/log.ts";

const NAME_WIDTH = 26;
const BYTES_A_LINE = 16;

export function messageLines(node: TopicNode, view: PayloadView, nowMs: number): Span[][] {
  const { last } = node;
  // A node that is shown has one; its tree never takes it back.
  if (last === undefined) return [];
  const age = Math.max(0, Math.round((nowMs - last.atMs) / 1000));
  const facts: [name: string, value: string][] = [
    ["Topic Name", node.topicName],
    ["Received", `${timeText(last.atMs)}, ${age} s ago`],
    ["QoS", String(last.qos)],
    ["Retain", last.retain ? "yes" : "no"],
    ["Messages", node.count.toLocaleString("en")],
    ...propertyLines(last.properties),
    ["Payload", `${last.payloadBytes.toLocaleString("en")} bytes, as ${view}`],
  ];
  const cut = last.payloadBytes > last.payload.length
    ? [[{ text: `… only the first ${last.payload.length} bytes are kept`, style: "dim" as const }]]
    : [];
  return [
    ...facts.map(([name, text]): Span[] => [{ text: ` ${name.padEnd(NAME_WIDTH)}`, style: "bold" }, { text }]),
    [],
    ...payloadLines(last, view).map((text): Span[] => [{ text: ` ${text}` }]),
    ...cut,
  ];
}

function propertyLines(properties: Message["properties"]): [name: string, value: string][] {
  const { payloadFormatIndicator, messageExpiryInterval, contentType, responseTopic, correlationData } = properties;
  const { userProperties = [], subscriptionIdentifiers = [] } = properties;
  const rows: [string, string | undefined][] = [
    [
      "Payload Format Indicator",
      payloadFormatIndicator === undefined ? undefined : payloadFormatIndicator === 1 ? "1 (UTF-8)" : "0 (bytes)",
    ],
    ["Message Expiry Interval", messageExpiryInterval === undefined ? undefined : `${messageExpiryInterval} s`],
    ["Content Type", contentType],
    ["Response Topic", responseTopic],
    ["Correlation Data", correlationData === undefined ? undefined : `0x${correlationData.toHex()}`],
    ...subscriptionIdentifiers.map((identifier): [string, string] => ["Subscription Identifier", String(identifier)]),
    ...userProperties.map(([name, value]): [string, string] => ["User Property", `${name} = ${value}`]),
  ];
  return rows.filter((row): row is [string, string] => row[1] !== undefined);
}

function payloadLines({ payload }: SeenMessage, view: PayloadView): string[] {
  if (payload.length === 0) return ["(empty)"];
  if (view === "hex") return hexLines(payload);
  if (view === "text") return textLines(new TextDecoder().decode(payload));
  const json = parsedJson(payload);
  // A number or a word is JSON, too, and shown as well as it is.
  const isOfParts = typeof json?.value === "object" && json.value !== null;
  if (json !== undefined && (isOfParts || view === "json")) {
    return textLines(JSON.stringify(json.value, undefined, 2));
  }
  return view === "json" ? ["(no JSON)"] : viewPayload(payload).split("\n");
}

function textLines(text: string): string[] {
  return text.split(/\r?\n/).map(escapeControls);
}

/** Offset, bytes, and what of them is ASCII. */
function hexLines(payload: Uint8Array): string[] {
  const lines: string[] = [];
  for (let at = 0; at < payload.length; at += BYTES_A_LINE) {
    const row = payload.subarray(at, at + BYTES_A_LINE);
    const hex = [...row].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const ascii = [...row].map((byte) => byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".").join("");
    lines.push(`${at.toString(16).padStart(4, "0")}  ${hex.padEnd(3 * BYTES_A_LINE)} ${ascii}`);
  }
  return lines;
}
