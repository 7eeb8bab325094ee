/** One listener as the broker sees it: what holds for those who come through it, and how many they are. @module */

import type { IncomingSettings } from "../connection/packet_sink.ts";
import type { DoorSettings } from "./settings.ts";

export class Door {
  /** Network Connections through it that are not closed. */
  connectionCount = 0;
  /** By Topic Alias Maximum: all who may send so many have the same ones. */
  readonly #incoming = new Map<number, IncomingSettings>();

  constructor(readonly settings: DoorSettings) {}

  /** What holds for the packets of Clients that come through it. */
  incomingSettings(topicAliasMaximum: number): IncomingSettings {
    let incoming = this.#incoming.get(topicAliasMaximum);
    if (incoming === undefined) {
      incoming = { maximumPacketSize: this.settings.maximumPacketSize, topicAliasMaximum };
      this.#incoming.set(topicAliasMaximum, incoming);
    }
    return incoming;
  }
}

/** The doors by the url of their listener; one that nobody has described has the broker's own settings. */
export class Doors {
  readonly #doors = new Map<string, Door>();

  constructor(readonly described: ReadonlyMap<string, DoorSettings>, readonly usual: DoorSettings) {}

  get(listenerUrl: string): Door {
    let door = this.#doors.get(listenerUrl);
    if (door === undefined) {
      door = new Door(this.described.get(listenerUrl) ?? this.usual);
      this.#doors.set(listenerUrl, door);
    }
    return door;
  }
}
