/** A share of the places that strangers may take, for each address: one that takes them on purpose, and does nothing there,
 * leaves some for others. Room: pure. @module */

import { addressKey, parseNetwork } from "../base/networks.ts";
import { isLoopbackHost } from "./address.ts";

/** What one address may have of a bound that holds for all. */
const SHARE = 1 / 4;

/** What arrivals are counted by; undefined: they are not. Programs on this machine could harm it in other ways, and a proxy
 * here brings clients of all addresses. */
export function placeKey(remoteHost: string): string | undefined {
  return isLoopbackHost(remoteHost) || parseNetwork(remoteHost) === undefined ? undefined : addressKey(remoteHost);
}

export class AddressPlaces {
  readonly ofOneMax: number;
  readonly #taken = new Map<string, number>();

  /** @param max of all addresses together. */
  constructor(max: number) {
    this.ofOneMax = Math.max(1, Math.floor(max * SHARE));
  }

  hasRoom(key: string | undefined): boolean {
    return key === undefined || (this.#taken.get(key) ?? 0) < this.ofOneMax;
  }

  take(key: string | undefined): void {
    if (key !== undefined) this.#taken.set(key, (this.#taken.get(key) ?? 0) + 1);
  }

  /** As often as `take`. */
  leave(key: string | undefined): void {
    if (key === undefined) return;
    const taken = this.#taken.get(key)! - 1;
    if (taken === 0) this.#taken.delete(key);
    else this.#taken.set(key, taken);
  }
}
