/** Questions for queued messages that are in the file alone: they wait until what was told before is in it, and then for
 * a thread of their own. In: `Store.readOutgoing`. Out: its answers. @module */

import { readOutgoingRecords } from "./record_reader.ts";
import type { OutgoingRecord } from "./store.ts";
import type { StoredSession } from "./stored_session.ts";
import type { ReadAnswer, ReadRequest } from "./thread_messages.ts";

interface Question {
  /** The batch that the file must have first: fixed when it is asked, or a session that gets messages all the time would
   * wait for ever. */
  readonly after: number;
  readonly session: StoredSession;
  readonly request: ReadRequest;
  readonly answer: (records: readonly OutgoingRecord[] | Error) => void;
}

/** Or why they cannot be understood: there are no checksums in the file. */
function recordsOf(buffers: readonly Uint8Array[]): readonly OutgoingRecord[] | Error {
  try {
    return readOutgoingRecords(buffers);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

export class QueueReader {
  /** Made with the first question: most brokers never ask one. */
  #worker: Worker | undefined = undefined;
  #nextId = 1;
  /** A message of their session is not in the file yet. */
  #waiting: Question[] = [];
  readonly #asked = new Map<number, Question>();
  #closed: (() => void) | undefined = undefined;

  constructor(readonly file: string) {}

  /** @param safe the batches that are in the file. The rest as of `Store.readOutgoing`. */
  ask(
    session: StoredSession,
    range: Pick<ReadRequest, "firstPosition" | "lastPosition" | "bytesMax">,
    answer: Question["answer"],
    safe: number,
  ): void {
    const { file } = this;
    const request: ReadRequest = { kind: "read", id: this.#nextId++, file, session: session.key, ...range };
    this.#askOrWait({ session, request, answer, after: session.changedIn(range.firstPosition) }, safe);
  }

  becameSafe(safe: number): void {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const question of waiting) this.#askOrWait(question, safe);
  }

  /** Lets the file go. Nobody gets an answer any more. */
  async close(): Promise<void> {
    const worker = this.#worker;
    if (worker === undefined) return;
    await new Promise<void>((resolve) => {
      this.#closed = resolve;
      worker.postMessage({ kind: "close" });
    });
    worker.terminate();
  }

  #askOrWait(question: Question, safe: number): void {
    if (question.after > safe) {
      this.#waiting.push(question);
      return;
    }
    this.#asked.set(question.request.id, question);
    this.#worker ??= this.#start();
    this.#worker.postMessage(question.request);
  }

  #start(): Worker {
    const worker = new Worker(new URL("./reading_thread.ts", import.meta.url), { type: "module" });
    worker.onmessage = ({ data }: MessageEvent<ReadAnswer>) => {
      if (data.kind === "closed") return this.#closed?.();
      const question = this.#asked.get(data.id)!;
      this.#asked.delete(data.id);
      if (question.session.isGone || this.#closed !== undefined) return;
      question.answer(data.kind === "read" ? recordsOf(data.records) : new Error(data.reason));
    };
    worker.onerror = (event) => {
      // A bug. The next question finds a new thread.
      event.preventDefault();
      this.#worker = undefined;
      const asked = [...this.#asked.values()];
      this.#asked.clear();
      for (const { answer } of asked) answer(new Error(`the store's reading thread has ended: ${event.message}`));
      this.#closed?.();
    };
    return worker;
  }
}
