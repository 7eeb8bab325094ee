/** A door behind a door: what arrives at one listener goes through a handshake (TLS, WebSocket, PROXY protocol) before it
 * arrives at this one. Handshakes run side by side, so many at most, and so long at most: a peer that stalls in the
 * middle keeps nobody else out, nor does one that stalls a thousand times: one address has a part of the places only.
 * @module */

import { AddressPlaces, placeKey } from "./address_places.ts";
import type { ByteStream } from "./byte_stream.ts";
import { ErrorReports } from "./error_reports.ts";
import type { Listener } from "./listener.ts";

export interface UpgradeLimits {
  /** `limits.handshakesMax`: an arrival beyond is closed. One address has a quarter of them. */
  readonly handshakesMax: number;
  /** `limits.handshakeTimeoutMs` */
  readonly handshakeTimeoutMs: number;
}

/** One handshake. @returns the stream above `stream`. @throws when the peer does not do as it should; `stream` is closed
 * then. When `signal` fires, `stream` has been closed and nobody waits any more. */
export type Upgrade = (stream: ByteStream, signal: AbortSignal) => Promise<ByteStream>;

export class UpgradingListener implements Listener {
  readonly isLoopback: boolean;
  /** Streams whose handshake is under way, with what gives it up. */
  readonly #underWay = new Map<ByteStream, (error: Error) => void>();
  readonly #places: AddressPlaces;
  readonly #reports = new ErrorReports();
  #isClosed = false;

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
    this.#places = new AddressPlaces(limits.handshakesMax);
  }

  serve(onConnection: (stream: ByteStream) => void, onError: (error: unknown) => void): Promise<void> {
    return this.inner.serve((stream) => {
      // Its handshake below was done in the moment in which this door was closed.
      if (this.#isClosed) return stream.close();
      const refusal = this.#refusalOf(stream.remoteHost);
      if (refusal !== undefined) {
        stream.close();
        return this.#reports.add(new Error(refusal), onError);
      }
      this.#shake(stream).then(onConnection, (error) => this.onFailed(stream, error));
    }, onError);
  }

  /** Those in the middle of a handshake have not arrived, and will not. */
  close(): void {
    this.#isClosed = true;
    this.inner.close();
    for (const giveUp of this.#underWay.values()) giveUp(new Deno.errors.Interrupted("the listener was closed"));
  }

  /** What arrivals are counted by; undefined: they are not. */
  protected keyOf(remoteHost: string): string | undefined {
    return placeKey(remoteHost);
  }

  #refusalOf(remoteHost: string): string | undefined {
    const { handshakesMax } = this.limits;
    if (this.#underWay.size >= handshakesMax) return `${handshakesMax} handshakes are under way (limits.handshakesMax)`;
    const key = this.keyOf(remoteHost);
    if (this.#places.hasRoom(key)) return undefined;
    return `${this.#places.ofOneMax} handshakes with ${key} are under way, ` +
      "and one address may have a quarter of limits.handshakesMax";
  }

  async #shake(stream: ByteStream): Promise<ByteStream> {
    const { handshakeTimeoutMs } = this.limits;
    const abort = new AbortController();
    const given = Promise.withResolvers<never>();
    const giveUp = (error: Error) => {
      stream.close();
      abort.abort(error);
      given.reject(error);
    };
    const key = this.keyOf(stream.remoteHost);
    this.#underWay.set(stream, giveUp);
    this.#places.take(key);
    const late = () => giveUp(new Deno.errors.TimedOut(`the handshake was not done within ${handshakeTimeoutMs} ms`));
    const timer = setTimeout(late, handshakeTimeoutMs);
    try {
      return await Promise.race([this.upgrade(stream, abort.signal), given.promise]);
    } catch (error) {
      stream.close();
      throw error;
    } finally {
      clearTimeout(timer);
      this.#underWay.delete(stream);
      this.#places.leave(key);
    }
  }
}
