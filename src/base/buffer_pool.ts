/** Large buffers that are used again. A new one costs more than what is done with it: the allocator clears it, the system
 * maps its pages one by one, and each makes the garbage collector run sooner. So the bytes of large packets live in
 * buffers of a few sizes, which come back here when nobody needs them any more. Room: pure. @module */

import { invariant } from "./assert.ts";

/** Smaller ones are cheap to make. */
export const POOLED_BYTES_MIN = 16 * 1024;
/** Sizes from one power of two to the next: at most a ninth of a buffer is not asked for. */
const STEPS = 8;
/** Larger ones are not kept. */
const POOLED_BYTES_MAX = 32 * 1024 * 1024;

export class BufferPool {
  /** By size. */
  readonly #idle = new Map<number, Uint8Array[]>();
  #idleBytes = 0;
  /** The least that was idle since the last `trim`: nobody needed it. */
  #unusedBytes = 0;

  /** @param idleBytesMax what is kept for later; more is left to the garbage collector. */
  constructor(readonly idleBytesMax: number) {}

  get idleBytes(): number {
    return this.#idleBytes;
  }

  /** @returns one of at least `bytes`, with anything in it. */
  take(bytes: number): Uint8Array {
    if (bytes > POOLED_BYTES_MAX) return new Uint8Array(bytes);
    const size = pooledSize(bytes);
    const buffer = this.#idle.get(size)?.pop();
    if (buffer === undefined) return new Uint8Array(size);
    this.#idleBytes -= size;
    if (this.#idleBytes < this.#unusedBytes) this.#unusedBytes = this.#idleBytes;
    return buffer;
  }

  /** Nobody refers to `buffer` any more. One that is not from here is taken, too, if it is of a size that is kept. */
  giveBack(buffer: Uint8Array): void {
    const size = buffer.length;
    if (this.#idleBytes + size > this.idleBytesMax) return;
    if (size > POOLED_BYTES_MAX || size < POOLED_BYTES_MIN || size !== pooledSize(size)) return;
    const idle = this.#idle.get(size);
    if (idle === undefined) this.#idle.set(size, [buffer]);
    else idle.push(buffer);
    this.#idleBytes += size;
  }

  /** Lets go of what nobody has needed since the last call. To be called now and then. */
  trim(): void {
    let bytes = this.#unusedBytes;
    for (const [size, idle] of this.#idle) {
      while (bytes >= size && idle.length > 0) {
        idle.pop();
        bytes -= size;
        this.#idleBytes -= size;
      }
      if (idle.length === 0) this.#idle.delete(size);
    }
    this.#unusedBytes = this.#idleBytes;
  }
}

/** The size that a buffer for `bytes` has. */
export function pooledSize(bytes: number): number {
  if (bytes <= POOLED_BYTES_MIN) return POOLED_BYTES_MIN;
  const step = 2 ** (31 - Math.clz32(bytes - 1)) / STEPS;
  return Math.ceil(bytes / step) * step;
}

/** For all connections of the process, its clients' as well. */
export const largeBuffers = new BufferPool(128 * 1024 * 1024);

/** A buffer with several holders. It goes back to its pool when the last one has let go. Who cannot say when it will have
 * done with the bytes holds it and never lets go: then it is left to the garbage collector, like any other. */
export class SharedBuffer {
  #holders = 1;
  /** One of them is writing what it needs into the free bytes before its part. */
  isFrontTaken = false;
  /** Is told when the bytes are another's. */
  onReleased: (() => void) | undefined = undefined;

  constructor(readonly bytes: Uint8Array, readonly pool: BufferPool = largeBuffers) {}

  get holders(): number {
    return this.#holders;
  }

  /** For who made it, and would use it again: @returns false when somebody else holds it. */
  takeBack(): boolean {
    if (this.#holders > 1) return false;
    this.#tell();
    return true;
  }

  hold(): void {
    invariant(this.#holders > 0, "a buffer is held after everybody had let go of it");
    this.#holders++;
  }

  release(): void {
    invariant(this.#holders > 0, "a buffer is let go once more than it was held");
    if (--this.#holders > 0) return;
    this.#tell();
    this.pool.giveBack(this.bytes);
  }

  #tell(): void {
    this.onReleased?.();
    this.onReleased = undefined;
  }
}
