/** What an earlier process left in the store: read whole, before the first connection. @module */

import type { OutgoingState } from "../session/outgoing_message.ts";
import type { OutgoingRecord, QueuedRun, Store } from "../persistence/store.ts";
import type { ClientObserver } from "./client_observer.ts";
import { ClientClosedError } from "./errors.ts";
import { OutboxMessage } from "./outbox_message.ts";

export interface LoadedSession {
  /** By position. */
  readonly outgoing: readonly OutboxMessage[];
  readonly incomingQoS2: readonly number[];
}

/** Bytes that are asked for at a time. */
const READ_BYTES_MAX = 4 * 1024 * 1024;

/** Hears of a message that is given up. */
export type TellLost = NonNullable<ClientObserver["lost"]>;

/** @param tellLost undefined = nobody wants to know. @throws when the store cannot be read. */
export async function loadSession(
  store: Store,
  clientId: string,
  tellLost: TellLost | undefined,
): Promise<LoadedSession> {
  const records: OutgoingRecord[] = [];
  const runs: QueuedRun[] = [];
  const incomingQoS2: number[] = [];
  await store.load({
    session() {},
    subscription() {},
    outgoing: (owner, record) => void (owner === clientId && records.push(record)),
    queuedRun: (owner, run) => void (owner === clientId && runs.push(run)),
    incomingQoS2: (owner, packetIdentifier) => void (owner === clientId && incomingQoS2.push(packetIdentifier)),
    retained() {},
  });
  for (const run of runs) records.push(...await readRun(store, clientId, run));
  records.sort((a, b) => a.position - b.position);
  return { outgoing: records.map((record) => outgoingOf(record, tellLost)), incomingQoS2 };
}

async function readRun(store: Store, clientId: string, { firstPosition, lastPosition }: QueuedRun) {
  const all: OutgoingRecord[] = [];
  for (let from = firstPosition; from <= lastPosition;) {
    const records = await new Promise<readonly OutgoingRecord[]>((resolve, reject) => {
      const answer = (answer: readonly OutgoingRecord[] | Error) =>
        answer instanceof Error ? reject(answer) : resolve(answer);
      store.readOutgoing(clientId, from, lastPosition, READ_BYTES_MAX, answer);
    });
    if (records.length === 0) break;
    all.push(...records);
    from = records[records.length - 1].position + 1;
  }
  return all;
}

function outgoingOf(record: OutgoingRecord, tellLost: TellLost | undefined): OutboxMessage {
  const { message, qos, retain, expiresAtMs, position, packetIdentifier, state } = record;
  const waiter = tellLost === undefined ? undefined : {
    resolve() {},
    reject(error: unknown) {
      // Then it stays in the store.
      if (error instanceof ClientClosedError) return;
      const { topicName, payload } = message;
      tellLost({ topicName, payload: payload.slice(), qos, retain }, error as Error);
    },
  };
  const outgoing = new OutboxMessage(message, qos, retain, expiresAtMs, waiter);
  outgoing.position = position;
  outgoing.isOnDisk = true;
  if (packetIdentifier !== 0) {
    outgoing.packetIdentifier = packetIdentifier;
    outgoing.state = state as OutgoingState;
    // It may have been, and then must say so.
    outgoing.wasSent = true;
  }
  return outgoing;
}
