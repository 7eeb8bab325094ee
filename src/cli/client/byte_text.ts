/** Bytes that are put together from texts and payloads: what goes to standard output as it is. Room: pure. @module */

const encoder = new TextEncoder();

export class ByteText {
  readonly #parts: Uint8Array[] = [];
  #length = 0;

  add(part: string | Uint8Array): this {
    const bytes = typeof part === "string" ? encoder.encode(part) : part;
    this.#parts.push(bytes);
    this.#length += bytes.length;
    return this;
  }

  get bytes(): Uint8Array {
    const all = new Uint8Array(this.#length);
    let at = 0;
    for (const part of this.#parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  }
}
