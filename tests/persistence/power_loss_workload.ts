/** A seeded workload for a store, told to a MemoryStore as well: what must be there after each batch is known.
 * Out: `digests`, by ticket. @module */

import { createHash } from "node:crypto";
import { ApplicationMessage, type QoS } from "../../src/packet/mod.ts";
import { MemoryStore } from "../../src/persistence/memory_store.ts";
import type { OutgoingRecord, QueuedRun, SessionRecord, Store } from "../../src/persistence/store.ts";
import { OutgoingMessage, OutgoingState } from "../../src/session/outgoing_message.ts";
import { Session } from "../../src/session/session.ts";
import { Subscription } from "../../src/session/subscription.ts";
import type { SeededRandom } from "../simulation/random.ts";

const SESSIONS = 12;
/** What is larger than this is acknowledged sooner: the file stays small while much goes through it. */
const QUEUE_MESSAGES = 30;
const SHARED_FILTER = "$share/group/s/#";

interface WorkloadSession {
  readonly clientId: string;
  readonly outgoing: OutgoingMessage[];
  lastPosition: number;
  readonly sharedBy: Subscription;
}

export class PowerLossWorkload {
  readonly model = new MemoryStore();
  /** What the store must hold when the batch of this ticket is the last one that it has. */
  readonly digests = new Map<number, string>();
  readonly #sessions = new Map<string, WorkloadSession>();

  constructor(readonly store: Store, readonly random: SeededRandom) {}

  /** Some changes, and the end of the turn. @returns the ticket of the changes. */
  async turn(): Promise<{ ticket: number }> {
    for (let i = 1 + this.random.below(20); i > 0; i--) this.#change();
    // Later changes of the same batch replace it; none comes before this turn of the event loop ends.
    const ticket = this.store.ticket;
    this.digests.set(ticket, digestOf(await contentOf(this.model)));
    this.store.endTurn();
    return { ticket };
  }

  #both(tell: (store: Store) => void): void {
    tell(this.store);
    tell(this.model);
  }

  #change(): void {
    const { random } = this;
    const clientId = `client-${random.below(SESSIONS)}`;
    const session = this.#sessions.get(clientId);
    if (session === undefined) return this.#putSession(clientId);
    const dice = random.next();
    if (dice < 0.35) this.#publish();
    else if (dice < 0.65) this.#proceed(session);
    else if (dice < 0.72) {
      const fullFilter = `a/${random.below(5)}`;
      if (random.chance(0.4)) return this.#both((store) => store.deleteSubscription(clientId, fullFilter));
      const record = {
        fullFilter,
        qos: random.below(3) as QoS,
        noLocal: random.chance(0.5),
        retainAsPublished: random.chance(0.5),
        subscriptionIdentifier: random.below(3),
      };
      this.#both((store) => store.putSubscription(clientId, record));
    } else if (dice < 0.82) {
      const packetIdentifier = 1 + random.below(8);
      if (random.chance(0.5)) this.#both((store) => store.putIncomingQoS2(clientId, packetIdentifier));
      else this.#both((store) => store.deleteIncomingQoS2(clientId, packetIdentifier));
    } else if (dice < 0.92) {
      const topicName = `r/${random.below(8)}`;
      if (random.chance(0.3)) return this.#both((store) => store.deleteRetained(topicName));
      const message = this.#message(topicName, true);
      this.#both((store) => store.putRetained(message));
    } else if (dice < 0.99) this.#putSession(clientId);
    else {
      this.#sessions.delete(clientId);
      this.#both((store) => store.deleteSession(clientId));
    }
  }

  #putSession(clientId: string): void {
    const { random } = this;
    if (!this.#sessions.has(clientId)) {
      const session = new Session(clientId, undefined, {
        queuedMessagesMax: 1,
        queuedBytesMax: 1,
        queuePolicy: "drop-newest",
      });
      const sharedBy = new Subscription(session, SHARED_FILTER, "group", "s/#", 2, false, false, 0);
      this.#sessions.set(clientId, { clientId, outgoing: [], lastPosition: 0, sharedBy });
    }
    const isConnected = random.chance(0.5);
    const hasWill = random.chance(0.3);
    const record: SessionRecord = {
      clientId,
      userName: random.chance(0.3) ? "somebody" : undefined,
      remoteHost: "127.0.0.1",
      isConnected,
      sessionExpiryInterval: 1 + random.below(1000),
      expiresAtMs: isConnected ? Infinity : 1_900_000_000_000 + random.below(1000),
      will: hasWill ? { message: this.#message("w/1", false), willDelayInterval: random.below(10) } : undefined,
      willDueAtMs: hasWill && !isConnected ? 1_900_000_000_000 + random.below(1000) : Infinity,
    };
    this.#both((store) => store.putSession(record));
  }

  /** One message for some sessions, whose body they share. */
  #publish(): void {
    const { random } = this;
    const message = this.#message(`a/${random.below(5)}`, random.chance(0.1));
    const count = random.pick([1, 1, 2, 4]);
    for (const session of [...this.#sessions.values()].slice(0, count)) {
      const qos = random.chance(0.5) ? 1 : 2;
      const sharedBy = random.chance(0.1) ? session.sharedBy : undefined;
      const identifiers = random.chance(0.2) ? [1, 2] : undefined;
      const expiresAtMs = random.chance(0.2) ? 1_900_000_000_000 + random.below(1000) : Infinity;
      const outgoing = new OutgoingMessage(message, qos, random.chance(0.1), identifiers, expiresAtMs, sharedBy);
      outgoing.position = ++session.lastPosition;
      session.outgoing.push(outgoing);
      this.#both((store) => store.putOutgoing(session.clientId, outgoing));
      // Nobody is served before the others for long.
      this.#sessions.delete(session.clientId);
      this.#sessions.set(session.clientId, session);
      while (session.outgoing.length > QUEUE_MESSAGES) this.#acknowledge(session);
    }
  }

  /** A message goes one step on its way. */
  #proceed(session: WorkloadSession): void {
    const { random } = this;
    if (session.outgoing.length === 0) return;
    if (random.chance(0.3)) return this.#acknowledge(session);
    const outgoing = random.pick(session.outgoing);
    if (outgoing.state === OutgoingState.AwaitingPubrec) outgoing.state = OutgoingState.AwaitingPubcomp;
    else if (outgoing.state === OutgoingState.Queued) {
      outgoing.state = outgoing.qos === 1 ? OutgoingState.AwaitingPuback : OutgoingState.AwaitingPubrec;
      outgoing.packetIdentifier = 1 + outgoing.position % 65_535;
    } else return;
    this.#both((store) => store.putOutgoing(session.clientId, outgoing));
  }

  #acknowledge(session: WorkloadSession): void {
    const outgoing = session.outgoing.shift()!;
    this.#both((store) => store.deleteOutgoing(session.clientId, outgoing));
  }

  #message(topicName: string, retain: boolean): ApplicationMessage {
    const { random } = this;
    const payload = new Uint8Array(random.pick([0, 20, 200, 900, 1200, 5_000, 30_000])).fill(random.below(256));
    return ApplicationMessage.create({ topicName, payload, qos: 2, retain, receivedAtMs: random.below(1_000_000) });
  }
}

export function digestOf(lines: readonly string[]): string {
  return createHash("sha1").update(lines.join("\n")).digest("base64");
}

/** All that a store gives back, sorted, with queued messages read from where they are. To be called once, as `load`. */
export async function contentOf(store: Store): Promise<string[]> {
  const lines: string[] = [];
  const runs: [string, QueuedRun][] = [];
  const outgoing = (clientId: string, record: OutgoingRecord) => {
    const { position, state, packetIdentifier, qos, retain, expiresAtMs, sharedFilter, subscriptionIdentifiers } =
      record;
    lines.push(
      `outgoing ${clientId} ${position} ${state} ${packetIdentifier} ${qos} ${retain} ${expiresAtMs} ` +
        `${sharedFilter} ${subscriptionIdentifiers} ${textOf(record.message)}`,
    );
  };
  await store.load({
    session: (record) => {
      const { clientId, userName, remoteHost, isConnected, sessionExpiryInterval, expiresAtMs, will, willDueAtMs } =
        record;
      lines.push(
        `session ${clientId} ${userName} ${remoteHost} ${isConnected} ${sessionExpiryInterval} ${expiresAtMs} ` +
          `${will && textOf(will.message)} ${will?.willDelayInterval} ${willDueAtMs}`,
      );
    },
    subscription: (clientId, { fullFilter, qos, noLocal, retainAsPublished, subscriptionIdentifier }) =>
      lines.push(
        `subscription ${clientId} ${fullFilter} ${qos} ${noLocal} ${retainAsPublished} ${subscriptionIdentifier}`,
      ),
    outgoing,
    queuedRun: (clientId, run) => runs.push([clientId, run]),
    incomingQoS2: (clientId, packetIdentifier) => lines.push(`incoming ${clientId} ${packetIdentifier}`),
    retained: (message) => lines.push(`retained ${textOf(message)}`),
  });
  for (const [clientId, { firstPosition, lastPosition, messages }] of runs) {
    const records = await new Promise<readonly OutgoingRecord[] | Error>((resolve) =>
      store.readOutgoing(clientId, firstPosition, lastPosition, Infinity, resolve)
    );
    if (records instanceof Error) throw records;
    if (records.length !== messages) lines.push(`a run of ${messages} holds ${records.length}`);
    for (const record of records) outgoing(clientId, record);
  }
  return lines.sort();
}

function textOf({ topicName, qos, retain, receivedAtMs, payload }: ApplicationMessage): string {
  return `${topicName} ${qos} ${retain} ${receivedAtMs} ${payload.length} ${payload[0]} ${payload.at(-1)}`;
}
