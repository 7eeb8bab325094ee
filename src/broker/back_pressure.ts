/** Publishers wait for subscribers that are behind, for a moment: the broker then reads less instead of growing.
 *
 * A subscriber is behind when bytes wait for it beyond the mark, or its queue is half full. The publishers that feed
 * it are not read from until it has caught up, but no longer than `backpressureMsMax`: after that it is lagging, nobody
 * waits for it any more, its QoS 0 is dropped and its queue fills to its limit. It is trusted again some time after it has
 * caught up, each time later. So one that never reads holds the others up once, for a tenth of a second. @module */

import { Timer } from "../base/timer_wheel.ts";
import type { Broker } from "./broker.ts";
import type { Connection } from "./connection.ts";

const FORGIVE_DOUBLINGS_MAX = 10;

/** `receiver` got something of `publisher`: does it have to wait? Called for each delivery, so the common case is one
 * comparison at the caller. */
export function holdPublisher(broker: Broker, publisher: Connection, receiver: Connection): void {
  if (broker.turn.monotonicMs < receiver.laggingUntilMs) return;
  const held = receiver.heldPublishers ??= new Set();
  if (held.has(publisher)) return;
  held.add(publisher);
  publisher.holds++;
  publisher.sink.pauseReading();
  const timer = receiver.holdTimer ??= new Timer(() => giveUpOn(broker, receiver));
  if (!timer.scheduled) broker.wheel.schedule(timer, broker.turn.monotonicMs + broker.limits.backpressureMsMax);
}

/** true: publishers of QoS 1 and 2 should wait, since what they send only makes the queue longer. */
export function isBehind(connection: Connection): boolean {
  return connection.sink.congested || connection.session!.pending.isFilling;
}

/** Something was written or acknowledged. */
export function relieveIfCaughtUp(broker: Broker, receiver: Connection): void {
  const isWaitedFor = receiver.heldPublishers !== undefined || receiver.laggingUntilMs === Infinity ||
    receiver.retainedWalks !== undefined;
  if (!isWaitedFor) return;
  if (receiver.isConnected && isBehind(receiver)) return;
  if (receiver.laggingUntilMs === Infinity) {
    const factor = 2 ** Math.min(receiver.lagCount - 1, FORGIVE_DOUBLINGS_MAX);
    receiver.laggingUntilMs = broker.turn.monotonicMs + broker.limits.backpressureForgiveMs * factor;
  }
  releasePublishers(broker, receiver);
  broker.retainedWalks.resume(receiver);
}

/** It has caught up, or is gone. */
export function releasePublishers(broker: Broker, receiver: Connection): void {
  const held = receiver.heldPublishers;
  if (held === undefined) return;
  receiver.heldPublishers = undefined;
  broker.wheel.cancel(receiver.holdTimer!);
  for (const publisher of held) {
    if (--publisher.holds === 0 && publisher.isConnected) publisher.sink.resumeReading();
  }
}

function giveUpOn(broker: Broker, receiver: Connection): void {
  receiver.lagCount++;
  receiver.laggingUntilMs = Infinity;
  releasePublishers(broker, receiver);
  broker.log.lagging(receiver);
}
