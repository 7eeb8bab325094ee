/** Which hosts are meant: single addresses and networks. Room: pure. @module */

import { BlockList, isIP } from "node:net";
import { plainHost } from "./address.ts";

export class AddressList {
  readonly #list = new BlockList();

  /** @param entries "10.0.0.5", "10.0.0.0/8", "::1", "fd00::/8". @throws Error for what is neither. */
  constructor(entries: readonly string[]) {
    for (const entry of entries) {
      const [, address, prefix] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(entry) ?? [];
      const host = address === undefined ? "" : plainHost(address);
      const version = isIP(host);
      const bits = version === 4 ? 32 : 128;
      if (version === 0 || Number(prefix ?? 0) > bits) {
        throw new Error(`"${entry}" is no address and no network; write it as 10.0.0.5, 10.0.0.0/8, ::1 or fd00::/8`);
      }
      this.#list.addSubnet(host, Number(prefix ?? bits), version === 4 ? "ipv4" : "ipv6");
    }
  }

  /** @param host as `ByteStream.remoteHost` has it; one that is no address is in no list. */
  has(host: string): boolean {
    const version = isIP(host);
    return version !== 0 && this.#list.check(host, version === 4 ? "ipv4" : "ipv6");
  }
}
