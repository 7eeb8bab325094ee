/** The store on a disk: one SQLite file, written by a thread of its own, so that the dispatcher never waits.
 * While one batch is being committed the next one gathers: that is the group commit. Decision: docs/decisions/0010.
 * In: changes from the dispatcher. Out: packed batches to the thread, `safe` back. @module */

import type { Clock } from "../base/clock.ts";
import type { ApplicationMessage } from "../packet/application_message.ts";
import { PeerError } from "../packet/errors.ts";
import type { OutgoingMessage } from "../session/outgoing_message.ts";
import { DataFolder, DataFolderError } from "./data_folder.ts";
import { GatheredBatch } from "./gathered_batch.ts";
import { PackedReader, PackedWriter } from "./packed_bytes.ts";
import { QueueReader } from "./queue_reader.ts";
import { RecordReader } from "./record_reader.ts";
import type { OutgoingRecord, SessionRecord, Store, StoreVisitor, SubscriptionRecord } from "./store.ts";
import { StoredSession } from "./stored_session.ts";
import { StoreTime } from "./store_time.ts";
import { causeOf } from "./store_trouble.ts";
import { StoreThread } from "./thread_handle.ts";
import type { StoreAnswer } from "./thread_messages.ts";

/** How long after a refusal the disk is asked again. */
const RETRY_MS = 500;
/** How often the machine's clock and the file itself are looked at. */
const LOOK_MS = 10_000;
/** A larger buffer is not kept for the next batch. */
const BUFFER_BYTES_KEPT = 4 * 1024 * 1024;

export interface SqliteStoreOptions {
  /** full: each commit waits for the disk. normal: for the system, which writes within seconds: a power failure can lose
   * what was committed last, a crash of the program cannot. */
  readonly durability: "full" | "normal";
  readonly clock: Clock;
  /** Begin with an empty file although a damaged one was set aside. Default: false. */
  readonly newStore?: boolean;
  /** One that was begun earlier, to save time; whoever began it ends it if this fails. Default: one of its own. */
  readonly thread?: StoreThread;
  /** Milliseconds between two looks at the machine's clock and at the file itself. Default: 10,000. */
  readonly lookMs?: number;
}

interface CommittedBatch {
  readonly number: number;
  readonly bytes: number;
}

export class SqliteStore implements Store {
  readonly canRead = true;
  onSafe: (() => void) | undefined = undefined;
  readonly #folder: DataFolder;
  readonly #thread: StoreThread;
  readonly #time: StoreTime;
  readonly #lookMs: number;
  readonly #sessions = new Map<string, StoredSession>();
  readonly #gathered: GatheredBatch;
  #nextSessionKey: number;
  #changes = 0;
  #safe = 0;
  #trouble: string | undefined = undefined;
  /** The batch that the thread has. */
  #inFlight: CommittedBatch | undefined = undefined;
  #spareBuffer: ArrayBuffer | undefined = undefined;
  readonly #queueReader: QueueReader;
  #lookTimer: ReturnType<typeof setInterval> | undefined = undefined;
  /** The batch in flight, while it is with nobody. */
  #refused: Uint8Array<ArrayBuffer> | undefined = undefined;
  #retryTimer: ReturnType<typeof setTimeout> | undefined = undefined;
  /** Called when nothing is in flight, or the disk refuses. */
  #settled: (() => void) | undefined = undefined;
  #hasThreadEnded = false;
  /** Nothing is handed over any more, and so nothing is acknowledged. */
  #isLost = false;
  readonly #fileIdentity: string | undefined;
  #closing: Promise<void> | undefined = undefined;

  /** Opens the store in the folder `path`; makes both if they are not there.
   * @throws DataFolderError, which says what to do: at once when another broker uses the folder or it cannot be written;
   * later when the file is damaged (it is set aside then) or of a later version. */
  static open(path: string, options: SqliteStoreOptions): Promise<SqliteStore> {
    return SqliteStore.#openIn(DataFolder.open(path, { newStore: options.newStore ?? false }), options);
  }

  static async #openIn(folder: DataFolder, options: SqliteStoreOptions): Promise<SqliteStore> {
    const thread = options.thread ?? new StoreThread();
    const answer = await thread.ask({ kind: "open", file: folder.storeFile, durability: options.durability });
    if (answer.kind === "opened") return new SqliteStore(folder, thread, answer, options);
    await thread.close();
    throw failureOf(answer, folder);
  }

  private constructor(
    folder: DataFolder,
    thread: StoreThread,
    opened: StoreAnswer & { kind: "opened" },
    options: SqliteStoreOptions,
  ) {
    this.#folder = folder;
    this.#thread = thread;
    this.#time = new StoreTime(options.clock, opened.clock);
    this.#lookMs = options.lookMs ?? LOOK_MS;
    this.#nextSessionKey = opened.lastSessionKey + 1;
    this.#gathered = new GatheredBatch(opened.lastBodyKey + 1);
    this.#queueReader = new QueueReader(folder.storeFile);
    this.#fileIdentity = identityOf(folder.storeFile);
  }

  get changes(): number {
    return this.#changes;
  }

  get ticket(): number {
    return this.#gathered.isEmpty ? this.#gathered.number - 1 : this.#gathered.number;
  }

  get safe(): number {
    return this.#safe;
  }

  get waitingBytes(): number {
    return this.#gathered.bytes + (this.#inFlight?.bytes ?? 0);
  }

  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** What the owner should know of the folder, a line each; [] = nothing. */
  get notices(): readonly string[] {
    return this.#folder.notices;
  }

  get wallOffsetMs(): number {
    return this.#time.offsetMs;
  }

  async load(visitor: StoreVisitor): Promise<void> {
    const records = new RecordReader(visitor, (clientId, key) => this.#sessions.set(clientId, new StoredSession(key)));
    for (;;) {
      const answer = await this.#thread.ask({ kind: "load" });
      if (answer.kind !== "loaded") return await this.#failToLoad(answer);
      if (answer.isLast) break;
      try {
        records.read(new PackedReader(answer.records));
      } catch (error) {
        // There are no checksums in the file: what is in a row may be anything.
        const isDamaged = error instanceof RangeError || error instanceof PeerError;
        await this.#failToLoad({ kind: "failed", reason: (error as Error).message, isDamaged });
      }
    }
    this.#thread.onAnswer = (answer) => this.#answered(answer);
    this.#thread.onEnd = (reason) => {
      this.#hasThreadEnded = true;
      this.#trouble = reason;
      this.#settled?.();
    };
    this.#lookTimer = setInterval(() => this.#lookAround(), this.#lookMs);
    this.#lookAround();
  }

  putSession(record: SessionRecord): void {
    this.#changes++;
    let session = this.#sessions.get(record.clientId);
    if (session === undefined) {
      session = new StoredSession(this.#nextSessionKey++);
      this.#sessions.set(record.clientId, session);
    }
    this.#gathered.putSession(session, record);
  }

  deleteSession(clientId: string): void {
    this.#changes++;
    const session = this.#sessions.get(clientId);
    if (session === undefined) return;
    this.#sessions.delete(clientId);
    this.#gathered.deleteSession(session);
  }

  putSubscription(clientId: string, record: SubscriptionRecord): void {
    this.#changes++;
    const session = this.#sessions.get(clientId);
    if (session !== undefined) this.#gathered.putSubscription(session, record);
  }

  deleteSubscription(clientId: string, fullFilter: string): void {
    this.#changes++;
    const session = this.#sessions.get(clientId);
    if (session !== undefined) this.#gathered.deleteSubscription(session, fullFilter);
  }

  putOutgoing(clientId: string, outgoing: OutgoingMessage): void {
    this.#changes++;
    const session = this.#sessions.get(clientId);
    if (session !== undefined) this.#gathered.putOutgoing(session, outgoing);
  }

  deleteOutgoing(clientId: string, outgoing: OutgoingMessage): void {
    this.#changes++;
    const session = this.#sessions.get(clientId);
    if (session !== undefined) this.#gathered.deleteOutgoing(session, outgoing);
  }

  putIncomingQoS2(clientId: string, packetIdentifier: number): void {
    this.#changes++;
    const session = this.#sessions.get(clientId);
    if (session !== undefined) this.#gathered.putIncomingQoS2(session, packetIdentifier);
  }

  deleteIncomingQoS2(clientId: string, packetIdentifier: number): void {
    this.#changes++;
    const session = this.#sessions.get(clientId);
    if (session !== undefined) this.#gathered.deleteIncomingQoS2(session, packetIdentifier);
  }

  putRetained(message: ApplicationMessage): void {
    this.#changes++;
    this.#gathered.putRetained(message);
  }

  deleteRetained(topicName: string): void {
    this.#changes++;
    this.#gathered.deleteRetained(topicName);
  }

  readOutgoing(
    clientId: string,
    firstPosition: number,
    lastPosition: number,
    bytesMax: number,
    answer: (records: readonly OutgoingRecord[] | Error) => void,
  ): void {
    const session = this.#sessions.get(clientId);
    if (session === undefined) return;
    this.#queueReader.ask(session, { firstPosition, lastPosition, bytesMax }, answer, this.#safe);
  }

  endTurn(): void {
    if (this.#inFlight === undefined && !this.#gathered.isEmpty && !this.#isLost) this.#handOver();
  }

  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #failToLoad(answer: StoreAnswer): Promise<never> {
    await this.#thread.close();
    throw failureOf(answer, this.#folder);
  }

  #handOver(): void {
    const gathered = this.#gathered;
    const { number, bytes } = gathered;
    if (gathered.isVoid) {
      gathered.begin();
      this.#becameSafe(number);
      queueMicrotask(() => this.onSafe?.());
      return;
    }
    const writer = new PackedWriter(this.#spareBuffer);
    this.#spareBuffer = undefined;
    const { storeMs, machineMs } = this.#time.mark();
    gathered.pack(writer, storeMs, machineMs);
    this.#inFlight = { number, bytes };
    this.#commit(writer.written);
  }

  #commit(batch: Uint8Array<ArrayBuffer>): void {
    this.#thread.send({ kind: "commit", batch }, batch.buffer);
  }

  #answered(answer: StoreAnswer): void {
    switch (answer.kind) {
      case "committed":
        return this.#committed(answer.batch.buffer);
      case "refused":
        this.#trouble = answer.reason;
        this.#refused = answer.batch;
        this.#retryTimer = setTimeout(() => this.#retry(), RETRY_MS);
        return this.#settled?.();
    }
  }

  #retry(): void {
    const batch = this.#refused!;
    this.#refused = undefined;
    this.#commit(batch);
  }

  #committed(buffer: ArrayBuffer): void {
    if (buffer.byteLength <= BUFFER_BYTES_KEPT) this.#spareBuffer = buffer;
    if (this.#isLost) return this.#settled?.(); // it went into a file that nobody will find
    this.#trouble = undefined;
    this.#becameSafe(this.#inFlight!.number);
    this.#inFlight = undefined;
    this.endTurn();
    this.onSafe?.();
    this.#settled?.();
  }

  #becameSafe(number: number): void {
    this.#safe = number;
    this.#queueReader.becameSafe(number);
  }

  /** What may happen behind our back: the clock is set, the note of which must not be older than that; the file is removed
   * or replaced, and what goes into it is lost. */
  #lookAround(): void {
    if (!this.#isLost && identityOf(this.#folder.storeFile) !== this.#fileIdentity) {
      this.#isLost = true;
      this.#trouble = `${this.#folder.storeFile} was removed or replaced while the broker ran; start it anew`;
    }
    if (!this.#time.hasJumped || this.#inFlight !== undefined) return;
    this.#gathered.touch();
    this.endTurn();
  }

  async #close(): Promise<void> {
    clearInterval(this.#lookTimer);
    clearTimeout(this.#retryTimer);
    if (this.#time.hasJumped) this.#gathered.touch();
    // One last try, if the disk has refused.
    if (this.#refused !== undefined) this.#retry();
    else this.endTurn();
    while (this.#inFlight !== undefined && this.#refused === undefined && !this.#hasThreadEnded && !this.#isLost) {
      await new Promise<void>((resolve) => this.#settled = resolve);
    }
    clearTimeout(this.#retryTimer);
    await this.#queueReader.close();
    await this.#thread.close();
    this.#folder.release();
  }
}

/** What tells a file from another one of the same name; undefined = there is none, or the system does not say. */
function identityOf(file: string): string | undefined {
  try {
    const { dev, ino } = Deno.statSync(file);
    return ino === null ? undefined : `${dev} ${ino}`;
  } catch {
    return undefined;
  }
}

/** Sets a damaged file aside, and lets the folder go. */
function failureOf(answer: StoreAnswer, folder: DataFolder): Error {
  const { reason, isDamaged } = answer as StoreAnswer & { kind: "failed" };
  const error = isDamaged ? folder.setAside(reason) : new DataFolderError(
    `the store ${folder.storeFile} cannot be opened: ${causeOf(new Error(reason), folder.storeFile)}`,
  );
  folder.release();
  return error;
}
