/** PUBLISH from a Client, by its QoS. Spec §3.3, §4.3. @module */

import type { ApplicationMessage } from "../packet/application_message.ts";
import { PacketType } from "../packet/control_packet.ts";
import type { PublishPacket } from "../packet/publish.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import { isDiskBehind } from "./back_pressure.ts";
import type { Broker } from "./broker.ts";
import type { Connection } from "./connection.ts";
import { closeWith } from "./connections.ts";
import { canRetain, publish, routeOf } from "./publish.ts";
import { mayPublish } from "./rights.ts";
import type { Route } from "./route.ts";

export function handlePublish(broker: Broker, connection: Connection, packet: PublishPacket): void {
  const message = packet.message;
  message.receivedAtMs = broker.turn.wallMs;
  const { settings } = broker;
  if (message.qos > settings.maximumQoS) {
    return closeWith(broker, connection, ReasonCode.QoSNotSupported, `Maximum QoS is ${settings.maximumQoS}`);
  }
  if (message.retain && !settings.retainAvailable) {
    return closeWith(broker, connection, ReasonCode.RetainNotSupported, "nothing is retained here");
  }
  if (message.qos === 0) return handleQoS0(broker, connection, message);
  if (message.qos === 2 && connection.session!.incomingQoS2.has(packet.packetIdentifier)) {
    return repeatPubrec(broker, connection, packet.packetIdentifier);
  }
  if (isBeyondReceiveMaximum(broker, connection)) {
    const why = `more than ${broker.limits.receiveMaximum} messages were open`;
    return closeWith(broker, connection, ReasonCode.ReceiveMaximumExceeded, why);
  }
  if (message.qos === 1) handleQoS1(broker, connection, message, packet.packetIdentifier);
  else handleQoS2(broker, connection, message, packet.packetIdentifier);
}

function handleQoS0(broker: Broker, connection: Connection, message: ApplicationMessage): void {
  const route = routeOf(broker, message);
  const refusal = refusalOf(broker, connection, message, route);
  // Nobody can be told: the message is dropped.
  if (refusal !== ReasonCode.Success) return broker.log.publishRefused(connection, message.topicName, refusal);
  noteRetainedFull(broker, message);
  publish(broker, message, route, connection, connection.session);
}

function handleQoS1(
  broker: Broker,
  connection: Connection,
  message: ApplicationMessage,
  packetIdentifier: number,
): void {
  if (isTooMuchForTheDisk(broker, connection, message)) return;
  const changes = broker.store.changes;
  const reasonCode = take(broker, connection, message);
  // A retained message that is not there may be one whose removal is not safe yet: after a crash it would be back.
  const maybeUnsafe = message.retain && reasonCode < 0x80 && broker.store.safe < broker.store.ticket;
  if (broker.store.changes === changes && !maybeUnsafe) {
    connection.sink.acknowledge(PacketType.Puback, packetIdentifier, reasonCode, explain(broker, reasonCode));
    return;
  }
  connection.openIncoming++;
  broker.gate.whenSafe(() => {
    connection.openIncoming--;
    if (connection.isConnected) connection.sink.acknowledge(PacketType.Puback, packetIdentifier, reasonCode);
  });
}

function handleQoS2(
  broker: Broker,
  connection: Connection,
  message: ApplicationMessage,
  packetIdentifier: number,
): void {
  if (isTooMuchForTheDisk(broker, connection, message)) return;
  const session = connection.session!;
  const route = routeOf(broker, message);
  const refusal = refusalOf(broker, connection, message, route);
  if (refusal !== ReasonCode.Success) {
    return refuse(broker, connection, message.topicName, PacketType.Pubrec, packetIdentifier, refusal);
  }
  session.incomingQoS2.add(packetIdentifier);
  connection.openIncoming++;
  (connection.openIncomingQoS2 ??= new Set()).add(packetIdentifier);
  // The identifier and what others must keep of the message are of one batch: after a crash in between, the publisher's
  // repeat would find the one without the other, and the message would be lost, or come twice. For the same reason
  // nobody is sent a QoS 2 message before that batch is safe (route_publish, deliver).
  const changes = broker.store.changes;
  let waitsForTicket = 0;
  if (session.persists) {
    broker.store.putIncomingQoS2(session.clientId, packetIdentifier);
    waitsForTicket = broker.store.ticket;
  }
  const reasonCode = reasonOf(connection, publishOnce(broker, connection, message, route, waitsForTicket));
  const answer = () => sendPubrec(connection, packetIdentifier, reasonCode);
  if (message.retain) broker.gate.whenSafe(answer);
  else broker.gate.afterChanges(changes, answer);
}

/** A repeated PUBLISH of a message that was taken: the answer again, and no second delivery [MQTT-4.3.3-10]. It waits
 * behind the first answer, if that still waits for the store. */
function repeatPubrec(broker: Broker, connection: Connection, packetIdentifier: number): void {
  const openIncomingQoS2 = connection.openIncomingQoS2 ??= new Set();
  if (!openIncomingQoS2.has(packetIdentifier)) {
    openIncomingQoS2.add(packetIdentifier);
    connection.openIncoming++;
  }
  broker.gate.whenSafe(() => sendPubrec(connection, packetIdentifier, ReasonCode.Success));
}

function sendPubrec(connection: Connection, packetIdentifier: number, reasonCode: ReasonCode): void {
  if (connection.isConnected) connection.sink.acknowledge(PacketType.Pubrec, packetIdentifier, reasonCode);
}

/** Checks and publishes. @returns the Reason Code for PUBACK. */
function take(broker: Broker, connection: Connection, message: ApplicationMessage): ReasonCode {
  const route = routeOf(broker, message);
  const refusal = refusalOf(broker, connection, message, route);
  if (refusal !== ReasonCode.Success) {
    broker.log.publishRefused(connection, message.topicName, refusal);
    // 3.x has no word for it: the message is dropped and acknowledged, or it would come again forever.
    return connection.protocolVersion === 5 ? refusal : ReasonCode.Success;
  }
  return reasonOf(connection, publishOnce(broker, connection, message, route, 0));
}

/** @param waitsForTicket as of `routePublish`. @returns how many sessions it was for. */
function publishOnce(
  broker: Broker,
  connection: Connection,
  message: ApplicationMessage,
  route: Route,
  waitsForTicket: number,
): number {
  noteRetainedFull(broker, message);
  return publish(broker, message, route, connection, connection.session, waitsForTicket);
}

function reasonOf(connection: Connection, receivers: number): ReasonCode {
  return receivers === 0 && connection.protocolVersion === 5 ? ReasonCode.NoMatchingSubscribers : ReasonCode.Success;
}

/** Success, or why this Client may not publish this message. */
function refusalOf(broker: Broker, connection: Connection, message: ApplicationMessage, route: Route): ReasonCode {
  if (route.refusal !== ReasonCode.Success) return route.refusal;
  if (!mayPublish(broker, connection, message, route)) return ReasonCode.NotAuthorized;
  if (broker.settings.checkPayloadFormat && !hasDeclaredFormat(message)) return ReasonCode.PayloadFormatInvalid;
  // A 5.0 Client can be told that there is no room, or that the disk refuses: it knows then that nothing was kept. For 3.x
  // a refusal looks like success. Its message is taken, and when the disk refuses, the acknowledgement waits until it
  // takes it again; so does the Client, when too much waits (back_pressure.ts).
  if (message.qos > 0 && connection.protocolVersion === 5) {
    if (!canRetain(broker, message)) return ReasonCode.QuotaExceeded;
    if (broker.store.trouble !== undefined && needsStore(connection, message, route)) return ReasonCode.QuotaExceeded;
  }
  return ReasonCode.Success;
}

/** A 3.x Client cannot be told that the disk refuses: it gets its acknowledgement, or it is closed. It is closed when as
 * much waits as may wait, since each new connection could bring one message more.
 * @returns true: it was. */
function isTooMuchForTheDisk(broker: Broker, connection: Connection, message: ApplicationMessage): boolean {
  if (broker.store.trouble === undefined || connection.protocolVersion === 5 || !isDiskBehind(broker)) return false;
  if (!needsStore(connection, message, routeOf(broker, message))) return false;
  const why = `the store cannot be written to, and as much waits for it as may wait: ${broker.store.trouble}`;
  closeWith(broker, connection, ReasonCode.QuotaExceeded, why);
  return true;
}

function refuse(
  broker: Broker,
  connection: Connection,
  topicName: string,
  type: typeof PacketType.Pubrec,
  packetIdentifier: number,
  refusal: ReasonCode,
): void {
  broker.log.publishRefused(connection, topicName, refusal);
  if (connection.protocolVersion === 5) {
    return connection.sink.acknowledge(type, packetIdentifier, refusal, explain(broker, refusal));
  }
  // As if it were taken: 3.x goes through the whole handshake.
  connection.session!.incomingQoS2.add(packetIdentifier);
  connection.sink.acknowledge(type, packetIdentifier, ReasonCode.Success);
}

/** The Reason String of a refusal: what a person can do about it. */
function explain(broker: Broker, reasonCode: ReasonCode): string | undefined {
  switch (reasonCode) {
    case ReasonCode.TopicNameInvalid:
      return "the Topic Name has more levels or bytes than this server takes";
    case ReasonCode.NotAuthorized:
      return "this client may not publish to this topic";
    case ReasonCode.QuotaExceeded:
      return broker.store.trouble === undefined
        ? "the server has no room to keep this message"
        : `the store cannot be written to: ${broker.store.trouble}`;
    case ReasonCode.PayloadFormatInvalid:
      return "the Payload is not UTF-8, which its Payload Format Indicator says";
    default:
      return undefined;
  }
}

/** Those that cannot be told lose only the retaining; the operator hears of it. */
function noteRetainedFull(broker: Broker, message: ApplicationMessage): void {
  if (!message.retain || canRetain(broker, message)) return;
  broker.statistics.retainedRefused++;
  broker.log.retainedFull(message.topicName);
}

function needsStore(connection: Connection, message: ApplicationMessage, route: Route): boolean {
  if (message.retain || (message.qos === 2 && connection.session!.persists)) return true;
  for (let i = 0; i < route.count; i++) {
    const entry = route.entries[i];
    if (entry.qos > 0 && entry.session.persists) return true;
  }
  return route.groups.some((group) => group.hasPersistingMember);
}

/** §3.3.2.3.2: the payload is UTF-8 if the Payload Format Indicator says so. */
function hasDeclaredFormat(message: ApplicationMessage): boolean {
  if (message.properties.payloadFormatIndicator !== 1) return true;
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(message.payload);
    return true;
  } catch {
    return false;
  }
}

/** 3.x Clients were never told a maximum. */
function isBeyondReceiveMaximum(broker: Broker, connection: Connection): boolean {
  return connection.protocolVersion === 5 && connection.openIncoming >= broker.limits.receiveMaximum;
}
