/** Messages for the tests of this room. @module */

import { ApplicationMessage, type QoS } from "../../src/packet/mod.ts";
import { OutgoingMessage } from "../../src/session/outgoing_message.ts";

export function message(text: string, qos: QoS = 1, topicName = "a"): ApplicationMessage {
  return ApplicationMessage.create({ topicName, qos, payload: new TextEncoder().encode(text) });
}

export function outgoing(text: string, qos: 1 | 2 = 1): OutgoingMessage {
  return new OutgoingMessage(message(text, qos), qos, false, undefined, Infinity, undefined);
}

export function textOf(outgoing: OutgoingMessage | undefined): string | undefined {
  return outgoing && new TextDecoder().decode(outgoing.message.payload);
}
