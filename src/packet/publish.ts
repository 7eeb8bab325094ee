/** PUBLISH: bytes ⇄ PublishPacket. Spec §3.3. @module */

import type { ApplicationMessage } from "./application_message.ts";
import type { PacketType } from "./control_packet.ts";

/** A PUBLISH on the wire. The decoder hands out the same object for each PUBLISH of a connection; it and its borrowed
 * message are valid until the turn that handles it ends. */
export interface PublishPacket {
  readonly type: typeof PacketType.Publish;
  dup: boolean;
  /** 0 at QoS 0, else 1–65535. */
  packetIdentifier: number;
  /** 0 = no Topic Alias. */
  topicAlias: number;
  /** Only in a PUBLISH that a Server sent; undefined = none. */
  subscriptionIdentifiers: number[] | undefined;
  /** topicName, qos, retain, properties and payload. topicName is "" when only an alias was sent, until
   * connection/topic_aliases has resolved it. */
  message: ApplicationMessage;
}
