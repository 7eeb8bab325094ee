/** AUTH: enhanced authentication, before CONNACK and again in a live session. Spec §3.15, §4.12. @module */

import type { AuthenticationStep } from "../auth/authenticator.ts";
import { type AuthPacket, PacketType } from "../packet/control_packet.ts";
import { isReasonCodeOf, ReasonCode } from "../packet/reason_code.ts";
import type { Broker } from "./broker.ts";
import { type Connection, ConnectionState } from "./connection.ts";
import { closeWith, refuseConnect, setDeadline, watchKeepAlive } from "./connections.ts";
import { askExchange, finishConnect, identify } from "./handle_connect.ts";
import { forgetPermits, watchValidity } from "./rights.ts";

export function handleAuth(broker: Broker, connection: Connection, packet: AuthPacket): void {
  const fail = (reasonCode: ReasonCode, why: string) => reject(broker, connection, reasonCode, why);
  if (connection.authenticationMethod === undefined) {
    return fail(ReasonCode.ProtocolError, "AUTH without an Authentication Method in CONNECT [MQTT-4.12.0-7]");
  }
  if (packet.properties.authenticationMethod !== connection.authenticationMethod) {
    return fail(ReasonCode.BadAuthenticationMethod, "AUTH names another Authentication Method [MQTT-4.12.0-5]");
  }
  if (packet.reasonCode === ReasonCode.ReAuthenticate) {
    if (!connection.isConnected || connection.exchange !== undefined) {
      return fail(ReasonCode.ProtocolError, "re-authentication in the middle of an authentication [MQTT-4.12.1-1]");
    }
    const attempt = {
      clientId: connection.clientId,
      userName: undefined,
      password: undefined,
      protocolVersion: connection.protocolVersion,
      remoteHost: connection.sink.remoteHost,
      listenerUrl: connection.sink.listenerUrl,
      peerCertificate: connection.sink.peerCertificate,
    };
    connection.exchange = broker.authenticator.begin(connection.authenticationMethod, attempt);
    if (connection.exchange === undefined) {
      return fail(ReasonCode.BadAuthenticationMethod, "the Authentication Method is no longer supported");
    }
    // A Client that stalls in the middle has as long as for CONNECT; Keep Alive rests meanwhile.
    const dueMs = broker.turn.monotonicMs + broker.limits.connectTimeoutMs;
    setDeadline(broker, connection, dueMs, reauthenticationTimedOut);
  } else if (packet.reasonCode !== ReasonCode.ContinueAuthentication || connection.exchange === undefined) {
    return fail(ReasonCode.ProtocolError, "AUTH that no authentication waits for");
  } else if (connection.isExchangeBusy) {
    return fail(ReasonCode.ProtocolError, "AUTH before the Server has answered the last one");
  }
  askExchange(broker, connection, packet.properties.authenticationData);
}

function reauthenticationTimedOut(broker: Broker, connection: Connection): void {
  closeWith(broker, connection, ReasonCode.NotAuthorized, "re-authentication took too long");
}

/** The authenticator's answer to a CONNECT or AUTH. Late ones, for an exchange that was abandoned, are dropped. */
export function handleAuthenticationStep(broker: Broker, connection: Connection, step: AuthenticationStep): void {
  if (connection.exchange === undefined) return;
  connection.isExchangeBusy = false;
  if (step.kind === "continue") {
    return sendAuth(connection, ReasonCode.ContinueAuthentication, step.data); // [MQTT-4.12.0-2]
  }
  connection.authenticationData = step.data;
  if (connection.state === ConnectionState.Authenticating) return finishConnect(broker, connection, step.verdict);
  connection.exchange = undefined;
  const { reasonCode, userName, reasonString } = step.verdict;
  if (reasonCode !== ReasonCode.Success || userName !== connection.identity!.userName) {
    const why = reasonString ?? "re-authentication failed";
    // Verdicts are made for CONNACK: those that DISCONNECT does not have mean the same as 0x87 [MQTT-3.14.2-1].
    const isSayable = reasonCode >= 0x80 && isReasonCodeOf(PacketType.Disconnect, "server", reasonCode);
    return closeWith(broker, connection, isSayable ? reasonCode : ReasonCode.NotAuthorized, why);
  }
  // Another Identity: what it may do is asked anew.
  connection.session!.identity = identify(connection, step.verdict);
  forgetPermits(connection);
  sendAuth(connection, ReasonCode.Success, step.data);
  watchKeepAlive(broker, connection);
  watchValidity(broker, connection, step.verdict.validUntilMs);
}

function sendAuth(connection: Connection, reasonCode: ReasonCode, authenticationData: Uint8Array | undefined): void {
  connection.sink.send({
    type: PacketType.Auth,
    reasonCode,
    properties: {
      authenticationMethod: connection.authenticationMethod,
      ...(authenticationData === undefined ? {} : { authenticationData }),
    },
  });
}

function reject(broker: Broker, connection: Connection, reasonCode: ReasonCode, why: string): void {
  if (connection.isConnected) closeWith(broker, connection, reasonCode, why);
  else refuseConnect(broker, connection, reasonCode, why);
}
