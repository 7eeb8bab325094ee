/** Mirrors src/broker/journal.ts. @module */

import { assert, assertEquals } from "@std/assert";
import type { ClientArrival, ClientDeparture, ClientJournal } from "../../src/auth/client_journal.ts";
import type { Connection } from "../../src/broker/connection.ts";
import { DEFAULT_LIMITS } from "../../src/config/limits.ts";
import { PacketType } from "../../src/packet/mod.ts";
import { type DispatcherUnderTest, makeDispatcher } from "./support.ts";

const SECOND_MS = 1000;
const HOUR_MS = 3_600_000;

class RecordingJournal implements ClientJournal {
  readonly arrivals: ClientArrival[] = [];
  readonly departures: ClientDeparture[] = [];
  /** "sensor-1 PUBLISH", since it was last asked. */
  #actions: string[] = [];
  readonly actionTimesMs: number[] = [];

  connected(arrival: ClientArrival): void {
    this.arrivals.push(arrival);
  }

  disconnected(departure: ClientDeparture): void {
    this.departures.push(departure);
  }

  acted(clientId: string, lastAction: string, lastActionAtMs: number): void {
    this.#actions.push(`${clientId} ${lastAction}`);
    this.actionTimesMs.push(lastActionAtMs);
  }

  takeActions(): string[] {
    const actions = this.#actions;
    this.#actions = [];
    return actions;
  }
}

async function brokerWithJournal(): Promise<{ broker: DispatcherUnderTest; journal: RecordingJournal }> {
  const journal = new RecordingJournal();
  return { broker: await makeDispatcher(DEFAULT_LIMITS, 0, undefined, journal), journal };
}

function ping({ dispatcher }: DispatcherUnderTest, connection: Connection): void {
  dispatcher.received(connection, { type: PacketType.Pingreq });
}

Deno.test("the journal hears what a Client did last, once in a minute, with the time of it", async () => {
  const { broker, journal } = await brokerWithJournal();
  const { connection } = broker.connect("sensor-1");
  const wallMs = broker.clock.wallMs();
  broker.pass(59 * SECOND_MS);
  broker.publish(connection, "a/topic", "1");
  broker.pass(500);
  assertEquals(journal.takeActions(), [], "it has come a moment ago");
  broker.pass(2 * SECOND_MS);
  assertEquals(journal.takeActions(), ["sensor-1 PUBLISH"]);
  assertEquals(journal.actionTimesMs, [wallMs + 59 * SECOND_MS]);
  broker.pass(120 * SECOND_MS);
  broker.pass(2 * SECOND_MS);
  assertEquals(journal.takeActions(), [], "it has done nothing since");
  broker.subscribe(connection, "a/topic");
  broker.pass(SECOND_MS);
  assertEquals(journal.takeActions(), ["sensor-1 SUBSCRIBE"]);
});

Deno.test("a PINGREQ is no news, but for once in an hour; what comes before it, and the end, are", async () => {
  const { broker, journal } = await brokerWithJournal();
  const { connection } = broker.connect("sensor-1");
  for (let minute = 1; minute < 60; minute++) {
    broker.pass(60 * SECOND_MS);
    ping(broker, connection);
    broker.pass(SECOND_MS);
  }
  assertEquals(journal.takeActions(), []);
  broker.pass(60 * SECOND_MS);
  ping(broker, connection);
  broker.pass(SECOND_MS);
  assertEquals(journal.takeActions(), ["sensor-1 PINGREQ"]);
  broker.publish(connection, "a/topic", "1");
  broker.pass(90 * SECOND_MS);
  ping(broker, connection);
  broker.pass(90 * SECOND_MS);
  assertEquals(journal.takeActions(), ["sensor-1 PUBLISH"]);
  const lastMs = broker.clock.wallMs();
  ping(broker, connection);
  broker.pass(5 * SECOND_MS);
  broker.dispatcher.ended(connection, "the connection was lost");
  const [{ lastAction, lastActionAtMs }] = journal.departures;
  assertEquals([lastAction, lastActionAtMs], ["PINGREQ", lastMs]);
});

Deno.test("ten thousand Clients that act at once are noted a hundred in a second, each once, whoever comes and goes", async () => {
  const { broker, journal } = await brokerWithJournal();
  const connections = Array.from({ length: 10_000 }, (_, index) => broker.connect(`sensor-${index}`).connection);
  broker.pass(90 * SECOND_MS);
  for (const connection of connections) broker.publish(connection, "a/topic", "1");
  const noted = new Set<string>();
  for (let second = 0; second < 105; second++) {
    broker.pass(SECOND_MS);
    const actions = journal.takeActions();
    assert(actions.length <= 100, `${actions.length} in a second`);
    for (const action of actions) {
      assert(!noted.has(action), action);
      noted.add(action);
    }
    for (const index of [second, 5_000 - second, 9_999 - second]) broker.dispatcher.ended(connections[index], "");
    broker.connect(`new-${second}`);
  }
  const stayed = connections.filter(({ isConnected }) => isConnected);
  assertEquals(stayed.length, 10_000 - 3 * 105);
  assertEquals(stayed.filter(({ clientId }) => !noted.has(`${clientId} PUBLISH`)), []);
});

Deno.test("among ten thousand Clients that only ping, the one that acts is noted within ten seconds more", async () => {
  const { broker, journal } = await brokerWithJournal();
  const connections = Array.from({ length: 10_000 }, (_, index) => broker.connect(`sensor-${index}`).connection);
  broker.pass(90 * SECOND_MS);
  for (const connection of connections) ping(broker, connection);
  broker.publish(connections[9_000], "a/topic", "1");
  for (let second = 0; second < 11; second++) broker.pass(SECOND_MS);
  assertEquals(journal.takeActions(), ["sensor-9000 PUBLISH"]);
  broker.pass(HOUR_MS);
  assertEquals(journal.takeActions().length, 100, "what they owe after an hour does not come at once, either");
});
