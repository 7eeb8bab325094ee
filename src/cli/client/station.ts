/** `station`: this machine as a client. It says that it is there and how it is, at an interval; the broker says it when it is
 * gone. @module */

import { delay } from "@std/async/delay";
import { invariant } from "../../base/assert.ts";
import { systemClock } from "../../base/clock.ts";
import type { Client, ClientOptions, PublishOptions } from "../../client/client.ts";
import type { ClientObserver } from "../../client/client_observer.ts";
import { DataFolderError } from "../../persistence/data_folder.ts";
import { SqliteStore } from "../../persistence/sqlite_store.ts";
import { isValidTopicName } from "../../topic/topic_name.ts";
import { CommandError } from "../answer.ts";
import { ExitCode, UsageError } from "../arguments.ts";
import type { Terminal } from "../terminal.ts";
import type { ClientCommand } from "./client_command.ts";
import type { GivenClientOptions } from "./client_option.ts";
import { ClientTask } from "./client_task.ts";
import { lastOf } from "./given_values.ts";
import { ProfileStore } from "./profile_store.ts";
import { FactsReader } from "./station_facts.ts";
import { discoveryMessage } from "./station_home_assistant.ts";
import { OFFLINE, ONLINE, StationTopics, topicLevel } from "./station_messages.ts";
import { readStationPlan, STATION_OPTIONS, STATION_PREFIX, type StationPlan } from "./station_plan.ts";

/** CPU load is that between two readings; the first one comes after this. */
const FIRST_READING_MS = 500;
/** How long the last messages may take when it is told to end. */
const FAREWELL_MS = 3000;

export const STATION: ClientCommand = {
  usages: ["[OPTIONS]", "--home-assistant [OPTIONS]", "--drop-after SECONDS [OPTIONS]"],
  details: [
    "Publishes host name, system, CPU load, memory, network addresses and uptime, as JSON on station/ID/state, and each by",
    'itself below station/ID. On station/ID/status the retained birth message "online" says that it is there; its Will',
    'Message, "offline", is what the broker publishes when it has gone without a word. The Client Identifier is the name',
    "of the machine unless -i says another one. Load averages are not there on Windows, the CPU load in percent is.",
    "Comes back by itself when the connection is lost. Exit codes: 0 ended as asked, 1 it could not connect or publish,",
    "2 the command line is wrong.",
  ],
  options: STATION_OPTIONS,
  examples: [
    "station -h 127.0.0.1 --interval 5",
    "station --home-assistant -r",
    "station --outbox /var/lib/quetzal-station -i greenhouse",
    "station --drop-after 10",
  ],
  run: station,
};

async function station(given: GivenClientOptions, terminal: Terminal): Promise<number> {
  const folder = lastOf(given, "outbox");
  const plan = readStationPlan(given, folder !== undefined);
  const task = new ClientTask(asStation(given, folder !== undefined, terminal), terminal);
  const clientId = task.connection.settings.clientId;
  invariant(clientId !== undefined, "a station has a name");
  const prefix = lastOf(given, "topic") ?? task.connection.topic ?? STATION_PREFIX;
  const topics = new StationTopics(`${prefix}/${topicLevel(clientId)}`);
  if (!isValidTopicName(topics.root)) {
    throw new UsageError(`-t ${prefix}: it is the beginning of a topic, without + and #`);
  }
  await using outbox = folder === undefined ? undefined : await openOutbox(folder);
  const defaults: ClientOptions = {
    will: { topicName: topics.status, payload: OFFLINE, qos: 1, retain: true },
    ...(outbox === undefined ? {} : { outbox: outbox.store, startOffline: true }),
  };
  const connected = new ConnectedSignal();
  return await task.run({ defaults, observers: [connected] }, async ({ client, stop: { signal } }) => {
    const work = new Station(client, plan, topics, clientId, (text) => task.complain(text));
    connected.listen(client, () => work.announce());
    task.output.line(`${clientId} at ${task.url}, on ${topics.root}/…`);
    return await work.run(signal);
  });
}

/** With the name of the machine for an identity, and with an outbox a session that stays. @throws CommandError */
function asStation(given: GivenClientOptions, hasOutbox: boolean, terminal: Terminal): GivenClientOptions {
  const values = new Map(given.values);
  const flags = new Set(given.flags);
  const profile = lastOf(given, "profile");
  const isNamed = lastOf(given, "id") !== undefined || lastOf(given, "id-prefix") !== undefined ||
    (profile !== undefined && new ProfileStore(terminal).load(profile).clientId !== undefined);
  if (!isNamed) values.set("id", [[Deno.hostname()]]);
  if (hasOutbox) flags.add("disable-clean-session");
  return { ...given, flags, values };
}

/** @throws CommandError */
async function openOutbox(folder: string): Promise<{ store: SqliteStore } & AsyncDisposable> {
  try {
    const store = await SqliteStore.open(folder, { durability: "full", clock: systemClock });
    return { store, [Symbol.asyncDispose]: () => store.close() };
  } catch (error) {
    if (error instanceof DataFolderError) throw new CommandError(`--outbox ${folder}: ${forStation(error.message)}`);
    throw error;
  }
}

/** The store speaks to those who start a broker, and names options that a station does not have. */
function forStation(advice: string): string {
  return advice.replace(/ with --data-dir(, or keep nothing with --durability off)?/, "")
    .replace(/start with --new-store to begin with an empty store/, "choose another folder");
}

/** Says when there is a connection, the first one and each later one. */
class ConnectedSignal implements ClientObserver {
  #announce: (() => void) | undefined;

  state(state: Client["state"]): void {
    // Later: an observer looks, while the client is in the middle of its work.
    if (state === "connected") queueMicrotask(() => this.#announce?.());
  }

  listen(client: Client, announce: () => void): void {
    this.#announce = announce;
    if (client.state === "connected") announce();
  }
}

class Station {
  readonly #facts = new FactsReader();
  readonly #pending = new Set<Promise<boolean>>();
  #areLost = false;

  constructor(
    private readonly client: Client,
    private readonly plan: StationPlan,
    private readonly topics: StationTopics,
    private readonly clientId: string,
    private readonly complain: (text: string) => void,
  ) {}

  /** The birth message: after the Will Message of a lost connection, too. */
  announce(): void {
    const { discoveryPrefix, intervalS } = this.plan;
    if (discoveryPrefix !== undefined) {
      const facts = this.#facts.read();
      const message = discoveryMessage(discoveryPrefix, this.clientId, facts, this.topics, intervalS);
      this.#publish(message.topicName, message.payload, { qos: 1, retain: true, properties: JSON_PROPERTIES });
    }
    this.#publish(this.topics.status, ONLINE, { qos: 1, retain: true });
  }

  async run(signal: AbortSignal): Promise<number> {
    const { dropAfterS, isOnce } = this.plan;
    this.#facts.read();
    const end = new AbortController();
    const timer = dropAfterS === undefined ? undefined : setTimeout(() => end.abort(), 1000 * dropAfterS);
    await this.#readAgainAndAgain(AbortSignal.any([signal, end.signal]));
    clearTimeout(timer);
    if (end.signal.aborted) {
      this.client.drop();
      return ExitCode.Ok;
    }
    const all = Promise.all(this.#pending);
    if (!isOnce) {
      await atMost(FAREWELL_MS, all);
      await this.#farewell();
      return ExitCode.Ok;
    }
    const areAllThere = (await all).every((isThere) => isThere);
    await this.#farewell();
    return areAllThere ? ExitCode.Ok : ExitCode.Failed;
  }

  async #readAgainAndAgain(signal: AbortSignal): Promise<void> {
    const pause = (ms: number) => delay(ms, { signal }).catch(() => {});
    await pause(FIRST_READING_MS);
    for (let dueMs = performance.now(); !signal.aborted;) {
      this.#publishReading();
      if (this.plan.isOnce) return;
      // From the instant at which it was due, so that readings do not drift; what was missed (a sleeping machine) is left out.
      dueMs = Math.max(dueMs + 1000 * this.plan.intervalS, performance.now());
      await pause(dueMs - performance.now());
    }
  }

  #publishReading(): void {
    const { qos, retain } = this.plan;
    const [state, ...single] = this.topics.messages(this.#facts.read());
    this.#publish(state.topicName, state.payload, { qos, retain, properties: JSON_PROPERTIES });
    // An outbox is for readings with their time: old values by themselves would say nothing.
    if (this.client.state !== "connected") return;
    for (const { topicName, payload } of single) this.#publish(topicName, payload, { qos, retain });
  }

  #publish(topicName: string, payload: string, options: PublishOptions): void {
    const publishing = this.client.publish(topicName, payload, options).then(() => {
      this.#areLost = false;
      return true;
    }, (error) => {
      // Said once, not at each interval.
      if (!this.#areLost && this.client.state !== "closed") {
        this.complain(`a reading is lost: ${error instanceof Error ? error.message : error}`);
      }
      this.#areLost = true;
      return false;
    });
    this.#pending.add(publishing);
    publishing.finally(() => this.#pending.delete(publishing));
  }

  /** DISCONNECT takes the Will Message away: "offline" has to be said. */
  async #farewell(): Promise<void> {
    if (this.client.state !== "connected") return;
    const saying = this.client.publish(this.topics.status, OFFLINE, { qos: 1, retain: true }).catch(() => {});
    await atMost(FAREWELL_MS, saying);
  }
}

async function atMost(ms: number, work: Promise<unknown>): Promise<void> {
  const patience = new AbortController();
  await Promise.race([work, delay(ms, { signal: patience.signal }).catch(() => {})]);
  patience.abort();
}

/** MQTT 5.0: what the payload is. */
const JSON_PROPERTIES: NonNullable<PublishOptions["properties"]> = {
  payloadFormatIndicator: 1,
  contentType: "application/json",
};
