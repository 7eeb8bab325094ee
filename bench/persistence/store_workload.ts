/** A real store in a folder of its own, and messages that pass through it. For the benches and for the tests of its size.
 * @module */

import { systemClock } from "../../src/base/clock.ts";
import { ApplicationMessage } from "../../src/packet/application_message.ts";
import { SqliteStore } from "../../src/persistence/sqlite_store.ts";
import type { OutgoingRecord, QueuedRun, StoreVisitor } from "../../src/persistence/store.ts";
import { OutgoingMessage } from "../../src/session/outgoing_message.ts";

export interface StoreWorkloadOptions {
  readonly sessions: number;
  readonly durability?: "full" | "normal";
  readonly payloadBytes?: number;
}

export class StoreWorkload implements AsyncDisposable {
  store!: SqliteStore;
  readonly #payload: Uint8Array;
  readonly #clientIds: readonly string[];
  /** What waits in each session, oldest first. */
  readonly #queues: OutgoingMessage[][];
  readonly #lastPositions: number[];

  private constructor(readonly path: string, readonly options: StoreWorkloadOptions) {
    this.#payload = new Uint8Array(options.payloadBytes ?? 256).fill(7);
    this.#clientIds = Array.from({ length: options.sessions }, (_, i) => `client-${i}`);
    this.#queues = this.#clientIds.map(() => []);
    this.#lastPositions = this.#clientIds.map(() => 0);
  }

  static async open(options: StoreWorkloadOptions): Promise<StoreWorkload> {
    const workload = new StoreWorkload(await Deno.makeTempDir({ prefix: "quetzal-store-" }), options);
    await workload.#open();
    await workload.store.load(new Ignoring());
    for (const clientId of workload.#clientIds) {
      workload.store.putSession({
        clientId,
        userName: undefined,
        remoteHost: "127.0.0.1",
        isConnected: false,
        sessionExpiryInterval: 0xffff_ffff,
        expiresAtMs: Infinity,
        will: undefined,
        willDueAtMs: Infinity,
      });
    }
    await workload.commit();
    return workload;
  }

  async #open(): Promise<void> {
    const { durability = "full" } = this.options;
    this.store = await SqliteStore.open(this.path, { durability, clock: systemClock });
  }

  /** Messages of one receiver each, to one session after the other. */
  put(messages: number): void {
    for (let i = 0; i < messages; i++) this.#put(i % this.#clientIds.length, this.#message());
  }

  /** Messages that all sessions get. */
  putFanOut(messages: number): void {
    for (let i = 0; i < messages; i++) {
      const message = this.#message();
      for (let session = 0; session < this.#clientIds.length; session++) this.#put(session, message);
    }
  }

  /** The oldest ones of each session are acknowledged, until so many are left in it. */
  acknowledge(left = 0): void {
    for (const [session, queue] of this.#queues.entries()) {
      for (const outgoing of queue.splice(0, Math.max(0, queue.length - left))) {
        this.store.deleteOutgoing(this.#clientIds[session], outgoing);
      }
    }
  }

  /** Waits until everything is safe. */
  async commit(): Promise<void> {
    this.store.endTurn();
    while (this.store.safe < this.store.ticket) await new Promise<void>((resolve) => this.store.onSafe = resolve);
  }

  /** Reads all that waits, as a broker does whose clients have come back. @returns how many messages. */
  async readBack(bytesMax: number): Promise<number> {
    const counts = this.#clientIds.map(async (clientId, session) => {
      let count = 0;
      const lastPosition = this.#lastPositions[session];
      for (let first = 1; first <= lastPosition;) {
        const records = await this.#read(clientId, first, lastPosition, bytesMax);
        if (records.length === 0) break;
        count += records.length;
        first = records[records.length - 1].position + 1;
      }
      return count;
    });
    return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
  }

  /** Closes the store, opens it anew and takes in what it holds. @returns how many messages are said to wait. */
  async restart(): Promise<number> {
    await this.store.close();
    await this.#open();
    const visitor = new Ignoring();
    await this.store.load(visitor);
    return visitor.messages;
  }

  /** Bytes of the files. */
  get fileBytes(): number {
    return ["", "-wal"].reduce((sum, suffix) => sum + Deno.statSync(`${this.path}/quetzal.sqlite${suffix}`).size, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store.close();
    await Deno.remove(this.path, { recursive: true });
  }

  #message(): ApplicationMessage {
    return ApplicationMessage.create({ topicName: "bench/topic", payload: this.#payload, qos: 1, receivedAtMs: 1 });
  }

  #put(session: number, message: ApplicationMessage): void {
    const outgoing = new OutgoingMessage(message, 1, false, undefined, Infinity, undefined);
    outgoing.position = ++this.#lastPositions[session];
    this.#queues[session].push(outgoing);
    this.store.putOutgoing(this.#clientIds[session], outgoing);
  }

  #read(clientId: string, first: number, last: number, bytesMax: number): Promise<readonly OutgoingRecord[]> {
    return new Promise((resolve, reject) =>
      this.store.readOutgoing(clientId, first, last, bytesMax, (records) => {
        if (records instanceof Error) reject(records);
        else resolve(records);
      })
    );
  }
}

/** Takes in what a store holds, and keeps nothing of it. */
class Ignoring implements StoreVisitor {
  messages = 0;

  session(): void {}
  subscription(): void {}
  outgoing(): void {
    this.messages++;
  }
  queuedRun(_clientId: string, run: QueuedRun): void {
    this.messages += run.messages;
  }
  incomingQoS2(): void {}
  retained(): void {}
}
