/** One Network Connection of the client: its reader and its writer around a stream. @module */

import { ReadGate } from "../connection/read_gate.ts";
import { type PacketReceiver, readConnection } from "../connection/reader.ts";
import { Traffic } from "../connection/traffic.ts";
import type { WriteTurn } from "../connection/write_turn.ts";
import { PacketWriter } from "../connection/writer.ts";
import type { PacketObserver } from "../connection/packet_observer.ts";
import { PacketType, type ProtocolVersion } from "../packet/control_packet.ts";
import { Decoder } from "../packet/decoder.ts";
import type { ByteStream } from "../transport/byte_stream.ts";
import { type ClientSettings, PACKET_SIZE_MAX } from "./client_settings.ts";

/** Beyond so many User Properties a packet costs more than it can say. */
const USER_PROPERTIES_MAX = 10_000;
/** Topics that get an alias; each costs an entry here and one at the Server. */
const TOPIC_ALIASES_MAX = 1000;
const CLOSE_TIMEOUT_MS = 1000;
/** From here on those who publish wait; a sixteenth of what may wait, so that there is always something to write. */
const MARK_BYTES_MIN = 16 * 1024;

/** What all connections of one client share. */
export interface LinkContext {
  readonly settings: ClientSettings;
  readonly writeTurn: WriteTurn;
  readonly observer: PacketObserver | undefined;
}

export class Link {
  readonly traffic = new Traffic();
  readonly writer: PacketWriter;
  readonly #decoder: Decoder;

  constructor(readonly stream: ByteStream, readonly context: LinkContext) {
    const { settings, writeTurn, observer } = context;
    const { outboundBytesMax } = settings;
    this.writer = new PacketWriter(stream, settings.url, new ReadGate(), {
      limits: {
        outboundBytesMax,
        outboundMarkBytes: Math.max(MARK_BYTES_MIN, outboundBytesMax / 4),
        topicAliasOutgoingMax: TOPIC_ALIASES_MAX,
        closeTimeoutMs: CLOSE_TIMEOUT_MS,
      },
      writeTurn,
      traffic: this.traffic,
      observer,
    });
    this.#decoder = new Decoder({
      sender: "server",
      connectPacketSizeMax: PACKET_SIZE_MAX,
      userPropertiesMax: USER_PROPERTIES_MAX,
    });
  }

  /** The Server's last packet, the one that was wrong included, was CONNACK. */
  get isAtConnack(): boolean {
    return this.#decoder.packetType === PacketType.Connack;
  }

  /** What both sides speak, before CONNECT. */
  speak(protocolVersion: ProtocolVersion): void {
    const { maximumPacketSize, properties } = this.context.settings;
    this.#decoder.protocolVersion = protocolVersion;
    this.configure(protocolVersion, PACKET_SIZE_MAX, 0);
    const isVersion5 = protocolVersion === 5;
    this.writer.accept({
      maximumPacketSize: isVersion5 ? maximumPacketSize : PACKET_SIZE_MAX,
      topicAliasMaximum: isVersion5 ? properties.topicAliasMaximum ?? 0 : 0,
    }, this.writer.name);
  }

  /** What the Server takes, from CONNACK on. */
  configure(protocolVersion: ProtocolVersion, maximumPacketSize: number, topicAliasMaximum: number): void {
    this.writer.configure({ protocolVersion, maximumPacketSize, topicAliasMaximum, requestProblemInformation: true });
  }

  /** Reads until the connection ends. */
  read(receiver: PacketReceiver): Promise<void> {
    const { writeTurn, observer } = this.context;
    return readConnection(this.stream, this.#decoder, this.writer, receiver, {
      writeTurn,
      traffic: this.traffic,
      observer,
      peerName: "Server",
    });
  }
}
