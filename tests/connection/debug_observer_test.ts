/** Mirrors src/connection/debug_observer.ts. @module */

import { assertEquals } from "@std/assert";
import { DebugObserver } from "../../src/connection/debug_observer.ts";
import { ApplicationMessage, PacketType } from "../../src/packet/mod.ts";
import { text } from "./support.ts";

Deno.test("DebugObserver says what goes in and out in Mosquitto's words, and no payload", () => {
  const lines: string[] = [];
  const note = (line: string) => void lines.push(line);
  const observer = new DebugObserver({ isEnabled: () => true, error: note, warning: note, info: note, debug: note });
  const message = ApplicationMessage.create({ topicName: "a/b", payload: text("secret"), qos: 1, retain: true });
  observer.received("c", {
    type: PacketType.Publish,
    dup: true,
    packetIdentifier: 7,
    topicAlias: 0,
    subscriptionIdentifiers: undefined,
    message,
  });
  observer.received("c", { type: PacketType.Pingreq });
  observer.sent("c", { type: PacketType.Suback, packetIdentifier: 3, reasonCodes: [0], properties: {} });
  observer.sent("c", { type: PacketType.Disconnect, reasonCode: 0x8e, properties: { reasonString: "secret" } });
  observer.acknowledged("c", PacketType.Pubrec, 9, 0x10);
  observer.delivered("d", message, 0, false, false, 0);
  assertEquals(lines, [
    "Received PUBLISH from c (d1, q1, r1, m7, 'a/b', ... (6 bytes))",
    "Received PINGREQ from c",
    "Sending SUBACK (m3) to c",
    "Sending DISCONNECT (Session taken over) to c",
    "Sending PUBREC to c (m9, rc16)",
    "Sending PUBLISH to d (d0, q0, r0, m0, 'a/b', ... (6 bytes))",
  ]);
});
