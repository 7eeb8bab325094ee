/** What a client's promises reject with. Each says what happened, and carries the Server's Reason Code where it gave one.
 * @module */

import { type ReasonCode, reasonName } from "../packet/reason_code.ts";

export class MqttError extends Error {
  override readonly name: string = "MqttError";
}

/** The Server said no: a Reason Code of 0x80 or more. */
export class RefusedError extends MqttError {
  override readonly name: string = "RefusedError";
  /** Where to go instead, if CONNACK or DISCONNECT said so: "host:port host:port". §4.11 */
  serverReference: string | undefined = undefined;

  constructor(
    what: string,
    /** In 5.0's numbers, also of a 3.x Server. */
    readonly reasonCode: ReasonCode,
    readonly reasonString: string | undefined,
  ) {
    super(`${what}: ${reasonName(reasonCode)}${reasonString === undefined ? "" : ` (${reasonString})`}`);
  }
}

export class ConnectRefusedError extends RefusedError {
  override readonly name = "ConnectRefusedError";
}

export class PublishRefusedError extends RefusedError {
  override readonly name = "PublishRefusedError";
}

export class SubscribeRefusedError extends RefusedError {
  override readonly name = "SubscribeRefusedError";
}

/** The Server ended the connection with DISCONNECT. */
export class DisconnectedError extends RefusedError {
  override readonly name = "DisconnectedError";
}

/** The Network Connection could not be made, or broke. */
export class ConnectionLostError extends MqttError {
  override readonly name = "ConnectionLostError";
}

/** The Server broke the protocol: what it sent is malformed, or makes no sense. `statement` is what it broke. */
export class ServerProtocolError extends MqttError {
  override readonly name = "ServerProtocolError";

  constructor(message: string, readonly reasonCode: ReasonCode, readonly statement: string) {
    super(`${message} [${statement}]`);
  }
}

/** There is no connection now, and this does not wait for one. */
export class NotConnectedError extends MqttError {
  override readonly name = "NotConnectedError";
}

/** The client has ended. */
export class ClientClosedError extends MqttError {
  override readonly name = "ClientClosedError";
}

/** The Server no longer has the session in which this message of QoS 2 was begun, so nobody knows whether it has the message:
 * sent again, it could arrive twice. Sessions end with the connection, unless `sessionExpiryInterval` says otherwise. */
export class SessionLostError extends MqttError {
  override readonly name = "SessionLostError";
}

/** The message expired before it could be sent. */
export class MessageExpiredError extends MqttError {
  override readonly name = "MessageExpiredError";
}

/** As much waits in the outbox as may. */
export class OutboxFullError extends MqttError {
  override readonly name = "OutboxFullError";
}

/** Nothing came in time. */
export class RequestTimeoutError extends MqttError {
  override readonly name = "RequestTimeoutError";
}
