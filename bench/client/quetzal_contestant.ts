/** Quetzal's client under test. @module */

import { connect } from "../../src/client/mod.ts";
import type { NewContestant } from "./contestant.ts";
import { TOPIC } from "./job.ts";

const AT_LEAST_ONCE = { qos: 1 } as const;

export const newQuetzal: NewContestant = async ({ port }) => {
  const client = await connect(`mqtt://127.0.0.1:${port}`, { reconnect: false });
  // Its end is the bench's.
  client.closed.catch(() => {});
  return {
    async publishBatch(payload, count) {
      for (let i = 1; i < count; i++) client.publish(TOPIC, payload);
      await client.publish(TOPIC, payload);
    },
    publishAcknowledged(payload, done) {
      client.publish(TOPIC, payload, AT_LEAST_ONCE).then(done);
    },
    async subscribe(onMessage) {
      await client.subscribe(TOPIC, { onMessage: (message) => onMessage(message.payload.length) });
    },
    async settle() {
      await client.publish("bench/client/end", "", AT_LEAST_ONCE);
    },
    end: () => client.drop(),
  };
};
