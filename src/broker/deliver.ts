/** From a Session's queue through its window to its Client: decides what is sent now and what waits.
 * Spec §4.3, §4.4, §4.9. @module */

import { NEVER_EXPIRES } from "../packet/application_message.ts";
import { PacketType } from "../packet/control_packet.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import type { ApplicationMessage } from "../packet/application_message.ts";
import { type OutgoingMessage, OutgoingState } from "../session/outgoing_message.ts";
import { IdentifierUse } from "../session/packet_identifiers.ts";
import { relieveIfCaughtUp } from "./back_pressure.ts";
import type { Broker } from "./broker.ts";
import type { ClientSession } from "./client_session.ts";
import { readBackIfNeeded } from "./read_back.ts";
import { mayReceiveQueued } from "./rights.ts";

/** Sends a QoS 1 or 2 message at once to a session that ends with its connection, and remembers its Packet Identifier
 * alone: nobody will ask for the message again (OutgoingWindow).
 * @param expirySeconds what is left, or NEVER_EXPIRES.
 * @returns false when it has to be kept, or has to wait for its turn: `enqueue` is for that. */
export function sendUnkept(
  session: ClientSession,
  message: ApplicationMessage,
  qos: 1 | 2,
  retain: boolean,
  subscriptionIdentifiers: readonly number[] | undefined,
  expirySeconds: number,
): boolean {
  const { window, connection } = session;
  if (session.persists || session.hasPending || window.hasResends || !canSend(session)) return false;
  // Behind a QoS 2 message that waits for the store comes no other.
  if (qos === 2 && session.gatedSends > 0) return false;
  const packetIdentifier = window.openUnkept(qos);
  if (packetIdentifier === 0) return false;
  const { sink } = connection!;
  const delivery = sink.deliver(message, qos, retain, false, packetIdentifier, subscriptionIdentifiers, expirySeconds);
  if (delivery === "too large") {
    // Counts as delivered [MQTT-3.1.2-25].
    window.finishUnkept(packetIdentifier, qos === 1 ? IdentifierUse.AwaitingPuback : IdentifierUse.AwaitingPubrec);
  }
  return true;
}

/** Takes a QoS 1 or 2 message into the session state [MQTT-4.5.0-1], and sends it at once if nothing is before it. */
export function enqueue(broker: Broker, session: ClientSession, outgoing: OutgoingMessage): void {
  const isFirst = !session.hasPending && !session.hasResends;
  // Before the queue sees it: what has a position may be left to the store.
  if (session.persists) outgoing.position = session.lastPosition + 1;
  const goesNow = isFirst && canSend(session) && session.window.open(outgoing);
  const isKept = goesNow || waitInQueue(broker, session, outgoing);
  if (isKept && session.persists) {
    session.lastPosition = outgoing.position;
    storeOutgoing(broker, session, outgoing);
  }
  if (goesNow) sendPublish(broker, session, outgoing);
  // After the store was told: it reads what it has heard of.
  else if (session.hasRuns) readBackIfNeeded(broker, session);
}

/** @returns false when the queue is full and its policy gave up this message: the store never hears of it. */
function waitInQueue(broker: Broker, session: ClientSession, outgoing: OutgoingMessage): boolean {
  let isKept = true;
  session.pending.push(outgoing, broker.turn.wallMs, (dropped) => {
    if (dropped === outgoing) {
      isKept = false;
      outgoing.position = 0;
    }
    dropFromQueue(broker, session, dropped);
  });
  return isKept;
}

/** Sends what may be sent now: first what a resumed session has to repeat, then what waits. */
export function pump(broker: Broker, session: ClientSession): void {
  while (session.hasResends && canSend(session)) {
    const outgoing = session.window.nextResend();
    if (outgoing === undefined) break;
    if (outgoing.state === OutgoingState.AwaitingPubcomp) {
      session.connection!.sink.acknowledge(PacketType.Pubrel, outgoing.packetIdentifier, ReasonCode.Success);
    } else if (!hasExpiredUnsent(broker, session, outgoing) && !isForbidden(broker, session, outgoing)) {
      sendPublish(broker, session, outgoing);
    }
  }
  if (session.hasResends) return;
  while (session.hasPending && canSend(session)) {
    const outgoing = session.pending.peek();
    if (outgoing === undefined) break;
    if (!isStillWanted(broker, session, outgoing)) {
      session.pending.shift();
      outgoing.end();
      dropOutgoing(broker, session, outgoing);
      continue;
    }
    if (!session.window.open(outgoing)) break;
    session.pending.shift();
    // The store learns the identifier, by which the message is repeated after a crash, too [MQTT-4.4.0-1], and in its
    // old place among the others.
    if (isInStore(session, outgoing)) storeOutgoing(broker, session, outgoing);
    sendPublish(broker, session, outgoing);
  }
  if (session.hasRuns) readBackIfNeeded(broker, session);
  if (session.connection !== undefined) relieveIfCaughtUp(broker, session.connection);
}

/** A message of the queue has expired, or a full queue gave it up. */
export function dropFromQueue(broker: Broker, session: ClientSession, outgoing: OutgoingMessage): void {
  if (outgoing.expiresAtMs <= broker.turn.wallMs) broker.statistics.messagesExpired++;
  else broker.statistics.queueDropped++;
  outgoing.end();
  dropOutgoing(broker, session, outgoing);
}

/** A message is done for this session: the store forgets it. One without a position it never heard of. */
export function dropOutgoing(broker: Broker, session: ClientSession, outgoing: OutgoingMessage): void {
  if (outgoing.position === 0) return;
  // A session that was resumed without an expiry is no longer stored, and its messages went with it.
  if (session.isStored) broker.store.deleteOutgoing(session.clientId, outgoing);
  outgoing.position = 0;
}

/** The store has it, also of a session that was resumed without an expiry and is stored for other reasons: after a crash,
 * its shared messages are handed over as far as the store knows them, and a QoS 2 one must not be by then. */
export function isInStore(session: ClientSession, outgoing: OutgoingMessage): boolean {
  return session.isStored && outgoing.position !== 0;
}

function storeOutgoing(broker: Broker, session: ClientSession, outgoing: OutgoingMessage): void {
  outgoing.message.owned(); // for good: the store has its own time to be done with it
  broker.store.putOutgoing(session.clientId, outgoing);
  outgoing.waitsForTicket = broker.store.ticket;
}

/** What is left of a Message Expiry Interval [MQTT-3.3.2-6]: seconds, rounded up so that it is not 0 while it lasts. */
export function remainingExpiry(expiresAtMs: number, wallMs: number): number {
  if (expiresAtMs === Infinity) return NEVER_EXPIRES;
  return Math.max(0, Math.ceil((expiresAtMs - wallMs) / 1000));
}

function canSend(session: ClientSession): boolean {
  const connection = session.connection;
  return connection !== undefined && connection.isConnected && !connection.sink.congested;
}

/** Not expired [MQTT-3.3.2-5], and the Client may still receive it. */
function isStillWanted(broker: Broker, session: ClientSession, outgoing: OutgoingMessage): boolean {
  if (outgoing.expiresAtMs <= broker.turn.wallMs) {
    broker.statistics.messagesExpired++;
    return false;
  }
  return mayReceiveQueued(broker, session, outgoing.message.topicName);
}

/** The right to receive it was revoked while it waited for the store, or for its acknowledgement: it is not sent. A QoS 2 message that
 * was sent is repeated: forgotten here, its Packet Identifier would be used again, and the Client, which remembers it, would take
 * another message for its repetition [MQTT-4.3.3-10]. */
function isForbidden(broker: Broker, session: ClientSession, outgoing: OutgoingMessage): boolean {
  if (outgoing.qos === 2 && outgoing.wasSent) return false;
  if (broker.mayReceive(session, outgoing.message.topicName)) return false;
  session.window.remove(outgoing);
  dropOutgoing(broker, session, outgoing);
  return true;
}

/** Sends an open message, at once or, at QoS 2, when all is safe that a crash must not undo: its identifier here, the
 * publisher's there, and that no other member of a Shared Subscription has it any more. */
function sendPublish(broker: Broker, session: ClientSession, outgoing: OutgoingMessage): void {
  if (outgoing.qos === 1) return sendNow(broker, session, outgoing);
  if (session.gatedSends === 0 && outgoing.waitsForTicket <= broker.store.safe) {
    return sendNow(broker, session, outgoing);
  }
  const connection = session.connection;
  session.gatedTicket = session.gatedSends === 0
    ? outgoing.waitsForTicket
    : Math.max(outgoing.waitsForTicket, session.gatedTicket);
  session.gatedSends++;
  broker.gate.hold(session.gatedTicket, () => {
    session.gatedSends--;
    // Meanwhile the connection may have ended; the next one repeats what is open.
    const isOpen = outgoing.state === OutgoingState.AwaitingPubrec;
    if (!isOpen || session.connection !== connection || !connection!.isConnected) return;
    if (!hasExpiredUnsent(broker, session, outgoing) && !isForbidden(broker, session, outgoing)) {
      sendNow(broker, session, outgoing);
    }
    // Its place may be free again, and the caller, who would go on with the queue, has long returned.
    pump(broker, session);
  });
}

/** It has its Packet Identifier, and expired before its delivery began [MQTT-3.3.2-5]: it is dropped. */
function hasExpiredUnsent(broker: Broker, session: ClientSession, outgoing: OutgoingMessage): boolean {
  if (outgoing.wasSent || outgoing.expiresAtMs > broker.turn.wallMs) return false;
  broker.statistics.messagesExpired++;
  session.window.remove(outgoing);
  dropOutgoing(broker, session, outgoing);
  return true;
}

function sendNow(broker: Broker, session: ClientSession, outgoing: OutgoingMessage): void {
  const delivery = session.connection!.sink.deliver(
    outgoing.message,
    outgoing.qos,
    outgoing.retain,
    outgoing.wasSent,
    outgoing.packetIdentifier,
    outgoing.subscriptionIdentifiers,
    remainingExpiry(outgoing.expiresAtMs, broker.turn.wallMs),
  );
  outgoing.wasSent = true;
  if (delivery !== "too large") return;
  // Counts as delivered [MQTT-3.1.2-25].
  session.window.remove(outgoing);
  dropOutgoing(broker, session, outgoing);
}
