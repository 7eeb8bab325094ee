/** PUBACK, PUBREC, PUBCOMP for what the Server sent; PUBREL for what the Client sent. Spec §3.4 – §3.7, §4.3. @module */

import {
  PacketType,
  type PubackPacket,
  type PubcompPacket,
  type PubrecPacket,
  type PubrelPacket,
} from "../packet/control_packet.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import { OutgoingState } from "../session/outgoing_message.ts";
import { IdentifierUse } from "../session/packet_identifiers.ts";
import type { Broker } from "./broker.ts";
import type { Connection } from "./connection.ts";
import { dropOutgoing, isInStore, pump } from "./deliver.ts";

/** The end of a QoS 1 delivery, whatever the Reason Code [MQTT-4.4.0-2]. An unknown identifier is ignored: the message
 * may have gone to another member of a Shared Subscription meanwhile. */
export function handlePuback(broker: Broker, connection: Connection, packet: PubackPacket): void {
  const session = connection.session!;
  const { packetIdentifier } = packet;
  if (!session.window.finishUnkept(packetIdentifier, IdentifierUse.AwaitingPuback)) {
    const outgoing = session.window.puback(packetIdentifier);
    if (outgoing === undefined) return;
    dropOutgoing(broker, session, outgoing);
  }
  pump(broker, session);
}

/** The middle of a QoS 2 delivery, or its end when the Client refuses. */
export function handlePubrec(broker: Broker, connection: Connection, packet: PubrecPacket): void {
  const session = connection.session!;
  const { packetIdentifier } = packet;
  if (handlePubrecUnkept(broker, connection, packet)) return;
  const outgoing = session.window.pubrec(packetIdentifier, packet.reasonCode);
  if (outgoing === undefined) {
    // §3.6.2.1: PUBREL says that the identifier is unknown, unless the Client has ended the matter itself.
    if (packet.reasonCode < 0x80) {
      connection.sink.acknowledge(PacketType.Pubrel, packetIdentifier, ReasonCode.PacketIdentifierNotFound);
    }
    return;
  }
  if (packet.reasonCode >= 0x80) {
    // After a success a refusal is out of order, and only PUBCOMP ends the matter: the window has kept it.
    if (outgoing.state === OutgoingState.AwaitingPubcomp) return;
    dropOutgoing(broker, session, outgoing);
    pump(broker, session);
    return;
  }
  // PUBREL follows when the store knows of it: after a crash the PUBLISH must not come again [MQTT-4.3.3-6].
  const changes = broker.store.changes;
  if (isInStore(session, outgoing)) broker.store.putOutgoing(session.clientId, outgoing);
  broker.gate.afterChanges(changes, () => {
    if (session.connection !== connection || !connection.isConnected) return; // repeated when the session resumes
    connection.sink.acknowledge(PacketType.Pubrel, packetIdentifier, ReasonCode.Success);
  });
}

/** The same where only the identifier is remembered. @returns false when it is none of these. */
function handlePubrecUnkept(broker: Broker, connection: Connection, packet: PubrecPacket): boolean {
  const session = connection.session!;
  const { packetIdentifier } = packet;
  if (packet.reasonCode >= 0x80) {
    if (!session.window.finishUnkept(packetIdentifier, IdentifierUse.AwaitingPubrec)) return false;
    pump(broker, session);
  } else {
    if (!session.window.pubrecUnkept(packetIdentifier)) return false;
    connection.sink.acknowledge(PacketType.Pubrel, packetIdentifier, ReasonCode.Success);
  }
  return true;
}

/** The end of a QoS 2 delivery. */
export function handlePubcomp(broker: Broker, connection: Connection, packet: PubcompPacket): void {
  const session = connection.session!;
  const { packetIdentifier } = packet;
  if (!session.window.finishUnkept(packetIdentifier, IdentifierUse.AwaitingPubcomp)) {
    const outgoing = session.window.pubcomp(packetIdentifier);
    if (outgoing === undefined) return;
    dropOutgoing(broker, session, outgoing);
  }
  pump(broker, session);
}

/** The Client releases the identifier of a QoS 2 message: from PUBCOMP on it means a new one [MQTT-4.3.3-12]. */
export function handlePubrel(broker: Broker, connection: Connection, packet: PubrelPacket): void {
  const session = connection.session!;
  const { packetIdentifier } = packet;
  const isKnown = session.incomingQoS2.release(packetIdentifier);
  if (isKnown && session.persists) broker.store.deleteIncomingQoS2(session.clientId, packetIdentifier);
  const reasonCode = isKnown ? ReasonCode.Success : ReasonCode.PacketIdentifierNotFound;
  const answer = () => {
    // A PUBREL that is repeated after a resumption frees a place, too, though its PUBLISH took none on this connection:
    // the Client may count so (§4.9 raises its send quota at every PUBCOMP), and must not be sent away for it.
    connection.openIncomingQoS2?.delete(packetIdentifier);
    if (isKnown && connection.openIncoming > 0) connection.openIncoming--;
    if (connection.isConnected) connection.sink.acknowledge(PacketType.Pubcomp, packetIdentifier, reasonCode);
  };
  // A repeated PUBREL waits, too: the release that the first one told of may not be safe yet, and after a crash a new
  // message with this identifier would be taken for the old one.
  if (session.persists) broker.gate.whenSafe(answer);
  else answer();
}
