/** The dispatcher alone: PUBLISH packets in, calls of packet sinks out; no bytes, no sockets.
 * In: receivers and QoS. Out: a run of one turn, which says how many deliveries it made. @module */

import { knownTopics } from "../../src/packet/known_topics.ts";
import {
  ApplicationMessage,
  type ControlPacket,
  PacketType,
  type PublishPacket,
  type QoS,
} from "../../src/packet/mod.ts";
import { BenchDispatcher, CountingSink } from "./bench_dispatcher.ts";

/** An acknowledgement that is used again. */
function answer(type: 4 | 5 | 6 | 7) {
  return { type, packetIdentifier: 0, reasonCode: 0, properties: {} } as { packetIdentifier: number } & ControlPacket;
}

/** @returns one run: a turn of `messages` PUBLISH packets of one publisher to `receivers` subscribers, all of whom
 * acknowledge at once, to the end of the exchange; it returns the deliveries. */
export function dispatcherWorkload(receivers: number, qos: QoS, messages: number): () => number {
  const bench = new BenchDispatcher();
  const { dispatcher } = bench;
  const connect = (clientId: string) => {
    const sink = new CountingSink();
    return { sink, connection: bench.connect(sink, clientId) };
  };
  const publisher = connect("publisher");
  const subscribers = Array.from({ length: receivers }, (_, i) => {
    const subscriber = connect(`subscriber ${i}`);
    bench.subscribe(subscriber.connection, "bench/+", qos);
    return subscriber;
  });
  const message = ApplicationMessage.create({ topicName: "bench/topic", payload: new Uint8Array(64), qos });
  // As the decoder does.
  const topic = knownTopics.find(message.buffer, message.topicStart, message.topicEnd);
  message.setTopic(topic, message.topicName);
  const packet: PublishPacket = {
    type: PacketType.Publish,
    dup: false,
    packetIdentifier: qos === 0 ? 0 : 1,
    topicAlias: 0,
    subscriptionIdentifiers: undefined,
    message,
  };
  // What a subscriber says to a PUBLISH, in this order.
  const answers = [[], [answer(PacketType.Puback)], [answer(PacketType.Pubrec), answer(PacketType.Pubcomp)]][qos];
  const release = answer(PacketType.Pubrel);
  release.packetIdentifier = packet.packetIdentifier;
  return () => {
    const before = subscribers.reduce((sum, { sink }) => sum + sink.deliveries, 0);
    for (let i = 0; i < messages; i++) {
      packet.message.renew();
      dispatcher.received(publisher.connection, packet);
      if (qos === 0) continue;
      for (const { sink, connection } of subscribers) {
        for (const packetIdentifier of sink.unacknowledged) {
          for (const packet of answers) {
            packet.packetIdentifier = packetIdentifier;
            dispatcher.received(connection, packet);
          }
        }
        sink.unacknowledged.length = 0;
      }
      if (qos === 2) dispatcher.received(publisher.connection, release);
    }
    bench.endTurn();
    return subscribers.reduce((sum, { sink }) => sum + sink.deliveries, 0) - before;
  };
}

for (const [receivers, qos] of [[1, 0], [100, 0], [1, 1], [100, 1], [1, 2], [100, 2]] as const) {
  const run = dispatcherWorkload(receivers, qos, 10_000 / receivers);
  Deno.bench(`10,000 deliveries at QoS ${qos}, 1 → ${receivers}`, () => void run());
}
