/** The messages of one subscription that the program has not read. @module */

import { RingQueue } from "../base/ring_queue.ts";
import { ReceivedMessage } from "./received_message.ts";

/** Who reads. */
export interface MessageReader {
  /** Called before `take` returns and the promise of `next` resolves. */
  taken(message: ReceivedMessage): void;
}

/** One that waits for a message. */
interface Waiting {
  readonly reader: MessageReader;
  resolve(result: IteratorResult<ReceivedMessage, undefined>): void;
  reject(error: unknown): void;
}

/** Told of what happens to the messages of all queues. */
export interface QueueOwner {
  /** @param bytes of a QoS 0 message that came in (positive) or was taken out. */
  unreadBytesChanged(bytes: number): void;
  /** The program is done with it. */
  consumed(message: ReceivedMessage): void;
}

const LONG_BYTES = 128 * 1024;
/** One read brings about so many small messages, and they are taken before the next. */
const SLOTS_KEPT = 1024;

export class MessageQueue {
  readonly #unread = new RingQueue<ReceivedMessage>(SLOTS_KEPT);
  #waiting: Waiting[] = [];
  #unreadBytes = 0;
  #end: { readonly error: Error | undefined } | undefined = undefined;

  constructor(readonly owner: QueueOwner) {}

  get isEnded(): boolean {
    return this.#end !== undefined;
  }

  /** It holds more QoS 0 messages than a subscription that is read has at any time: it may lose some for the others' sake. */
  get isLong(): boolean {
    return this.#unreadBytes > LONG_BYTES;
  }

  push(message: ReceivedMessage): void {
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) {
      waiting.reader.taken(message);
      return waiting.resolve({ done: false, value: message });
    }
    this.#unread.push(message);
    if (message.qos === 0) this.#unreadChanged(ReceivedMessage.bytes(message));
  }

  /** The next message, if it is there. */
  take(reader: MessageReader): ReceivedMessage | undefined {
    const message = this.#unread.shift();
    if (message === undefined) return undefined;
    if (message.qos === 0) this.#unreadChanged(-ReceivedMessage.bytes(message));
    reader.taken(message);
    return message;
  }

  /** The next message, when there is one. What came before the end can be read after it. */
  next(reader: MessageReader): Promise<IteratorResult<ReceivedMessage, undefined>> {
    const message = this.take(reader);
    if (message !== undefined) return Promise.resolve({ done: false, value: message });
    if (this.#end === undefined) {
      return new Promise((resolve, reject) => this.#waiting.push({ reader, resolve, reject }));
    }
    return this.#end.error === undefined ? Promise.resolve(DONE) : Promise.reject(this.#end.error);
  }

  /** Nothing more comes. @param error why, unless the program wanted it. */
  end(error: Error | undefined): void {
    if (this.#end !== undefined) return;
    this.#end = { error };
    for (const waiting of this.#waiting.splice(0)) {
      if (error === undefined) waiting.resolve(DONE);
      else waiting.reject(error);
    }
  }

  /** The reader waits no longer: what comes is for others. */
  leave(reader: MessageReader): void {
    const left = this.#waiting.filter((waiting) => waiting.reader === reader);
    if (left.length === 0) return;
    this.#waiting = this.#waiting.filter((waiting) => waiting.reader !== reader);
    for (const { resolve } of left) resolve(DONE);
  }

  /** The program does not want what it has not read. */
  discard(): void {
    for (let message = this.#unread.shift(); message !== undefined; message = this.#unread.shift()) {
      if (message.qos === 0) this.#unreadChanged(-ReceivedMessage.bytes(message));
      this.owner.consumed(message);
    }
  }

  #unreadChanged(bytes: number): void {
    this.#unreadBytes += bytes;
    this.owner.unreadBytesChanged(bytes);
  }
}

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };
