/** What real clients rely on beyond a message from here to there: retained messages, wills, sessions that outlive their
 * connections, Client Identifiers, large messages, $SYS. @module */

import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import type { QoS } from "../../src/packet/mod.ts";
import { ClientProcess } from "./client_program.ts";
import { connectionArgs, mosquitto } from "./mosquitto.ts";
import { mqttJs } from "./mqtt_js.ts";
import { paho } from "./paho.ts";
import { CLIENTS, clientTest, messageOf, received, receivedUntil, VERSION_NAMES, VERSIONS } from "./support.ts";

for (const client of CLIENTS) {
  clientTest(`${client.name} finds a retained message, and none when it was removed`, [client], async (program, t) => {
    const { url } = program;
    for (const version of VERSIONS) {
      await t.step(VERSION_NAMES[version], async () => {
        const kept = messageOf(`kept/${version}`, "21.5 °C", { retain: true });
        const fence = messageOf(`fence/${version}`, "");
        const options = { version, clientId: "late", topicFilters: [kept.topicName, fence.topicName], qos: 1 } as const;
        await client.publish(url, version, kept);
        {
          await using subscriber = await client.subscribe(url, options);
          assertEquals(await received(subscriber), kept);
        }
        await client.publish(url, version, { ...kept, payload: new Uint8Array() });
        {
          await using subscriber = await client.subscribe(url, options);
          await client.publish(url, version, fence);
          assertEquals(await receivedUntil(subscriber, fence.topicName), []);
        }
      });
    }
  });

  clientTest(`${client.name} leaves its Will Message when it is killed`, [client], async (program, t) => {
    const { url } = program;
    for (const version of VERSIONS) {
      await t.step(VERSION_NAMES[version], async () => {
        const will = messageOf(`will/${version}`, "gone", { qos: 2 });
        await using watcher = await client.subscribe(url, {
          version,
          clientId: "watcher",
          topicFilters: ["will/#"],
          qos: 2,
        });
        const options = { version, clientId: "mortal", topicFilters: ["other"], qos: 0, will } as const;
        await using mortal = await client.subscribe(url, options);
        await mortal.kill();
        assertEquals(await received(watcher), will);
      });
    }
  });

  clientTest(`${client.name} gets what was published while it was away`, [client], async (program, t) => {
    const { url } = program;
    for (const version of VERSIONS) {
      for (const qos of [1, 2] as QoS[]) {
        await t.step(`${VERSION_NAMES[version]} at QoS ${qos}`, async () => {
          const clientId = `away-${version}-${qos}`;
          const options = {
            version,
            clientId,
            topicFilters: [`queue/${clientId}`],
            qos,
            cleanStart: false,
            ...(version === 5 && { sessionExpiryInterval: 3600 }),
          };
          await (await client.subscribe(url, options)).kill();
          await program.logged(new RegExp(`Client ${clientId} disconnected`));

          const messages = ["one", "two", "three"].map((text) => messageOf(`queue/${clientId}`, text, { qos }));
          for (const message of messages) await client.publish(url, version, message);
          const last = messageOf(`queue/${clientId}`, "after", { qos });
          await using subscriber = await client.subscribe(url, options);
          for (const message of messages) assertEquals(await received(subscriber), message);
          await client.publish(url, version, last);
          assertEquals(await received(subscriber), last);
        });
      }
    }
  });

  clientTest(`${client.name} sends and receives 1 MiB`, [client], async (program, t) => {
    const { url } = program;
    // Every byte value; 997 is a prime, so that no block is like the one before.
    const payload = Uint8Array.from({ length: 1024 * 1024 }, (_, i) => (i % 997) & 0xFF);
    for (const version of VERSIONS) {
      for (const qos of [0, 1, 2] as QoS[]) {
        await t.step(`${VERSION_NAMES[version]} at QoS ${qos}`, async () => {
          const options = { version, clientId: "large", topicFilters: ["large"], qos };
          await using subscriber = await client.subscribe(url, options);
          await client.publish(url, version, { ...messageOf("large", "", { qos }), payload });
          const message = await received(subscriber);
          assertEquals(message.payload.length, payload.length);
          assertEquals(message.payload.findIndex((byte, i) => byte !== payload[i]), -1);
        });
      }
    }
  });
}

clientTest("Paho without Client Identifier has no session before 5.0", [paho], async (program, t) => {
  const options = { clientId: "", topicFilters: ["any"], qos: 0 } as const;
  const refused = /refused: Client Identifier not valid/;
  await t.step("3.1 with Clean Session 0 is refused: identifier rejected", async () => {
    const subscribing = () => paho.subscribe(program.url, { ...options, version: 3, cleanStart: false });
    await assertRejects(subscribing, Error, "refused: 2");
    await program.logged(refused);
  });
  await t.step(
    "3.1.1 with Clean Session 0 is refused, and Paho comes again with an identifier of its own",
    async () => {
      await using _ = await paho.subscribe(program.url, { ...options, version: 4, cleanStart: false });
      await program.logged(new RegExp(`(${refused.source}[^]*){2}`));
    },
  );
  await t.step("3.1.1 with Clean Session 1 is let in", async () => {
    await using _ = await paho.subscribe(program.url, { ...options, version: 4 });
  });
  await t.step("5.0 with Clean Start 0 is given an identifier", async () => {
    await using _ = await paho.subscribe(program.url, { ...options, version: 5, cleanStart: false });
    await program.logged(/connected from \S+ as \S+ \(p5, c0, /);
  });
});

clientTest("mosquitto_sub shows $SYS/broker/uptime", [mosquitto], async (program, t) => {
  for (const version of VERSIONS) {
    await t.step(VERSION_NAMES[version], async () => {
      const args = [...connectionArgs(program.url, version), "-i", "sys", "-t", "$SYS/broker/uptime", "-C", "1"];
      assertMatch(await ClientProcess.run("mosquitto_sub", args, new Uint8Array()), /^\d+ seconds\n$/);
    });
  }
});

clientTest(
  "mosquitto_sub without Client Identifier is let in with Clean Session 1",
  [mosquitto],
  async (program, t) => {
    for (const version of [4, 5] as const) {
      await t.step(VERSION_NAMES[version], async () => {
        const args = [...connectionArgs(program.url, version), "-t", "any", "-E"];
        await ClientProcess.run("mosquitto_sub", args, new Uint8Array());
      });
    }
  },
);

clientTest("a second mosquitto_sub with the same Client Identifier takes over", [mosquitto], async (program, t) => {
  for (const version of VERSIONS) {
    await t.step(VERSION_NAMES[version], async () => {
      const options = { version, clientId: `same-${version}`, topicFilters: [`same/${version}`], qos: 1 } as const;
      await using first = await mqttJs.subscribe(program.url, options);
      await using second = await mosquitto.subscribe(program.url, options);
      await assertRejects(() => received(first), Error, "closed");
      const message = messageOf(`same/${version}`, "to the second one");
      await mosquitto.publish(program.url, version, message);
      assertEquals(await received(second), message);
    });
  }
});
