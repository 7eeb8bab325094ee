/** A stream whose far end is the test: writes wait until they are let through. @module */

import { ByteWriter, type ControlPacket, Decoder, encodePacket } from "../../src/packet/mod.ts";
import type { ByteStream } from "../../src/transport/byte_stream.ts";
import { ReadGate } from "../../src/connection/read_gate.ts";
import { Traffic } from "../../src/connection/traffic.ts";
import { WriteTurn } from "../../src/connection/write_turn.ts";
import { PacketWriter, type WriterContext, type WriterLimits } from "../../src/connection/writer.ts";

export class HeldStream implements ByteStream {
  readonly remoteAddress = "held:1";
  readonly remoteHost = "held";
  /** What each write brought, as it was when it was let through. */
  readonly writes: string[] = [];
  hasEnded = false;
  isClosed = false;
  closeDelivers = false;
  #waiting: { readonly bytes: Uint8Array; readonly done: PromiseWithResolvers<number> } | undefined = undefined;

  get isWriting(): boolean {
    return this.#waiting !== undefined;
  }

  read(_into: Uint8Array): Promise<number | null> {
    return new Promise(() => {});
  }

  write(bytes: Uint8Array): Promise<number> {
    const done = Promise.withResolvers<number>();
    this.#waiting = { bytes, done };
    return done.promise;
  }

  /** The transport takes `count` bytes of the write under way. Default: all. */
  async take(count?: number): Promise<void> {
    const { bytes, done } = this.#waiting!;
    this.#waiting = undefined;
    const taken = bytes.subarray(0, count);
    this.writes.push(new TextDecoder().decode(taken));
    done.resolve(taken.length);
    await settled();
  }

  async fail(): Promise<void> {
    const { done } = this.#waiting!;
    this.#waiting = undefined;
    done.reject(new Error("reset"));
    await settled();
  }

  endWriting(): void {
    this.hasEnded = true;
  }

  close(): void {
    this.isClosed = true;
  }
}

/** All microtasks have run. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

export const text = (value: string): Uint8Array => new TextEncoder().encode(value);

export function contextOf(limits: Partial<WriterLimits> = {}, rest: Partial<WriterContext> = {}): WriterContext {
  return {
    limits: {
      outboundBytesMax: 1 << 20,
      outboundMarkBytes: 1 << 16,
      topicAliasOutgoingMax: 64,
      closeTimeoutMs: 60_000,
      ...limits,
    },
    writeTurn: new WriteTurn(1 << 30),
    traffic: new Traffic(),
    observer: undefined,
    ...rest,
  };
}

export function writerOf(stream: ByteStream, context = contextOf()): PacketWriter {
  return new PacketWriter(stream, "memory://test", new ReadGate(), context);
}

export function bytesOf(packet: ControlPacket, version: 4 | 5 = 5): Uint8Array {
  const writer = new ByteWriter();
  encodePacket(writer, packet, version, Infinity);
  return writer.buffer.slice(0, writer.length);
}

/** What a client makes of these bytes. PUBLISH packets are one object of the decoder: `map` copies what it needs. */
export function decodeAll<T>(bytes: Uint8Array, map: (packet: ControlPacket) => T, version: 4 | 5 = 5): T[] {
  const decoder = new Decoder({ sender: "server", connectPacketSizeMax: 1 << 28, userPropertiesMax: 1000 });
  decoder.protocolVersion = version;
  const out: T[] = [];
  for (let from = 0; from < bytes.length;) {
    const room = decoder.room();
    const count = Math.min(room.length, bytes.length - from);
    room.set(bytes.subarray(from, from + count));
    decoder.received(count);
    from += count;
    for (let packet = decoder.next(); packet !== undefined; packet = decoder.next()) out.push(map(packet));
  }
  return out;
}
