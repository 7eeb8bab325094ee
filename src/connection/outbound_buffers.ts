/** Buffers for what is about to be written, used again and again by all connections of a server. A new one for each write
 * costs more than the bytes that it carries: the allocator clears it, and the garbage collector runs sooner for each. A
 * buffer is with a connection from its first byte until the transport has taken its last; then it is another's. @module */

import { largeBuffers } from "../base/buffer_pool.ts";
import { ByteWriter } from "../packet/byte_writer.ts";

/** Most connections only ever send acknowledgements. Larger ones are of `largeBuffers`. */
const SIZES = [512, 2048, 8192, 32_768] as const;
/** Of each size: as many as are on their way at one moment in a busy server; 1 MiB at most of the small ones. */
const IDLE_MAX = [1024, 512, 256, 128] as const;

export class OutboundBuffers {
  readonly #idle: ByteWriter[][] = SIZES.map(() => []);
  /** The fewest that were idle since the last `trim`: nobody needed those. */
  readonly #unused: number[] = SIZES.map(() => 0);

  /** Bytes that are kept for later, without those of `largeBuffers`. */
  get idleBytes(): number {
    return this.#idle.reduce((sum, idle, size) => sum + idle.length * SIZES[size], 0);
  }

  /** An empty one with room for `bytes`. */
  take(bytes: number): ByteWriter {
    const size = sizeFor(bytes);
    if (size === SIZES.length) return new ByteWriter(largeBuffers.take(bytes));
    const idle = this.#idle[size];
    const writer = idle.pop();
    if (writer === undefined) return new ByteWriter(SIZES[size]);
    if (idle.length < this.#unused[size]) this.#unused[size] = idle.length;
    writer.length = 0;
    return writer;
  }

  /** Room for `count` more bytes: the same buffer, or a larger one in its place. */
  grow(writer: ByteWriter, count: number): ByteWriter {
    const { length, buffer } = writer;
    if (length + count <= buffer.length) return writer;
    const larger = this.take(Math.max(length + count, buffer.length * 2));
    larger.buffer.set(buffer.subarray(0, length));
    larger.length = length;
    this.giveBack(writer);
    return larger;
  }

  /** What was in it has been written. */
  giveBack(writer: ByteWriter): void {
    const bytes = writer.buffer.length;
    const size = sizeFor(bytes);
    if (size === SIZES.length) return largeBuffers.giveBack(writer.buffer);
    if (SIZES[size] === bytes && this.#idle[size].length < IDLE_MAX[size]) this.#idle[size].push(writer);
  }

  /** Lets go of what nobody has needed since the last call. To be called now and then. */
  trim(): void {
    for (let size = 0; size < SIZES.length; size++) {
      const idle = this.#idle[size];
      idle.length -= this.#unused[size];
      this.#unused[size] = idle.length;
    }
  }
}

function sizeFor(bytes: number): number {
  let size = 0;
  while (size < SIZES.length && bytes > SIZES[size]) size++;
  return size;
}
