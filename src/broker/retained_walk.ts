/** Retained messages for new subscriptions, in slices: a subscriber of `#` among a million retained messages neither
 * stops the others nor fills its queue. Spec §3.3.1.3 [MQTT-3.3.1-9].
 *
 * A connection has one walk under way at a time, its others wait behind it; the connections take turns, a few slices in
 * a turn of the event loop. So what walks cost the others grows neither with subscriptions nor with subscribers. One
 * that is behind leaves the round until it has caught up: a thousand that never read cost nothing. @module */

import { RingQueue } from "../base/ring_queue.ts";
import { OutgoingMessage } from "../session/outgoing_message.ts";
import type { TopicWalk } from "../topic/topic_tree.ts";
import { isBehind } from "./back_pressure.ts";
import type { Broker } from "./broker.ts";
import type { Connection } from "./connection.ts";
import { enqueue, remainingExpiry } from "./deliver.ts";
import type { RetainedMessage } from "./retained_messages.ts";
import type { ClientSubscription } from "./route.ts";

/** Topic Names that one slice looks at, matching or not: about 0.1 ms. */
const SLICE_LOOKS = 256;
/** Slices of one turn, of all connections. */
const TURN_SLICES = 8;

/** What one subscription still has to get. */
export interface RetainedWalk {
  readonly names: TopicWalk<RetainedMessage>;
  /** Newer messages were routed to the subscription as they came, and must not come again. */
  readonly newestSerial: number;
}

export class RetainedWalks {
  /** Connections that walk and are not behind, each once (`Connection.isWalking`). */
  readonly #round = new RingQueue<Connection>();
  /** The "walk" event is on its way. */
  #isPosted = false;
  #size = 0;

  constructor(readonly broker: Broker) {}

  /** Walks under way or waiting for their turn. */
  get size(): number {
    return this.#size;
  }

  /** Begins to send what is retained under `subscriptions`: a first slice at once, if nobody else walks.
   * @param newestSerial of the newest message before they were entered: newer ones are routed to them as they come. */
  begin(connection: Connection, subscriptions: readonly ClientSubscription[], newestSerial: number): void {
    if (subscriptions.length === 0) return;
    const walks = connection.retainedWalks ??= new Map();
    this.#size -= walks.size;
    for (const { fullFilter, topicFilter } of subscriptions) {
      walks.delete(fullFilter); // a replacement begins anew, behind the others
      walks.set(fullFilter, { names: this.broker.retained.match(topicFilter), newestSerial });
    }
    this.#size += walks.size;
    if (connection.isWalking || (this.#round.length === 0 && !this.#slice(connection))) return;
    this.#join(connection);
  }

  /** The connection has caught up. A no-op when it does not walk, or does so already. */
  resume(connection: Connection): void {
    if (connection.retainedWalks !== undefined && !connection.isWalking) this.#join(connection);
  }

  /** The "walk" event: some slices, each connection in its turn. */
  goOn(failed: (connection: Connection, error: unknown) => void): void {
    this.#isPosted = false;
    for (let slices = Math.min(TURN_SLICES, this.#round.length); slices > 0; slices--) {
      const connection = this.#round.shift()!;
      try {
        if (this.#slice(connection)) this.#round.push(connection);
        else connection.isWalking = false;
      } catch (error) {
        connection.isWalking = false;
        failed(connection, error);
      }
    }
    if (this.#round.length > 0) this.#post();
  }

  /** The connection ended: so do its walks. */
  end(connection: Connection): void {
    this.#size -= connection.retainedWalks?.size ?? 0;
    connection.retainedWalks = undefined;
  }

  #join(connection: Connection): void {
    connection.isWalking = true;
    this.#round.push(connection);
    if (!this.#isPosted) this.#post();
  }

  #post(): void {
    this.#isPosted = true;
    this.broker.postLater({ kind: "walk" }, 0);
  }

  /** @returns true when there is more to send, and the connection can take it. */
  #slice(connection: Connection): boolean {
    const walks = connection.retainedWalks;
    if (walks === undefined) return false; // its Client left
    const session = connection.session!;
    for (let looks = 0; looks < SLICE_LOOKS; looks++) {
      const first = walks.entries().next().value;
      if (first === undefined) {
        connection.retainedWalks = undefined;
        return false;
      }
      if (isBehind(connection)) return false; // relieveIfCaughtUp resumes it
      const [fullFilter, walk] = first;
      // Removed meanwhile? One that was replaced, and asked for nothing retained again, goes on as it is now.
      const subscription = session.subscriptionTo(fullFilter) as ClientSubscription | undefined;
      const isUnderWay = subscription !== undefined &&
        walk.names.advance(1, (_, retained) => this.#send(connection, subscription, walk.newestSerial, retained));
      if (isUnderWay) continue;
      walks.delete(fullFilter);
      this.#size--;
    }
    return true;
  }

  #send(
    connection: Connection,
    subscription: ClientSubscription,
    newestSerial: number,
    retained: RetainedMessage,
  ): void {
    const { broker } = this;
    const { message, expiresAtMs } = retained;
    if (message.serial > newestSerial) return;
    if (expiresAtMs <= broker.turn.wallMs) return;
    if (!broker.mayReceive(subscription.session, message.topicName)) return;
    const qos = Math.min(message.qos, subscription.qos) as 0 | 1 | 2;
    const identifiers = subscription.subscriptionIdentifiers;
    if (qos === 0) {
      const expirySeconds = remainingExpiry(expiresAtMs, broker.turn.wallMs);
      connection.sink.deliver(message, 0, true, false, 0, identifiers, expirySeconds);
    } else {
      const outgoing = new OutgoingMessage(message, qos, true, identifiers, expiresAtMs, undefined);
      enqueue(broker, subscription.session, outgoing);
    }
  }
}
