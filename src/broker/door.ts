/** One listener as the broker sees it: what holds for those who come through it, and how many they are. @module */

import type { DoorSettings } from "./settings.ts";

export class Door {
  /** Network Connections through it that are not closed. */
  connectionCount = 0;

  constructor(readonly settings: DoorSettings) {}
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
