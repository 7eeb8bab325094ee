/** Refusals tell a person what to do, as long as the Client wants to hear it and can take it. @module */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { PacketType, ReasonCode } from "../../src/packet/mod.ts";
import { TestBroker } from "../support/test_broker.ts";

const TOO_DEEP = "a/b/c/d";
const config = { limits: { topicLevelsMax: 3 } };

Deno.test("a refused PUBLISH is answered with a Reason String", async () => {
  await using broker = await TestBroker.start({ config });
  const client = await broker.connect();
  for (const [qos, type] of [[1, PacketType.Puback], [2, PacketType.Pubrec]] as const) {
    await client.publish(TOO_DEEP, "x", { qos });
    const answer = await client.expect(type);
    assertEquals(answer.reasonCode, ReasonCode.TopicNameInvalid);
    assertStringIncludes(answer.properties.reasonString ?? "", "levels");
  }
});

Deno.test("a refused Topic Filter is named in the Reason String of SUBACK", async () => {
  await using broker = await TestBroker.start({ config });
  const client = await broker.connect();
  const suback = await client.subscribe(["a", TOO_DEEP]);
  assertEquals(suback.reasonCodes, [ReasonCode.GrantedQoS0, ReasonCode.TopicFilterInvalid]);
  assertStringIncludes(suback.properties.reasonString ?? "", TOO_DEEP);
});

Deno.test("[MQTT-3.1.2-29] with Request Problem Information 0, PUBACK, PUBREC and SUBACK have no Reason String", async () => {
  await using broker = await TestBroker.start({ config });
  const client = await broker.connect({ properties: { requestProblemInformation: false } });
  await client.publish(TOO_DEEP, "x", { qos: 1 });
  assertEquals((await client.expect(PacketType.Puback)).properties, {});
  await client.publish(TOO_DEEP, "x", { qos: 2 });
  assertEquals((await client.expect(PacketType.Pubrec)).properties, {});
  assertEquals((await client.subscribe(TOO_DEEP)).properties, {});
});

Deno.test("[MQTT-3.4.2-2] [MQTT-3.5.2-2] [MQTT-3.9.2-1] a Reason String that does not fit is left out", async () => {
  await using broker = await TestBroker.start({ config });
  const client = await broker.connect({ properties: { maximumPacketSize: 40 } });
  await client.publish(TOO_DEEP, "x", { qos: 1 });
  const puback = await client.expect(PacketType.Puback);
  assertEquals([puback.reasonCode, puback.properties], [ReasonCode.TopicNameInvalid, {}]);
  await client.publish(TOO_DEEP, "x", { qos: 2 });
  const pubrec = await client.expect(PacketType.Pubrec);
  assertEquals([pubrec.reasonCode, pubrec.properties], [ReasonCode.TopicNameInvalid, {}]);
  const suback = await client.subscribe(`${TOO_DEEP}/${"e/".repeat(10)}f`);
  assertEquals([suback.reasonCodes, suback.properties], [[ReasonCode.TopicFilterInvalid], {}]);
});
