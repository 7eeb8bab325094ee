/** The first byte of a Control Packet: type and flags. Spec §2.1.
 * In: the byte, who sent it, the protocol version. Out: a verdict. Room: pure. @module */

import { PacketType, type ProtocolVersion } from "./control_packet.ts";
import { MalformedPacketError, type PeerError, ProtocolError } from "./errors.ts";

/** type → the flags it must have [MQTT-2.1.3-1], and where the specification says so. PUBLISH has flags of its own. */
const FLAGS: Readonly<Record<number, { flags: number; statement: string }>> = {
  [PacketType.Connect]: { flags: 0, statement: "MQTT-2.1.3-1" },
  [PacketType.Connack]: { flags: 0, statement: "MQTT-2.1.3-1" },
  [PacketType.Puback]: { flags: 0, statement: "MQTT-2.1.3-1" },
  [PacketType.Pubrec]: { flags: 0, statement: "MQTT-2.1.3-1" },
  [PacketType.Pubrel]: { flags: 2, statement: "MQTT-3.6.1-1" },
  [PacketType.Pubcomp]: { flags: 0, statement: "MQTT-2.1.3-1" },
  [PacketType.Subscribe]: { flags: 2, statement: "MQTT-3.8.1-1" },
  [PacketType.Suback]: { flags: 0, statement: "MQTT-2.1.3-1" },
  [PacketType.Unsubscribe]: { flags: 2, statement: "MQTT-3.10.1-1" },
  [PacketType.Unsuback]: { flags: 0, statement: "MQTT-2.1.3-1" },
  [PacketType.Pingreq]: { flags: 0, statement: "MQTT-2.1.3-1" },
  [PacketType.Pingresp]: { flags: 0, statement: "MQTT-2.1.3-1" },
  [PacketType.Disconnect]: { flags: 0, statement: "MQTT-3.14.1-1" },
  [PacketType.Auth]: { flags: 0, statement: "MQTT-3.15.1-1" },
};

/** The byte that a packet of this type begins with (not for PUBLISH). */
export function firstByte(type: PacketType): number {
  return (type << 4) | FLAGS[type].flags;
}

/** Table 2-1, direction of flow. */
const NEVER_FROM = {
  client: [PacketType.Connack, PacketType.Suback, PacketType.Unsuback, PacketType.Pingresp],
  server: [PacketType.Connect, PacketType.Subscribe, PacketType.Unsubscribe, PacketType.Pingreq],
} as const;

/** What is wrong with the first byte; undefined = nothing. */
export function firstByteError(
  byte: number,
  sender: "client" | "server",
  version: ProtocolVersion,
): PeerError | undefined {
  const type = byte >>> 4;
  const flags = byte & 0xf;
  if (type === 0) return new MalformedPacketError("§2.1.2", "Control Packet type 0 is reserved");
  if (type === PacketType.Auth && version < 5) {
    return new MalformedPacketError("§2.1.2", "Control Packet type 15 is reserved before MQTT 5.0");
  }
  if ((NEVER_FROM[sender] as readonly number[]).includes(type)) {
    return new ProtocolError("§2.1.2", `Control Packet type ${type} is not for a ${sender} to send`);
  }
  if (type === PacketType.Disconnect && sender === "server" && version < 5) {
    return new ProtocolError("§2.1.2", "a Server sends no DISCONNECT before MQTT 5.0");
  }
  if (type === PacketType.Publish) {
    const qos = (flags >>> 1) & 3;
    if (qos === 3) return new MalformedPacketError("MQTT-3.3.1-4", "both QoS bits of PUBLISH are 1");
    if (qos === 0 && (flags & 8) !== 0) return new MalformedPacketError("MQTT-3.3.1-2", "DUP is 1 at QoS 0");
    return undefined;
  }
  const { flags: expected, statement } = FLAGS[type];
  // 3.1 re-sends PUBREL, SUBSCRIBE and UNSUBSCRIBE with DUP set (3.1 §2.1); 3.1.1 made the bit reserved.
  const judged = version === 3 && expected === 2 ? flags & 7 : flags;
  if (judged === expected) return undefined;
  return new MalformedPacketError(statement, `flags ${flags} in Control Packet type ${type}${hintOf(type, flags)}`);
}

/** What is sent to a door that is not for it, by its first byte: 0x16 begins a TLS handshake (RFC 8446 §5.1), "G" a GET. */
function hintOf(type: number, flags: number): string {
  const byte = type << 4 | flags;
  if (byte === 0x16) return "; this looks like TLS, which another listener may speak";
  return byte === 0x47 ? "; this looks like HTTP, which another listener may speak" : "";
}

/** First bytes that were found right, by sender and version: one look-up per packet. Filled as they occur. */
const RIGHT = {
  client: { 3: new Uint8Array(256), 4: new Uint8Array(256), 5: new Uint8Array(256) },
  server: { 3: new Uint8Array(256), 4: new Uint8Array(256), 5: new Uint8Array(256) },
} as const;
export type FirstByteTables = Readonly<Record<ProtocolVersion, Uint8Array>>;

/** For `checkFirstByte`: the tables of one sender. */
export function firstByteTables(sender: "client" | "server"): FirstByteTables {
  return RIGHT[sender];
}

/** @throws MalformedPacketError, ProtocolError when a packet must not begin so. */
export function checkFirstByte(
  tables: FirstByteTables,
  byte: number,
  sender: "client" | "server",
  version: ProtocolVersion,
): void {
  const table = tables[version];
  if (table[byte] === 1) return;
  const error = firstByteError(byte, sender, version);
  if (error !== undefined) throw error;
  table[byte] = 1;
}
