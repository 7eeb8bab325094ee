/** What the Server publishes: to which subscriptions it goes, and when it is acknowledged. Spec §4.3, §4.4, §4.6.
 *
 * A message of QoS 1 or 2 is acknowledged when the program is done with it, in the order in which they came
 * [MQTT-4.6.0-2] [MQTT-4.6.0-3]: one that is not read holds up those behind it, and at its Receive Maximum the Server waits.
 * One that was not acknowledged when its connection ended comes again on the next, with its old identifier: it is known
 * by that, and not handed over twice. @module */

import { RingQueue } from "../base/ring_queue.ts";
import { PacketType, type PubrelPacket } from "../packet/control_packet.ts";
import type { PublishPacket } from "../packet/publish.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import { IncomingQoS2 } from "../session/incoming_qos2.ts";
import type { EngineContext } from "./engine_context.ts";
import type { MessageQueue, QueueOwner } from "./message_queue.ts";
import { Receipt } from "./receipt.ts";
import type { ReadPause } from "./read_pause.ts";
import { ReceivedMessage } from "./received_message.ts";
import type { SubscriptionTable } from "./subscription_table.ts";
import { UnclaimedMessages } from "./unclaimed_messages.ts";

export class Inbox implements QueueOwner {
  /** Messages of this connection that are to be acknowledged, oldest first. */
  readonly #inOrder = new RingQueue<Receipt>();
  /** The same by identifier. */
  readonly #open = new Map<number, Receipt>();
  /** Messages of former connections that were not acknowledged, and may come again. */
  readonly #former = new Map<number, Receipt>();
  /** Identifiers of QoS 2 messages that the program has, and the Server has not released [MQTT-4.3.3-10]. */
  readonly #incomingQoS2 = new IncomingQoS2();
  readonly #unclaimed: UnclaimedMessages;

  constructor(readonly context: EngineContext, readonly table: SubscriptionTable, readonly pause: ReadPause) {
    this.#unclaimed = new UnclaimedMessages(context, (receipt) => this.#dropUnclaimed(receipt));
  }

  /** Messages of QoS 1 and 2 that are not acknowledged. */
  get unacknowledged(): number {
    return this.#open.size;
  }

  restore(incomingQoS2: Iterable<number>): void {
    for (const packetIdentifier of incomingQoS2) this.#incomingQoS2.add(packetIdentifier);
  }

  connected(sessionPresent: boolean): void {
    if (sessionPresent) return this.#unclaimed.begin();
    this.#former.clear();
    this.#unclaimed.clear();
    for (const packetIdentifier of [...this.#incomingQoS2.values()]) {
      this.#incomingQoS2.release(packetIdentifier);
      this.context.journal.deleteIncomingQoS2(packetIdentifier);
    }
  }

  disconnected(): void {
    for (const receipt of this.#inOrder) this.#former.set(receipt.packetIdentifier, receipt);
    this.#inOrder.clear();
    this.#open.clear();
  }

  publish(packet: PublishPacket): void {
    const { qos } = packet.message;
    if (qos === 0) return this.#handOver(packet, undefined);
    const { packetIdentifier } = packet;
    if (this.#open.has(packetIdentifier)) {
      return this.context.violated("MQTT-2.2.1-4", `identifier ${packetIdentifier} is in use`);
    }
    if (this.#incomingQoS2.has(packetIdentifier)) {
      if (qos === 2) return this.#sendPubrec(packetIdentifier);
      return this.context.violated("MQTT-2.2.1-4", `identifier ${packetIdentifier} is in use`);
    }
    const known = this.#former.get(packetIdentifier);
    this.#former.delete(packetIdentifier);
    const isAgain = known !== undefined && packet.dup && known.qos === qos;
    const receipt = isAgain ? known : new Receipt(packetIdentifier, qos);
    this.#inOrder.push(receipt);
    this.#open.set(packetIdentifier, receipt);
    if (!isAgain) this.#handOver(packet, receipt);
    this.#acknowledge();
  }

  /** The Server releases the identifier: from PUBCOMP on it means a new message [MQTT-4.3.3-12]. */
  pubrel({ packetIdentifier }: PubrelPacket): void {
    if (this.#open.has(packetIdentifier)) {
      return this.context.violated("MQTT-4.3.3-8", `PUBREL before PUBREC for identifier ${packetIdentifier}`);
    }
    const { journal, link } = this.context;
    const isKnown = this.#incomingQoS2.release(packetIdentifier);
    if (isKnown) journal.deleteIncomingQoS2(packetIdentifier);
    const reasonCode = isKnown ? ReasonCode.Success : ReasonCode.PacketIdentifierNotFound;
    journal.whenSafe(() => {
      if (this.context.link !== link) return;
      link!.acknowledge(PacketType.Pubcomp, packetIdentifier, reasonCode);
      this.context.sent(false);
    });
  }

  /** A subscription is there: it gets what came for it before. */
  claim(queue: MessageQueue, matches: (topicName: string) => boolean): void {
    for (const message of this.#unclaimed.take(matches)) {
      const receipt = ReceivedMessage.receipt(message)!;
      receipt.isClaimed = true;
      receipt.pending++;
      queue.push(message);
    }
  }

  /** The program is done with it. */
  consumed(message: ReceivedMessage): void {
    const receipt = ReceivedMessage.receipt(message);
    if (receipt === undefined) return;
    receipt.pending--;
    if (!receipt.isDone || this.context.link === undefined) return;
    this.context.time.begin();
    this.#acknowledge();
  }

  unreadBytesChanged(bytes: number): void {
    this.pause.unreadBytesChanged(bytes);
  }

  /** The client has ended. */
  close(): void {
    this.#unclaimed.clear();
  }

  #handOver(packet: PublishPacket, receipt: Receipt | undefined): void {
    const targets = this.table.targets(packet);
    if (targets.length === 0) {
      if (receipt !== undefined && this.#unclaimed.isOpen && !this.table.wasWanted(packet.message.topicName)) {
        receipt.isClaimed = false;
        this.#unclaimed.add(ReceivedMessage.of(packet, receipt));
      }
      return;
    }
    let message = undefined as ReceivedMessage | undefined;
    if (receipt !== undefined) receipt.pending = targets.length;
    for (let i = 0; i < targets.length; i++) {
      const queue = targets[i];
      if (receipt === undefined && queue.isLong && this.pause.mustDrop) continue;
      queue.push(message = message?.copy() ?? ReceivedMessage.of(packet, receipt));
    }
    this.pause.update();
  }

  #dropUnclaimed(receipt: Receipt): void {
    receipt.isClaimed = true;
    if (this.context.link !== undefined) this.#acknowledge();
  }

  /** From the oldest on, as far as the program is done with them. */
  #acknowledge(): void {
    for (let receipt = this.#inOrder.peek(); receipt !== undefined && receipt.isDone; receipt = this.#inOrder.peek()) {
      this.#inOrder.shift();
      const { packetIdentifier, qos } = receipt;
      this.#open.delete(packetIdentifier);
      if (qos === 1) {
        this.context.link!.acknowledge(PacketType.Puback, packetIdentifier, ReasonCode.Success);
        this.context.sent(false);
      } else {
        this.#incomingQoS2.add(packetIdentifier);
        this.context.journal.putIncomingQoS2(packetIdentifier);
        this.#sendPubrec(packetIdentifier);
      }
    }
    this.pause.update();
  }

  /** When the store has the identifier: from then on the message must not come again. */
  #sendPubrec(packetIdentifier: number): void {
    const { journal, link } = this.context;
    journal.whenSafe(() => {
      if (this.context.link !== link) return;
      link!.acknowledge(PacketType.Pubrec, packetIdentifier, ReasonCode.Success);
      this.context.sent(false);
    });
  }
}
