/** Frames that broke other brokers: each ends its connection with the right Reason Code, keeps nothing, and no other
 * client notices. 3.1.1 has no word for it: there the connection just ends. @module */

import { assert, assertEquals } from "@std/assert";
import { PacketType, ReasonCode } from "../../src/packet/mod.ts";
import { wire } from "../packet/support.ts";
import { TestBroker } from "../support/test_broker.ts";
import { assertEmpty, assertNoInternalError, assertServes } from "./support.ts";

const { MalformedPacket, ProtocolError, TopicAliasInvalid, TopicNameInvalid } = ReasonCode;

/** After CONNECT, in MQTT 5.0. */
const FRAMES: readonly [name: string, bytes: string, ...reasonCodes: ReasonCode[]][] = [
  ["a CONNACK from a client", "20 03 00 00 00", ProtocolError, MalformedPacket],
  ["a second CONNECT", `10 [ "MQTT" 05 02 00 00  00 "c" ]`, ProtocolError],
  ["Control Packet type 0", "00 00", MalformedPacket],
  ["QoS 3", "36 [ 00 01 't' 00 01 00 ]", MalformedPacket],
  ["a QoS 1 PUBLISH that ends before its Packet Identifier", "32 [ 00 01 't' ]", MalformedPacket],
  ["a QoS 1 PUBLISH that ends in its Packet Identifier", "32 [ 00 01 't' 00 ]", MalformedPacket],
  ["a Packet Identifier of 0", "32 [ 00 01 't' 00 00 00 ]", MalformedPacket, ProtocolError],
  ["a topic longer than the packet", "30 [ ff ff 't' ]", MalformedPacket],
  ["properties longer than the packet", "30 [ 00 01 't' 7f ]", MalformedPacket],
  ["a property of another packet", "30 [ 00 01 't' [ 11 00 00 00 01 ] ]", ProtocolError, MalformedPacket],
  ["an unknown property", "30 [ 00 01 't' [ 7e 00 ] ]", MalformedPacket],
  ["a single property twice", "30 [ 00 01 't' [ 01 00 01 00 ] ]", ProtocolError],
  ["a User Property cut in its value", "30 [ 00 01 't' [ 26 00 01 'k' 00 05 'v' ] ]", MalformedPacket],
  ["a Subscription Identifier in a client's PUBLISH", "30 [ 00 01 't' [ 0b 01 ] ]", ProtocolError, MalformedPacket],
  ["an empty Topic Name without an alias", "30 [ 00 00 00 ]", ProtocolError, TopicNameInvalid],
  ["a Topic Alias of 0", "30 [ 00 01 't' [ 23 00 00 ] ]", TopicAliasInvalid],
  ["a Topic Alias above the maximum", "30 [ 00 01 't' [ 23 ff ff ] ]", TopicAliasInvalid],
  ["a Topic Alias that stands for nothing", "30 [ 00 00 [ 23 00 05 ] ]", ProtocolError],
  ["U+0000 in a Topic Name", "30 [ 00 03 't' 00 't' 00 ]", MalformedPacket],
  ["a surrogate in a Topic Name", "30 [ 00 03 ed a0 80 00 ]", MalformedPacket],
  ["an overlong '/' in a Topic Name", "30 [ 00 02 c0 af 00 ]", MalformedPacket],
  ["a SUBSCRIBE without an options byte", "82 [ 00 01 00 00 01 't' ]", MalformedPacket],
  ["a SUBSCRIBE without a filter", "82 [ 00 01 00 ]", ProtocolError, MalformedPacket],
  ["a SUBSCRIBE of nothing", "82 00", MalformedPacket],
  ["an UNSUBSCRIBE without a filter", "a2 [ 00 01 00 ]", ProtocolError, MalformedPacket],
  ["reserved bits in the options of a subscription", "82 [ 00 01 00 00 01 't' c0 ]", MalformedPacket, ProtocolError],
  ["reserved flags", "c1 00", MalformedPacket],
  ["a PINGREQ with a body", "c0 01 00", MalformedPacket],
  ["a PUBACK of one byte", "40 01 00", MalformedPacket],
  ["AUTH without a method", "f0 02 18 00", ProtocolError],
];

for (const [name, bytes, ...reasonCodes] of FRAMES) {
  Deno.test(`[MQTT-4.13.1-1] After CONNECT, ${name}: DISCONNECT ${reasonCodes.map((c) => `0x${c.toString(16)}`).join(" or ")}, and nobody else notices`, async () => {
    await using broker = await TestBroker.start();
    const other = await broker.connect({ clientId: "other" });
    for (const protocolVersion of [5, 4] as const) {
      const attacker = await broker.connect({ clientId: "attacker", protocolVersion });
      if (protocolVersion === 5) {
        await attacker.sendBytes(wire(bytes));
        const { reasonCode } = await attacker.expect(PacketType.Disconnect);
        assert(reasonCodes.includes(reasonCode), `0x${reasonCode.toString(16)}`);
        await attacker.expectClosed();
      } else {
        // The same bytes are other packets in 3.1.1, and some of them fine: whatever they are, nothing breaks.
        await attacker.sendBytes(wire(bytes));
        attacker.drop();
        while (await attacker.receive().catch(() => undefined) !== undefined);
      }
      await assertServes(other);
    }
    assertNoInternalError(broker);
    await other.disconnect();
    await assertEmpty(broker.server);
  });
}

/** Instead of a good CONNECT. */
const FIRST: readonly [name: string, bytes: string][] = [
  ["PUBLISH first", "30 [ 00 01 't' 00 ]"],
  ["PUBACK first", "40 02 00 01"],
  ["PINGREQ first", "c0 00"],
  ["DISCONNECT first", "e0 00"],
  ["AUTH first", "f0 00"],
  ["another protocol name", `10 [ "MQTX" 05 02 00 00  00 "c" ]`],
  ["a protocol name as long as the packet", "10 [ ff ff ]"],
  ["level 6", `10 [ "MQTT" 06 02 00 00  00 "c" ]`],
  ["the reserved flag", `10 [ "MQTT" 05 03 00 00  00 "c" ]`],
  ["Will QoS 3", `10 [ "MQTT" 05 1e 00 00  00 "c" 00 "w" "p" ]`],
  ["Will QoS without a will", `10 [ "MQTT" 05 0a 00 00  00 "c" ]`],
  ["will properties that are wrong", `10 [ "MQTT" 05 06 00 00  00 "c" [ 01 01 01 01 ] "w" "p" ]`],
  ["a will that is cut", `10 [ "MQTT" 05 06 00 00  00 "c" 00 "w" 00 05 'p' ]`],
  ["Receive Maximum 0", `10 [ "MQTT" 05 02 00 00  [ 21 00 00 ] "c" ]`],
  ["Maximum Packet Size 0", `10 [ "MQTT" 05 02 00 00  [ 27 00 00 00 00 ] "c" ]`],
  ["a Client Identifier with U+0000", `10 [ "MQTT" 05 02 00 00  00 00 03 'a' 00 'b' ]`],
  ["bytes behind the packet's end", `10 [ "MQTT" 05 02 00 00  00 "c" 'more' ]`],
  ["HTTP", "'GET / HTTP/1.1' 0d 0a 0d 0a"],
];

for (const [name, bytes] of FIRST) {
  Deno.test(`Instead of CONNECT, ${name}: nobody is let in, and nothing is kept`, async () => {
    await using broker = await TestBroker.start();
    const other = await broker.connect({ clientId: "other" });
    const attacker = broker.client();
    attacker.speak(5);
    await attacker.sendBytes(wire(bytes));
    const answer = await attacker.receive().catch(() => undefined);
    if (answer !== undefined) {
      assert(answer.type === PacketType.Connack && answer.reasonCode >= 0x80, Deno.inspect(answer));
      await attacker.expectClosed();
    }
    assertEquals(broker.server.snapshot().sessions, 1);
    await assertServes(other);
    assertNoInternalError(broker);
    await other.disconnect();
    await assertEmpty(broker.server);
  });
}
