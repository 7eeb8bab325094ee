/** Arbitrary packets for fast-check: whatever the specification allows, with a liking for its bounds.
 * In: version and sender. Out: plain packets, as `support.ts` compares them. @module */

import fc from "fast-check";
import type { ProtocolVersion } from "../../src/packet/mod.ts";
import { plainPublish } from "./support.ts";

/** Text of all planes; U+0000 and halves of surrogate pairs cannot be sent. */
export const text = fc.oneof(
  { weight: 4, arbitrary: fc.string({ unit: "grapheme", maxLength: 12 }) },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 12 }) },
  { weight: 1, arbitrary: fc.integer({ min: 60, max: 300 }).map((length) => "x".repeat(length)) },
).map((value) => value.replaceAll("\0", ""));
export const topicName = text.map((value) => value.replace(/[+#]/g, "/") || "t");
export const topicFilter = text.map((value) => value || "#");
const bytes = fc.uint8Array({ maxLength: 20 });
const uint16 = fc.oneof(fc.constantFrom(0, 1, 65_535), fc.integer({ min: 0, max: 65_535 }));
const positive16 = uint16.map((value) => value || 1);
const uint32 = fc.oneof(
  fc.constantFrom(0, 1, 0x7fffffff, 0x80000000, 0xffffffff),
  fc.integer({ min: 0, max: 0xffffffff }),
);
const subscriptionIdentifier = fc.oneof(
  fc.constantFrom(1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152, 268_435_455),
  fc.integer({ min: 1, max: 268_435_455 }),
);
const userProperties = fc.array(fc.tuple(text, text), { minLength: 1, maxLength: 4 });
const qos = fc.constantFrom(0, 1, 2);

const optional = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) => fc.record(model, { requiredKeys: [] });
/** Fills the empty model of 3.x. */
const propertiesOf = <T>(version: ProtocolVersion, model: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  version === 5 ? optional(model) : fc.constant({});

const reason = { reasonString: text, userProperties };
const message = {
  payloadFormatIndicator: fc.constantFrom(0, 1),
  messageExpiryInterval: uint32,
  contentType: text,
  responseTopic: topicName,
  correlationData: bytes,
  userProperties,
};
/** Method and data belong together. */
const withAuthentication = <T extends object>(properties: fc.Arbitrary<T>) =>
  fc.tuple(
    properties,
    fc.option(fc.tuple(text, fc.option(bytes, { nil: undefined })), { nil: undefined }),
  ).map(([rest, authentication]) => ({
    ...rest,
    ...(authentication === undefined ? {} : { authenticationMethod: authentication[0] }),
    ...(authentication?.[1] === undefined ? {} : { authenticationData: authentication[1] }),
  }));

export function connect(protocolVersion: ProtocolVersion): fc.Arbitrary<unknown> {
  const common = {
    sessionExpiryInterval: uint32,
    receiveMaximum: positive16,
    maximumPacketSize: uint32.map((value) => value || 1),
    topicAliasMaximum: uint16,
    requestResponseInformation: fc.boolean(),
    requestProblemInformation: fc.boolean(),
    userProperties,
  };
  return fc.record({
    type: fc.constant(1),
    protocolVersion: fc.constant(protocolVersion),
    cleanStart: fc.boolean(),
    keepAlive: uint16,
    clientId: text,
    will: fc.option(
      fc.record({
        topicName,
        payload: bytes,
        qos,
        retain: fc.boolean(),
        properties: propertiesOf(protocolVersion, { ...message, willDelayInterval: uint32 }),
      }),
      { nil: undefined },
    ),
    userName: fc.option(text, { nil: undefined }),
    password: fc.option(bytes, { nil: undefined }),
    properties: protocolVersion === 5 ? withAuthentication(optional(common)) : fc.constant({}),
  }).map((packet) =>
    protocolVersion !== 5 && packet.userName === undefined ? { ...packet, password: undefined } : packet
  );
}

export function publish(version: ProtocolVersion, sender: "client" | "server"): fc.Arbitrary<unknown> {
  return fc.record({
    qos,
    retain: fc.boolean(),
    dup: fc.boolean(),
    packetIdentifier: positive16,
    topicName: version === 5 ? fc.oneof({ weight: 5, arbitrary: topicName }, fc.constant("")) : topicName,
    topicAlias: version === 5 ? uint16 : fc.constant(0),
    subscriptionIdentifiers: version === 5 && sender === "server"
      ? fc.option(fc.array(subscriptionIdentifier, { minLength: 1, maxLength: 4 }), { nil: undefined })
      : fc.constant(undefined),
    properties: propertiesOf(version, message),
    payload: fc.oneof(bytes, fc.constantFrom(new Uint8Array(200).fill(9))),
  }).map((parts) =>
    plainPublish({
      ...parts as object,
      dup: parts.dup && parts.qos > 0,
      packetIdentifier: parts.qos === 0 ? 0 : parts.packetIdentifier,
      topicAlias: parts.topicName === "" ? parts.topicAlias || 1 : parts.topicAlias,
    })
  );
}

function acknowledgement(
  type: number,
  codes: readonly number[],
  version: ProtocolVersion,
): fc.Arbitrary<unknown> {
  return fc.record({
    type: fc.constant(type),
    packetIdentifier: positive16,
    reasonCode: fc.constantFrom(...(version === 5 ? codes : [0])),
    properties: propertiesOf(version, reason),
  });
}

const ACCEPTED = [0, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99];

/** The packets other than CONNECT that `sender` may send in `version`, by name. */
export function packets(
  version: ProtocolVersion,
  sender: "client" | "server",
): Record<string, fc.Arbitrary<unknown>> {
  const both = {
    PUBLISH: publish(version, sender),
    PUBACK: acknowledgement(4, sender === "server" ? [...ACCEPTED, 0x10] : ACCEPTED, version),
    PUBREC: acknowledgement(5, sender === "server" ? [...ACCEPTED, 0x10] : ACCEPTED, version),
    PUBREL: acknowledgement(6, [0, 0x92], version),
    PUBCOMP: acknowledgement(7, [0, 0x92], version),
  };
  const authentication = fc.tuple(text, optional({ authenticationData: bytes, ...reason }))
    .map(([authenticationMethod, rest]) => ({ authenticationMethod, ...rest }));
  const auth = (...codes: number[]) =>
    fc.record({ type: fc.constant(15), reasonCode: fc.constantFrom(...codes), properties: authentication });
  const onlyIn5: Record<string, fc.Arbitrary<unknown>> = version !== 5
    ? {}
    : sender === "client"
    ? { AUTH: auth(0x18, 0x19) }
    : {
      AUTH: auth(0, 0x18),
      DISCONNECT: fc.record({
        type: fc.constant(14),
        reasonCode: fc.constantFrom(0, 0x80, 0x8b, 0x8e, 0x9c, 0xa2),
        properties: optional({ serverReference: text, ...reason }),
      }),
    };
  if (sender === "server") {
    const flags = Object.fromEntries([
      "retainAvailable",
      "wildcardSubscriptionAvailable",
      "subscriptionIdentifierAvailable",
      "sharedSubscriptionAvailable",
    ].map((name) => [name, fc.boolean()]));
    return {
      ...both,
      ...onlyIn5,
      CONNACK: fc.record({
        type: fc.constant(2),
        sessionPresent: fc.boolean(),
        reasonCode: fc.constantFrom(0, 0, 0x84, 0x85, 0x86, 0x87, 0x88),
        properties: version !== 5 ? fc.constant({}) : withAuthentication(optional({
          sessionExpiryInterval: uint32,
          receiveMaximum: positive16,
          maximumQoS: fc.constantFrom(0, 1),
          maximumPacketSize: uint32.map((value) => value || 1),
          assignedClientIdentifier: text,
          topicAliasMaximum: uint16,
          serverKeepAlive: uint16,
          responseInformation: text,
          serverReference: text,
          ...flags,
          ...reason,
        })),
      }).map((packet) => ({
        ...packet,
        sessionPresent: packet.sessionPresent && packet.reasonCode === 0 && version !== 3,
      })),
      SUBACK: fc.record({
        type: fc.constant(9),
        packetIdentifier: positive16,
        reasonCodes: fc.array(fc.constantFrom(0, 1, 2, 0x80, ...(version === 5 ? [0x87, 0x8f, 0xa2] : [])), {
          minLength: 1,
          maxLength: 5,
        }),
        properties: propertiesOf(version, reason),
      }),
      UNSUBACK: fc.record({
        type: fc.constant(11),
        packetIdentifier: positive16,
        reasonCodes: version === 5
          ? fc.array(fc.constantFrom(0, 0x11, 0x80, 0x91), { minLength: 1, maxLength: 5 })
          : fc.constant([]),
        properties: propertiesOf(version, reason),
      }),
      PINGRESP: fc.constant({ type: 13 }),
    };
  }
  const options = version === 5
    ? { noLocal: fc.boolean(), retainAsPublished: fc.boolean(), retainHandling: fc.constantFrom(0, 1, 2) }
    : { noLocal: fc.constant(false), retainAsPublished: fc.constant(false), retainHandling: fc.constant(0) };
  return {
    ...both,
    ...onlyIn5,
    SUBSCRIBE: fc.record({
      type: fc.constant(8),
      packetIdentifier: positive16,
      subscriptions: fc.array(fc.record({ topicFilter, qos, ...options }), { minLength: 1, maxLength: 5 }),
      properties: propertiesOf(version, {
        subscriptionIdentifiers: subscriptionIdentifier.map((value) => [value]),
        userProperties,
      }),
    }),
    UNSUBSCRIBE: fc.record({
      type: fc.constant(10),
      packetIdentifier: positive16,
      topicFilters: fc.array(topicFilter, { minLength: 1, maxLength: 5 }),
      properties: propertiesOf(version, { userProperties }),
    }),
    PINGREQ: fc.constant({ type: 12 }),
    DISCONNECT: fc.record({
      type: fc.constant(14),
      reasonCode: fc.constantFrom(...(version === 5 ? [0, 4, 0x81, 0x99] : [0])),
      properties: propertiesOf(version, { sessionExpiryInterval: uint32, ...reason }),
    }),
  };
}
