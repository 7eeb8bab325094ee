/** CONNACK: what the Server tells about itself, and how it refuses. Spec §3.2. @module */

import { assertEquals } from "@std/assert";
import type { PartialConfig } from "../../src/config/config.ts";
import { PacketType, type Properties, ReasonCode } from "../../src/packet/mod.ts";
import { wire } from "../packet/support.ts";
import { LateAuthenticator } from "../support/authenticators.ts";
import { TestBroker } from "../support/test_broker.ts";
import { readBytes } from "../support/wire_exchange.ts";

const EVERY_QOS = [0, 1, 2] as const;

/** What CONNACK says under this configuration to this CONNECT. */
async function connackProperties(config: PartialConfig, properties: Properties = {}): Promise<Properties> {
  await using broker = await TestBroker.start({ config });
  return (await broker.client().connect({ clientId: "c", properties })).properties;
}

Deno.test("[MQTT-3.2.2-1] [MQTT-3.2.2-2] [MQTT-3.2.2-3] The flags of CONNACK are 0, or 1 for a session that was there; the Reason Code is 0x00", async () => {
  await using broker = await TestBroker.start();
  for (
    const [flags, sessionPresent] of [
      ["02", "00"], // Clean Start, nothing there
      ["00", "01"],
      ["02", "00"], // Clean Start throws it away
      ["00", "01"],
    ]
  ) {
    const stream = broker.open();
    await stream.write(wire(`10 [ "MQTT" 05 ${flags} 00 00 [ 11 00 00 00 64 ] "c" ]`));
    const start = await readBytes(stream, 4);
    assertEquals([start[0], start[2], start[3]], [0x20, parseInt(sessionPresent), 0]);
    await stream.write(wire("e0 00"));
    stream.close();
  }
});

Deno.test("[MQTT-3.2.2-3] Session Present is 0 when there is no session, or the session has expired", async () => {
  await using broker = await TestBroker.start();
  const options = { clientId: "c", cleanStart: false, properties: { sessionExpiryInterval: 10 } };
  const first = broker.client();
  assertEquals((await first.connect(options)).sessionPresent, false);
  await first.disconnect();
  broker.clock.advance(9_999);
  const second = broker.client();
  assertEquals((await second.connect(options)).sessionPresent, true);
  await second.disconnect();
  // At once, before any timer can have rung: the time has passed.
  broker.clock.advance(10_000);
  assertEquals((await broker.client().connect(options)).sessionPresent, false);
});

Deno.test("[MQTT-3.2.2-6] [MQTT-3.2.2-7] [MQTT-3.2.2-8] A refusal has Session Present 0, a code of the table, and is followed by the end", async () => {
  const authenticator = new LateAuthenticator();
  await using broker = await TestBroker.start({ authenticator });
  const connecting = broker.connect({ clientId: "c", properties: { sessionExpiryInterval: 100 } });
  (await authenticator.next()).answer({});
  await (await connecting).disconnect();
  for (const reasonCode of [0x80, 0x83, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x97, 0x9c, 0x9d, 0x9f] as ReasonCode[]) {
    const client = broker.client();
    await client.sendConnect({ clientId: "c", cleanStart: false });
    (await authenticator.next()).answer({ reasonCode, reasonString: "why" });
    const connack = await client.expect(PacketType.Connack);
    assertEquals([connack.sessionPresent, connack.reasonCode, connack.properties], [false, reasonCode, {
      reasonString: "why",
    }]);
    await client.expectClosed();
  }
});

Deno.test("[MQTT-3.2.2-19] [MQTT-3.2.2-20] A CONNACK that would get too large leaves out its Reason String and has no User Properties", async () => {
  const authenticator = new LateAuthenticator();
  await using broker = await TestBroker.start({ authenticator });
  const reasonString = "a reason that is longer than all that";
  // CONNACK with a Reason String: 2 + 2 + 1 + 3 + text
  const whole = 8 + reasonString.length;
  for (const [maximumPacketSize, properties] of [[whole, { reasonString }], [whole - 1, {}], [5, {}]] as const) {
    const client = broker.client();
    await client.sendConnect({ properties: { maximumPacketSize } });
    (await authenticator.next()).answer({ reasonCode: ReasonCode.NotAuthorized, reasonString });
    const connack = await client.expect(PacketType.Connack);
    assertEquals([connack.reasonCode, connack.properties], [ReasonCode.NotAuthorized, properties]);
    await client.expectClosed();
  }
});

Deno.test("CONNACK names the limits of the Server", async () => {
  const { maximumPacketSize, receiveMaximum, topicAliasMaximum } = await connackProperties({
    limits: { maximumPacketSize: 1000, receiveMaximum: 7, topicAliasMaximum: 3 },
  });
  assertEquals({ maximumPacketSize, receiveMaximum, topicAliasMaximum }, {
    maximumPacketSize: 1000,
    receiveMaximum: 7,
    topicAliasMaximum: 3,
  });
});

Deno.test("CONNACK names no feature that is there", async () => {
  const properties = await connackProperties({});
  for (
    const name of [
      "maximumQoS",
      "retainAvailable",
      "wildcardSubscriptionAvailable",
      "sharedSubscriptionAvailable",
      "subscriptionIdentifierAvailable",
      "serverKeepAlive",
      "sessionExpiryInterval",
      "assignedClientIdentifier",
      "authenticationMethod",
    ] as const
  ) assertEquals(properties[name], undefined, name);
});

Deno.test("[MQTT-3.2.2-9] CONNACK names the features that are switched off", async () => {
  for (const maximumQoS of [0, 1] as const) {
    assertEquals((await connackProperties({ features: { maximumQoS } })).maximumQoS, maximumQoS);
  }
  for (
    const name of [
      "retainAvailable",
      "wildcardSubscriptionAvailable",
      "sharedSubscriptionAvailable",
      "subscriptionIdentifierAvailable",
    ] as const
  ) assertEquals((await connackProperties({ features: { [name]: false } }))[name], false, name);
});

Deno.test("[MQTT-3.2.2-10] [MQTT-3.2.2-11] A Server without QoS 2 takes a SUBSCRIBE of any QoS, and closes on a PUBLISH above its Maximum QoS with 0x9B", async () => {
  for (const maximumQoS of [0, 1] as const) {
    await using broker = await TestBroker.start({ config: { features: { maximumQoS } } });
    const client = await broker.connect();
    for (const qos of EVERY_QOS) {
      assertEquals((await client.subscribe("a", { qos })).reasonCodes, [Math.min(qos, maximumQoS) as ReasonCode]);
    }
    const publisher = await broker.connect();
    await publisher.publish("a", "taken", { qos: maximumQoS });
    assertEquals((await client.expectPublish()).qos, maximumQoS);
    if (maximumQoS === 1) await publisher.expect(PacketType.Puback);
    await publisher.publish("a", "not taken", { qos: maximumQoS + 1 as 1 | 2 });
    await publisher.expectDisconnect(ReasonCode.QoSNotSupported);
    await client.expectNothing();
  }
});

Deno.test("[MQTT-3.2.2-12] A Will QoS above the Maximum QoS is refused with 0x9B", async () => {
  await using broker = await TestBroker.start({ config: { features: { maximumQoS: 0 } } });
  const client = broker.client();
  await client.sendConnect({ will: { topicName: "w", qos: 1 } });
  assertEquals((await client.expect(PacketType.Connack)).reasonCode, ReasonCode.QoSNotSupported);
  await client.expectClosed();
  await broker.connect({ will: { topicName: "w", qos: 0 } });
});

Deno.test("[MQTT-3.2.2-13] Will Retain where nothing is retained is refused with 0x9A", async () => {
  await using broker = await TestBroker.start({ config: { features: { retainAvailable: false } } });
  const client = broker.client();
  await client.sendConnect({ will: { topicName: "w", retain: true } });
  assertEquals((await client.expect(PacketType.Connack)).reasonCode, ReasonCode.RetainNotSupported);
  await client.expectClosed();
  await broker.connect({ will: { topicName: "w" } });
});

Deno.test("[MQTT-3.2.2-14] RETAIN 1 where nothing is retained brings DISCONNECT 0x9A", async () => {
  await using broker = await TestBroker.start({ config: { features: { retainAvailable: false } } });
  const client = await broker.connect();
  await client.publish("a", "", { retain: true });
  await client.expectDisconnect(ReasonCode.RetainNotSupported);
});

Deno.test("[MQTT-3.2.2-15] A packet above the Server's Maximum Packet Size brings DISCONNECT 0x95, before it has arrived", async () => {
  await using broker = await TestBroker.start({ config: { limits: { maximumPacketSize: 200 } } });
  const client = await broker.connect();
  await client.sendBytes(wire(`30 c5 01 "a" 00 193*2e`)); // 200 bytes in all
  await client.expectNothing();
  await client.sendBytes(wire("30 c6 01")); // the beginning of 201
  await client.expectDisconnect(ReasonCode.PacketTooLarge);
});

Deno.test("[MQTT-3.2.2-17] A Topic Alias above the Server's Topic Alias Maximum brings DISCONNECT 0x94", async () => {
  await using broker = await TestBroker.start({ config: { limits: { topicAliasMaximum: 3 } } });
  const client = await broker.connect();
  await client.publish("a", "", { topicAlias: 3 });
  await client.expectNothing();
  await client.publish("a", "", { topicAlias: 4 });
  await client.expectDisconnect(ReasonCode.TopicAliasInvalid);
});

Deno.test("[MQTT-3.2.2-18] Any Topic Alias brings DISCONNECT 0x94 where the Server gave no maximum", async () => {
  await using broker = await TestBroker.start({ config: { limits: { topicAliasMaximum: 0 } } });
  const client = broker.client();
  assertEquals((await client.connect()).properties.topicAliasMaximum, undefined);
  await client.publish("a", "", { topicAlias: 1 });
  await client.expectDisconnect(ReasonCode.TopicAliasInvalid);
});

Deno.test("[MQTT-3.1.2-28] Response Information comes only to those that ask for it", async () => {
  const config = { features: { responseInformation: "responses/%c" } };
  assertEquals((await connackProperties(config)).responseInformation, undefined);
  const asked = (requestResponseInformation: boolean) => connackProperties(config, { requestResponseInformation });
  assertEquals((await asked(false)).responseInformation, undefined);
  assertEquals((await asked(true)).responseInformation, "responses/c");
  assertEquals((await connackProperties({}, { requestResponseInformation: true })).responseInformation, undefined);
});

Deno.test("Session Expiry Interval in CONNACK: only when it is not what the Client asked for", async () => {
  const granted = async (wanted: number | undefined) =>
    (await connackProperties(
      { limits: { sessionExpiryIntervalMaxS: 3600 } },
      wanted === undefined ? {} : { sessionExpiryInterval: wanted },
    )).sessionExpiryInterval;
  assertEquals(await granted(undefined), undefined);
  assertEquals(await granted(3600), undefined);
  assertEquals(await granted(3601), 3600);
  assertEquals(await granted(0xffff_ffff), 3600);
  assertEquals((await connackProperties({}, { sessionExpiryInterval: 0xffff_ffff })).sessionExpiryInterval, undefined);
});

Deno.test("[MQTT-3.2.2-22] Server Keep Alive in CONNACK: only when it is not what the Client asked for", async () => {
  await using broker = await TestBroker.start({ config: { limits: { keepAliveMaxS: 60 } } });
  for (const [keepAlive, serverKeepAlive] of [[60, undefined], [1, undefined], [61, 60], [0, 60]] as const) {
    const connack = await broker.client().connect({ keepAlive });
    assertEquals(connack.properties.serverKeepAlive, serverKeepAlive);
  }
});
