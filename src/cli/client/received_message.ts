/** A message as the commands show it: what the client handed over, and when it came. Types only. @module */

import type { Message } from "../../client/client.ts";

export interface ReceivedMessage
  extends Pick<Message, "topicName" | "payload" | "qos" | "retain" | "properties" | "packetIdentifier"> {
  /** Of the wall clock, with its fraction. */
  readonly atMs: number;
}
