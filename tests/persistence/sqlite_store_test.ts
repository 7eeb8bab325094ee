/** Mirrors src/persistence/sqlite_store.ts: the suite of the contract, and what is in the file. @module */

import { assertEquals, assertRejects } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { systemClock } from "../../src/base/clock.ts";
import { ApplicationMessage } from "../../src/packet/mod.ts";
import { numberOf } from "../../src/persistence/schema.ts";
import { SqliteStore } from "../../src/persistence/sqlite_store.ts";
import { DataFolderError } from "../../src/persistence/data_folder.ts";
import type { OutgoingRecord, Store } from "../../src/persistence/store.ts";
import { OutgoingMessage, OutgoingState } from "../../src/session/outgoing_message.ts";
import { Session } from "../../src/session/session.ts";
import { Subscription } from "../../src/session/subscription.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { testStore } from "./store_suite.ts";

for (const durability of ["full", "normal"] as const) {
  testStore(`SqliteStore (${durability})`, async () => {
    const path = await Deno.makeTempDir();
    let store = await SqliteStore.open(path, { durability, clock: systemClock });
    return {
      store,
      reopen: async () => {
        await store.close();
        return store = await SqliteStore.open(path, { durability, clock: systemClock });
      },
      dispose: () => Deno.remove(path, { recursive: true }),
    };
  });
}

/** A store in a folder of its own, and a look into its file. */
class Folder implements AsyncDisposable {
  store!: SqliteStore;
  #originMs = 0;

  private constructor(readonly path: string, readonly clock: FakeClock) {}

  static async open(): Promise<Folder> {
    const folder = new Folder(await Deno.makeTempDir(), new FakeClock());
    await folder.open();
    return folder;
  }

  async open(visitor = IGNORE): Promise<void> {
    this.#originMs = this.clock.wallMs() - this.clock.monotonicMs();
    this.store = await SqliteStore.open(this.path, { durability: "full", clock: this.clock, lookMs: 5 });
    await this.store.load(visitor);
  }

  /** As a broker tells it that began when the store was opened. */
  get nowMs(): number {
    return this.#originMs + this.clock.monotonicMs() + this.store.wallOffsetMs;
  }

  /** Everything that was told is in the file. */
  async commit(): Promise<void> {
    this.store.endTurn();
    while (this.store.safe < this.store.ticket) await new Promise<void>((resolve) => this.store.onSafe = resolve);
  }

  count(table: string): number {
    using database = new DatabaseSync(`${this.path}/quetzal.sqlite`, { readOnly: true });
    return numberOf(database, `SELECT count(*) FROM ${table}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store.close();
    await Deno.remove(this.path, { recursive: true });
  }
}

const IGNORE: Parameters<Store["load"]>[0] = {
  session() {},
  subscription() {},
  outgoing() {},
  queuedRun() {},
  incomingQoS2() {},
  retained() {},
};

const SESSION = {
  userName: undefined,
  remoteHost: "127.0.0.1",
  isConnected: false,
  sessionExpiryInterval: 1000,
  expiresAtMs: Infinity,
  will: undefined,
  willDueAtMs: Infinity,
};

function message(bytes: number, retain = false): ApplicationMessage {
  return ApplicationMessage.create({ topicName: "a/topic", payload: new Uint8Array(bytes).fill(7), qos: 1, retain });
}

function outgoing(position: number, message: ApplicationMessage, qos: 1 | 2 = 1): OutgoingMessage {
  const outgoing = new OutgoingMessage(message, qos, false, undefined, Infinity, undefined);
  outgoing.position = position;
  return outgoing;
}

for (const [size, bytes] of [["short", 10], ["long", 5000], ["very long", 1_000_000]] as const) {
  Deno.test(`a ${size} body is in the file once however many sessions wait for it, and goes with the last`, async () => {
    await using folder = await Folder.open();
    const { store } = folder;
    const body = message(bytes);
    const waiting = Array.from({ length: 5 }, () => outgoing(1, body));
    for (const [i, one] of waiting.entries()) {
      store.putSession({ ...SESSION, clientId: `client-${i}` });
      store.putOutgoing(`client-${i}`, one);
    }
    await folder.commit();
    assertEquals([folder.count("body"), folder.count("outgoing")], [1, 5]);
    for (const i of [0, 1, 2]) store.deleteOutgoing(`client-${i}`, waiting[i]);
    store.deleteSession("client-3");
    await folder.commit();
    assertEquals([folder.count("body"), folder.count("outgoing")], [1, 1]);
    store.deleteOutgoing("client-4", waiting[4]);
    await folder.commit();
    assertEquals([folder.count("body"), folder.count("outgoing")], [0, 0]);
  });
}

Deno.test("a retained message that sessions wait for shares its body with them, whenever they came", async () => {
  await using folder = await Folder.open();
  const { store } = folder;
  const body = message(5000, true);
  store.putRetained(body);
  await folder.commit();
  for (const clientId of ["one", "two"]) {
    store.putSession({ ...SESSION, clientId });
    store.putOutgoing(clientId, outgoing(1, body));
    await folder.commit();
  }
  assertEquals([folder.count("body"), folder.count("outgoing")], [1, 2]);
  store.putRetained(message(6000, true));
  await folder.commit();
  assertEquals(folder.count("body"), 2);
  store.deleteSession("one");
  store.deleteSession("two");
  await folder.commit();
  assertEquals(folder.count("body"), 1);
  store.deleteRetained("a/topic");
  await folder.commit();
  assertEquals(folder.count("body"), 0);
});

Deno.test("what an earlier broker has left of a session that ended is nobody's, and goes", async () => {
  await using folder = await Folder.open();
  for (const clientId of ["stays", "ends"]) {
    folder.store.putSession({ ...SESSION, clientId });
    for (let position = 1; position <= 3; position++) {
      folder.store.putOutgoing(clientId, outgoing(position, message(9)));
    }
  }
  await folder.commit();
  await folder.store.close();
  {
    // As a crash leaves it between two slices.
    using database = new DatabaseSync(`${folder.path}/quetzal.sqlite`);
    database.exec("DELETE FROM session WHERE client_id = 'ends'; INSERT INTO ended_session VALUES (2)");
  }
  const found: string[] = [];
  await folder.open({ ...IGNORE, session: ({ clientId }) => found.push(clientId) });
  assertEquals(found, ["stays"]);
  folder.store.putSession({ ...SESSION, clientId: "ends" });
  folder.store.putOutgoing("ends", outgoing(1, message(9)));
  await folder.commit();
  // The thread deletes behind the batch, and must not take the new session's for those of the old one.
  while (folder.count("ended_session") > 0) await folder.commit();
  assertEquals(["outgoing", "outgoing WHERE session = 3"].map((rows) => folder.count(rows)), [4, 1]);
});

Deno.test("what comes and goes before the disk is asked costs no commit", async () => {
  await using folder = await Folder.open();
  const { store } = folder;
  store.putSession({ ...SESSION, clientId: "client" });
  await folder.commit();
  const before = Deno.statSync(`${folder.path}/quetzal.sqlite-wal`).size;
  for (let position = 1; position <= 100; position++) {
    const one = outgoing(position, message(5000));
    store.putOutgoing("client", one);
    store.deleteOutgoing("client", one);
  }
  assertEquals(store.safe < store.ticket, true);
  assertEquals(store.waitingBytes, 0);
  await folder.commit();
  assertEquals(Deno.statSync(`${folder.path}/quetzal.sqlite-wal`).size, before);
});

Deno.test("a message that went from one session to another keeps its body", async () => {
  await using folder = await Folder.open();
  const { store } = folder;
  const body = message(5000);
  for (const clientId of ["from", "to"]) store.putSession({ ...SESSION, clientId });
  const first = outgoing(1, body);
  store.putOutgoing("from", first);
  await folder.commit();
  store.deleteOutgoing("from", first);
  store.putOutgoing("to", outgoing(1, body));
  await folder.commit();
  assertEquals([folder.count("body"), folder.count("outgoing")], [1, 1]);
});

Deno.test("queued messages of a Shared Subscription are loaded; those around them stay in the file as runs", async () => {
  await using folder = await Folder.open();
  const { store } = folder;
  const limits = { queuedMessagesMax: 1, queuedBytesMax: 1, queuePolicy: "drop-newest" } as const;
  const sharedBy = new Subscription(new Session("c", undefined, limits), "$share/g/a", "g", "a", 1, false, false, 0);
  for (const clientId of ["mixed", "plain"]) store.putSession({ ...SESSION, clientId });
  for (const position of [1, 2, 4, 5, 7]) store.putOutgoing("mixed", outgoing(position, message(10)));
  for (const position of [3, 6]) {
    const one = new OutgoingMessage(message(10), 1, false, undefined, Infinity, sharedBy);
    one.position = position;
    store.putOutgoing("mixed", one);
  }
  const inFlight = outgoing(8, message(10), 2);
  inFlight.packetIdentifier = 1;
  inFlight.state = OutgoingState.AwaitingPubrec;
  store.putOutgoing("mixed", inFlight);
  store.putOutgoing("mixed", outgoing(9, message(10)));
  for (const position of [1, 2, 3]) store.putOutgoing("plain", outgoing(position, message(10)));
  await folder.store.close();

  folder.store = await SqliteStore.open(folder.path, { durability: "full", clock: folder.clock });
  const loaded: string[] = [];
  await folder.store.load({
    ...IGNORE,
    outgoing: (clientId, { position }) => loaded.push(`${clientId} ${position}`),
    queuedRun: (clientId, run) => loaded.push(`${clientId} ${run.firstPosition}-${run.lastPosition}: ${run.messages}`),
  });
  assertEquals(loaded, [
    "mixed 1-2: 2",
    "mixed 3",
    "mixed 4-5: 2",
    "mixed 6",
    "mixed 7-9: 2",
    "mixed 8",
    "plain 1-3: 3",
  ]);
});

/** Closes the store, sets the clocks, and opens it again. @returns what is left of a deadline, in seconds. */
async function leftAfter(folder: Folder, change: () => void): Promise<number> {
  const dueAtMs = folder.nowMs + 3_600_000;
  folder.store.putSession({ ...SESSION, clientId: "client", expiresAtMs: dueAtMs });
  await folder.store.close();
  change();
  await folder.open();
  return Math.round((dueAtMs - folder.nowMs) / 1000);
}

Deno.test("a deadline goes on while nobody is there", async () => {
  await using folder = await Folder.open();
  assertEquals(await leftAfter(folder, () => folder.clock.advance(600_000)), 3000);
});

Deno.test("a clock that was set back leaves a deadline what it had", async () => {
  await using folder = await Folder.open();
  assertEquals(await leftAfter(folder, () => folder.clock.setWall(folder.clock.wallMs() - 86_400_000)), 3600);
  // And goes on from there, also when it is set right again while a broker runs.
  folder.clock.setWall(folder.clock.wallMs() + 86_400_000);
  assertEquals(await leftAfter(folder, () => folder.clock.advance(600_000)), 3000);
});

Deno.test("a clock that was set forward while the broker ran ends nothing", async () => {
  await using folder = await Folder.open();
  const years = 50 * 365 * 86_400_000;
  folder.clock.setWall(folder.clock.wallMs() + years);
  assertEquals(await leftAfter(folder, () => folder.clock.advance(600_000)), 3000);
});

/** What a question brings, as a broker asks it. */
function ask(store: SqliteStore, clientId: string, first: number, last: number) {
  return new Promise<readonly OutgoingRecord[] | Error>((resolve) =>
    store.readOutgoing(clientId, first, last, Infinity, resolve)
  );
}

/** Some bytes of a row rot, which SQLite cannot see. */
function spoil(folder: Folder, sql: string): void {
  using database = new DatabaseSync(`${folder.path}/quetzal.sqlite`, { timeout: 5000 });
  database.exec(sql);
}

Deno.test("a queued message that cannot be understood is an answer, and the end of nothing", async () => {
  await using folder = await Folder.open();
  folder.store.putSession({ ...SESSION, clientId: "client" });
  for (const position of [1, 2]) folder.store.putOutgoing("client", outgoing(position, message(10)));
  await folder.commit();
  spoil(folder, "UPDATE outgoing SET message = zeroblob(30) WHERE position = 2");
  const answer = await ask(folder.store, "client", 1, 2);
  assertEquals(answer instanceof Error, true);
  assertEquals((await ask(folder.store, "client", 1, 1) as OutgoingRecord[]).length, 1);
});

Deno.test("a retained message that cannot be understood is damage: the file is set aside, and nothing is held", async () => {
  const folder = await Folder.open();
  folder.store.putRetained(message(10, true));
  await folder.commit();
  spoil(folder, "UPDATE retained SET message = zeroblob(30)");
  await folder.store.close();
  await assertRejects(() => folder.open(), DataFolderError, "is damaged");
  await assertRejects(() => folder.open(), DataFolderError, "was set aside");
  await Deno.remove(folder.path, { recursive: true });
});

Deno.test("a body that several wait for is loaded once", async () => {
  await using folder = await Folder.open();
  const body = message(5000);
  for (const clientId of ["one", "two"]) {
    folder.store.putSession({ ...SESSION, clientId });
    const inFlight = outgoing(1, body);
    inFlight.packetIdentifier = 1;
    inFlight.state = OutgoingState.AwaitingPuback;
    folder.store.putOutgoing(clientId, inFlight);
  }
  await folder.store.close();
  const loaded: ApplicationMessage[] = [];
  await folder.open({ ...IGNORE, outgoing: (_, record) => loaded.push(record.message) });
  assertEquals([loaded.length, loaded[0] === loaded[1], loaded[0].payloadBytes], [2, true, 5000]);
});

Deno.test("a question is answered although its session gets messages all the time", async () => {
  await using folder = await Folder.open();
  const { store } = folder;
  store.putSession({ ...SESSION, clientId: "client" });
  let position = 0;
  const put = () => store.putOutgoing("client", outgoing(++position, message(10)));
  put();
  store.endTurn();
  put(); // gathers while the first is committed
  store.onSafe = () => {
    put();
    store.endTurn();
  };
  assertEquals((await ask(store, "client", 1, 1) as OutgoingRecord[]).length, 1);
  store.onSafe = undefined;
});

Deno.test("a delivery with more Subscription Identifiers than two bytes count comes back, and counts for them", async () => {
  await using folder = await Folder.open();
  const identifiers = Array.from({ length: 70_000 }, (_, i) => i + 1);
  folder.store.putSession({ ...SESSION, clientId: "client" });
  const one = new OutgoingMessage(message(10), 1, false, identifiers, Infinity, undefined);
  one.position = 1;
  folder.store.putOutgoing("client", one);
  assertEquals(folder.store.waitingBytes > 500_000, true);
  await folder.commit();
  const [record] = await ask(folder.store, "client", 1, 1) as OutgoingRecord[];
  assertEquals(record.subscriptionIdentifiers, identifiers);
});

Deno.test("nothing is acknowledged into a file that is gone", async () => {
  const folder = await Folder.open();
  const { store } = folder;
  await Deno.remove(`${folder.path}/quetzal.sqlite`);
  while (store.trouble === undefined) await new Promise((resolve) => setTimeout(resolve));
  assertEquals(store.trouble.includes("was removed or replaced"), true);
  store.putRetained(message(10, true));
  store.endTurn();
  assertEquals(store.safe < store.ticket, true);
  await store.close();
  assertEquals(store.safe < store.ticket, true);
  await Deno.remove(folder.path, { recursive: true });
});
