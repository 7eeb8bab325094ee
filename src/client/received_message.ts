/** A message as the program gets it, in memory of its own. @module */

import { NEVER_EXPIRES } from "../packet/application_message.ts";
import type { QoS } from "../packet/control_packet.ts";
import { NO_PROPERTIES } from "../packet/property.ts";
import type { PublishPacket } from "../packet/publish.ts";
import type { Message } from "./client.ts";
import { textOf } from "./payload.ts";
import { ownBytes } from "./payload_pool.ts";
import type { Receipt } from "./receipt.ts";

export class ReceivedMessage implements Message {
  readonly #receipt: Receipt | undefined;

  private constructor(
    readonly topicName: string,
    readonly payload: Uint8Array,
    readonly qos: QoS,
    readonly retain: boolean,
    readonly dup: boolean,
    readonly packetIdentifier: number,
    readonly properties: Message["properties"],
    receipt: Receipt | undefined,
  ) {
    this.#receipt = receipt;
  }

  /** Copies what the packet, a view, shows. @param receipt whom to tell when the program is done with it. */
  static of(packet: PublishPacket, receipt: Receipt | undefined): ReceivedMessage {
    const { message, dup } = packet;
    const payload = ownBytes(message.buffer, message.payloadStart, message.payloadEnd);
    return new ReceivedMessage(
      message.topicName,
      payload,
      message.qos,
      message.retain,
      dup,
      packet.packetIdentifier,
      propertiesOf(packet),
      receipt,
    );
  }

  /** For one more subscription: each has bytes of its own. */
  copy(): ReceivedMessage {
    const { topicName, payload, qos, retain, dup, packetIdentifier, properties } = this;
    const bytes = payload.slice();
    return new ReceivedMessage(topicName, bytes, qos, retain, dup, packetIdentifier, properties, this.#receipt);
  }

  text(): string {
    return textOf(this.payload);
  }

  json(): unknown {
    return JSON.parse(this.text());
  }

  /** What it takes in memory, about. */
  static bytes({ payload, topicName }: ReceivedMessage): number {
    return payload.length + topicName.length + MESSAGE_OVERHEAD_BYTES;
  }

  static receipt(message: ReceivedMessage): Receipt | undefined {
    return message.#receipt;
  }
}

/** The objects around a small payload. */
const MESSAGE_OVERHEAD_BYTES = 200;

function propertiesOf({ message, subscriptionIdentifiers }: PublishPacket): Message["properties"] {
  const { propertiesStart, propertiesEnd, forwardedProperties, messageExpiryInterval } = message;
  const hasNone = propertiesStart === propertiesEnd && forwardedProperties === undefined &&
    messageExpiryInterval === NEVER_EXPIRES;
  if (subscriptionIdentifiers === undefined) return hasNone ? NO_PROPERTIES : message.properties;
  if (!hasNone) return { ...message.properties, subscriptionIdentifiers };
  // The reader uses its list again.
  if (identifiersAlone.subscriptionIdentifiers !== subscriptionIdentifiers) {
    identifiersAlone = Object.freeze({ subscriptionIdentifiers });
  }
  return identifiersAlone;
}

/** Of the message before: most often those of the next are the same. */
let identifiersAlone: Message["properties"] = NO_PROPERTIES;
