/** A message as the commands show it: what the client handed over, and when it came. @module */

import type { Message } from "../../client/client.ts";

export interface ReceivedMessage
  extends Pick<Message, "topicName" | "payload" | "qos" | "retain" | "properties" | "packetIdentifier"> {
  /** Of the wall clock, with its fraction. */
  readonly atMs: number;
}

/** Now. */
export function receivedMessage(message: Message): ReceivedMessage {
  const { topicName, payload, qos, retain, packetIdentifier } = message;
  // Nobody asked for these: the client gives them to its subscriptions by itself.
  const { subscriptionIdentifiers: _ours, ...properties } = message.properties;
  const atMs = performance.timeOrigin + performance.now();
  return { topicName, payload, qos, retain, packetIdentifier, properties, atMs };
}
