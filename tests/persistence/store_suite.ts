/** What every Store must do, be it in memory or on a disk: the suite that the contract owns.
 * In: a way to open a store, and to open again what it left. Out: tests under the store's name. @module */

import { assertEquals, assertExists } from "@std/assert";
import { ApplicationMessage, type QoS } from "../../src/packet/mod.ts";
import type {
  OutgoingRecord,
  QueuedRun,
  SessionRecord,
  Store,
  SubscriptionRecord,
} from "../../src/persistence/store.ts";
import { OutgoingMessage, OutgoingState } from "../../src/session/outgoing_message.ts";
import { Session } from "../../src/session/session.ts";
import { Subscription } from "../../src/session/subscription.ts";

/** One store and what becomes of it. */
export interface StoreUnderTest {
  readonly store: Store;
  /** Closes the store in order, and opens a new one on what it left. */
  reopen(): Promise<Store>;
  /** Frees what the test took: files, workers. Called once, after the last store was closed. */
  dispose?(): Promise<void>;
}

/** All that a store gives back, as plain values in the order of the calls. */
interface Loaded {
  readonly calls: string[];
  readonly sessions: Map<string, SessionRecord>;
  readonly subscriptions: Map<string, SubscriptionRecord[]>;
  readonly outgoing: Map<string, OutgoingRecord[]>;
  readonly queuedRuns: Map<string, QueuedRun[]>;
  readonly incomingQoS2: Map<string, number[]>;
  readonly retained: Map<string, ApplicationMessage>;
}

const encoder = new TextEncoder();

function message(text: string, options: { topicName?: string; qos?: QoS; retain?: boolean } = {}): ApplicationMessage {
  const { topicName = "a/topic", qos = 1, retain = false } = options;
  return ApplicationMessage.create({
    topicName,
    qos,
    retain,
    payload: encoder.encode(text),
    receivedAtMs: 1_790_000_000_123,
    properties: {
      messageExpiryInterval: 0xffff_ffff,
      contentType: "text/plain",
      correlationData: Uint8Array.of(0, 255),
      userProperties: [["name", "value"], ["name", "ä€😀"]],
    },
  });
}

function sessionRecord(clientId: string, rest: Partial<SessionRecord> = {}): SessionRecord {
  return {
    clientId,
    userName: undefined,
    sessionExpiryInterval: 0xffff_ffff,
    expiresAtMs: Infinity,
    will: undefined,
    willDueAtMs: Infinity,
    remoteHost: "127.0.0.1",
    isConnected: true,
    ...rest,
  };
}

function outgoingMessage(position: number, message: ApplicationMessage, qos: 1 | 2 = 1): OutgoingMessage {
  const outgoing = new OutgoingMessage(message, qos, false, undefined, Infinity, undefined);
  outgoing.position = position;
  return outgoing;
}

async function load(store: Store): Promise<Loaded> {
  const loaded: Loaded = {
    calls: [],
    sessions: new Map(),
    subscriptions: new Map(),
    outgoing: new Map(),
    queuedRuns: new Map(),
    incomingQoS2: new Map(),
    retained: new Map(),
  };
  const listOf = <T>(map: Map<string, T[]>, key: string) => map.get(key) ?? map.set(key, []).get(key)!;
  await store.load({
    session(record) {
      loaded.calls.push(`session ${record.clientId}`);
      loaded.sessions.set(record.clientId, record);
    },
    subscription(clientId, record) {
      loaded.calls.push(`subscription ${clientId}`);
      listOf(loaded.subscriptions, clientId).push(record);
    },
    outgoing(clientId, record) {
      loaded.calls.push(`outgoing ${clientId}`);
      listOf(loaded.outgoing, clientId).push(record);
    },
    queuedRun(clientId, run) {
      for (let i = 0; i < run.messages; i++) loaded.calls.push(`outgoing ${clientId}`);
      listOf(loaded.queuedRuns, clientId).push(run);
    },
    incomingQoS2(clientId, packetIdentifier) {
      loaded.calls.push(`incomingQoS2 ${clientId}`);
      listOf(loaded.incomingQoS2, clientId).push(packetIdentifier);
    },
    retained(message) {
      loaded.calls.push("retained");
      loaded.retained.set(message.topicName, message);
    },
  });
  for (const [clientId, runs] of loaded.queuedRuns) {
    for (const run of runs) listOf(loaded.outgoing, clientId).push(...await readRun(store, clientId, run));
    loaded.outgoing.get(clientId)!.sort((a, b) => a.position - b.position);
  }
  return loaded;
}

/** As the broker does: as much as `bytesMax` allows at a time, each time from behind the last one. */
async function readRun(store: Store, clientId: string, run: QueuedRun, bytesMax = 1): Promise<OutgoingRecord[]> {
  const records: OutgoingRecord[] = [];
  for (let first = run.firstPosition; first <= run.lastPosition; first = records.at(-1)!.position + 1) {
    const part = await read(store, clientId, first, run.lastPosition, bytesMax);
    if (part.length === 0) break;
    records.push(...part);
  }
  assertEquals(records.length, run.messages);
  assertEquals(records.at(0)?.position, run.firstPosition);
  assertEquals(records.at(-1)?.position, run.lastPosition);
  assertEquals(records.reduce((sum, { message }) => sum + message.buffer.length, 0), run.messageBytes);
  return records;
}

function read(store: Store, clientId: string, ...range: [number, number, number]): Promise<readonly OutgoingRecord[]> {
  return new Promise((resolve, reject) => {
    store.readOutgoing(clientId, ...range, (records) => {
      if (records instanceof Error) reject(records);
      else resolve(records);
    });
  });
}

/** Field by field: the layout of the buffer is the store's own business. */
function assertSameMessage(actual: ApplicationMessage | undefined, expected: ApplicationMessage): void {
  assertExists(actual);
  const { topicName, qos, retain, messageExpiryInterval, receivedAtMs, payload, properties } = actual;
  assertEquals(
    { topicName, qos, retain, messageExpiryInterval, receivedAtMs, payload, properties },
    {
      topicName: expected.topicName,
      qos: expected.qos,
      retain: expected.retain,
      messageExpiryInterval: expected.messageExpiryInterval,
      receivedAtMs: expected.receivedAtMs,
      payload: expected.payload,
      properties: expected.properties,
    },
  );
  assertEquals(actual.borrowed, false);
}

/** Registers the suite. @param open a new, empty store. */
export function testStore(name: string, open: () => Promise<StoreUnderTest>): void {
  const test = (what: string, run: (store: Store, reopen: () => Promise<Store>) => Promise<void>) =>
    Deno.test(`${name} ${what}`, async () => {
      const underTest = await open();
      let last = underTest.store;
      try {
        assertEquals((await load(last)).calls, []);
        await run(last, async () => last = await underTest.reopen());
      } finally {
        await last.close();
        await underTest.dispose?.();
      }
    });

  test("gives back sessions with their deadlines and wills", async (store, reopen) => {
    const will = { message: message("will", { qos: 2, retain: true }), willDelayInterval: 0xffff_ffff };
    store.putSession(sessionRecord("plain"));
    store.putSession(sessionRecord("full", {
      userName: "user",
      sessionExpiryInterval: 30,
      expiresAtMs: 1_790_000_000_456,
      will,
      willDueAtMs: 1_790_000_000_789,
      remoteHost: "192.0.2.7",
      isConnected: false,
    }));
    const { sessions } = await load(await reopen());
    assertEquals(sessions.get("plain"), sessionRecord("plain"));
    const { will: loadedWill, ...rest } = sessions.get("full")!;
    const { will: _, ...expected } = sessionRecord("full", {
      userName: "user",
      sessionExpiryInterval: 30,
      expiresAtMs: 1_790_000_000_456,
      willDueAtMs: 1_790_000_000_789,
      remoteHost: "192.0.2.7",
      isConnected: false,
    });
    assertEquals(rest as unknown, expected as unknown);
    assertEquals(loadedWill!.willDelayInterval, 0xffff_ffff);
    assertSameMessage(loadedWill!.message, will.message);
  });

  test("putSession() of a known one changes its record and nothing that belongs to it", async (store, reopen) => {
    store.putSession(sessionRecord("client"));
    store.putIncomingQoS2("client", 7);
    store.putSession(sessionRecord("client", { expiresAtMs: 5 }));
    const loaded = await load(await reopen());
    assertEquals(loaded.calls, ["session client", "incomingQoS2 client"]);
    assertEquals(loaded.sessions.get("client")!.expiresAtMs, 5);
  });

  test("deleteSession() takes everything of it, and nothing of others", async (store, reopen) => {
    const shared = message("shared body");
    for (const clientId of ["stays", "goes"]) {
      store.putSession(sessionRecord(clientId));
      store.putSubscription(clientId, {
        fullFilter: "a/#",
        qos: 1,
        noLocal: false,
        retainAsPublished: false,
        subscriptionIdentifier: 0,
      });
      store.putOutgoing(clientId, outgoingMessage(1, shared));
      store.putIncomingQoS2(clientId, 1);
    }
    store.deleteSession("goes");
    store.deleteSession("was never there");
    const loaded = await load(await reopen());
    assertEquals(loaded.calls, ["session stays", "subscription stays", "outgoing stays", "incomingQoS2 stays"]);
    assertSameMessage(loaded.outgoing.get("stays")![0].message, shared);
  });

  test("a session that is deleted and made again begins empty", async (store, reopen) => {
    store.putSession(sessionRecord("client"));
    store.putIncomingQoS2("client", 1);
    store.putOutgoing("client", outgoingMessage(1, message("old")));
    store.deleteSession("client");
    store.putSession(sessionRecord("client"));
    assertEquals((await load(await reopen())).calls, ["session client"]);
  });

  test("gives back subscriptions; the same filter replaces, characters count", async (store, reopen) => {
    const record = (fullFilter: string, rest: Partial<SubscriptionRecord> = {}): SubscriptionRecord => ({
      fullFilter,
      qos: 0,
      noLocal: false,
      retainAsPublished: false,
      subscriptionIdentifier: 0,
      ...rest,
    });
    store.putSession(sessionRecord("client"));
    store.putSubscription("client", record("a"));
    store.putSubscription("client", record("A"));
    store.putSubscription("client", record("gone"));
    store.putSubscription("client", record("$share/g/+/ä", { qos: 1 }));
    store.deleteSubscription("client", "gone");
    store.deleteSubscription("client", "was never there");
    const replaced = record("a", {
      qos: 2,
      noLocal: true,
      retainAsPublished: true,
      subscriptionIdentifier: 268_435_455,
    });
    store.putSubscription("client", replaced);
    const { subscriptions } = await load(await reopen());
    const byFilter = new Map(subscriptions.get("client")!.map((record) => [record.fullFilter, record]));
    assertEquals(byFilter.size, 3);
    assertEquals(byFilter.get("a"), replaced);
    assertEquals(byFilter.get("A"), record("A"));
    assertEquals(byFilter.get("$share/g/+/ä"), record("$share/g/+/ä", { qos: 1 }));
  });

  test("gives back outgoing messages whole, by position", async (store, reopen) => {
    const session = new Session("client", undefined, {
      queuedMessagesMax: 1,
      queuedBytesMax: 1,
      queuePolicy: "drop-newest",
    });
    const sharedBy = new Subscription(session, "$share/g/a", "g", "a", 2, false, false, 0);
    const body = message("body", { qos: 2, retain: true });
    store.putSession(sessionRecord("client"));
    const later = new OutgoingMessage(body, 2, true, [1, 268_435_455], 1_790_000_000_999, sharedBy);
    later.position = 1_000_000;
    later.packetIdentifier = 65_535;
    later.state = OutgoingState.AwaitingPubrec;
    store.putOutgoing("client", later);
    store.putOutgoing("client", outgoingMessage(9, message("", { topicName: "t" })));
    const records = (await load(await reopen())).outgoing.get("client")!;
    assertEquals(records.map(({ message: _, ...rest }) => rest) as unknown[], [
      {
        qos: 1,
        retain: false,
        subscriptionIdentifiers: undefined,
        expiresAtMs: Infinity,
        sharedFilter: undefined,
        state: OutgoingState.Queued,
        packetIdentifier: 0,
        position: 9,
      },
      {
        qos: 2,
        retain: true,
        subscriptionIdentifiers: [1, 268_435_455],
        expiresAtMs: 1_790_000_000_999,
        sharedFilter: "$share/g/a",
        state: OutgoingState.AwaitingPubrec,
        packetIdentifier: 65_535,
        position: 1_000_000,
      },
    ]);
    assertSameMessage(records[1].message, body);
    assertEquals(records[0].message.payload.length, 0);
  });

  test(
    "putOutgoing() of a known position changes its state and identifier, as they are at the call",
    async (store, reopen) => {
      store.putSession(sessionRecord("client"));
      const outgoing = outgoingMessage(1, message("body", { qos: 2 }), 2);
      store.putOutgoing("client", outgoing);
      store.endTurn();
      outgoing.packetIdentifier = 5;
      outgoing.state = OutgoingState.AwaitingPubcomp;
      store.putOutgoing("client", outgoing);
      outgoing.packetIdentifier = 6; // never told
      const records = (await load(await reopen())).outgoing.get("client")!;
      assertEquals(records.map(({ state, packetIdentifier }) => [state, packetIdentifier]), [
        [OutgoingState.AwaitingPubcomp, 5],
      ]);
    },
  );

  test("deleteOutgoing() takes one message of one session; the same body stays for others", async (store, reopen) => {
    const body = message("body");
    for (const clientId of ["one", "two"]) store.putSession(sessionRecord(clientId));
    const first = outgoingMessage(1, body);
    store.putOutgoing("one", first);
    store.endTurn();
    store.putOutgoing("two", outgoingMessage(1, body));
    store.putOutgoing("one", outgoingMessage(2, message("second")));
    store.deleteOutgoing("one", first);
    store.deleteOutgoing("one", first);
    const { outgoing } = await load(await reopen());
    assertEquals(outgoing.get("one")!.map(({ position }) => position), [2]);
    assertSameMessage(outgoing.get("two")![0].message, body);
  });

  test("readOutgoing() stops with the message that reaches the limit, and not before", async (store) => {
    store.putSession(sessionRecord("client"));
    const body = message("body");
    const { length } = body.buffer;
    const waiting = Array.from({ length: 9 }, (_, i) => outgoingMessage(i + 1, body));
    for (const outgoing of waiting) store.putOutgoing("client", outgoing);
    store.deleteOutgoing("client", waiting[3]);
    store.endTurn();
    const positions = async (...range: [number, number, number]) =>
      (await read(store, "client", ...range)).map(({ position }) => position);
    assertEquals(await positions(1, 9, length * 4), [1, 2, 3, 5]);
    assertEquals(await positions(1, 9, length * 3 + 1), [1, 2, 3, 5]);
    assertEquals(await positions(1, 9, length * 3), [1, 2, 3]);
    assertEquals(await positions(6, 7, length * 9), [6, 7]);
    assertEquals(await positions(10, 12, length), []);
    // More than are read at a time, long and short ones.
    const last = 700;
    for (let position = 10; position <= last; position++) {
      const text = position % 100 === 0 ? "long".repeat(5000) : `body ${position}`;
      store.putOutgoing("client", outgoingMessage(position, message(text)));
    }
    store.endTurn();
    const all = await read(store, "client", 10, last, Infinity);
    assertEquals(all.map(({ position }) => position), Array.from({ length: last - 9 }, (_, i) => i + 10));
    for (const { position, message } of all) {
      const text = new TextDecoder().decode(message.payload);
      assertEquals(text, position % 100 === 0 ? "long".repeat(5000) : `body ${position}`);
    }
  });

  test("readOutgoing() does not give what was deleted before", async (store) => {
    store.putSession(sessionRecord("client"));
    const waiting = Array.from({ length: 9 }, (_, i) => outgoingMessage(i + 1, message("body")));
    for (const outgoing of waiting) store.putOutgoing("client", outgoing);
    store.endTurn();
    const positions = async (first: number) => {
      const asked = read(store, "client", first, 9, Infinity);
      store.endTurn();
      return (await asked).map(({ position }) => position);
    };
    assertEquals(await positions(1), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    for (const position of [7, 1, 2]) store.deleteOutgoing("client", waiting[position - 1]);
    assertEquals(await positions(3), [3, 4, 5, 6, 8, 9]);
    for (const position of [3, 4]) store.deleteOutgoing("client", waiting[position - 1]);
    assertEquals(await positions(3), [5, 6, 8, 9]);
    // One before those that were deleted long ago.
    for (const position of [10, 11]) {
      store.putOutgoing("client", outgoingMessage(position, message("body")));
      await positions(5);
    }
    store.deleteOutgoing("client", waiting[4]);
    assertEquals(await positions(5), [6, 8, 9]);
  });

  test("a message that comes and goes within one turn leaves nothing", async (store, reopen) => {
    store.putSession(sessionRecord("client"));
    const outgoing = outgoingMessage(1, message("body"));
    store.putOutgoing("client", outgoing);
    store.deleteOutgoing("client", outgoing);
    store.putIncomingQoS2("client", 1);
    store.deleteIncomingQoS2("client", 1);
    assertEquals((await load(await reopen())).calls, ["session client"]);
  });

  test("gives back incoming QoS 2 identifiers", async (store, reopen) => {
    store.putSession(sessionRecord("client"));
    for (const identifier of [1, 2, 65_535, 2]) store.putIncomingQoS2("client", identifier);
    store.deleteIncomingQoS2("client", 1);
    store.deleteIncomingQoS2("client", 77);
    const { incomingQoS2 } = await load(await reopen());
    assertEquals(incomingQoS2.get("client")!.toSorted((a, b) => a - b), [2, 65_535]);
  });

  test("gives back retained messages, the last of each topic", async (store, reopen) => {
    const last = message("last", { topicName: "a", retain: true });
    store.putRetained(message("first", { topicName: "a", retain: true }));
    store.putRetained(message("gone", { topicName: "b", retain: true }));
    store.endTurn();
    store.putRetained(last);
    store.deleteRetained("b");
    store.deleteRetained("was never there");
    const { retained } = await load(await reopen());
    assertEquals([...retained.keys()], ["a"]);
    assertSameMessage(retained.get("a"), last);
  });

  test("a retained message outlives the sessions that wait for the same body", async (store, reopen) => {
    const body = message("body", { topicName: "a", retain: true });
    store.putSession(sessionRecord("client"));
    const outgoing = outgoingMessage(1, body);
    store.putOutgoing("client", outgoing);
    store.putRetained(body);
    store.endTurn();
    store.deleteOutgoing("client", outgoing);
    assertSameMessage((await load(await reopen())).retained.get("a"), body);
  });

  test("takes strange names as they are", async (store, reopen) => {
    const names = ["", "'", '"; --', "%", "ä€😀", "a".repeat(65_535), "\uFEFFa"];
    for (const clientId of names) store.putSession(sessionRecord(clientId));
    assertEquals([...(await load(await reopen())).sessions.keys()].toSorted(), names.toSorted());
  });

  test("counts changes, and is safe up to its ticket in the end", async (store, reopen) => {
    const before = store.changes;
    store.putSession(sessionRecord("client"));
    assertEquals([store.changes > before, store.safe <= store.ticket, store.trouble], [true, true, undefined]);
    const after = store.changes;
    store.endTurn();
    store.endTurn();
    assertEquals(store.changes, after);
    if (store.safe < store.ticket) await new Promise<void>((resolve) => store.onSafe = resolve);
    assertEquals(store.safe, store.ticket);
    await load(await reopen());
  });
}
