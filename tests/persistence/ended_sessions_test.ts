/** Mirrors src/persistence/ended_sessions.ts. @module */

import { assert, assertEquals } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { EndedSessions, SLICE_MESSAGES } from "../../src/persistence/ended_sessions.ts";
import { migrate, numberOf } from "../../src/persistence/schema.ts";

/** A database, and turns that the test takes one by one. */
class Turns implements Disposable {
  readonly database = new DatabaseSync(":memory:");
  readonly ended: EndedSessions;
  readonly #due: (() => void)[] = [];

  constructor() {
    migrate(this.database);
    this.ended = new EndedSessions(this.database, (callback) => this.#due.push(callback));
  }

  queue(session: number, messages: number, body: number | null = null): void {
    this.database.exec(
      `INSERT INTO session VALUES (${session}, 'client-${session}', NULL, '', 0, 9, NULL, NULL, NULL, NULL)`,
    );
    const put = this.database.prepare("INSERT INTO outgoing VALUES (?, ?, 0, 0, 1, 0, NULL, NULL, NULL, 1, ?, ?)");
    for (let position = 1; position <= messages; position++) {
      put.run(session, position, body, body === null ? "m" : null);
    }
  }

  /** A batch, as the store's thread carries it out. */
  batch(...sessions: number[]): void {
    this.database.exec("BEGIN");
    this.ended.beginBatch();
    for (const session of sessions) this.ended.delete(session);
    this.database.exec("COMMIT");
    this.ended.sweepLater();
  }

  /** @returns false: there is nothing to do. */
  next(): boolean {
    const callback = this.#due.shift();
    callback?.();
    return callback !== undefined;
  }

  count(rows: string): number {
    return numberOf(this.database, `SELECT count(*) FROM ${rows}`);
  }

  [Symbol.dispose](): void {
    this.database.close();
  }
}

Deno.test("EndedSessions deletes a long queue slice by slice, and others are served in between", () => {
  using turns = new Turns();
  turns.queue(1, 100 * SLICE_MESSAGES);
  turns.queue(2, 5);
  turns.batch(1);
  assertEquals(turns.count("session"), 1, "the session itself is gone at once");
  for (let left = 99 * SLICE_MESSAGES; left > 0; left -= SLICE_MESSAGES) {
    assertEquals(turns.count("outgoing WHERE session = 1"), left);
    // A batch of others, with what they have to keep; it deletes nothing of this queue.
    turns.database.exec("INSERT INTO incoming_qos2 SELECT 2, count(*) FROM incoming_qos2");
    turns.batch();
    assert(turns.next(), "one slice, and the next one later");
  }
  assertEquals(turns.count("incoming_qos2"), 99);
  assertEquals(turns.count("outgoing"), 5);
  while (turns.next());
  assertEquals([turns.count("outgoing"), turns.count("ended_session"), turns.count("session")], [5, 0, 1]);
});

Deno.test("EndedSessions deletes all that many sessions had, a slice of it in the batch that ends them", () => {
  using turns = new Turns();
  for (let session = 1; session <= 50; session++) turns.queue(session, 30);
  turns.batch(...Array.from({ length: 50 }, (_, index) => index + 1));
  assertEquals([turns.count("session"), turns.count("outgoing")], [0, 1500 - SLICE_MESSAGES]);
  turns.next();
  assertEquals([turns.count("outgoing"), turns.count("ended_session")], [0, 0]);
  assert(!turns.next(), "nothing is left to do");
});

Deno.test("EndedSessions leaves nothing behind of sessions whose queues are short", () => {
  using turns = new Turns();
  turns.database.exec("INSERT INTO body VALUES (7, 'm')");
  for (const session of [1, 2]) turns.queue(session, 10, 7);
  turns.batch(1);
  assertEquals([turns.count("outgoing"), turns.count("ended_session"), turns.count("body")], [10, 0, 1]);
  turns.batch(2);
  assertEquals([turns.count("outgoing"), turns.count("ended_session"), turns.count("body")], [0, 0, 0]);
});

Deno.test("EndedSessions goes on with the next batch after the disk has refused a slice", () => {
  using turns = new Turns();
  turns.queue(1, 2 * SLICE_MESSAGES);
  turns.batch(1);
  turns.database.exec("CREATE TRIGGER refuse BEFORE DELETE ON outgoing BEGIN SELECT raise(ABORT, 'disk full'); END");
  assert(turns.next());
  assert(!turns.next(), "it does not try again by itself");
  assertEquals([turns.count("outgoing"), turns.database.isTransaction], [SLICE_MESSAGES, false]);
  turns.database.exec("DROP TRIGGER refuse");
  turns.batch();
  while (turns.next());
  assertEquals([turns.count("outgoing"), turns.count("ended_session")], [0, 0]);
});
