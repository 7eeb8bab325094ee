/** The messages of QoS 1 and 2 that the program published and the Server has not acknowledged: those that wait, in the order
 * they came, and the window of those that were sent. Decides what is sent now. Spec §4.3, §4.4, §4.9.
 * Offline and online are the same here: a message waits until it may be sent, over as many connections as that takes. @module */

import { RingQueue } from "../base/ring_queue.ts";
import { NEVER_EXPIRES } from "../packet/application_message.ts";
import { PacketType, type PubackPacket, type PubcompPacket, type PubrecPacket } from "../packet/control_packet.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import { OutgoingState } from "../session/outgoing_message.ts";
import { OutgoingWindow } from "../session/outgoing_window.ts";
import type { PacketIdentifiers } from "../session/packet_identifiers.ts";
import type { EngineContext } from "./engine_context.ts";
import { MessageExpiredError, OutboxFullError, SessionLostError } from "./errors.ts";
import { OutboxMessage } from "./outbox_message.ts";
import { refusalBefore, sizeRefusal } from "./publish_limits.ts";

/** Messages that are under way at a time, whatever the Server allows: enough to hide a round trip of 10 ms at 100,000 a second.
 * Servers of 3.x cannot say what they bear, and some end the connection beyond it. */
const IN_FLIGHT_MAX = 1000;
const IN_FLIGHT_MAX_3 = 100;

export class Outbox {
  readonly #window: OutgoingWindow;
  #waiting = new RingQueue<OutboxMessage>();
  #bytes = 0;
  #lastPosition = 0;
  /** Messages that wait for the store before they are sent, and those behind them. */
  #gatedSends = 0;
  /** Something waited when the connection came, and nothing has been acknowledged since. A message that a Server cannot bear
   * is not given up all the same: it looks like one that a bad link never brings through, and at QoS 2 the Server may hold its
   * identifier. The attempts become rare instead. */
  isStuck = false;
  /** Identifiers for which PUBREL said that they are unknown: their PUBCOMP is awaited. */
  readonly #denied = new Set<number>();

  constructor(readonly context: EngineContext, readonly identifiers: PacketIdentifiers) {
    this.#window = new OutgoingWindow(Infinity, undefined, identifiers);
  }

  /** Messages that are not acknowledged. */
  get length(): number {
    return this.#waiting.length + this.#window.size;
  }

  /** Something was sent whose answer is awaited. */
  get awaitsAnswer(): boolean {
    return this.#window.size > 0 || this.#denied.size > 0;
  }

  /** What an earlier process left, in the order of its positions. */
  restore(messages: readonly OutboxMessage[]): void {
    for (const outgoing of messages) {
      this.#lastPosition = Math.max(this.#lastPosition, outgoing.position);
      this.#bytes += outgoing.bytes;
      if (outgoing.packetIdentifier === 0 || !this.#window.restore(outgoing)) this.#waiting.push(outgoing);
    }
  }

  /** Takes a message over. Its promise is settled when the Server has answered.
   * @throws OutboxFullError; PublishRefusedError for what the Server, while there is one, does not take. */
  publish(outgoing: OutboxMessage): void {
    const { settings, journal, link, server } = this.context;
    const { bytes } = outgoing;
    const refusal = link === undefined ? undefined : refusalBefore(server, outgoing.qos, outgoing.retain);
    if (refusal !== undefined) throw refusal;
    if (journal.trouble !== undefined) throw new OutboxFullError(`the outbox cannot be written: ${journal.trouble}`);
    if (this.length >= settings.outboxMessagesMax || this.#bytes + bytes > settings.outboxBytesMax) {
      const limit = `${settings.outboxMessagesMax} messages, ${settings.outboxBytesMax} bytes`;
      throw new OutboxFullError(`the outbox holds all that it may (${limit})`);
    }
    this.#bytes += bytes;
    if (journal.isKept) outgoing.position = ++this.#lastPosition;
    const isFirst = this.#waiting.length === 0 && !this.#window.hasResends;
    if (isFirst && this.#canSend() && this.#window.open(outgoing)) {
      journal.putOutgoing(outgoing);
      this.#send(outgoing);
    } else {
      this.#waiting.push(outgoing);
      journal.putOutgoing(outgoing);
    }
  }

  /** CONNACK has come. */
  connected(sessionPresent: boolean): void {
    this.#denied.clear();
    if (!sessionPresent) this.#beginAnew();
    this.isStuck = this.length > 0;
    const { server, protocolVersion } = this.context;
    this.#window.resume(Math.min(server.receiveMaximum, protocolVersion === 5 ? IN_FLIGHT_MAX : IN_FLIGHT_MAX_3));
    this.pump();
  }

  disconnected(): void {
    for (const outgoing of this.#window.values() as OutboxMessage[]) outgoing.sentAtMs = Infinity;
  }

  /** Sends what may be sent now: first what a resumed session has to repeat, then what waits. */
  pump(): void {
    while (this.#canSend()) {
      const outgoing = this.#window.nextResend() as OutboxMessage | undefined;
      if (outgoing === undefined) break;
      if (outgoing.state === OutgoingState.AwaitingPubcomp) this.#sendPubrel(outgoing);
      else if (this.#isSendable(outgoing)) this.#send(outgoing);
    }
    if (this.#window.hasResends) return;
    while (this.#canSend()) {
      const outgoing = this.#waiting.peek();
      if (outgoing === undefined) break;
      if (!this.#isSendable(outgoing)) {
        this.#waiting.shift();
        continue;
      }
      if (!this.#window.open(outgoing)) break;
      this.#waiting.shift();
      this.context.journal.putOutgoing(outgoing);
      this.#send(outgoing);
    }
  }

  puback({ packetIdentifier, reasonCode, properties }: PubackPacket): void {
    const outgoing = this.#window.puback(packetIdentifier) as OutboxMessage | undefined;
    if (outgoing === undefined) return this.#unknown("PUBACK", packetIdentifier);
    this.#forget(outgoing);
    outgoing.answered(reasonCode, properties);
    this.pump();
  }

  pubrec({ packetIdentifier, reasonCode, properties }: PubrecPacket): void {
    const { journal, link } = this.context;
    const outgoing = this.#window.pubrec(packetIdentifier, reasonCode) as OutboxMessage | undefined;
    if (outgoing === undefined) {
      if (this.identifiers.isInUse(packetIdentifier)) return this.#unknown("PUBREC", packetIdentifier);
      // §3.6.2.1: PUBREL says that the identifier is unknown, unless the Server has ended the matter itself.
      if (reasonCode >= 0x80) return;
      this.#denied.add(packetIdentifier);
      link!.acknowledge(PacketType.Pubrel, packetIdentifier, ReasonCode.PacketIdentifierNotFound);
      return;
    }
    if (reasonCode >= 0x80) {
      // After a success a refusal is out of order, and only PUBCOMP ends the matter: the window has kept it.
      if (outgoing.state === OutgoingState.AwaitingPubcomp) return;
      this.#forget(outgoing);
      outgoing.answered(reasonCode, properties);
      this.pump();
      return;
    }
    this.isStuck = false;
    outgoing.received(reasonCode, properties);
    // PUBREL follows when the store knows of it: after a crash the PUBLISH must not come again [MQTT-4.3.3-6].
    journal.putOutgoing(outgoing);
    journal.whenSafe(() => {
      const isOpen = outgoing.state === OutgoingState.AwaitingPubcomp;
      if (isOpen && this.context.link === link) this.#sendPubrel(outgoing);
    });
  }

  pubcomp({ packetIdentifier }: PubcompPacket): void {
    const outgoing = this.#window.pubcomp(packetIdentifier) as OutboxMessage | undefined;
    if (outgoing === undefined) {
      if (!this.#denied.delete(packetIdentifier)) this.#unknown("PUBCOMP", packetIdentifier);
      return;
    }
    this.#forget(outgoing);
    outgoing.completed();
    this.pump();
  }

  /** Milliseconds, monotonic, since when the oldest answer is awaited; Infinity = none is. */
  get oldestSentMs(): number {
    let oldest = Infinity;
    for (const outgoing of this.#window.values() as OutboxMessage[]) {
      if (outgoing.sentAtMs < oldest) oldest = outgoing.sentAtMs;
    }
    return oldest;
  }

  /** The client has ended: who waits is told. What the store has stays there. */
  close(error: Error): void {
    for (const outgoing of [...this.#window.values() as OutboxMessage[], ...this.#waiting]) {
      outgoing.failed(error);
    }
  }

  #canSend(): boolean {
    const { link } = this.context;
    return link !== undefined && !link.congested;
  }

  /** The Server has no session of ours: identifiers mean nothing any more [MQTT-3.2.2-5]. What was not acknowledged at QoS 1
   * is sent as new, before what waits. At QoS 2 that could make two of one. */
  #beginAnew(): void {
    const open = [...this.#window.values() as OutboxMessage[]];
    if (open.length === 0) return;
    const waiting = new RingQueue<OutboxMessage>();
    for (const outgoing of open) {
      const { state, wasSent } = outgoing;
      this.#window.remove(outgoing);
      outgoing.packetIdentifier = 0;
      if (state === OutgoingState.AwaitingPubcomp) {
        // PUBREC has made the message the Server's.
        this.#forget(outgoing);
        outgoing.completed();
      } else if (outgoing.qos === 2 && wasSent) {
        this.#forget(outgoing);
        outgoing.failed(
          new SessionLostError("the Server has lost the session: whether it has the message is not known"),
        );
      } else {
        outgoing.wasSent = false;
        this.context.journal.putOutgoing(outgoing);
        waiting.push(outgoing);
      }
    }
    for (const outgoing of this.#waiting) waiting.push(outgoing);
    this.#waiting = waiting;
  }

  /** Not expired, and within what this Server takes; otherwise it is done. */
  #isSendable(outgoing: OutboxMessage): boolean {
    const { server, time } = this.context;
    let error: Error | undefined = refusalBefore(server, outgoing.qos, outgoing.retain);
    if (error === undefined && !outgoing.wasSent && outgoing.expiresAtMs <= time.wallMs) {
      error = new MessageExpiredError("the message expired before it could be sent");
    }
    if (error === undefined) return true;
    this.#drop(outgoing, error);
    return false;
  }

  /** At once or, at QoS 2, when the store has its identifier; what comes behind it waits with it, so that the order stays. */
  #send(outgoing: OutboxMessage): void {
    const { journal, link } = this.context;
    const { state } = outgoing;
    if (this.#gatedSends === 0 && (outgoing.qos === 1 || journal.isSafe(outgoing))) return this.#sendNow(outgoing);
    this.#gatedSends++;
    journal.whenSafe(() => {
      this.#gatedSends--;
      // Meanwhile the connection may have ended; the next one repeats what is open.
      if (outgoing.state === state && this.context.link === link && link !== undefined) this.#sendNow(outgoing);
    });
  }

  #sendNow(outgoing: OutboxMessage): void {
    const { link, time, server } = this.context;
    const { message, qos, retain, wasSent, packetIdentifier, expiresAtMs } = outgoing;
    const expiry = expiresAtMs === Infinity
      ? NEVER_EXPIRES
      : Math.max(0, Math.ceil((expiresAtMs - time.wallMs) / 1000));
    const delivery = link!.deliver(message, qos, retain, wasSent, packetIdentifier, undefined, expiry);
    if (delivery === "too large") return this.#drop(outgoing, sizeRefusal(server));
    outgoing.wasSent = true;
    outgoing.sentAtMs = time.monotonicMs;
    this.context.sent(true);
  }

  #sendPubrel(outgoing: OutboxMessage): void {
    this.context.link!.acknowledge(PacketType.Pubrel, outgoing.packetIdentifier, ReasonCode.Success);
    outgoing.sentAtMs = this.context.time.monotonicMs;
    this.context.sent(true);
  }

  #unknown(name: string, packetIdentifier: number): void {
    this.context.violated("§4.3", `${name} for identifier ${packetIdentifier}, which awaits none`);
  }

  #drop(outgoing: OutboxMessage, error: Error): void {
    this.#window.remove(outgoing);
    this.#forget(outgoing);
    outgoing.failed(error);
  }

  /** It is done, and out of the window. */
  #forget(outgoing: OutboxMessage): void {
    this.isStuck = false;
    this.#bytes -= outgoing.bytes;
    this.context.journal.deleteOutgoing(outgoing);
  }
}
