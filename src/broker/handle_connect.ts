/** CONNECT: from the first packet to CONNACK. Spec §3.1, §3.2.
 * check → authenticate → take over → session → (store) → CONNACK → what waits. @module */

import type { AuthenticationVerdict } from "../auth/authenticator.ts";
import type { Identity } from "../auth/authorizer.ts";
import { type ConnackPacket, type ConnectPacket, PacketType, type ProtocolVersion } from "../packet/control_packet.ts";
import type { Properties } from "../packet/property.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import { NEVER_EXPIRES_S } from "../session/session.ts";
import { fitsUtf8String, isValidTopicName } from "../topic/topic_name.ts";
import { isDiskBehind } from "./back_pressure.ts";
import type { Broker } from "./broker.ts";
import { ClientSession } from "./client_session.ts";
import { type Connection, ConnectionState } from "./connection.ts";
import { closeWith, endConnection, refuseConnect, watchKeepAlive } from "./connections.ts";
import { pump } from "./deliver.ts";
import { noteConnected } from "./journal.ts";
import { watchValidity } from "./rights.ts";
import { topicRefusal } from "./route.ts";
import { attend, currentSession, endSession, isDeletionUnsafe, storeSession } from "./sessions.ts";
import { willOf } from "./wills.ts";

export function handleConnect(broker: Broker, connection: Connection, packet: ConnectPacket): void {
  if (connection.state !== ConnectionState.AwaitingConnect) {
    return closeWith(broker, connection, ReasonCode.ProtocolError, "a second CONNECT [MQTT-3.1.0-2]");
  }
  broker.statistics.connectsReceived++;
  connection.protocolVersion = packet.protocolVersion;
  connection.clientId = packet.clientId;
  connection.sink.configure({
    protocolVersion: packet.protocolVersion,
    maximumPacketSize: packet.properties.maximumPacketSize ?? 0xffff_ffff,
    topicAliasMaximum: packet.properties.topicAliasMaximum ?? 0,
    requestProblemInformation: packet.properties.requestProblemInformation ?? true,
  });
  const objection = objectionTo(broker, connection, packet);
  if (objection !== undefined) return refuseConnect(broker, connection, objection.reasonCode, objection.why);
  if (packet.clientId === "") {
    connection.clientId = assignClientId(broker);
    connection.isClientIdAssigned = true;
  }
  connection.connectPacket = packet;
  connection.state = ConnectionState.Authenticating;
  authenticate(broker, connection, packet);
}

/** The authenticator's word on a CONNECT. Late ones, for a connection that ended, are dropped. */
export function finishConnect(broker: Broker, connection: Connection, verdict: AuthenticationVerdict): void {
  if (connection.state !== ConnectionState.Authenticating) return;
  const refuse = (reasonCode: ReasonCode, why: string) => refuseConnect(broker, connection, reasonCode, why);
  const packet = connection.connectPacket!;
  connection.exchange = undefined;
  connection.cancelAuthentication = undefined;
  if (verdict.reasonCode !== ReasonCode.Success) {
    return refuse(verdict.reasonCode, verdict.reasonString ?? "authentication failed");
  }
  const { clientId } = connection;
  const identity = identify(connection, verdict);
  const refusal = broker.authorizer.connectRefusal(identity);
  if (refusal !== undefined) return refuse(refusal.reasonCode, refusal.why);
  const will = packet.will;
  if (will !== undefined && !broker.authorizer.mayPublish(identity, will.topicName, will.qos, will.retain)) {
    return refuse(ReasonCode.NotAuthorized, "the Will Topic is not allowed");
  }
  let former = currentSession(broker, clientId);
  const isForeign = former !== undefined && former.userName !== identity.userName;
  const isGivenUp = isForeign && givesWay(broker, former!);
  if (isForeign && !isGivenUp) {
    return refuse(ReasonCode.NotAuthorized, "this Client Identifier belongs to a session of another user");
  }
  const sessionExpiryInterval = grantedSessionExpiry(broker, packet);
  // One that takes the place of a session that persists makes their number no larger.
  const isNew = former === undefined || !former.persists;
  if (isNew && sessionExpiryInterval > 0 && offlineCount(broker) >= broker.limits.sessionsOfflineMax) {
    return refuse(ReasonCode.QuotaExceeded, "too many sessions wait for their clients");
  }
  // A Will Message alone is no such reason, see store_trouble.ts; the end of a session that persisted is one.
  const needsStore = sessionExpiryInterval > 0 || (former?.isStored === true && former.hasPersisted) ||
    isDeletionUnsafe(broker, clientId);
  const { trouble } = broker.store;
  if (needsStore && trouble !== undefined) {
    return refuse(ReasonCode.QuotaExceeded, `the store cannot be written to: ${trouble}`);
  }
  if ((needsStore || packet.will !== undefined) && isDiskBehind(broker)) {
    return refuse(ReasonCode.ServerBusy, "as much waits for the disk as may wait");
  }
  const changes = broker.store.changes;
  if (former?.connection !== undefined) {
    closeWith(broker, former.connection, ReasonCode.SessionTakenOver, "another connection uses this Client Identifier");
  }
  if (isGivenUp) {
    if (former!.alive) endSession(broker, former!);
    former = undefined;
  }
  const session = beginSession(broker, connection, packet, sessionExpiryInterval);
  const sessionPresent = session === former;
  connection.state = ConnectionState.Accepting;
  connection.sink.pauseReading();
  const answer = () => accept(broker, connection, session, sessionPresent);
  if (trouble !== undefined) answer();
  // The session that is not present may have been deleted by the CONNECT before this one: that must be safe, too.
  else if (isDeletionUnsafe(broker, clientId)) broker.gate.whenSafe(answer);
  else broker.gate.afterChanges(changes, answer);
}

/** What somebody without a name left behind must not keep out who has one, nor what anybody left behind those to whom the
 * Client Identifier belongs by now. Nothing of it is handed on. */
function givesWay(broker: Broker, former: ClientSession): boolean {
  return former.userName === undefined ||
    broker.authorizer.connectRefusal(former.identity)?.isClientIdOfOthers === true;
}

/** Why a CONNECT cannot be accepted, whoever sends it. */
function objectionTo(
  broker: Broker,
  connection: Connection,
  packet: ConnectPacket,
): { reasonCode: ReasonCode; why: string } | undefined {
  const { settings, limits } = broker;
  const { door } = connection;
  const no = (reasonCode: ReasonCode, why: string) => ({ reasonCode, why });
  if (!door.settings.protocolVersions.includes(packet.protocolVersion)) {
    return no(
      ReasonCode.UnsupportedProtocolVersion,
      `MQTT ${versionName(packet.protocolVersion)} is switched off here`,
    );
  }
  if (broker.isShuttingDown) return no(ReasonCode.ServerUnavailable, "the server is shutting down");
  if (broker.connections.size > limits.connectionsMax) {
    return no(ReasonCode.ServerBusy, `the limit of ${limits.connectionsMax} connections is reached`);
  }
  if (door.connectionCount > door.settings.connectionsMax) {
    return no(ReasonCode.ServerBusy, `the limit of ${door.settings.connectionsMax} connections here is reached`);
  }
  if (packet.clientId === "" && packet.protocolVersion < 5 && (!packet.cleanStart || packet.protocolVersion === 3)) {
    return no(ReasonCode.ClientIdentifierNotValid, "an empty Client Identifier needs Clean Session and MQTT 3.1.1");
  }
  if (!fitsUtf8String(packet.clientId, limits.clientIdBytesMax)) {
    return no(ReasonCode.ClientIdentifierNotValid, `a Client Identifier has at most ${limits.clientIdBytesMax} bytes`);
  }
  const will = packet.will;
  if (will === undefined) return undefined;
  if (will.qos > settings.maximumQoS) return no(ReasonCode.QoSNotSupported, `Maximum QoS is ${settings.maximumQoS}`);
  if (will.retain && !settings.retainAvailable) return no(ReasonCode.RetainNotSupported, "nothing is retained here");
  if (!isValidTopicName(will.topicName)) return no(ReasonCode.TopicNameInvalid, "the Will Topic has wildcards");
  // Without a route: strangers must not fill the match cache.
  const refusal = topicRefusal(will.topicName, limits);
  if (refusal !== ReasonCode.Success) return no(refusal, "the Will Topic is not one that clients may publish to");
  if (
    settings.checkPayloadFormat && will.properties.payloadFormatIndicator === 1 && !isUtf8(will.payload)
  ) return no(ReasonCode.PayloadFormatInvalid, "the Will Payload is not UTF-8");
  return undefined;
}

/** Who it is from now on; a token that is renewed changes what it may do. */
export function identify(connection: Connection, verdict: AuthenticationVerdict): Identity {
  const { userName, grants, credential } = verdict;
  const { remoteHost } = connection.sink;
  const identity: Identity = { clientId: connection.clientId, userName, remoteHost, grants, credential };
  connection.identity = identity;
  connection.validUntilMs = verdict.validUntilMs;
  return identity;
}

function authenticate(broker: Broker, connection: Connection, packet: ConnectPacket): void {
  const attempt = {
    clientId: connection.clientId,
    userName: packet.userName,
    password: packet.password,
    protocolVersion: packet.protocolVersion,
    remoteHost: connection.sink.remoteHost,
    listenerUrl: connection.sink.listenerUrl,
    peerCertificate: connection.sink.peerCertificate,
  };
  const method = packet.properties.authenticationMethod;
  if (method === undefined) {
    // What is sent behind CONNECT waits in the read buffer until there is a verdict [MQTT-3.1.4-6].
    connection.sink.pauseReading();
    const cancel = broker.authenticator.authenticate(attempt, (verdict) => {
      broker.post({ kind: "authenticated", connection, verdict });
    });
    // A verdict that was there at once waits in the inbox, and takes this back.
    connection.cancelAuthentication = cancel ?? undefined;
    return;
  }
  const exchange = broker.authenticator.begin(method, attempt);
  if (exchange === undefined) {
    const why = `the Authentication Method is not supported`;
    return refuseConnect(broker, connection, ReasonCode.BadAuthenticationMethod, why); // [MQTT-4.12.0-1]
  }
  connection.authenticationMethod = method;
  connection.exchange = exchange;
  askExchange(broker, connection, packet.properties.authenticationData);
}

/** Hands the Client's Authentication Data to the exchange; its answer comes as an event, at once or later. */
export function askExchange(broker: Broker, connection: Connection, data: Uint8Array | undefined): void {
  connection.isExchangeBusy = true;
  connection.exchange!.step(data, (step) => broker.post({ kind: "authentication-step", connection, step }));
}

/** Takes over, resumes or makes the session of this Client [MQTT-3.1.2-4] to [MQTT-3.1.2-6]. */
function beginSession(
  broker: Broker,
  connection: Connection,
  packet: ConnectPacket,
  sessionExpiryInterval: number,
): ClientSession {
  const identity = connection.identity!;
  let session = broker.sessions.get(identity.clientId);
  if (session !== undefined && packet.cleanStart) {
    endSession(broker, session);
    session = undefined;
  }
  if (session === undefined) {
    session = new ClientSession(identity, broker.sessionLimits, broker.queueBudget);
    broker.sessions.set(identity.clientId, session);
  } else {
    attend(broker, session);
  }
  session.sessionExpiryInterval = sessionExpiryInterval;
  session.will = packet.will === undefined ? undefined : willOf(packet.will);
  session.identity = identity;
  session.connection = connection;
  connection.session = session;
  broker.connectedCount++;
  if (broker.connectedCount > broker.statistics.clientsMaximum) {
    broker.statistics.clientsMaximum = broker.connectedCount;
  }
  const receiveMaximum = packet.properties.receiveMaximum ?? 65_535;
  session.resume(Math.min(receiveMaximum, broker.limits.outgoingInFlightMax));
  storeSession(broker, session);
  return session;
}

/** CONNACK 0x00, and everything that waited for it. */
function accept(broker: Broker, connection: Connection, session: ClientSession, sessionPresent: boolean): void {
  if (connection.state !== ConnectionState.Accepting) return; // ended while the store was busy
  const packet = connection.connectPacket!;
  connection.connectPacket = undefined;
  connection.state = ConnectionState.Connected;
  connection.keepAlive = keepAliveFor(connection, packet);
  connection.lastReceivedMs = broker.turn.monotonicMs;
  watchKeepAlive(broker, connection);
  watchValidity(broker, connection, connection.validUntilMs);
  const topicAliasMaximum = packet.protocolVersion === 5 ? broker.limits.topicAliasMaximum : 0;
  connection.sink.accept(connection.door.incomingSettings(topicAliasMaximum), connection.clientId);
  const connack: ConnackPacket = {
    type: PacketType.Connack,
    sessionPresent,
    reasonCode: ReasonCode.Success,
    properties: packet.protocolVersion === 5 ? connackProperties(broker, connection, session, packet) : {},
  };
  broker.log.connected(connection, packet, sessionPresent);
  noteConnected(broker, connection);
  if (!connection.sink.send(connack)) {
    // Not even CONNACK fits into its Maximum Packet Size [MQTT-3.1.2-24]: it would wait for it for ever. It was never told
    // that it is in, so it leaves no Will Message behind.
    connection.sendsWill = false;
    const why = "CONNACK is larger than its Maximum Packet Size";
    return endConnection(broker, connection, ReasonCode.PacketTooLarge, why); // [MQTT-3.14.0-1]
  }
  connection.sink.resumeReading();
  pump(broker, session);
}

function connackProperties(
  broker: Broker,
  connection: Connection,
  session: ClientSession,
  packet: ConnectPacket,
): Properties {
  const { limits, settings } = broker;
  const properties: Properties = {};
  if (session.sessionExpiryInterval !== (packet.properties.sessionExpiryInterval ?? 0)) {
    properties.sessionExpiryInterval = session.sessionExpiryInterval;
  }
  if (limits.receiveMaximum < 65_535) properties.receiveMaximum = limits.receiveMaximum;
  if (settings.maximumQoS < 2) properties.maximumQoS = settings.maximumQoS as 0 | 1;
  if (!settings.retainAvailable) properties.retainAvailable = false;
  properties.maximumPacketSize = connection.door.settings.maximumPacketSize;
  if (connection.isClientIdAssigned) properties.assignedClientIdentifier = connection.clientId;
  if (limits.topicAliasMaximum > 0) properties.topicAliasMaximum = limits.topicAliasMaximum;
  if (!settings.wildcardSubscriptionAvailable) properties.wildcardSubscriptionAvailable = false;
  if (!settings.subscriptionIdentifierAvailable) properties.subscriptionIdentifierAvailable = false;
  if (!settings.sharedSubscriptionAvailable) properties.sharedSubscriptionAvailable = false;
  if (connection.keepAlive !== packet.keepAlive) properties.serverKeepAlive = connection.keepAlive;
  if (packet.properties.requestResponseInformation && settings.responseInformation !== undefined) {
    properties.responseInformation = settings.responseInformation.replaceAll("%c", connection.clientId);
  }
  if (connection.authenticationMethod !== undefined) {
    properties.authenticationMethod = connection.authenticationMethod; // [MQTT-4.12.0-5]
    if (connection.authenticationData !== undefined) properties.authenticationData = connection.authenticationData;
  }
  return properties;
}

/** Server Keep Alive: at most `keepAliveMaxS` for those that can be told. §3.2.2.3.14 */
function keepAliveFor(connection: Connection, packet: ConnectPacket): number {
  const maximum = connection.door.settings.keepAliveMaxS;
  if (maximum === 0 || packet.protocolVersion < 5) return packet.keepAlive;
  return packet.keepAlive === 0 || packet.keepAlive > maximum ? maximum : packet.keepAlive;
}

/** Clean Session 0 of 3.x is a session without end. */
function grantedSessionExpiry(broker: Broker, packet: ConnectPacket): number {
  const wanted = packet.protocolVersion === 5
    ? packet.properties.sessionExpiryInterval ?? 0
    : packet.cleanStart
    ? 0
    : NEVER_EXPIRES_S;
  return Math.min(wanted, broker.limits.sessionExpiryIntervalMaxS);
}

function offlineCount(broker: Broker): number {
  return broker.sessions.size - broker.connectedCount;
}

/** Not in use [MQTT-3.2.2-16], and not to be guessed. */
function assignClientId(broker: Broker): string {
  for (;;) {
    let clientId = "auto-";
    for (let i = 0; i < 4; i++) clientId += Math.floor(broker.random() * 0x1_0000_0000).toString(36).padStart(7, "0");
    if (!broker.sessions.has(clientId)) return clientId;
  }
}

function versionName(version: ProtocolVersion): string {
  return version === 5 ? "5.0" : version === 4 ? "3.1.1" : "3.1";
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}
