/** The ledger of the crash harness: each kind of offence is seen, and nothing else. @module */

import { assertEquals } from "@std/assert";
import { Ledger, type PublishedMessage, type Receiver } from "./ledger.ts";

function subscribed(ledger: Ledger, clientId: string, filter: string, qos: 1 | 2 = 2): Receiver {
  const receiver = ledger.receiver(clientId);
  receiver.subscribing(filter, qos).definiteAt = ledger.tick();
  return receiver;
}

function published(ledger: Ledger, qos: 1 | 2 = 2, topicName = "t/a"): PublishedMessage {
  const message = ledger.message(topicName, qos, "publisher", 10);
  ledger.sent(message);
  return message;
}

function deliver(receiver: Receiver, message: PublishedMessage, qos: 1 | 2 = message.qos as 1 | 2): void {
  receiver.delivered(message.topicName, message.payload, qos);
}

function kinds(ledger: Ledger): string[] {
  return ledger.violations.map(({ kind }) => kind);
}

Deno.test("Ledger misses an acknowledged message at every receiver that was subscribed before, and no other", () => {
  const ledger = new Ledger();
  const early = subscribed(ledger, "early", "t/#");
  const leaving = subscribed(ledger, "leaving", "t/#");
  const message = published(ledger);
  subscribed(ledger, "late", "t/#");
  leaving.unsubscribing("t/#");
  assertEquals(ledger.missing(10), [], "it is not acknowledged yet");
  ledger.acknowledge(message);
  assertEquals(ledger.missing(10), ["early never got m1 (t/a, QoS 2, sent in life 0)"]);
  deliver(early, message);
  assertEquals([ledger.missing(10), ledger.violations], [[], []]);
});

Deno.test("Ledger sees QoS 2 twice, and lets QoS 1 come again", () => {
  const ledger = new Ledger();
  const receiver = subscribed(ledger, "receiver", "t/#");
  const [once, again] = [published(ledger, 2), published(ledger, 1)];
  for (const message of [once, again, again]) deliver(receiver, message);
  assertEquals(kinds(ledger), []);
  deliver(receiver, once);
  assertEquals(kinds(ledger), ["message sent twice"]);
});

Deno.test("Ledger sees a message of a Shared Subscription that two members got, or none", () => {
  const ledger = new Ledger();
  const members = ["a", "b"].map((name) => subscribed(ledger, name, "$share/group/s/#"));
  const message = published(ledger, 2, "s/x");
  ledger.acknowledge(message);
  assertEquals(ledger.missing(10).length, 1);
  deliver(members[0], message);
  assertEquals([ledger.missing(10), kinds(ledger)], [[], []]);
  deliver(members[1], message);
  assertEquals(kinds(ledger), ["message sent twice"]);
});

Deno.test("Ledger sees first deliveries out of order, topic by topic and QoS by QoS", () => {
  const ledger = new Ledger();
  const receiver = subscribed(ledger, "receiver", "t/#");
  const [first, second, third] = [published(ledger, 1), published(ledger, 1), published(ledger, 1)];
  const other = published(ledger, 2);
  for (const message of [other, first, third, first, third]) deliver(receiver, message);
  assertEquals(kinds(ledger), []);
  deliver(receiver, second);
  assertEquals(kinds(ledger), ["message out of order"]);
});

Deno.test("Ledger sees what nobody asked for, nobody published, or came with other bytes", () => {
  const ledger = new Ledger();
  const receiver = subscribed(ledger, "receiver", "t/b");
  deliver(receiver, published(ledger, 2, "t/a"));
  receiver.unsubscribing("t/b");
  const between = published(ledger, 2, "t/b");
  receiver.unsubscribed("t/b");
  deliver(receiver, between); // was under way when UNSUBACK came
  assertEquals(kinds(ledger), ["message for nothing"]);
  deliver(receiver, published(ledger, 2, "t/b"));
  receiver.delivered("t/b", Uint8Array.of(0, 0, 0, 99, 0, 0, 0, 0), 2);
  const torn = between.payload;
  torn[torn.length - 1]++;
  receiver.delivered("t/b", torn, 1);
  assertEquals(kinds(ledger), Array(4).fill("message for nothing"));
});

Deno.test("Ledger sees a message that lost its QoS", () => {
  const ledger = new Ledger();
  const receiver = subscribed(ledger, "receiver", "t/#");
  receiver.delivered("t/a", published(ledger).payload, 0);
  assertEquals(kinds(ledger), ["lost message"]);
});
