/** A second opinion: the npm package mqtt-packet reads what we write, and we read what it writes.
 * It keeps User Properties grouped by name, so only those with different names are compared. @module */

import { assertEquals, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import mqttPacket from "mqtt-packet";
import { PeerError, type ProtocolVersion } from "../../src/packet/mod.ts";
import { connect, packets } from "./arbitraries.ts";
import { decodeAll, encode, wire } from "./support.ts";

type Fields = Record<string, unknown>;

/** Where its name for a property is another than ours. */
const THEIR_NAMES: Record<string, string> = {
  subscriptionIdentifiers: "subscriptionIdentifier",
  subscriptionIdentifierAvailable: "subscriptionIdentifiersAvailable",
};

function theirProperties(properties: Fields): Fields | undefined {
  const theirs: Fields = {};
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined) continue;
    if (name === "userProperties") {
      const grouped: Record<string, string | string[]> = {};
      for (const [key, text] of value as [string, string][]) {
        const before = grouped[key];
        grouped[key] = before === undefined ? text : typeof before === "string" ? [before, text] : [...before, text];
      }
      theirs.userProperties = grouped;
    } else if (name === "payloadFormatIndicator") theirs[name] = value === 1;
    else if (name === "subscriptionIdentifiers") {
      const numbers = value as number[];
      theirs.subscriptionIdentifier = numbers.length === 1 ? numbers[0] : numbers;
    } else theirs[THEIR_NAMES[name] ?? name] = value;
  }
  return Object.keys(theirs).length === 0 ? undefined : theirs;
}

const CMD = [
  ...["", "connect", "connack", "publish", "puback", "pubrec", "pubrel", "pubcomp", "subscribe", "suback"],
  ...["unsubscribe", "unsuback", "pingreq", "pingresp", "disconnect", "auth"],
];

/** Our packet as mqtt-packet would have it. */
function theirs(packet: unknown, version: ProtocolVersion): Fields {
  const { type, properties = {}, ...rest } = packet as Fields & { type: number; properties?: Fields };
  const common: Fields = {
    cmd: CMD[type],
    properties: version === 5 ? theirProperties(properties as Fields) : undefined,
  };
  switch (type) {
    case 1: {
      const will = rest.will as Fields | undefined;
      return {
        ...common,
        protocolId: version === 3 ? "MQIsdp" : "MQTT",
        protocolVersion: version,
        clean: rest.cleanStart,
        keepalive: rest.keepAlive,
        clientId: rest.clientId,
        username: rest.userName,
        password: rest.password,
        will: will === undefined ? undefined : {
          topic: will.topicName,
          payload: will.payload,
          qos: will.qos,
          retain: will.retain,
          properties: version === 5 ? theirProperties(will.properties as Fields) : undefined,
        },
      };
    }
    case 2:
      return {
        ...common,
        sessionPresent: rest.sessionPresent,
        ...(version === 5
          ? { reasonCode: rest.reasonCode }
          : { returnCode: { 0: 0, 0x84: 1, 0x85: 2, 0x88: 3, 0x86: 4, 0x87: 5 }[rest.reasonCode as 0] }),
      };
    case 3: {
      const extra: Fields = { ...properties as Fields };
      if (rest.topicAlias !== 0) extra.topicAlias = rest.topicAlias;
      if (rest.subscriptionIdentifiers !== undefined) extra.subscriptionIdentifiers = rest.subscriptionIdentifiers;
      return {
        cmd: "publish",
        properties: version === 5 ? theirProperties(extra) : undefined,
        dup: rest.dup,
        qos: rest.qos,
        retain: rest.retain,
        topic: rest.topicName,
        payload: rest.payload,
        messageId: rest.qos === 0 ? undefined : rest.packetIdentifier,
      };
    }
    case 4:
    case 5:
    case 6:
    case 7:
      return { ...common, messageId: rest.packetIdentifier, reasonCode: version === 5 ? rest.reasonCode : undefined };
    case 8:
      return {
        ...common,
        messageId: rest.packetIdentifier,
        subscriptions: (rest.subscriptions as Fields[]).map((subscription) => ({
          topic: subscription.topicFilter,
          qos: subscription.qos,
          ...(version === 5 && {
            nl: subscription.noLocal,
            rap: subscription.retainAsPublished,
            rh: subscription.retainHandling,
          }),
        })),
      };
    case 9:
      return { ...common, messageId: rest.packetIdentifier, granted: rest.reasonCodes };
    case 10:
      return { ...common, messageId: rest.packetIdentifier, unsubscriptions: rest.topicFilters };
    case 11:
      return { ...common, messageId: rest.packetIdentifier, granted: version === 5 ? rest.reasonCodes : undefined };
    case 14:
    case 15:
      return { ...common, reasonCode: version === 5 ? rest.reasonCode : undefined };
    default:
      return { cmd: common.cmd };
  }
}

/** Bytes as arrays, objects without a class and without undefined fields: what can be compared. */
function comparable(value: unknown): unknown {
  if (value instanceof Uint8Array) return [...value];
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).filter(([, field]) => field !== undefined).map(([key, field]) => [key, comparable(field)]),
  );
}

/** It writes Buffers only. */
function withBuffers(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value);
  if (Array.isArray(value)) return value.map(withBuffers);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, withBuffers(field)]));
}

/** The fields of `parsed` that `expected` has, at every depth: theirs has more, such as `length`. */
function onlyExpected(parsed: unknown, expected: unknown): unknown {
  if (typeof expected !== "object" || expected === null || Array.isArray(expected)) return parsed;
  if (typeof parsed !== "object" || parsed === null) return parsed;
  return Object.fromEntries(
    Object.keys(expected).map((key) => [key, onlyExpected((parsed as Fields)[key], (expected as Fields)[key])]),
  );
}

function parseTheirs(bytes: Uint8Array, version: ProtocolVersion): unknown[] {
  const parser = mqttPacket.parser({ protocolVersion: version });
  const seen: unknown[] = [];
  parser.on("packet", (packet: unknown) => seen.push(packet));
  parser.on("error", (error: unknown) => {
    throw error;
  });
  parser.parse(Buffer.from(bytes));
  return seen;
}

/** Their groups cannot hold the names that every object has, and lose the order of different names. */
function tellable(packet: unknown): boolean {
  const every: Fields[] = [(packet as { properties?: Fields }).properties ?? {}];
  every.push((packet as { will?: { properties: Fields } }).will?.properties ?? {});
  return every.every(({ userProperties = [] }) => {
    const names = (userProperties as [string, string][]).map(([name]) => name);
    // Names such as "10" come first in an object, and those of equal names together.
    return names.every((name, i) => !(name in {}) && !/^\d+$/.test(name) && names.indexOf(name) === i);
  });
}

/** Its writer refuses some packets that the specification allows. */
function writable(packet: unknown): boolean {
  const { type, protocolVersion, clientId, cleanStart, userName, password } = packet as Fields;
  if (type !== 1) return true;
  if (clientId === "" && (cleanStart === false || protocolVersion === 3)) return false;
  return password === undefined || Boolean(userName);
}

function check(name: string, version: ProtocolVersion, sender: "client" | "server", arbitrary: fc.Arbitrary<unknown>) {
  const sent = arbitrary.filter(tellable);
  Deno.test(`mqtt-packet reads our ${name} of a ${sender} in version ${version}`, () => {
    fc.assert(fc.property(sent, (packet) => {
      const expected = comparable(theirs(packet, version));
      const [parsed] = parseTheirs(encode(packet, version), version);
      assertEquals(onlyExpected(comparable(parsed), expected), expected);
    }));
  });
  const written = sent.filter(writable);
  Deno.test(`we read the ${name} that mqtt-packet writes for a ${sender} in version ${version}`, () => {
    fc.assert(fc.property(written, (packet) => {
      const bytes = mqttPacket.generate(withBuffers(theirs(packet, version)) as never, { protocolVersion: version });
      assertEquals(decodeAll(bytes, { version, sender }), [packet]);
    }));
  });
}

for (const version of [3, 4, 5] as const) {
  check("CONNECT", version, "client", connect(version));
  for (const sender of ["client", "server"] as const) {
    for (const [name, arbitrary] of Object.entries(packets(version, sender))) check(name, version, sender, arbitrary);
  }
}

/** What MQTT 5.0 forbids and mqtt-packet 9.0.2 lets through: there the second opinion is not asked. */
const LAXER: [what: string, version: ProtocolVersion, wire: string][] = [
  ["Packet Identifier 0", 5, `32 [ "a" 00 00 00 ]`],
  ["U+0000 in a Topic Name", 5, `30 [ 00 03 61 00 62 00 ]`],
  ["text that is not UTF-8", 5, `30 [ 00 02 c3 28 00 ]`],
  ["an empty Topic Name without an alias", 5, `30 [ "" 00 'x' ]`],
  ["a wildcard in a Topic Name", 5, `30 [ "a/#" 00 ]`],
  ["DUP at QoS 0", 4, `38 [ "a" ]`],
  ["a property of another packet", 5, `30 [ "a" [ 21 00 05 ] ]`],
  ["a property twice", 5, `30 [ "a" [ 03 "t" 03 "u" ] ]`],
  ["Topic Alias 0", 5, `30 [ "a" [ 23 00 00 ] ]`],
  ["a Payload Format Indicator of 2", 5, `30 [ "a" [ 01 02 ] ]`],
  ["Receive Maximum 0", 5, `10 [ "MQTT" 05 02 00 00 [ 21 00 00 ] "a" ]`],
  ["bytes behind the last field", 4, `10 [ "MQTT" 04 02 00 00 "a" ff ]`],
  ["No Local on a Shared Subscription", 5, `82 [ 00 01 00 "$share/g/a" 04 ]`],
  ["a Remaining Length not in its shortest form", 4, `c0 80 00`],
];
for (const [what, version, text] of LAXER) {
  Deno.test(`mqtt-packet lets through ${what}, and we do not`, () => {
    assertEquals(parseTheirs(wire(text), version).length, 1);
    assertThrows(() => decodeAll(wire(text), { version }), PeerError);
  });
}
