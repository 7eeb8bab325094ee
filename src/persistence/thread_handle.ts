/** The store's thread, as the dispatcher's sees it. In: requests. Out: answers, in the order of the requests. @module */

import type { StoreAnswer, StoreRequest } from "./thread_messages.ts";

export class StoreThread {
  /** Gets every answer that nobody has asked for by `ask`. */
  onAnswer: ((answer: StoreAnswer) => void) | undefined = undefined;
  /** It has ended by itself, which is a bug, and nothing can be written any more. */
  onEnd: ((reason: string) => void) | undefined = undefined;
  #asked: ((answer: StoreAnswer) => void) | undefined = undefined;
  #endedBy: string | undefined = undefined;
  readonly #worker = new Worker(new URL("./store_thread.ts", import.meta.url), { type: "module" });

  constructor() {
    this.#worker.onmessage = ({ data }: MessageEvent<StoreAnswer>) => {
      if (this.onAnswer !== undefined) return this.onAnswer(data);
      const asked = this.#asked;
      this.#asked = undefined;
      asked?.(data);
    };
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#endedBy = `the store's thread has ended: ${event.message}`;
      this.onEnd?.(this.#endedBy);
      this.#asked?.({ kind: "failed", reason: this.#endedBy, isDamaged: false });
    };
  }

  send(request: StoreRequest, transfer?: Transferable): void {
    this.#worker.postMessage(request, transfer === undefined ? [] : [transfer]);
  }

  /** The next answer is to this. */
  ask(request: StoreRequest): Promise<StoreAnswer> {
    if (this.#endedBy !== undefined) {
      return Promise.resolve({ kind: "failed", reason: this.#endedBy, isDamaged: false });
    }
    return new Promise((resolve) => {
      this.#asked = resolve;
      this.send(request);
    });
  }

  /** At once, whatever it does. A no-op after `close`. */
  end(): void {
    this.#worker.terminate();
  }

  /** When it has answered what it was told before, and has let the file go. */
  async close(): Promise<void> {
    if (this.#endedBy === undefined) {
      await new Promise<void>((resolve) => {
        this.onAnswer = (answer) => answer.kind === "closed" && resolve();
        this.onEnd = () => resolve();
        this.send({ kind: "close" });
      });
      this.#endedBy = "the store is closed";
    }
    this.#worker.terminate();
  }
}
