/** The register of clients: hears who comes and goes, and writes it into the store behind all others' backs, once a second
 * at most. What cannot be written waits, within a bound. Who is gone longest leaves when there are too many. @module */

import { invariant } from "../base/assert.ts";
import type { Log } from "../base/log.ts";
import type { ClientRecord } from "./account_records.ts";
import type { AccountsStore } from "./accounts_store.ts";
import { AccountsError, type AccountsKv } from "./accounts_store_place.ts";
import { CLIENT, ClientBatch, clientKey, listGone, parseClient, type StoredClient } from "./accounts_store_clients.ts";
import type { ClientArrival, ClientDeparture, ClientJournal } from "./client_journal.ts";
import { type ClientNote, ClientNotes, updatedRecord } from "./client_register_notes.ts";

export interface ClientRegisterOptions {
  /** Stays the caller's: to be closed after this. */
  readonly store: AccountsStore;
  /** At least 1. More stay only while more are connected. */
  readonly clientsMax: number;
  /** Names the broker where several share a store: each ends what it has left behind itself, and nobody else's. */
  readonly owner: string;
  readonly log: Log;
  /** From the first thing that is worth a write. Default: a second. */
  readonly flushDelayMs?: number;
  /** Bound of what waits. Default: 32 MiB. */
  readonly notesBytesMax?: number;
}

const FLUSH_DELAY_MS = 1000;
/** Between two complaints. */
const COMPLAINT_MS = 60_000;
/** Clients that are read and written together: more would be faster, and hold up messages for longer than 5 ms. */
const CLIENTS_AT_ONCE = 100;
/** Clients that are sorted together: neighbours share pages of the file, which are written whole with each batch. As many as
 * are sorted in some 3 ms; all of a storm of ten thousand, in any order, write 20 instead of 140 MiB. */
const CLIENTS_SORTED = 5000;
const REMOVED_AT_ONCE = 200;
const BROKER_ENDED = "the broker ended";

export class ClientRegister implements ClientJournal {
  readonly #kv: AccountsKv;
  readonly #options: ClientRegisterOptions;
  readonly #notes: ClientNotes;
  /** Records in the store; undefined = they were not counted yet. Others who write it make this inexact until the next
   * start. */
  #count: number | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #flushing: Promise<void> | undefined;
  #isClosed = false;
  #closing: Promise<void> | undefined;
  #complainedAtMs = -Infinity;
  /** Of the dropped notes. */
  #toldDropped = 0;

  /** What a broker has left behind that did not end well is set right before the first write. */
  constructor(options: ClientRegisterOptions) {
    invariant(options.clientsMax > 0, "a register holds a client at least");
    this.#kv = options.store.kv;
    this.#options = options;
    this.#notes = new ClientNotes(options.notesBytesMax);
    this.#schedule();
  }

  connected(arrival: ClientArrival): void {
    if (this.#isClosed) return;
    this.#notes.connected(arrival);
    this.#schedule();
  }

  disconnected(departure: ClientDeparture): void {
    if (this.#isClosed) return;
    this.#notes.disconnected(departure);
    this.#schedule();
  }

  acted(clientId: string, lastAction: string, lastActionAtMs: number): void {
    if (this.#isClosed) return;
    this.#notes.acted(clientId, lastAction, lastActionAtMs);
    this.#schedule();
  }

  /** Notes that were lost because they could not be written in time. */
  get dropped(): number {
    return this.#notes.dropped;
  }

  /** Writes now. @returns when what was noted before is written, or could not be. */
  async flush(): Promise<void> {
    await this.#flushing;
    this.#flushing ??= this.#write().finally(() => this.#flushing = undefined);
    await this.#flushing;
  }

  /** Writes what waits. Nothing is noted any more. May be called again. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await (this.#closing ??= this.flush());
  }

  #schedule(): void {
    if (this.#isClosed || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.flush().finally(() => {
        this.#timer = undefined;
        if (this.#notes.size > 0) this.#schedule();
      });
    }, this.#options.flushDelayMs ?? FLUSH_DELAY_MS);
    // Who wants it written before the process ends calls close().
    Deno.unrefTimer(this.#timer);
  }

  async #write(): Promise<void> {
    try {
      this.#count ??= await this.#takeOver();
      // What comes meanwhile is for the next time.
      for (let left = this.#notes.size; left > 0; left -= CLIENTS_SORTED) {
        const clientIds = this.#notes.oldest(Math.min(left, CLIENTS_SORTED)).sort();
        for (let at = 0; at < clientIds.length; at += CLIENTS_AT_ONCE) {
          await this.#writeSome(this.#notes.take(clientIds.slice(at, at + CLIENTS_AT_ONCE)));
          await this.#removeOldest();
        }
      }
      this.#complainOfDropped();
    } catch (error) {
      this.#complain(`The register of clients cannot be written, and waits: ${(error as Error).message}`);
    }
  }

  /** Counts the records, and ends those that a broker left connected. Each is read once in a run. */
  async #takeOver(): Promise<number> {
    let count = 0;
    let batch = new ClientBatch(this.#kv);
    for await (const entry of this.#kv.list([CLIENT])) {
      count++;
      const stored = await this.#parse(entry);
      if (stored === undefined || !stored.record.isConnected || stored.owner !== this.#options.owner) continue;
      batch.put({ ...stored, record: ended(stored.record) }, undefined);
      if (!batch.isFull) continue;
      await batch.commit();
      batch = new ClientBatch(this.#kv);
    }
    await batch.commit();
    return count;
  }

  async #writeSome(notes: Map<string, ClientNote>): Promise<void> {
    try {
      const entries = await this.#kv.getMany(Array.from(notes.keys(), clientKey));
      const previous = await Promise.all(
        entries.map((entry) => entry.versionstamp === null ? undefined : this.#parse(entry)),
      );
      let batch = new ClientBatch(this.#kv);
      const inBatch: string[] = [];
      let newInBatch = 0;
      const commit = async () => {
        await batch.commit();
        this.#count! += newInBatch;
        newInBatch = 0;
        for (const clientId of inBatch.splice(0)) notes.delete(clientId);
        batch = new ClientBatch(this.#kv);
      };
      let at = 0;
      for (const [clientId, note] of [...notes]) {
        const stored = previous[at];
        const isNew = entries[at++].versionstamp === null;
        const record = updatedRecord(stored?.record, note);
        inBatch.push(clientId);
        if (record === undefined) continue;
        const { isConnected, disconnectedAtMs } = stored?.record ?? { isConnected: true, disconnectedAtMs: undefined };
        batch.put({ record, owner: this.#options.owner }, isConnected ? undefined : disconnectedAtMs);
        if (isNew) newInBatch++;
        if (batch.isFull) await commit();
      }
      await commit();
    } catch (error) {
      // Those that are left.
      for (const [clientId, note] of notes) this.#notes.giveBack(clientId, note);
      throw error;
    }
  }

  /** @returns undefined: it is damaged, and the next arrival takes its place. */
  async #parse(entry: Deno.KvEntry<unknown>): Promise<StoredClient | undefined> {
    try {
      return await parseClient(this.#kv, entry);
    } catch (error) {
      if (!(error instanceof AccountsError) || error.kind !== "damaged") throw error;
      this.#complain(`A client of the register is unknown: ${error.message}`);
      return undefined;
    }
  }

  async #removeOldest(): Promise<void> {
    for (
      let excess = this.#count! - this.#options.clientsMax;
      excess > 0;
      excess = this.#count! - this.#options.clientsMax
    ) {
      const oldest = await listGone(this.#kv, Math.min(excess, REMOVED_AT_ONCE));
      // All others are connected.
      if (oldest.length === 0) return;
      let batch = new ClientBatch(this.#kv);
      for (const { indexKey, entry, isGone } of oldest) {
        if (entry.versionstamp !== null && isGone) {
          batch.delete(entry);
          this.#count!--;
        } else batch.deleteGone(indexKey);
        if (!batch.isFull) continue;
        await batch.commit();
        batch = new ClientBatch(this.#kv);
      }
      await batch.commit();
    }
  }

  #complainOfDropped(): void {
    const { dropped } = this.#notes;
    if (dropped > this.#toldDropped && this.#complain(`The register of clients has missed ${dropped} notes so far`)) {
      this.#toldDropped = dropped;
    }
  }

  /** @returns whether it was said. */
  #complain(text: string): boolean {
    const nowMs = performance.now();
    if (nowMs - this.#complainedAtMs < COMPLAINT_MS) return false;
    this.#complainedAtMs = nowMs;
    this.#options.log.error(text);
    return true;
  }
}

/** When is not known: not before the last sign of life that is. */
function ended(record: ClientRecord): ClientRecord {
  return {
    ...record,
    isConnected: false,
    disconnectedAtMs: Math.max(record.connectedAtMs, record.lastActionAtMs),
    disconnectReasonCode: undefined,
    disconnectReason: BROKER_ENDED,
  };
}
