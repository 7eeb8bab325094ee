/** Bytes of one Client → decoded packets, handed to the dispatcher in the order they came. Spec §4.2.
 * One reader runs for each Network Connection. It is the only place that catches a peer's error, and turns it into an
 * event. Async ends here: what it calls is synchronous. @module */

import { type ControlPacket, PacketType, type ProtocolVersion } from "../packet/control_packet.ts";
import type { Decoder } from "../packet/decoder.ts";
import { PeerError } from "../packet/errors.ts";
import type { ByteStream } from "../transport/byte_stream.ts";
import type { PacketObserver } from "./packet_observer.ts";
import { IncomingTopicAliases } from "./topic_aliases.ts";
import type { Traffic } from "./traffic.ts";
import type { PacketWriter } from "./writer.ts";
import type { WriteTurn } from "./write_turn.ts";

/** Where the reader pushes what it has: the dispatcher's inbox. All calls return at once. */
export interface PacketReceiver {
  received(packet: ControlPacket): void;
  /** The peer broke the protocol; nothing more will be received.
   * @param connectVersion what to answer in, if it was in CONNECT; undefined for any other packet. */
  broke(error: PeerError, connectVersion: ProtocolVersion | undefined): void;
  /** We have a bug: something else was thrown while a packet was handled. This connection ends, the others go on. */
  failed(error: unknown): void;
  /** The Network Connection ended, once, as the last call. `cause` is for the log: "closed by the client". */
  ended(cause: string): void;
}

export interface ReaderContext {
  readonly writeTurn: WriteTurn;
  readonly traffic: Traffic;
  readonly observer: PacketObserver | undefined;
  /** Who sends, as `ended` says it. Default "client". */
  readonly peerName?: string;
}

/** Reads until the Network Connection ends. Never throws for what a peer does. */
export async function readConnection(
  stream: ByteStream,
  decoder: Decoder,
  writer: PacketWriter,
  receiver: PacketReceiver,
  context: ReaderContext,
): Promise<void> {
  const { writeTurn, traffic, observer } = context;
  const gate = writer.gate;
  let aliases: IncomingTopicAliases | undefined = undefined;
  let isAccepted = false;
  let cause = `closed by the ${context.peerName ?? "client"}`;
  let early: EarlyRead | undefined = undefined;
  try {
    reading: for (;;) {
      // The packets of the last read have been handled. What was forwarded as a run is copied before room() moves it.
      writeTurn.settle();
      const round = writeTurn.readRounds.next();
      if (round !== undefined) await round;
      // An early read is waited for also then: until it has ended, the transport may write to the buffer.
      if (writer.hasEnded && early === undefined) break;
      let count: number | null;
      try {
        count = await (early?.count ?? stream.read(decoder.room()));
        early = undefined;
      } catch (error) {
        cause = lossBy(error);
        break;
      }
      if (count === null) break;
      writeTurn.wasRead();
      if (writer.isClosing) continue; // what comes behind a DISCONNECT or a refused CONNECT is thrown away
      traffic.bytesReceived += count;
      decoder.received(count);
      for (;;) {
        // Again after it was opened: it may have been closed anew before this reader had its turn.
        while (gate.isClosed && !writer.isClosing) {
          writeTurn.settle();
          if (isAccepted) await gate.opened;
          else {
            // A Client that leaves while its CONNECT is being judged is noticed: the judge need not go on.
            early ??= readEarly(stream, decoder.room());
            await (early === undefined ? gate.opened : Promise.race([gate.opened, early.ended]));
            if (early?.isEnded) break reading;
          }
        }
        if (writer.isClosing) continue reading;
        if (!isAccepted && writer.incoming !== undefined) {
          isAccepted = true;
          decoder.maximumPacketSize = writer.incoming.maximumPacketSize;
        }
        const packet = decoder.next();
        if (packet === undefined) break;
        traffic.packetsReceived++;
        if (packet.type === PacketType.Publish) {
          if (packet.topicAlias !== 0) {
            aliases ??= new IncomingTopicAliases(writer.incoming?.topicAliasMaximum ?? 0);
            aliases.resolve(packet);
          }
          traffic.publishesReceived++;
          traffic.publishBytesReceived += packet.message.payloadBytes;
        }
        if (observer !== undefined) observer.received(writer.name, packet);
        receiver.received(packet);
      }
    }
  } catch (error) {
    if (error instanceof PeerError) {
      const wasConnect = decoder.packetType === PacketType.Connect;
      receiver.broke(error, wasConnect ? decoder.protocolVersion : undefined);
    } else receiver.failed(error);
    writeTurn.settle();
    await discardRest(stream, early);
  }
  // First, so that nobody says good-bye to one that has left, which takes the system a call and us a timer.
  writer.end();
  writeTurn.settle();
  decoder.close();
  receiver.ended(cause);
}

/** What a transport says of its peer goes into the log; what the system says ("connection reset by peer", in its own
 * language) adds nothing. */
function lossBy(error: unknown): string {
  const isOfTransport = error instanceof Error && error.name === "WebSocketError";
  return isOfTransport ? `connection lost: ${error.message}` : "connection lost";
}

/** A read that began before its bytes may be handled. */
interface EarlyRead {
  readonly count: Promise<number | null>;
  /** Resolves if the stream ends by it; otherwise never. */
  readonly ended: Promise<void>;
  isEnded: boolean;
}

/** @returns undefined when there is no room for more. */
function readEarly(stream: ByteStream, into: Uint8Array): EarlyRead | undefined {
  if (into.length === 0) return undefined;
  const count = stream.read(into);
  const early: EarlyRead = {
    count,
    ended: new Promise((resolve) => {
      const end = () => {
        early.isEnded = true;
        resolve();
      };
      count.then((bytes) => bytes === null && end(), end);
    }),
    isEnded: false,
  };
  return early;
}

/** Reads on after a broken packet, and throws away, until the Client has left or the writer has lost patience. */
async function discardRest(stream: ByteStream, early: EarlyRead | undefined): Promise<void> {
  const into = new Uint8Array(4096);
  try {
    // One read at a time.
    if (await early?.count === null) return;
    while (await stream.read(into) !== null);
  } catch {
    // closed from this side
  }
}
