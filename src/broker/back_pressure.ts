/** Publishers wait for subscribers that are behind, for a moment: the broker then reads less instead of growing.
 *
 * A subscriber is behind when bytes wait for it beyond the mark, or its queue is half full. The publishers that feed
 * it are not read from until it has caught up, or has taken nothing for `backpressureMsMax`: after that it is lagging,
 * nobody waits for it any more, its QoS 0 is dropped and its queue fills to its limit. It is trusted again some time after
 * it has caught up, each time later. So one that never reads holds the others up once, for a tenth of a second.
 *
 * One that does read shows it late: a system's socket takes new bytes only when a third of its buffer, a MiB or more, has
 * left, and until then a reader at 10 MB/s looks like one that has stopped. So what was written while publishers waited
 * earns patience: `backpressureMsMax` for each mark's worth of bytes. And one that was given up is trusted again at once
 * when so much was written to it (the double after each time), and no long backlog waits for it. Who reads 2.6 MB/s (with
 * the default limits) or more sets the pace of its publishers; who reads less holds them for that share of the time at
 * most.
 *
 * A publisher that has waited in vain several times waits for no stranger for a while: clients that come, do not read and
 * come again can take a tenth of its time, and no more. @module */

import { Timer } from "../base/timer_wheel.ts";
import type { Broker } from "./broker.ts";
import type { Connection } from "./connection.ts";

const FORGIVE_DOUBLINGS_MAX = 10;
/** Patience is saved up to so many times `backpressureMsMax`. */
const PATIENCE_MAX = 10;
/** A publisher that has waited so many times `backpressureMsMax` for nothing waits for no stranger any more, until that
 * has faded: otherwise clients that come, do not read, and come again would stop it for good. */
const WASTE_MAX = 3;
/** Of each second, so much of the waste is forgotten: the part of its time that strangers can take from a publisher. */
const WASTE_FADING = 0.1;
/** Marks' worth of bytes, 16 MiB by default: twice what the buffers of a socket take of one that never reads. */
const KNOWN_MARKS = 64;

/** How a receiver stands with the publishers that wait for it, or have. */
export class Lag {
  /** Those that wait now. */
  publishers: Set<Connection> | undefined = undefined;
  /** Until then it is not waited for, since it was too slow (milliseconds, monotonic); Infinity: until it has caught up. */
  untilMs = 0;
  /** How often it was too slow. */
  count = 0;
  /** How long it may still hold its publishers, in milliseconds, as of `heldSinceMs`. */
  patienceMs = 0;
  heldSinceMs = 0;
  /** It has read well while publishers waited for it: from now on nobody asks whether waiting pays. */
  hasReadWell = false;
  /** `sink.bytesWritten` when its publishers began to wait, or when it was given up. */
  bytesWrittenBefore = 0;

  constructor(readonly timer: Timer) {}
}

/** How long a publisher has waited for nothing. */
export class Waste {
  /** As of `atMs`; fades. */
  lostMs = 0;
  atMs = 0;
  /** Up to when its waiting is booked, be it wasted or not. */
  bookedMs = 0;
}

/** `receiver` got something of `publisher`: does it have to wait? Called for each delivery, so the common case is one
 * comparison at the caller. */
export function holdPublisher(broker: Broker, publisher: Connection, receiver: Connection): void {
  const lag = receiver.lag ??= new Lag(new Timer(() => patienceEnds(broker, receiver, receiver.lag!)));
  if (broker.turn.monotonicMs < lag.untilMs && !regainsTrust(broker, receiver, lag)) return;
  if (lag.publishers?.has(publisher)) return;
  const { waste } = publisher;
  const wasteMaxMs = broker.limits.backpressureMsMax * WASTE_MAX;
  if (waste !== undefined && wastedTime(broker, waste) >= wasteMaxMs && !isKnownToRead(broker, receiver)) return;
  const held = lag.publishers ??= new Set();
  held.add(publisher);
  publisher.holds++;
  publisher.sink.pauseReading();
  if (lag.timer.scheduled) return;
  lag.heldSinceMs = broker.turn.monotonicMs;
  lag.bytesWrittenBefore = receiver.sink.bytesWritten;
  lag.patienceMs = Math.max(lag.patienceMs, broker.limits.backpressureMsMax);
  broker.wheel.schedule(lag.timer, lag.heldSinceMs + lag.patienceMs);
}

/** true: publishers of QoS 1 and 2 should wait, since what they send only makes the queue longer. */
export function isBehind(connection: Connection): boolean {
  return connection.sink.congested || connection.session!.isFilling;
}

/** Something was written or acknowledged. */
export function relieveIfCaughtUp(broker: Broker, receiver: Connection): void {
  const { lag } = receiver;
  const isGivenUp = lag !== undefined && lag.untilMs === Infinity;
  if (!isGivenUp && lag?.publishers === undefined && receiver.retainedWalks === undefined) return;
  if (receiver.isConnected && isBehind(receiver)) return;
  if (isGivenUp) {
    lag.untilMs = broker.turn.monotonicMs + broker.limits.backpressureForgiveMs * forgivenessFactor(lag);
  }
  releasePublishers(broker, receiver);
  broker.retainedWalks.resume(receiver);
}

/** The disk is behind: too much waits for it, or for what it has to say. */
export function isDiskBehind(broker: Broker): boolean {
  return broker.store.waitingBytes + broker.gate.heldBytes > broker.limits.storeWaitingBytesMax;
}

/** `publisher` has added to what waits for the disk: it is not read from until the disk has caught up, however long that
 * takes. Who adds nothing to it, or only acknowledges, is not held up. */
export function holdForStore(broker: Broker, publisher: Connection): void {
  if (broker.heldByStore.has(publisher) || !publisher.isConnected) return;
  broker.heldByStore.add(publisher);
  publisher.holds++;
  publisher.sink.pauseReading();
}

/** The store got safer. */
export function relieveFromStore(broker: Broker): void {
  if (broker.heldByStore.size === 0) return;
  const waitingBytes = broker.store.waitingBytes + broker.gate.heldBytes;
  if (waitingBytes * 2 > broker.limits.storeWaitingBytesMax) return;
  const held = [...broker.heldByStore];
  broker.heldByStore.clear();
  for (const publisher of held) letGo(broker, publisher);
}

/** It has caught up, or is gone. */
export function releasePublishers(broker: Broker, receiver: Connection): void {
  const { lag } = receiver;
  const held = lag?.publishers;
  if (held === undefined) return;
  lag!.publishers = undefined;
  if (lag!.timer.scheduled) settlePatience(broker, receiver, lag!);
  broker.wheel.cancel(lag!.timer);
  for (const publisher of held) letGo(broker, publisher);
}

function letGo(broker: Broker, publisher: Connection): void {
  if (--publisher.holds > 0 || !publisher.isConnected) return;
  // Its packets lay unread: its Keep Alive counts from now.
  publisher.lastReceivedMs = broker.turn.monotonicMs;
  publisher.sink.resumeReading();
}

/** `receiver` is gone while publishers wait for it: in vain, unless it has read well. */
export function endHold(broker: Broker, receiver: Connection): void {
  const { lag } = receiver;
  if (lag === undefined) return;
  if (lag.timer.scheduled && !isKnownToRead(broker, receiver)) bookWaste(broker, lag, lag.heldSinceMs);
  releasePublishers(broker, receiver);
}

/** What is left of the time that a publisher has waited for nothing. */
function wastedTime(broker: Broker, waste: Waste): number {
  const elapsedMs = broker.turn.monotonicMs - waste.atMs;
  waste.atMs = broker.turn.monotonicMs;
  return waste.lostMs = Math.max(0, waste.lostMs - elapsedMs * WASTE_FADING);
}

/** A receiver was waited for in vain. Publishers that waited for several at once have lost that time once. */
function bookWaste(broker: Broker, { publishers }: Lag, sinceMs: number): void {
  const nowMs = broker.turn.monotonicMs;
  for (const publisher of publishers ?? []) {
    const waste = publisher.waste ??= new Waste();
    const lostMs = nowMs - Math.max(sinceMs, waste.bookedMs);
    waste.bookedMs = nowMs;
    const wasteMaxMs = broker.limits.backpressureMsMax * (WASTE_MAX + 1);
    waste.lostMs = Math.min(wastedTime(broker, waste) + lostMs, wasteMaxMs);
  }
}

/** It reads: it has done so while publishers waited, or has taken more than the system's own buffers can hold. */
function isKnownToRead(broker: Broker, { lag, sink }: Connection): boolean {
  return lag?.hasReadWell === true || sink.bytesWritten >= broker.limits.outboundMarkBytes * KNOWN_MARKS;
}

function forgivenessFactor({ count }: Lag): number {
  return 2 ** Math.min(count - 1, FORGIVE_DOUBLINGS_MAX);
}

/** Books the time that publishers waited, and what was written meanwhile. A short wait costs nothing and earns nothing:
 * what the system's own buffers swallow at first says nothing about the reader. */
function settlePatience(broker: Broker, receiver: Connection, lag: Lag): void {
  const { backpressureMsMax, outboundMarkBytes } = broker.limits;
  const spentMs = broker.turn.monotonicMs - lag.heldSinceMs;
  if (spentMs * 2 < backpressureMsMax) return;
  const { bytesWritten } = receiver.sink;
  const earnedMs = (bytesWritten - lag.bytesWrittenBefore) / outboundMarkBytes * backpressureMsMax;
  if (earnedMs >= spentMs) lag.hasReadWell = true;
  lag.patienceMs = Math.min(lag.patienceMs - spentMs + earnedMs, PATIENCE_MAX * backpressureMsMax);
  lag.bytesWrittenBefore = bytesWritten;
  lag.heldSinceMs = broker.turn.monotonicMs;
}

/** It was given up, and something has been written to it since. */
function regainsTrust(broker: Broker, receiver: Connection, lag: Lag): boolean {
  // With a long backlog its publishers would wait until all of that is gone: they wait for little, or not at all.
  if (receiver.sink.outboundBytes > broker.limits.outboundMarkBytes * PATIENCE_MAX) return false;
  const bytes = receiver.sink.bytesWritten - lag.bytesWrittenBefore;
  if (bytes < broker.limits.outboundMarkBytes * forgivenessFactor(lag)) return false;
  lag.untilMs = 0;
  const { backpressureMsMax, outboundMarkBytes } = broker.limits;
  lag.patienceMs = Math.min(bytes / outboundMarkBytes, PATIENCE_MAX) * backpressureMsMax;
  return true;
}

function patienceEnds(broker: Broker, receiver: Connection, lag: Lag): void {
  const sinceMs = lag.heldSinceMs;
  settlePatience(broker, receiver, lag);
  if (lag.patienceMs >= broker.limits.backpressureMsMax && lag.patienceMs > 0) {
    broker.wheel.schedule(lag.timer, broker.turn.monotonicMs + lag.patienceMs);
    return;
  }
  bookWaste(broker, lag, sinceMs);
  lag.patienceMs = 0;
  lag.count++;
  lag.untilMs = Infinity;
  releasePublishers(broker, receiver);
  broker.log.lagging(receiver);
}
