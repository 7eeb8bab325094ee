/** Each real client publishes to each other one: all protocol versions and QoS of the publisher × all of the
 * subscriber. @module */

import { assertEquals } from "@std/assert";
import type { QoS } from "../../src/packet/mod.ts";
import type { Subscriber } from "./client_program.ts";
import { CLIENTS, clientTest, messageOf, received, VERSION_NAMES, VERSIONS } from "./support.ts";

const QOS: readonly QoS[] = [0, 1, 2];

for (const publisher of CLIENTS) {
  for (const receiver of CLIENTS) {
    clientTest(`${publisher.name} publishes to ${receiver.name}`, [publisher, receiver], async (program, t) => {
      await using stack = new AsyncDisposableStack();
      const subscribers: { name: string; qos: QoS; subscriber: Subscriber }[] = [];
      for (const version of VERSIONS) {
        for (const qos of QOS) {
          const options = { version, clientId: `sub-${version}-${qos}`, topicFilters: ["round/+/trip"], qos };
          const subscriber = stack.use(await receiver.subscribe(program.url, options));
          subscribers.push({ name: `${VERSION_NAMES[version]} at QoS ${qos}`, qos, subscriber });
        }
      }
      for (const version of VERSIONS) {
        for (const qos of QOS) {
          await t.step(`${VERSION_NAMES[version]} at QoS ${qos}, to nine subscribers`, async () => {
            const message = messageOf(`round/${version}/trip`, `héllo at ${qos}`, { qos });
            await publisher.publish(program.url, version, message);
            for (const { name, qos: grantedQoS, subscriber } of subscribers) {
              const expected = { ...message, qos: Math.min(qos, grantedQoS) };
              assertEquals(await received(subscriber), expected, name);
            }
          });
        }
      }
    });
  }
}
