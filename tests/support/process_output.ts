/** What a process writes, gathered as text, for tests that wait for a part of it. @module */

export class ProcessOutput {
  text = "";
  /** When all was read. */
  readonly ended: Promise<void>;
  #isEnded = false;
  #news = Promise.withResolvers<void>();

  constructor(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.ended = this.#gather(stream);
  }

  async #gather(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      this.text += text;
      this.#tell();
    }
    this.#isEnded = true;
    this.#tell();
  }

  #tell(): void {
    const news = this.#news;
    this.#news = Promise.withResolvers();
    news.resolve();
  }

  /** @throws when the process ends before it has written what the pattern asks for. */
  async until(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.text);
      if (found !== null) return found;
      if (this.#isEnded) throw new Error(`it ended without ${pattern}:\n${this.text}`);
      await this.#news.promise;
    }
  }

  /** The whole lines from `start` on. @returns the lines, and where the next one begins. */
  linesFrom(start: number): { lines: string[]; next: number } {
    const next = this.text.lastIndexOf("\n") + 1;
    return next <= start ? { lines: [], next: start } : { lines: this.text.slice(start, next - 1).split("\n"), next };
  }

  /** @returns at the next piece of text, or at the end. */
  get changed(): Promise<void> {
    return this.#isEnded ? Promise.resolve() : this.#news.promise;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }
}
