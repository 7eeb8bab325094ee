/** Contract: a door at which Network Connections arrive. @module */

import type { ByteStream } from "./byte_stream.ts";

export interface Listener {
  /** For people and clients: "mqtt://127.0.0.1:1883". Holds the real port when 0 was asked for. */
  readonly url: string;
  /** true when only this machine can reach it. */
  readonly isLoopback: boolean;
  /** Calls `onConnection` for each arrival until the listener is closed. One failed accept (no free file descriptor)
   * is reported to `onError` and never ends the loop; a peer that left before it was accepted is nobody.
   * @returns when closed. */
  serve(onConnection: (stream: ByteStream) => void, onError: (error: unknown) => void): Promise<void>;
  /** No more arrivals; connections that exist go on. */
  close(): void;
}
