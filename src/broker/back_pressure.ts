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

/** `receiver` got something of `publisher`: does it have to wait? Called for each delivery, so the common case is one
 * comparison at the caller. */
export function holdPublisher(broker: Broker, publisher: Connection, receiver: Connection): void {
  if (broker.turn.monotonicMs < receiver.laggingUntilMs && !regainsTrust(broker, receiver)) return;
  if (receiver.heldPublishers?.has(publisher)) return;
  const wasteMaxMs = broker.limits.backpressureMsMax * WASTE_MAX;
  if (publisher.wastedMs > 0 && wastedTime(broker, publisher) >= wasteMaxMs && !isKnownToRead(broker, receiver)) return;
  const held = receiver.heldPublishers ??= new Set();
  held.add(publisher);
  publisher.holds++;
  publisher.sink.pauseReading();
  const timer = receiver.holdTimer ??= new Timer(() => patienceEnds(broker, receiver));
  if (timer.scheduled) return;
  receiver.heldSinceMs = broker.turn.monotonicMs;
  receiver.bytesWrittenBefore = receiver.sink.bytesWritten;
  receiver.patienceMs = Math.max(receiver.patienceMs, broker.limits.backpressureMsMax);
  broker.wheel.schedule(timer, receiver.heldSinceMs + receiver.patienceMs);
}

/** true: publishers of QoS 1 and 2 should wait, since what they send only makes the queue longer. */
export function isBehind(connection: Connection): boolean {
  return connection.sink.congested || connection.session!.isFilling;
}

/** Something was written or acknowledged. */
export function relieveIfCaughtUp(broker: Broker, receiver: Connection): void {
  const isWaitedFor = receiver.heldPublishers !== undefined || receiver.laggingUntilMs === Infinity ||
    receiver.retainedWalks !== undefined;
  if (!isWaitedFor) return;
  if (receiver.isConnected && isBehind(receiver)) return;
  if (receiver.laggingUntilMs === Infinity) {
    receiver.laggingUntilMs = broker.turn.monotonicMs +
      broker.limits.backpressureForgiveMs * forgivenessFactor(receiver);
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
  const held = receiver.heldPublishers;
  if (held === undefined) return;
  receiver.heldPublishers = undefined;
  if (receiver.holdTimer!.scheduled) settlePatience(broker, receiver);
  broker.wheel.cancel(receiver.holdTimer!);
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
  if (receiver.holdTimer?.scheduled && !isKnownToRead(broker, receiver)) {
    bookWaste(broker, receiver, receiver.heldSinceMs);
  }
  releasePublishers(broker, receiver);
}

/** What is left of the time that a publisher has waited for nothing. */
function wastedTime(broker: Broker, publisher: Connection): number {
  const elapsedMs = broker.turn.monotonicMs - publisher.wastedAtMs;
  publisher.wastedAtMs = broker.turn.monotonicMs;
  return publisher.wastedMs = Math.max(0, publisher.wastedMs - elapsedMs * WASTE_FADING);
}

/** `receiver` was waited for in vain. Publishers that waited for several at once have lost that time once. */
function bookWaste(broker: Broker, receiver: Connection, sinceMs: number): void {
  const nowMs = broker.turn.monotonicMs;
  for (const publisher of receiver.heldPublishers ?? []) {
    const lostMs = nowMs - Math.max(sinceMs, publisher.wasteBookedMs);
    publisher.wasteBookedMs = nowMs;
    const wasteMaxMs = broker.limits.backpressureMsMax * (WASTE_MAX + 1);
    publisher.wastedMs = Math.min(wastedTime(broker, publisher) + lostMs, wasteMaxMs);
  }
}

/** It reads: it has done so while publishers waited, or has taken more than the system's own buffers can hold. */
function isKnownToRead(broker: Broker, receiver: Connection): boolean {
  return receiver.hasReadWell || receiver.sink.bytesWritten >= broker.limits.outboundMarkBytes * KNOWN_MARKS;
}

function forgivenessFactor(receiver: Connection): number {
  return 2 ** Math.min(receiver.lagCount - 1, FORGIVE_DOUBLINGS_MAX);
}

/** Books the time that publishers waited, and what was written meanwhile. A short wait costs nothing and earns nothing:
 * what the system's own buffers swallow at first says nothing about the reader. */
function settlePatience(broker: Broker, receiver: Connection): void {
  const { backpressureMsMax, outboundMarkBytes } = broker.limits;
  const spentMs = broker.turn.monotonicMs - receiver.heldSinceMs;
  if (spentMs * 2 < backpressureMsMax) return;
  const { bytesWritten } = receiver.sink;
  const earnedMs = (bytesWritten - receiver.bytesWrittenBefore) / outboundMarkBytes * backpressureMsMax;
  if (earnedMs >= spentMs) receiver.hasReadWell = true;
  receiver.patienceMs = Math.min(receiver.patienceMs - spentMs + earnedMs, PATIENCE_MAX * backpressureMsMax);
  receiver.bytesWrittenBefore = bytesWritten;
  receiver.heldSinceMs = broker.turn.monotonicMs;
}

/** It was given up, and something has been written to it since. */
function regainsTrust(broker: Broker, receiver: Connection): boolean {
  // With a long backlog its publishers would wait until all of that is gone: they wait for little, or not at all.
  if (receiver.sink.outboundBytes > broker.limits.outboundMarkBytes * PATIENCE_MAX) return false;
  const bytes = receiver.sink.bytesWritten - receiver.bytesWrittenBefore;
  if (bytes < broker.limits.outboundMarkBytes * forgivenessFactor(receiver)) return false;
  receiver.laggingUntilMs = 0;
  const { backpressureMsMax, outboundMarkBytes } = broker.limits;
  receiver.patienceMs = Math.min(bytes / outboundMarkBytes, PATIENCE_MAX) * backpressureMsMax;
  return true;
}

function patienceEnds(broker: Broker, receiver: Connection): void {
  const sinceMs = receiver.heldSinceMs;
  settlePatience(broker, receiver);
  if (receiver.patienceMs >= broker.limits.backpressureMsMax && receiver.patienceMs > 0) {
    broker.wheel.schedule(receiver.holdTimer!, broker.turn.monotonicMs + receiver.patienceMs);
    return;
  }
  bookWaste(broker, receiver, sinceMs);
  receiver.patienceMs = 0;
  receiver.lagCount++;
  receiver.laggingUntilMs = Infinity;
  releasePublishers(broker, receiver);
  broker.log.lagging(receiver);
}
