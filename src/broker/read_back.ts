/** Queued messages that are on the disk alone come back: when their turn comes, and when the queue is full and has to
 * lose the oldest, or may lose what has expired. One question for each session at a time; the answer is an event.
 *
 * A full queue whose runs may hold expired messages is swept: its runs are read from their beginning to their end, what
 * has expired is deleted, and the rest stays where it is. The message that found the queue full is refused (or the
 * oldest dropped) all the same: the room is for those that come later. A sweep happens at most every ten seconds, and
 * gives way to a Client that wants its messages. @module */

import type { OutgoingRecord } from "../persistence/store.ts";
import { OutgoingMessage, type OutgoingState } from "../session/outgoing_message.ts";
import type { StoredRun } from "../session/stored_run.ts";
import type { Broker } from "./broker.ts";
import type { ClientSession } from "./client_session.ts";
import { dropFromQueue, pump } from "./deliver.ts";
import { storeSession } from "./sessions.ts";

/** How long after a failure the disk is asked again. */
const RETRY_MS = 1_000;
/** What a sweep reads at a time. */
const SWEEP_BYTES = 1024 * 1024;

/** What the store was asked for. */
export interface Reading {
  readonly run: StoredRun;
  readonly lastPosition: number;
  readonly bytesMax: number;
  /** undefined: the messages are for the head of the queue. */
  readonly sweep: Sweep | undefined;
}

interface Sweep {
  /** The run's lower bound before, which holds until the sweep is through. */
  readonly formerExpiryMs: number;
  /** Of what was read and stays. */
  earliestExpiryMs: number;
}

/** Asks the store if the session needs it to, and it is not being asked already. */
export function readBackIfNeeded(broker: Broker, session: ClientSession): void {
  if (session.reading !== undefined || !session.alive) return;
  const { pending } = session;
  if (isWanted(session)) {
    const run = pending.firstRun!;
    const { lastPosition } = run;
    return ask(broker, session, run.firstPosition, {
      run,
      lastPosition,
      bytesMax: pending.readBytesMax,
      sweep: undefined,
    });
  }
  const run = pending.runToSweep(broker.turn.wallMs);
  if (run === undefined) return;
  const sweep = { formerExpiryMs: run.earliestExpiryMs, earliestExpiryMs: Infinity };
  run.earliestExpiryMs = Infinity; // from now on: of those that are added meanwhile
  const { firstPosition, lastPosition } = run;
  ask(broker, session, firstPosition, { run, lastPosition, bytesMax: SWEEP_BYTES, sweep });
}

/** The "read-back" event. */
export function handleReadBack(
  broker: Broker,
  session: ClientSession,
  answer: readonly OutgoingRecord[] | Error,
): void {
  const { reading } = session;
  if (!session.alive || reading === undefined) return; // it has ended meanwhile
  if (answer instanceof Error) {
    // Nothing is lost, and the Client can do nothing about it: its messages come when the disk can be read again.
    broker.log.readBackFailed(session.clientId, answer);
    if (reading.sweep !== undefined) endSweep(reading.run, reading.sweep, false);
    return broker.postLater({ kind: "read-again", session }, RETRY_MS);
  }
  const messages = answer.map((record) => outgoingOf(session, record));
  const throughPosition = lastRead(reading, messages);
  if (reading.sweep !== undefined) return goOnSweeping(broker, session, reading, messages, throughPosition);
  session.reading = undefined;
  const isLive = (outgoing: OutgoingMessage) => outgoing.expiresAtMs > broker.turn.wallMs;
  for (const outgoing of messages) if (!isLive(outgoing)) dropOfRun(broker, session, reading.run, outgoing);
  const missing = session.pending.readBack(messages.filter(isLive), throughPosition);
  if (missing > 0) broker.log.messagesMissing(session.clientId, missing);
  session.pending.trim((dropped) => dropFromQueue(broker, session, dropped));
  // Resumed without an expiry, it was stored for the sake of its runs alone.
  if (!session.persists && !session.pending.hasRuns) storeSession(broker, session);
  pump(broker, session);
  readBackIfNeeded(broker, session);
}

/** The "read-again" event. */
export function handleReadAgain(broker: Broker, session: ClientSession): void {
  session.reading = undefined;
  if (session.pending.hasRuns) readBackIfNeeded(broker, session);
}

/** A message as the store has it. */
export function outgoingOf(session: ClientSession, record: OutgoingRecord): OutgoingMessage {
  const { message, qos, retain, subscriptionIdentifiers, expiresAtMs, sharedFilter } = record;
  const sharedBy = sharedFilter === undefined ? undefined : session.subscriptions.get(sharedFilter);
  const outgoing = new OutgoingMessage(message, qos, retain, subscriptionIdentifiers, expiresAtMs, sharedBy);
  outgoing.position = record.position;
  outgoing.isOnDisk = true;
  if (record.packetIdentifier !== 0) {
    outgoing.packetIdentifier = record.packetIdentifier;
    outgoing.state = record.state as OutgoingState;
    outgoing.wasSent = true;
  }
  return outgoing;
}

/** Its Client is there and will soon have taken what is in memory, or the oldest must go. */
function isWanted(session: ClientSession): boolean {
  const { pending } = session;
  return pending.isOverdrawn || (pending.isShort && session.isConnected);
}

function ask(broker: Broker, session: ClientSession, firstPosition: number, reading: Reading): void {
  session.reading = reading;
  broker.store.readOutgoing(
    session.clientId,
    firstPosition,
    reading.lastPosition,
    reading.bytesMax,
    (answer) => broker.post({ kind: "read-back", session, answer }),
  );
}

/** Up to where there is nothing of what was asked for that was not read: all of it, unless the answer is as long as it
 * may be. */
function lastRead(reading: Reading, messages: readonly OutgoingMessage[]): number {
  let bytes = 0;
  for (const { messageBytes } of messages) bytes += messageBytes;
  return bytes < reading.bytesMax ? reading.lastPosition : messages[messages.length - 1].position;
}

function goOnSweeping(
  broker: Broker,
  session: ClientSession,
  { run, lastPosition, bytesMax }: Reading,
  messages: readonly OutgoingMessage[],
  throughPosition: number,
): void {
  const sweep = session.reading!.sweep!;
  for (const outgoing of messages) {
    if (outgoing.expiresAtMs <= broker.turn.wallMs) dropOfRun(broker, session, run, outgoing);
    else if (outgoing.expiresAtMs < sweep.earliestExpiryMs) sweep.earliestExpiryMs = outgoing.expiresAtMs;
  }
  const isThrough = throughPosition >= lastPosition;
  if (!isThrough && !isWanted(session)) {
    return ask(broker, session, throughPosition + 1, { run, lastPosition, bytesMax, sweep });
  }
  endSweep(run, sweep, isThrough);
  session.reading = undefined;
  readBackIfNeeded(broker, session);
}

function endSweep(run: StoredRun, sweep: Sweep, isThrough: boolean): void {
  const earliestExpiryMs = isThrough ? sweep.earliestExpiryMs : sweep.formerExpiryMs;
  run.earliestExpiryMs = Math.min(run.earliestExpiryMs, earliestExpiryMs);
}

function dropOfRun(broker: Broker, session: ClientSession, run: StoredRun, outgoing: OutgoingMessage): void {
  session.pending.tookFromRun(run, outgoing);
  dropFromQueue(broker, session, outgoing);
}
