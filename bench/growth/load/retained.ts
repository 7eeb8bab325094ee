/** Puts retained messages into a broker, and fetches them again. @module */

import { publishTemplate } from "../../scenarios/load/frames.ts";
import { RawClient } from "./raw_client.ts";

const PAYLOAD_BYTES = 64;
/** Asked about after so many, so that they do not wait in memory. */
const BURST = 5000;
const RETAIN = 1;
const STALL_MS = 10_000;

/** Publishes one under each name. @returns when the broker has them all. */
export async function retain(port: number, count: number, nameOf: (index: number) => string): Promise<void> {
  const client = new RawClient("retainer");
  await client.connect(port);
  for (let from = 0; from < count; from += BURST) {
    for (let index = from; index < Math.min(count, from + BURST); index++) {
      const { bytes } = publishTemplate(nameOf(index), 0, PAYLOAD_BYTES, index, 0);
      bytes[0] |= RETAIN;
      client.link.append(bytes);
    }
    // Its answer comes behind them.
    await client.subscribe([`retainer/${from}`]);
  }
  await client.disconnect();
}

/** Subscribes once, and counts what was retained. */
export class RetainedReader extends RawClient {
  received = 0;
  /** Not as they were retained. */
  foreign = 0;
  readonly #all = Promise.withResolvers<void>();

  constructor(clientId: string, readonly expected: number) {
    super(clientId);
    this.#all.promise.catch(() => {}); // who waits for it hears of it
  }

  /** @returns when all that is expected has come, or nothing comes any more. */
  async read(port: number, filter: string): Promise<void> {
    await this.connect(port);
    await this.subscribe([filter]);
    let before = -1;
    while (this.received < this.expected && before < this.received) {
      before = this.received;
      const stall = Promise.withResolvers<void>();
      const timer = setTimeout(stall.resolve, STALL_MS);
      await Promise.race([this.#all.promise, stall.promise]);
      clearTimeout(timer);
    }
    await this.disconnect();
  }

  protected override onPublish(_qos: number, retain: boolean, buffer: Uint8Array, start: number, end: number): void {
    if (!retain) return; // of the others
    if (end - start !== 2 + (buffer[start] << 8 | buffer[start + 1]) + PAYLOAD_BYTES) this.foreign++;
    if (++this.received === this.expected) this.#all.resolve();
  }

  protected override onBroken(error: Error): void {
    this.#all.reject(error);
  }
}
