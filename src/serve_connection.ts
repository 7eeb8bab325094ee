/** One Network Connection from its arrival to its end: its reader pushes packets onto the dispatcher. One object, since there
 * may be a hundred thousand that say nothing. Room: wiring, beside `server.ts`. @module */

import type { Connection } from "./broker/connection.ts";
import type { Dispatcher } from "./broker/dispatcher.ts";
import { ReadGate } from "./connection/read_gate.ts";
import { type PacketReceiver, readConnection, type ReaderContext } from "./connection/reader.ts";
import { PacketWriter, type ReliefListener, type WriterContext } from "./connection/writer.ts";
import { type ControlPacket, type ProtocolVersion } from "./packet/control_packet.ts";
import { Decoder, type DecoderOptions } from "./packet/decoder.ts";
import type { PeerError } from "./packet/errors.ts";
import type { ByteStream } from "./transport/byte_stream.ts";

/** What all connections of one server share. */
export interface ConnectionService {
  readonly dispatcher: Dispatcher;
  readonly context: ReaderContext & WriterContext;
  readonly decoderOptions: DecoderOptions;
  /** Called once for each connection: at the first packet, or at the end when there was none.
   * @param key as the connection was given it. */
  onSpoken(key: string | undefined): void;
  /** Called once for each connection, as the last thing. */
  onEnded(connection: ServedConnection): void;
}

export class ServedConnection implements PacketReceiver, ReliefListener {
  readonly #stream: ByteStream;
  readonly #service: ConnectionService;
  readonly #writer: PacketWriter;
  readonly #connection: Connection;
  /** While nothing has been received. */
  readonly #key: string | undefined;
  #isSilent = true;

  /** @param key whose place it has until it speaks. */
  constructor(stream: ByteStream, listenerUrl: string, service: ConnectionService, key: string | undefined) {
    this.#stream = stream;
    this.#service = service;
    this.#key = key;
    this.#writer = new PacketWriter(stream, listenerUrl, new ReadGate(), service.context);
    this.#writer.listener = this;
    this.#connection = service.dispatcher.open(this.#writer);
  }

  /** Reads from now on. */
  begin(): void {
    const { context, decoderOptions } = this.#service;
    // It does not reject: what is called from there is here, and does not throw.
    readConnection(this.#stream, new Decoder(decoderOptions), this.#writer, this, context);
  }

  received(packet: ControlPacket): void {
    if (this.#isSilent) this.#spoke();
    this.#service.dispatcher.received(this.#connection, packet);
  }

  relieved(): void {
    this.#service.dispatcher.relieved(this.#connection);
  }

  broke(error: PeerError, connectVersion: ProtocolVersion | undefined): void {
    this.#service.dispatcher.broke(this.#connection, error, connectVersion);
  }

  failed(error: unknown): void {
    this.#service.dispatcher.failed(this.#connection, error);
  }

  ended(cause: string): void {
    if (this.#isSilent) this.#spoke();
    this.#service.dispatcher.ended(this.#connection, cause);
    this.#service.onEnded(this);
  }

  #spoke(): void {
    this.#isSilent = false;
    this.#service.onSpoken(this.#key);
  }
}
