/** The messages of sessions that have ended: a long queue is deleted in slices, a transaction each, and what others have
 * to keep is committed in between. The session itself is gone with the batch that says so, whatever is left of its
 * messages: nobody reads those. What a broker leaves of them the next one deletes. Runs in the store's thread. @module */

import type { DatabaseSync, StatementSync } from "node:sqlite";

/** Messages of a slice, and of all sessions that end in one batch: some milliseconds. */
export const SLICE_MESSAGES = 1000;

export class EndedSessions {
  readonly #database: DatabaseSync;
  readonly #later: (callback: () => void) => void;
  readonly #deleteMessages: StatementSync;
  readonly #deleteOthers: readonly StatementSync[];
  readonly #leave: StatementSync;
  readonly #next: StatementSync;
  readonly #done: StatementSync;
  /** Messages that the present transaction may still delete. */
  #room = 0;
  #isSweepDue = false;

  /** @param later calls back when what has come meanwhile is done. */
  constructor(database: DatabaseSync, later: (callback: () => void) => void) {
    this.#database = database;
    this.#later = later;
    this.#deleteMessages = database.prepare(`
      DELETE FROM outgoing WHERE session = ?1 AND position IN (
        SELECT position FROM outgoing WHERE session = ?1 ORDER BY position LIMIT ?2)`);
    this.#deleteOthers = [
      "DELETE FROM subscription WHERE session = ?",
      "DELETE FROM incoming_qos2 WHERE session = ?",
      "DELETE FROM session WHERE key = ?",
    ].map((sql) => database.prepare(sql));
    this.#leave = database.prepare("INSERT INTO ended_session VALUES (?)");
    this.#next = database.prepare("SELECT key FROM ended_session LIMIT 1");
    this.#done = database.prepare("DELETE FROM ended_session WHERE key = ?");
  }

  /** A batch begins. */
  beginBatch(): void {
    this.#room = SLICE_MESSAGES;
  }

  /** In the transaction of the batch: the session, and as many of its messages as there is room for. */
  delete(key: number): void {
    for (const statement of this.#deleteOthers) statement.run(key);
    if (!this.#deleteMessagesOf(key)) this.#leave.run(key);
  }

  /** Deletes what is left, by and by. To be called after each batch: when the disk has refused, this tries again. */
  sweepLater(): void {
    if (this.#isSweepDue) return;
    this.#isSweepDue = true;
    this.#later(() => {
      this.#isSweepDue = false;
      if (this.#sweep()) this.sweepLater();
    });
  }

  /** One slice. @returns whether more is left, and the disk takes it. */
  #sweep(): boolean {
    const database = this.#database;
    this.#room = SLICE_MESSAGES;
    try {
      let key = this.#nextKey();
      if (key === undefined) return false;
      database.exec("BEGIN IMMEDIATE");
      for (; key !== undefined && this.#deleteMessagesOf(key); key = this.#nextKey()) this.#done.run(key);
      database.exec("COMMIT");
      return key !== undefined;
    } catch {
      // The next batch says why. After some errors SQLite has rolled back by itself.
      if (database.isTransaction) database.exec("ROLLBACK");
      return false;
    }
  }

  #nextKey(): number | undefined {
    return this.#next.get()?.key as number | undefined;
  }

  /** @returns whether that was all of them. */
  #deleteMessagesOf(key: number): boolean {
    this.#room -= Number(this.#deleteMessages.run(key, this.#room).changes);
    return this.#room > 0;
  }
}
