/** A message's whole way through the broker, without sockets: the bytes of one read → decoder → dispatcher → writers →
 * the bytes of one write for each subscriber. @module */

import { DEFAULT_LIMITS } from "../../src/config/limits.ts";
import { ReadGate } from "../../src/connection/read_gate.ts";
import { PacketWriter } from "../../src/connection/writer.ts";
import { WriteTurn } from "../../src/connection/write_turn.ts";
import type { ByteStream } from "../../src/transport/byte_stream.ts";
import { BenchDispatcher } from "../broker/bench_dispatcher.ts";
import { decoderFor, type DecodeWorkload, frames } from "../packet/publish_workload.ts";
import type { HeapWorkload } from "./allocation.ts";

/** Takes everything at once, and counts it. */
class CountingStream implements ByteStream {
  readonly remoteAddress = "bench";
  readonly remoteHost = "bench";
  bytes = 0;
  read(): Promise<number | null> {
    return Promise.resolve(null);
  }
  write(bytes: Uint8Array): Promise<number> {
    this.bytes += bytes.length;
    return Promise.resolve(bytes.length);
  }
  endWriting(): void {}
  close(): void {}
}

/** @returns one run: a read full of PUBLISH packets at QoS 0 to `receivers` subscribers, until all is written; an operation
 * is a delivery, and it resolves to how many bytes were written. */
export function forwardWorkload(workload: DecodeWorkload, receivers: number, readBytes = 64 * 1024) {
  const bench = new BenchDispatcher();
  const context = {
    limits: DEFAULT_LIMITS,
    writeTurn: new WriteTurn(DEFAULT_LIMITS.outboundBytesTotalMax),
    traffic: bench.traffic,
    observer: undefined,
  };
  const connect = (clientId: string) => {
    const stream = new CountingStream();
    const writer = new PacketWriter(stream, "memory://bench", new ReadGate(), context);
    return { stream, writer, connection: bench.connect(writer, clientId, workload.version) };
  };
  const publisher = connect("publisher");
  const subscribers = Array.from({ length: receivers }, (_, index) => connect(`subscriber ${index}`));
  for (const { connection } of subscribers) bench.subscribe(connection, "bench/#", 0);
  bench.endTurn();
  context.writeTurn.flush();
  const { bytes, packets } = frames(workload, readBytes);
  const decoder = decoderFor(workload.version);
  const written = () => subscribers.reduce((sum, { stream }) => sum + stream.bytes, 0);
  const run = async () => {
    const before = written();
    for (let at = 0; at < bytes.length;) {
      context.writeTurn.settle();
      const room = decoder.room();
      const count = Math.min(room.length, bytes.length - at);
      room.set(bytes.subarray(at, at + count));
      decoder.received(count);
      at += count;
      for (let packet = decoder.next(); packet !== undefined; packet = decoder.next()) {
        bench.dispatcher.received(publisher.connection, packet);
      }
    }
    bench.endTurn();
    context.writeTurn.flush();
    while (subscribers.some(({ writer }) => writer.outboundBytes > 0)) await undefined;
    return written() - before;
  };
  return { operations: packets * receivers, run } satisfies Omit<HeapWorkload, "name">;
}
