/** What MQTT 5.0 adds, with real clients: properties, Shared Subscriptions, request and response. @module */

import { assert, assertEquals } from "@std/assert";
import { ClientProcess, type Message } from "./client_program.ts";
import { connectionArgs, mosquitto } from "./mosquitto.ts";
import { CLIENTS, clientTest, messageOf, received, receivedUntil } from "./support.ts";

const version = 5;

for (const publisher of CLIENTS) {
  for (const receiver of CLIENTS) {
    const pair = [publisher, receiver];
    clientTest(`the properties that ${publisher.name} sends reach ${receiver.name}`, pair, async ({ url }) => {
      await using subscriber = await receiver.subscribe(url, {
        version,
        clientId: "reader",
        topicFilters: ["properties"],
        qos: 1,
      });
      const properties = {
        contentType: "text/plain",
        responseTopic: "answers/here",
        correlationData: "request-1",
        userProperties: [["unit", "celsius"], ["unit", "kelvin"], ["place", "Zürich"]],
      } as const;
      const message = messageOf("properties", "21.5", { properties: { ...properties, messageExpiryInterval: 3600 } });
      await publisher.publish(url, version, message);
      const { properties: { messageExpiryInterval = 0, ...others }, ...rest } = await received(subscriber);
      assertEquals({ ...rest, properties: others }, { ...message, properties });
      // What is left of it [MQTT-3.3.2-6].
      assert(messageExpiryInterval > 0 && messageExpiryInterval <= 3600, `${messageExpiryInterval}`);
    });

    clientTest(`${publisher.name} asks and ${receiver.name} answers`, pair, async ({ url }) => {
      const options = { version, qos: 1 } as const;
      await using responder = await receiver.subscribe(url, {
        ...options,
        clientId: "responder",
        topicFilters: ["service/double"],
      });
      await using requester = await publisher.subscribe(url, {
        ...options,
        clientId: "requester",
        topicFilters: ["answers/requester"],
      });
      const properties = { responseTopic: "answers/requester", correlationData: "c-17" };
      await publisher.publish(url, version, messageOf("service/double", "21", { properties }));
      await receiver.publish(url, version, answerTo(await received(responder)));
      const expected = messageOf("answers/requester", "42", { properties: { correlationData: "c-17" } });
      assertEquals(await received(requester), expected);
    });
  }
}

function answerTo(request: Message): Message {
  const { responseTopic, correlationData } = request.properties;
  const answer = String(2 * Number(new TextDecoder().decode(request.payload)));
  return messageOf(responseTopic!, answer, { properties: { correlationData } });
}

for (const client of CLIENTS) {
  clientTest(`mosquitto_rr is answered by ${client.name}`, [mosquitto, client], async ({ url }) => {
    const options = { version, clientId: "responder", topicFilters: ["service/double"], qos: 1 } as const;
    await using responder = await client.subscribe(url, options);
    const args = [...connectionArgs(url, version), "-q", "1", "-t", "service/double", "-e", "answers/rr", "-m", "21"];
    const asking = ClientProcess.run("mosquitto_rr", args, new Uint8Array());
    await client.publish(url, version, answerTo(await received(responder)));
    assertEquals(await asking, "42\n");
  });

  clientTest(`${client.name} shares a subscription`, [client], async ({ url }) => {
    const members = ["first", "second", "third"].map((clientId) =>
      client.subscribe(url, { version, clientId, topicFilters: ["$share/group/jobs/+", "fence"], qos: 1 })
    );
    await using stack = new AsyncDisposableStack();
    const subscribers = (await Promise.all(members)).map((member) => stack.use(member));

    const texts = ["a", "b", "c", "d", "e", "f"];
    for (const text of texts) await client.publish(url, version, messageOf("jobs/now", text));
    await client.publish(url, version, messageOf("fence", ""));
    const perMember = await Promise.all(subscribers.map((subscriber) => receivedUntil(subscriber, "fence")));
    // In turn, and each message once.
    assertEquals(perMember.map((messages) => messages.length), [2, 2, 2]);
    const all = perMember.flat().map((message) => new TextDecoder().decode(message.payload));
    assertEquals(all.sort(), texts);
  });
}
