/** Reason Codes: their numbers, names, and which packet of which sender may carry them. Spec §2.4, and the tables of
 * each packet in §3. In: a code. Out: a name, a verdict, or the code of an older version. Room: pure. @module */

export const ReasonCode = {
  Success: 0x00,
  NormalDisconnection: 0x00,
  GrantedQoS0: 0x00,
  GrantedQoS1: 0x01,
  GrantedQoS2: 0x02,
  DisconnectWithWillMessage: 0x04,
  NoMatchingSubscribers: 0x10,
  NoSubscriptionExisted: 0x11,
  ContinueAuthentication: 0x18,
  ReAuthenticate: 0x19,
  UnspecifiedError: 0x80,
  MalformedPacket: 0x81,
  ProtocolError: 0x82,
  ImplementationSpecificError: 0x83,
  UnsupportedProtocolVersion: 0x84,
  ClientIdentifierNotValid: 0x85,
  BadUserNameOrPassword: 0x86,
  NotAuthorized: 0x87,
  ServerUnavailable: 0x88,
  ServerBusy: 0x89,
  Banned: 0x8a,
  ServerShuttingDown: 0x8b,
  BadAuthenticationMethod: 0x8c,
  KeepAliveTimeout: 0x8d,
  SessionTakenOver: 0x8e,
  TopicFilterInvalid: 0x8f,
  TopicNameInvalid: 0x90,
  PacketIdentifierInUse: 0x91,
  PacketIdentifierNotFound: 0x92,
  ReceiveMaximumExceeded: 0x93,
  TopicAliasInvalid: 0x94,
  PacketTooLarge: 0x95,
  MessageRateTooHigh: 0x96,
  QuotaExceeded: 0x97,
  AdministrativeAction: 0x98,
  PayloadFormatInvalid: 0x99,
  RetainNotSupported: 0x9a,
  QoSNotSupported: 0x9b,
  UseAnotherServer: 0x9c,
  ServerMoved: 0x9d,
  SharedSubscriptionsNotSupported: 0x9e,
  ConnectionRateExceeded: 0x9f,
  MaximumConnectTime: 0xa0,
  SubscriptionIdentifiersNotSupported: 0xa1,
  WildcardSubscriptionsNotSupported: 0xa2,
} as const;
export type ReasonCode = typeof ReasonCode[keyof typeof ReasonCode];

/** What each code is called in the specification. Codes that mean different things in different packets stand under
 * the more general name. */
const REASON_NAMES: ReadonlyMap<number, string> = new Map([
  [0x00, "Success"],
  [0x01, "Granted QoS 1"],
  [0x02, "Granted QoS 2"],
  [0x04, "Disconnect with Will Message"],
  [0x10, "No matching subscribers"],
  [0x11, "No subscription existed"],
  [0x18, "Continue authentication"],
  [0x19, "Re-authenticate"],
  [0x80, "Unspecified error"],
  [0x81, "Malformed Packet"],
  [0x82, "Protocol Error"],
  [0x83, "Implementation specific error"],
  [0x84, "Unsupported Protocol Version"],
  [0x85, "Client Identifier not valid"],
  [0x86, "Bad User Name or Password"],
  [0x87, "Not authorized"],
  [0x88, "Server unavailable"],
  [0x89, "Server busy"],
  [0x8a, "Banned"],
  [0x8b, "Server shutting down"],
  [0x8c, "Bad authentication method"],
  [0x8d, "Keep Alive timeout"],
  [0x8e, "Session taken over"],
  [0x8f, "Topic Filter invalid"],
  [0x90, "Topic Name invalid"],
  [0x91, "Packet Identifier in use"],
  [0x92, "Packet Identifier not found"],
  [0x93, "Receive Maximum exceeded"],
  [0x94, "Topic Alias invalid"],
  [0x95, "Packet too large"],
  [0x96, "Message rate too high"],
  [0x97, "Quota exceeded"],
  [0x98, "Administrative action"],
  [0x99, "Payload format invalid"],
  [0x9a, "Retain not supported"],
  [0x9b, "QoS not supported"],
  [0x9c, "Use another server"],
  [0x9d, "Server moved"],
  [0x9e, "Shared Subscriptions not supported"],
  [0x9f, "Connection rate exceeded"],
  [0xa0, "Maximum connect time"],
  [0xa1, "Subscription Identifiers not supported"],
  [0xa2, "Wildcard Subscriptions not supported"],
]);

/** The name of a Reason Code for logs and charts: "Not authorized"; "0x05" for a number that is none. §2.4 */
export function reasonName(code: number): string {
  return REASON_NAMES.get(code) ?? `0x${code.toString(16).padStart(2, "0")}`;
}

const CLIENT = 1;
const SERVER = 2;
const BOTH = CLIENT | SERVER;

/** packet type → [who may send, codes][]: the tables of §3.2.2.2, §3.4.2.1 … §3.15.2.1.
 * 0x8C is missing in the DISCONNECT table and stands in §2.4 and §4.12.1 for DISCONNECT: a failed re-authentication. */
const ACKNOWLEDGED: [number, number[]][] = [
  [BOTH, [0x00, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]],
  [SERVER, [0x10]],
];
const RELEASED: [number, number[]][] = [[BOTH, [0x00, 0x92]]];
const REASON_TABLES: Readonly<Record<number, [number, number[]][]>> = {
  2: [[SERVER, [
    ...[0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x90, 0x95, 0x97, 0x99],
    ...[0x9a, 0x9b, 0x9c, 0x9d, 0x9f],
  ]]],
  4: ACKNOWLEDGED,
  5: ACKNOWLEDGED,
  6: RELEASED,
  7: RELEASED,
  9: [[SERVER, [0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2]]],
  11: [[SERVER, [0x00, 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91]]],
  14: [
    [BOTH, [0x00, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99]],
    [CLIENT, [0x04]],
    [SERVER, [
      ...[0x87, 0x89, 0x8b, 0x8c, 0x8d, 0x8e, 0x8f, 0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2],
    ]],
  ],
  15: [[BOTH, [0x18]], [CLIENT, [0x19]], [SERVER, [0x00]]],
};

/** [packet type × 256 + code] → CLIENT | SERVER bits. */
const MAY_SEND = new Uint8Array(16 * 256);
for (const [type, rows] of Object.entries(REASON_TABLES)) {
  for (const [sender, codes] of rows) for (const code of codes) MAY_SEND[Number(type) * 256 + code] |= sender;
}

/** Whether `code` stands in the table of that packet for that sender. */
export function isReasonCodeOf(packetType: number, sender: "client" | "server", code: number): code is ReasonCode {
  return (MAY_SEND[packetType * 256 + code] & (sender === "client" ? CLIENT : SERVER)) !== 0;
}

/** 5.0 Reason Code → return code of a 3.1.1 or 3.1 CONNACK, or undefined when none applies: then the Network Connection
 * is closed without a CONNACK (3.1.1 §3.2.2.3). A 3.x client can only be told that now is a bad time, so what a later
 * try may mend becomes 3 (Server unavailable). */
export function connackReturnCode(code: ReasonCode): 0 | 1 | 2 | 3 | 4 | 5 | undefined {
  switch (code) {
    case ReasonCode.Success:
      return 0;
    case ReasonCode.UnsupportedProtocolVersion:
      return 1;
    case ReasonCode.ClientIdentifierNotValid:
      return 2;
    case ReasonCode.UnspecifiedError:
    case ReasonCode.ImplementationSpecificError:
    case ReasonCode.ServerUnavailable:
    case ReasonCode.ServerBusy:
    case ReasonCode.ServerShuttingDown:
    case ReasonCode.QuotaExceeded:
    case ReasonCode.UseAnotherServer:
    case ReasonCode.ServerMoved:
    case ReasonCode.ConnectionRateExceeded:
      return 3;
    case ReasonCode.BadUserNameOrPassword:
      return 4;
    case ReasonCode.NotAuthorized:
    case ReasonCode.Banned:
    case ReasonCode.BadAuthenticationMethod:
      return 5;
    default:
      return undefined;
  }
}

/** The return code of a 3.x CONNACK → the 5.0 Reason Code, or undefined for a reserved one. */
export function connackReasonCode(returnCode: number): ReasonCode | undefined {
  return CONNACK_REASON_CODES[returnCode];
}
const CONNACK_REASON_CODES: readonly ReasonCode[] = [
  ReasonCode.Success,
  ReasonCode.UnsupportedProtocolVersion,
  ReasonCode.ClientIdentifierNotValid,
  ReasonCode.ServerUnavailable,
  ReasonCode.BadUserNameOrPassword,
  ReasonCode.NotAuthorized,
];
