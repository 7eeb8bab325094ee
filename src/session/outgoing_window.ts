/** The messages that were sent to a Client and are not finished, in order, and the send quota. Spec §4.3, §4.4, §4.9.
 *
 * There are two kinds. One that may have to be sent again is kept until it is finished. But a PUBLISH is only ever repeated on
 * a new Network Connection [MQTT-4.4.0-1], and a session that ends with its connection sees no other: of what was sent to it
 * the Packet Identifier is all that anybody will ask for, and nothing else is remembered ("unkept").
 * Room: pure; decides, and sends nothing. @module */

import { invariant } from "../base/assert.ts";
import { ByteBudget } from "../base/byte_budget.ts";
import { RingQueue } from "../base/ring_queue.ts";
import { OpenMessages } from "./open_messages.ts";
import { type OutgoingMessage, OutgoingState } from "./outgoing_message.ts";
import { IdentifierUse, PacketIdentifiers } from "./packet_identifiers.ts";

export class OutgoingWindow {
  readonly #identifiers: PacketIdentifiers;
  readonly #open = new OpenMessages();
  /** What a resumed session still has to repeat, oldest first; undefined = nothing. */
  #toResend: RingQueue<OutgoingMessage> | undefined = undefined;
  #unkept = 0;
  #sendQuota = 65_535;
  #bytes = 0;

  /** @param bytesMax by `OutgoingMessage.bytes`: a Client that takes messages and never acknowledges them makes the
   * Server remember no more than this, or one message.
   * @param total what all sessions hold together: the window adds to it, and does not ask.
   * @param identifiers a Client's SUBSCRIBE and UNSUBSCRIBE take theirs from the same [MQTT-2.2.1-3]. */
  constructor(
    readonly bytesMax = Infinity,
    readonly total: ByteBudget = new ByteBudget(Infinity),
    identifiers: PacketIdentifiers = new PacketIdentifiers(),
  ) {
    this.#identifiers = identifiers;
  }

  /** Unfinished messages. */
  get size(): number {
    return this.#open.size + this.#unkept;
  }

  /** Bytes of those that are kept. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How many QoS 1 and 2 PUBLISHes may still be sent now [MQTT-4.9.0-2]. */
  get sendQuota(): number {
    return this.#sendQuota;
  }

  get hasResends(): boolean {
    return this.#toResend !== undefined;
  }

  /** A new Network Connection: the quota starts afresh [MQTT-4.9.0-1], and everything unfinished is to be repeated in
   * its old order with its old identifier [MQTT-4.4.0-1]. */
  resume(receiveMaximum: number): void {
    invariant(receiveMaximum > 0, "Receive Maximum is at least 1");
    invariant(this.#unkept === 0, "a session with unkept messages ends with its connection");
    this.#sendQuota = receiveMaximum;
    this.#toResend = undefined;
    if (this.#open.size === 0) return;
    this.#toResend = new RingQueue();
    for (const outgoing of this.#open.inOrder()) {
      outgoing.takesQuota = false;
      this.#toResend.push(outgoing);
    }
  }

  /** The next one to repeat, or undefined: none is left, or the quota is used up. A PUBREL needs no quota to be sent,
   * but takes its place in it if there is one, since the Client still counts the message. */
  nextResend(): OutgoingMessage | undefined {
    const toResend = this.#toResend;
    if (toResend === undefined) return undefined;
    for (;;) {
      const outgoing = toResend.peek();
      if (outgoing === undefined) {
        this.#toResend = undefined;
        return undefined;
      }
      if (this.#open.get(outgoing.packetIdentifier) !== outgoing) {
        toResend.shift(); // finished or handed to another member meanwhile
        continue;
      }
      if (this.#sendQuota === 0) {
        if (outgoing.state !== OutgoingState.AwaitingPubcomp) return undefined;
      } else {
        this.#sendQuota--;
        outgoing.takesQuota = true;
      }
      toResend.shift();
      if (toResend.length === 0) this.#toResend = undefined;
      return outgoing;
    }
  }

  /** Gives a message its Packet Identifier and takes one from the quota. @returns false when there is no quota, no
   * identifier or no room left: it stays queued, and an acknowledgement makes room. */
  open(outgoing: OutgoingMessage): boolean {
    if (this.#sendQuota === 0) return false;
    if (this.#open.size > 0 && this.#bytes + outgoing.bytes > this.bytesMax) return false;
    const packetIdentifier = this.#acquireIdentifier();
    if (packetIdentifier === 0) return false;
    outgoing.packetIdentifier = packetIdentifier;
    outgoing.state = outgoing.qos === 1 ? OutgoingState.AwaitingPuback : OutgoingState.AwaitingPubrec;
    this.#open.add(outgoing);
    this.#took(outgoing);
    this.#sendQuota--;
    outgoing.takesQuota = true;
    return true;
  }

  /** The same for a message that nobody will have to repeat.
   * @returns its Packet Identifier, or 0 when there is no quota or no identifier left. */
  openUnkept(qos: 1 | 2): number {
    if (this.#sendQuota === 0) return 0;
    const packetIdentifier = this.#identifiers.acquire(
      qos === 1 ? IdentifierUse.AwaitingPuback : IdentifierUse.AwaitingPubrec,
    );
    if (packetIdentifier === 0) return 0;
    this.#unkept++;
    this.#sendQuota--;
    return packetIdentifier;
  }

  /** PUBACK, PUBCOMP, or a PUBREC that refuses: the end of an unkept message. @returns false when none waits for that. */
  finishUnkept(packetIdentifier: number, awaited: IdentifierUse): boolean {
    if (this.#unkept === 0 || this.#identifiers.useOf(packetIdentifier) !== awaited) return false;
    this.#identifiers.release(packetIdentifier);
    this.#unkept--;
    this.#sendQuota++;
    return true;
  }

  /** PUBREC below 0x80, also a repeated one [MQTT-4.3.3-4]: PUBREL is to be sent.
   * @returns false when the identifier is not one of an unkept QoS 2 message. */
  pubrecUnkept(packetIdentifier: number): boolean {
    if (this.#unkept === 0) return false;
    const use = this.#identifiers.useOf(packetIdentifier);
    if (use !== IdentifierUse.AwaitingPubrec && use !== IdentifierUse.AwaitingPubcomp) return false;
    this.#identifiers.change(packetIdentifier, IdentifierUse.AwaitingPubcomp);
    return true;
  }

  /** A message that an earlier broker had sent. @returns false if its identifier is taken. */
  restore(outgoing: OutgoingMessage): boolean {
    if (!this.#identifiers.reserve(outgoing.packetIdentifier)) return false;
    this.#open.add(outgoing);
    this.#took(outgoing);
    return true;
  }

  /** The session has ended. */
  clear(): void {
    for (const outgoing of this.#open.inOrder()) this.#finish(outgoing);
    this.#unkept = 0;
  }

  /** @returns the finished message; undefined when none waits for a PUBACK under this identifier. */
  puback(packetIdentifier: number): OutgoingMessage | undefined {
    const outgoing = this.#open.get(packetIdentifier);
    if (outgoing === undefined || outgoing.state !== OutgoingState.AwaitingPuback) return undefined;
    this.#finish(outgoing);
    return outgoing;
  }

  /** PUBREC. Below 0x80 the message now waits for PUBCOMP and PUBREL is to be sent, also for a repeated PUBREC
   * [MQTT-4.3.3-4]; from 0x80 on it is finished [MQTT-4.4.0-2].
   * @returns undefined when the identifier is unknown or belongs to a QoS 1 message. */
  pubrec(packetIdentifier: number, reasonCode: number): OutgoingMessage | undefined {
    const outgoing = this.#open.get(packetIdentifier);
    if (outgoing === undefined || outgoing.qos !== 2) return undefined;
    if (reasonCode >= 0x80) {
      // A refusal after a success is out of order; the message was taken over, and only PUBCOMP ends it.
      if (outgoing.state === OutgoingState.AwaitingPubrec) this.#finish(outgoing);
    } else {
      outgoing.state = OutgoingState.AwaitingPubcomp;
    }
    return outgoing;
  }

  /** @returns the finished message; undefined when none waits for a PUBCOMP under this identifier. */
  pubcomp(packetIdentifier: number): OutgoingMessage | undefined {
    const outgoing = this.#open.get(packetIdentifier);
    if (outgoing === undefined || outgoing.state !== OutgoingState.AwaitingPubcomp) return undefined;
    this.#finish(outgoing);
    return outgoing;
  }

  /** Takes a message out without the Client's word: it is too large for the Client, or another member gets it. */
  remove(outgoing: OutgoingMessage): void {
    if (this.#open.get(outgoing.packetIdentifier) === outgoing) this.#finish(outgoing);
  }

  /** Oldest first: a copy, which takes a walk over all and their sorting. */
  values(): OutgoingMessage[] {
    return this.#open.inOrder();
  }

  /** Passes over those whose place is taken, unless that is so of all that are free: then the table has to grow.
   * @returns 0 when none is free. */
  #acquireIdentifier(): number {
    const first = this.#identifiers.acquire();
    let packetIdentifier = first;
    while (packetIdentifier !== 0 && !this.#open.hasPlaceFor(packetIdentifier)) {
      this.#identifiers.release(packetIdentifier);
      packetIdentifier = this.#identifiers.acquire();
      if (packetIdentifier === first) break;
    }
    return packetIdentifier;
  }

  #took(outgoing: OutgoingMessage): void {
    this.#bytes += outgoing.bytes;
    this.total.take(outgoing.bytes);
  }

  #finish(outgoing: OutgoingMessage): void {
    this.#open.delete(outgoing);
    outgoing.end();
    outgoing.state = OutgoingState.Queued; // a PUBLISH that still waits for the store must not leave any more
    this.#bytes -= outgoing.bytes;
    this.total.giveBack(outgoing.bytes);
    this.#identifiers.release(outgoing.packetIdentifier);
    // One that took none gives none: a PUBREL sent beyond a quota that was used up, an answer to an earlier connection's
    // PUBLISH. Otherwise more would be open than the Client allows [MQTT-3.3.4-9].
    if (!outgoing.takesQuota) return;
    outgoing.takesQuota = false;
    this.#sendQuota++;
  }
}
