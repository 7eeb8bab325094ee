/** A door behind a door: what arrives at one listener goes through a handshake (TLS, WebSocket, PROXY protocol) before it
 * arrives at this one. Handshakes run side by side, so many at most, and so long at most: a peer that stalls in the
 * middle keeps nobody else out. @module */

import type { ByteStream } from "./byte_stream.ts";
import type { Listener } from "./listener.ts";

export interface UpgradeLimits {
  /** `limits.handshakesMax`: an arrival beyond is closed. */
  readonly handshakesMax: number;
  /** `limits.handshakeTimeoutMs` */
  readonly handshakeTimeoutMs: number;
}

/** One handshake. @returns the stream above `stream`. @throws when the peer does not do as it should; `stream` is closed
 * then. When `signal` fires, `stream` has been closed and nobody waits any more. */
export type Upgrade = (stream: ByteStream, signal: AbortSignal) => Promise<ByteStream>;

export class UpgradingListener implements Listener {
  readonly isLoopback: boolean;
  #underWay = 0;

  /** @param url of this door: "wss://127.0.0.1:8084/mqtt".
   * @param onFailed hears of each handshake that came to nothing, for the log. */
  constructor(
    readonly inner: Listener,
    readonly url: string,
    readonly upgrade: Upgrade,
    readonly limits: UpgradeLimits,
    readonly onFailed: (stream: ByteStream, error: unknown) => void = () => {},
  ) {
    this.isLoopback = inner.isLoopback;
  }

  serve(onConnection: (stream: ByteStream) => void, onError: (error: unknown) => void): Promise<void> {
    return this.inner.serve((stream) => {
      if (this.#underWay >= this.limits.handshakesMax) return stream.close();
      this.#underWay++;
      this.#shake(stream).then(onConnection, (error) => this.onFailed(stream, error)).finally(() => this.#underWay--);
    }, onError);
  }

  close(): void {
    this.inner.close();
  }

  async #shake(stream: ByteStream): Promise<ByteStream> {
    const { handshakeTimeoutMs } = this.limits;
    const abort = new AbortController();
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      const error = new Deno.errors.TimedOut(`the handshake was not done within ${handshakeTimeoutMs} ms`);
      stream.close();
      abort.abort(error);
      late.reject(error);
    }, handshakeTimeoutMs);
    try {
      return await Promise.race([this.upgrade(stream, abort.signal), late.promise]);
    } catch (error) {
      stream.close();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }
}
