/** Queued messages that are on the disk alone come back: when their turn comes, and when the queue is full and has to
 * lose the oldest, or may lose what has expired. One question for each session at a time, and a few for the whole broker
 * (reading_places.ts); the answer is an event.
 *
 * A full queue whose runs may hold expired messages is swept: its runs are read from their beginning to their end, what
 * has expired is deleted, and the rest stays where it is. The message that found the queue full is refused (or the
 * oldest dropped) all the same: the room is for those that come later. A sweep happens at most every ten seconds, and
 * gives way to a Client that wants its messages, after each of its questions. @module */

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
/** How long a question keeps its place while the disk is in trouble: it may wait for a change that the disk does not take,
 * and others ask for what is there. */
const PATIENCE_MS = 1_000;

/** What the store was asked for. */
export interface Reading {
  readonly run: StoredRun;
  readonly firstPosition: number;
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

/** Asks the store if the session needs it to, and it is not being asked already: now, or when it is its turn. */
export function readBackIfNeeded(broker: Broker, session: ClientSession): void {
  if (session.reading !== undefined || !session.alive || broker.readingPlaces.isWaiting(session)) return;
  if (!isWanted(session) && session.pending.runToSweep(broker.turn.wallMs) === undefined) return;
  if (broker.readingPlaces.take(session, broker.turn.monotonicMs)) begin(broker, session);
}

/** The "read-back" event. */
export function handleReadBack(
  broker: Broker,
  session: ClientSession,
  answer: readonly OutgoingRecord[] | Error,
): void {
  const { reading } = session;
  if (!session.alive || reading === undefined) return; // it has ended meanwhile
  broker.readingPlaces.leave(session);
  if (answer instanceof Error) failed(broker, session, reading, answer);
  else takeIn(broker, session, reading, answer.map((record) => outgoingOf(session, record)));
  // Those that wait look at what is left of the total after this one has taken its part.
  startWaiting(broker);
}

/** The "read-again" event. */
export function handleReadAgain(broker: Broker, session: ClientSession): void {
  endQuestion(session);
  if (session.hasRuns) readBackIfNeeded(broker, session);
}

/** The session has ended: the store may never answer. */
export function endReading(broker: Broker, session: ClientSession): void {
  broker.readingPlaces.leave(session);
  startWaiting(broker);
}

/** To be called with each tick. */
export function checkReadings(broker: Broker): void {
  if (broker.store.trouble !== undefined) broker.readingPlaces.takeBack(broker.turn.monotonicMs - PATIENCE_MS);
  startWaiting(broker);
}

/** A message as the store has it. */
export function outgoingOf(session: ClientSession, record: OutgoingRecord): OutgoingMessage {
  const { message, qos, retain, subscriptionIdentifiers, expiresAtMs, sharedFilter } = record;
  const sharedBy = sharedFilter === undefined ? undefined : session.subscriptionTo(sharedFilter);
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

/** Those whose turn it is. */
function startWaiting(broker: Broker): void {
  const { readingPlaces, turn } = broker;
  for (
    let next = readingPlaces.next(turn.monotonicMs);
    next !== undefined;
    next = readingPlaces.next(turn.monotonicMs)
  ) {
    begin(broker, next);
  }
}

/** It has a place: asks for what it needs now, which may have changed since it wanted one. */
function begin(broker: Broker, session: ClientSession): void {
  const { pending, reading } = session;
  if (reading?.sweep !== undefined) {
    if (!isWanted(session)) return ask(broker, session, reading);
    endSweep(reading.run, reading.sweep, false);
    endQuestion(session);
  }
  if (isWanted(session)) {
    const run = pending.firstRun!;
    const { firstPosition, lastPosition } = run;
    return ask(broker, session, { run, firstPosition, lastPosition, bytesMax: pending.readBytesMax, sweep: undefined });
  }
  const run = pending.runToSweep(broker.turn.wallMs);
  if (run === undefined) return broker.readingPlaces.leave(session);
  const sweep = { formerExpiryMs: run.earliestExpiryMs, earliestExpiryMs: Infinity };
  run.earliestExpiryMs = Infinity; // from now on: of those that are added meanwhile
  const { firstPosition, lastPosition } = run;
  ask(broker, session, { run, firstPosition, lastPosition, bytesMax: SWEEP_BYTES, sweep });
}

function ask(broker: Broker, session: ClientSession, reading: Reading): void {
  session.reading = reading;
  reading.run.isBeingRead = true;
  broker.store.readOutgoing(
    session.clientId,
    reading.firstPosition,
    reading.lastPosition,
    reading.bytesMax,
    (answer) => broker.post({ kind: "read-back", session, answer }),
  );
}

function endQuestion(session: ClientSession): void {
  if (session.reading !== undefined) session.reading.run.isBeingRead = false;
  session.reading = undefined;
}

/** Nothing is lost, and the Client can do nothing about it: its messages come when the disk can be read again. */
function failed(broker: Broker, session: ClientSession, reading: Reading, error: Error): void {
  broker.log.readBackFailed(session.clientId, error);
  if (reading.sweep !== undefined) endSweep(reading.run, reading.sweep, false);
  // Until then the session is not asked for: it still has its `reading`.
  broker.postLater({ kind: "read-again", session }, RETRY_MS);
}

function takeIn(broker: Broker, session: ClientSession, reading: Reading, messages: readonly OutgoingMessage[]): void {
  const throughPosition = lastRead(reading, messages);
  if (reading.sweep !== undefined) {
    return goOnSweeping(broker, session, reading, reading.sweep, messages, throughPosition);
  }
  endQuestion(session);
  const isLive = (outgoing: OutgoingMessage) => outgoing.expiresAtMs > broker.turn.wallMs;
  for (const outgoing of messages) if (!isLive(outgoing)) dropOfRun(broker, session, reading.run, outgoing);
  const missing = session.pending.readBack(messages.filter(isLive), throughPosition);
  if (missing > 0) broker.log.messagesMissing(session.clientId, missing);
  session.pending.trim((dropped) => dropFromQueue(broker, session, dropped));
  // Resumed without an expiry, it was stored for the sake of its runs alone.
  if (!session.persists && !session.hasRuns) storeSession(broker, session);
  pump(broker, session);
  readBackIfNeeded(broker, session);
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
  reading: Reading,
  sweep: Sweep,
  messages: readonly OutgoingMessage[],
  throughPosition: number,
): void {
  const { run, lastPosition } = reading;
  for (const outgoing of messages) {
    if (outgoing.expiresAtMs <= broker.turn.wallMs) dropOfRun(broker, session, run, outgoing);
    else if (outgoing.expiresAtMs < sweep.earliestExpiryMs) sweep.earliestExpiryMs = outgoing.expiresAtMs;
  }
  if (throughPosition < lastPosition) {
    // Behind those that wait.
    session.reading = { ...reading, firstPosition: throughPosition + 1 };
    if (broker.readingPlaces.take(session, broker.turn.monotonicMs)) begin(broker, session);
    return;
  }
  endSweep(run, sweep, true);
  endQuestion(session);
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
