/** Records that came from the store's thread → what the broker takes in: the dispatcher's end, see `record_writer.ts`.
 * Room: pure. @module */

import type { QoS } from "../packet/control_packet.ts";
import type { ApplicationMessage } from "../packet/application_message.ts";
import { readMessage } from "./message_codec.ts";
import { PackedReader } from "./packed_bytes.ts";
import { RecordKind } from "./record_writer.ts";
import type { OutgoingRecord, StoreVisitor } from "./store.ts";

/** Hands what `writer` was given to the visitor. Goes on from one buffer to the next within a session. */
export class RecordReader {
  #clientId = "";
  /** By key: in memory, too, a body is there once for all that wait for it. */
  readonly #bodies = new Map<number, ApplicationMessage>();

  /** @param found told of each session's key before its record. */
  constructor(readonly visitor: StoreVisitor, readonly found: (clientId: string, key: number) => void) {}

  read(reader: PackedReader): void {
    while (!reader.isAtEnd) {
      switch (reader.uint8()) {
        case RecordKind.Session:
          this.#readSession(reader);
          break;
        case RecordKind.Subscription:
          this.visitor.subscription(this.#clientId, {
            fullFilter: reader.string(),
            qos: reader.uint8() as QoS,
            noLocal: reader.uint8() === 1,
            retainAsPublished: reader.uint8() === 1,
            subscriptionIdentifier: reader.uint32(),
          });
          break;
        case RecordKind.Outgoing:
          this.visitor.outgoing(this.#clientId, readOutgoing(reader, this.#readKeyedCopy));
          break;
        case RecordKind.QueuedRun:
          this.visitor.queuedRun(this.#clientId, {
            firstPosition: reader.float64(),
            lastPosition: reader.float64(),
            messages: reader.float64(),
            messageBytes: reader.float64(),
          });
          break;
        case RecordKind.IncomingQoS2:
          this.visitor.incomingQoS2(this.#clientId, reader.uint16());
          break;
        case RecordKind.Retained:
          this.visitor.retained(this.#readKeyedCopy(reader));
          break;
      }
    }
  }

  readonly #readKeyedCopy = (reader: PackedReader): ApplicationMessage => {
    const bodyKey = reader.float64();
    const known = this.#bodies.get(bodyKey);
    if (known !== undefined) {
      reader.raw(reader.uint32());
      return known;
    }
    const message = readCopy(reader);
    message.bodyKey = bodyKey;
    if (bodyKey !== 0) this.#bodies.set(bodyKey, message);
    return message;
  };

  #readSession(reader: PackedReader): void {
    const key = reader.float64();
    const clientId = this.#clientId = reader.string();
    this.found(clientId, key);
    const hasUserName = reader.uint8() === 1;
    const userName = reader.string();
    const record = {
      clientId,
      userName: hasUserName ? userName : undefined,
      remoteHost: reader.string(),
      isConnected: reader.uint8() === 1,
      sessionExpiryInterval: reader.uint32(),
      expiresAtMs: reader.float64(),
    };
    if (reader.uint8() === 0) {
      this.visitor.session({ ...record, will: undefined, willDueAtMs: Infinity });
      return;
    }
    const message = readCopy(reader);
    const willDelayInterval = reader.uint32();
    this.visitor.session({ ...record, will: { message, willDelayInterval }, willDueAtMs: reader.float64() });
  }
}

/** Records of kind Outgoing. Their messages are views of the buffers, each of which stays for as long as one of its own
 * does. */
export function readOutgoingRecords(buffers: readonly Uint8Array[]): OutgoingRecord[] {
  const records: OutgoingRecord[] = [];
  for (const buffer of buffers) {
    const reader = new PackedReader(buffer);
    while (!reader.isAtEnd) {
      reader.uint8();
      records.push(readOutgoing(reader, readKeyedView));
    }
  }
  return records;
}

function readOutgoing(reader: PackedReader, readMessage: (reader: PackedReader) => ApplicationMessage): OutgoingRecord {
  const position = reader.float64();
  const state = reader.uint8();
  const packetIdentifier = reader.uint16();
  const qos = reader.uint8() as 1 | 2;
  const retain = reader.uint8() === 1;
  const expiresAtMs = reader.float64();
  const sharedFilter = reader.string() || undefined;
  const subscriptionIdentifiers = readIdentifiers(reader);
  return {
    position,
    state,
    packetIdentifier,
    qos,
    retain,
    expiresAtMs,
    sharedFilter,
    subscriptionIdentifiers,
    message: readMessage(reader),
  };
}

function readIdentifiers(reader: PackedReader): number[] | undefined {
  const count = reader.uint32();
  return count === 0 ? undefined : Array.from({ length: count }, () => reader.uint32());
}

function readKeyedView(reader: PackedReader): ApplicationMessage {
  const bodyKey = reader.float64();
  const message = readView(reader);
  message.bodyKey = bodyKey;
  return message;
}

function readView(reader: PackedReader): ApplicationMessage {
  return readMessage(reader, reader.uint32());
}

/** With bytes of its own: it may stay longer than the others of its buffer. */
function readCopy(reader: PackedReader): ApplicationMessage {
  const message = readView(reader);
  message.buffer = message.buffer.slice();
  return message;
}
