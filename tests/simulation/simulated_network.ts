/** One Network Connection of the simulation: two queues of packets, moved one at a time when the seed says so.
 * Implements the broker's PacketSink. What it gets it copies at once: messages are borrowed. @module */

import type {
  Delivery,
  IncomingSettings,
  PacketSink,
  ServerPacket,
  SinkSettings,
} from "../../src/connection/packet_sink.ts";
import type { ObservedSession, SentMessage } from "./oracle.ts";
import type { Connection } from "../../src/broker/connection.ts";
import type { ApplicationMessage, ControlPacket, QoS } from "../../src/packet/mod.ts";

export interface DeliveredPublish {
  readonly type: "publish";
  readonly number: number;
  readonly topicName: string;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly dup: boolean;
  readonly packetIdentifier: number;
}
export interface SentAcknowledgement {
  readonly type: "acknowledgement";
  readonly kind: 4 | 5 | 6 | 7;
  readonly packetIdentifier: number;
  readonly reasonCode: number;
}
export type FromBroker = DeliveredPublish | SentAcknowledgement | ServerPacket | { readonly type: "closed" };

const decoder = new TextDecoder();

export class SimulatedConnection implements PacketSink {
  readonly remoteAddress: string;
  readonly remoteHost = "simulation";
  readonly listenerUrl = "memory://simulation";
  /** The dispatcher's side of it. */
  connection: Connection | undefined = undefined;
  readonly toBroker: ControlPacket[] = [];
  readonly toClient: FromBroker[] = [];
  isPaused = false;
  /** The broker has closed it. */
  isClosed = false;
  /** The Client has left; the broker may not know yet. */
  isLeft = false;
  isReliefDue = false;
  /** Packets stand for bytes here. */
  bytesWritten = 0;
  /** Numbers of the messages that arrived here at QoS 1 and 2, by Packet Identifier. */
  readonly arrived = new Map<number, number>();
  /** PUBLISHes at QoS 1 and 2 that the broker has sent here and that are not answered in full. */
  readonly inFlight = new Set<number>();
  /** Filters of SUBSCRIBE and UNSUBSCRIBE that wait for their answer, by Packet Identifier. */
  readonly asked = new Map<number, { readonly topicFilter: string; readonly at: number }>();
  receiveMaximum = 65_535;
  will: SentMessage | undefined = undefined;
  /** What its CONNECT asked for, and what CONNACK must say. */
  cleanStart = true;
  isTransient = true;
  expectsSession = false;
  /** From CONNACK on. */
  session: ObservedSession | undefined = undefined;
  #congested = false;

  /** @param markPackets from how many waiting packets on the connection is congested.
   * @param onSent sees each packet in the instant in which the broker sends it. */
  constructor(
    readonly name: string,
    readonly markPackets: number,
    readonly onSent: (from: SimulatedConnection, packet: FromBroker) => void,
  ) {
    this.remoteAddress = name;
  }

  get outboundBytes(): number {
    return this.toClient.length;
  }

  get congested(): boolean {
    return this.#congested;
  }

  configure(_settings: SinkSettings): void {}
  accept(_incoming: IncomingSettings): void {}

  send(packet: ServerPacket): boolean {
    this.#push(packet);
    return true;
  }

  acknowledge(kind: 4 | 5 | 6 | 7, packetIdentifier: number, reasonCode: number): void {
    this.#push({ type: "acknowledgement", kind, packetIdentifier, reasonCode });
  }

  deliver(
    message: ApplicationMessage,
    qos: QoS,
    retain: boolean,
    dup: boolean,
    packetIdentifier: number,
  ): Delivery {
    if (this.isClosed) return "dropped";
    if (qos === 0 && this.#congested) return "dropped";
    const number = Number(decoder.decode(message.payload));
    this.#push({ type: "publish", number, topicName: message.topicName, qos, retain, dup, packetIdentifier });
    return "sent";
  }

  pauseReading(): void {
    this.isPaused = true;
  }

  resumeReading(): void {
    this.isPaused = false;
  }

  close(): void {
    if (this.isClosed) return;
    this.#push({ type: "closed" });
    this.isClosed = true;
    this.isPaused = false;
  }

  /** The Client reads one packet. */
  take(): FromBroker | undefined {
    const packet = this.toClient.shift();
    this.bytesWritten++;
    if (this.#congested && this.toClient.length * 2 < this.markPackets) {
      this.#congested = false;
      this.isReliefDue = true;
    }
    return packet;
  }

  #push(packet: FromBroker): void {
    if (this.isClosed) return;
    this.onSent(this, packet);
    this.toClient.push(packet);
    if (this.toClient.length > this.markPackets) this.#congested = true;
  }
}
