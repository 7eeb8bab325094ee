/** src/auth/client_register.ts with its notes, and the register in the store: real files. @module */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { DEFAULT_LIMITS } from "../../src/config/limits.ts";
import type { ClientRecord } from "../../src/auth/account_records.ts";
import type { AccountsStore } from "../../src/auth/accounts_store.ts";
import type { ClientArrival, ClientDeparture } from "../../src/auth/client_journal.ts";
import { ClientRegister, type ClientRegisterOptions } from "../../src/auth/client_register.ts";
import { ClientNotes } from "../../src/auth/client_register_notes.ts";
import { AccountsFolder, comes, LineLog, refusal } from "../support/accounts.ts";

class RegisterFolder extends AccountsFolder {
  readonly log = new LineLog();

  /** Writes when it is told to. */
  async register(
    options: Partial<ClientRegisterOptions> = {},
  ): Promise<{ store: AccountsStore; register: ClientRegister }> {
    const store = options.store ?? await this.open();
    const register = new ClientRegister({
      store,
      clientsMax: DEFAULT_LIMITS.clientsRegisteredMax,
      owner: "broker-1",
      log: this.log,
      flushDelayMs: 2_000_000_000,
      ...options,
    });
    return { store, register };
  }
}

function arrival(clientId: string, atMs: number, parts: Partial<ClientArrival> = {}): ClientArrival {
  return {
    clientId,
    userName: "reader",
    protocolVersion: 5,
    keepAlive: 60,
    remoteAddress: "127.0.0.1:50312",
    listenerUrl: "mqtt://127.0.0.1:1883",
    atMs,
    ...parts,
  };
}

function departure(clientId: string, atMs: number, parts: Partial<ClientDeparture> = {}): ClientDeparture {
  return {
    clientId,
    reasonCode: 0x8D,
    reason: "Keep Alive timeout",
    lastAction: "PUBLISH",
    lastActionAtMs: atMs - 5,
    atMs,
    ...parts,
  };
}

async function clientsOf(store: AccountsStore): Promise<ClientRecord[]> {
  return await Array.fromAsync(store.clients());
}

async function idsOf(store: AccountsStore): Promise<string[]> {
  return (await clientsOf(store)).map(({ clientId }) => clientId);
}

async function keysOf(store: AccountsStore, first: string): Promise<Deno.KvKey[]> {
  return await Array.fromAsync(store.kv.list([first]), ({ key }) => key);
}

Deno.test("ClientRegister knows of a Client when it came first and last, what it did last, and why it left", async () => {
  using folder = new RegisterFolder();
  const { store, register } = await folder.register();
  register.connected(arrival("sensor-1", 100));
  await register.flush();
  const connected: ClientRecord = {
    clientId: "sensor-1",
    userName: "reader",
    protocolVersion: 5,
    keepAlive: 60,
    remoteAddress: "127.0.0.1:50312",
    listenerUrl: "mqtt://127.0.0.1:1883",
    isConnected: true,
    firstConnectedAtMs: 100,
    connectedAtMs: 100,
    connectCount: 1,
    disconnectedAtMs: undefined,
    disconnectReasonCode: undefined,
    disconnectReason: "",
    lastAction: "CONNECT",
    lastActionAtMs: 100,
  };
  assertEquals(await store.client("sensor-1"), connected);
  register.acted("sensor-1", "SUBSCRIBE", 150);
  await register.flush();
  assertEquals(await store.client("sensor-1"), { ...connected, lastAction: "SUBSCRIBE", lastActionAtMs: 150 });
  register.disconnected(departure("sensor-1", 200));
  await register.flush();
  const gone = {
    ...connected,
    isConnected: false,
    disconnectedAtMs: 200,
    disconnectReasonCode: 0x8D,
    disconnectReason: "Keep Alive timeout",
    lastAction: "PUBLISH",
    lastActionAtMs: 195,
  };
  assertEquals(await store.client("sensor-1"), gone);
  register.connected(arrival("sensor-1", 300, { userName: undefined, protocolVersion: 4, keepAlive: 0 }));
  await register.flush();
  assertEquals(await store.client("sensor-1"), {
    ...gone,
    userName: undefined,
    protocolVersion: 4,
    keepAlive: 0,
    isConnected: true,
    connectedAtMs: 300,
    connectCount: 2,
    lastAction: "CONNECT",
    lastActionAtMs: 300,
  });
  assertEquals(await store.client("sensor-2"), undefined);
  await register.close();
});

Deno.test("ClientRegister writes one record for all that happens between two writes", async () => {
  using folder = new RegisterFolder();
  const { store, register } = await folder.register();
  for (let time = 1; time <= 5; time++) {
    register.connected(arrival("sensor-1", time * 100));
    register.acted("sensor-1", "PINGREQ", time * 100 + 10);
    register.disconnected(departure("sensor-1", time * 100 + 50));
  }
  register.connected(arrival("sensor-1", 600));
  let commits = 0;
  const commit = store.kv.commit.bind(store.kv);
  store.kv.commit = (operation) => {
    commits++;
    return commit(operation);
  };
  await register.flush();
  const record = (await store.client("sensor-1"))!;
  assertEquals(
    [record.connectCount, record.firstConnectedAtMs, record.connectedAtMs, record.disconnectedAtMs, record.isConnected],
    [6, 100, 600, 550, true],
  );
  assertEquals(commits, 1);
  await register.flush();
  assertEquals(commits, 1, "nothing to write");
  await register.close();
});

Deno.test("ClientRegister writes by itself, and what waits when it is closed", async () => {
  using folder = new RegisterFolder();
  const { store, register } = await folder.register({ flushDelayMs: 1 });
  const written = Promise.withResolvers<void>();
  const commit = store.kv.commit.bind(store.kv);
  store.kv.commit = async (operation) => {
    const isDone = await commit(operation);
    written.resolve();
    return isDone;
  };
  register.connected(arrival("sensor-1", 100));
  await comes(written.promise);
  assertEquals(await idsOf(store), ["sensor-1"]);
  register.connected(arrival("sensor-2", 100));
  await Promise.all([register.close(), register.close()]);
  assertEquals(await idsOf(store), ["sensor-1", "sensor-2"]);
  register.connected(arrival("sensor-3", 100));
  await register.flush();
  assertEquals((await idsOf(store)).length, 2, "nothing is noted any more");
});

Deno.test("ClientRegister goes on after a restart, and ends what the broker left connected", async () => {
  using folder = new RegisterFolder();
  const first = await folder.register();
  first.register.connected(arrival("sensor-1", 100));
  first.register.connected(arrival("sensor-2", 100));
  first.register.connected(arrival("sensor-3", 100));
  first.register.acted("sensor-2", "PUBLISH", 180);
  first.register.disconnected(departure("sensor-3", 190));
  await first.register.flush();
  const ended = (await first.store.client("sensor-3"))!;
  // As kill -9 does: without another word.
  first.store.close();
  const second = await folder.register();
  second.register.connected(arrival("sensor-1", 500));
  await second.register.flush();
  const one = (await second.store.client("sensor-1"))!;
  assertEquals([one.isConnected, one.firstConnectedAtMs, one.connectedAtMs, one.connectCount], [true, 100, 500, 2]);
  assertEquals([one.disconnectedAtMs, one.disconnectReason], [100, "the broker ended"]);
  const two = (await second.store.client("sensor-2"))!;
  assertEquals([two.isConnected, two.disconnectedAtMs, two.disconnectReasonCode], [false, 180, undefined]);
  assertEquals([two.disconnectReason, two.lastAction], ["the broker ended", "PUBLISH"]);
  assertEquals(await second.store.client("sensor-3"), ended);
  assertEquals((await keysOf(second.store, "gone")).length, 2, "the index has those that are gone, once each");
  await second.register.close();
});

Deno.test("ClientRegister leaves those alone who are connected to another broker", async () => {
  using folder = new RegisterFolder();
  const first = await folder.register();
  first.register.connected(arrival("sensor-1", 100));
  await first.register.flush();
  const second = await folder.register({ owner: "broker-2" });
  second.register.connected(arrival("sensor-2", 100));
  await second.register.flush();
  assertEquals((await clientsOf(first.store)).map(({ isConnected }) => isConnected), [true, true]);
  await first.register.close();
  await second.register.close();
});

Deno.test("ClientRegister removes those who are gone longest, and never one who is connected", async () => {
  using folder = new RegisterFolder();
  const { store, register } = await folder.register({ clientsMax: 10 });
  for (let number = 0; number < 10; number++) register.connected(arrival(`sensor-${number}`, 100 + number));
  // Number 7 is gone longest, then 6, …
  for (let number = 0; number < 8; number++) register.disconnected(departure(`sensor-${number}`, 300 - number));
  await register.flush();
  register.connected(arrival("sensor-7", 400));
  for (let number = 0; number < 3; number++) register.connected(arrival(`new-${number}`, 400));
  await register.flush();
  assertEquals(await idsOf(store), [
    ...["new-0", "new-1", "new-2"],
    ...["sensor-0", "sensor-1", "sensor-2", "sensor-3", "sensor-7", "sensor-8", "sensor-9"],
  ]);
  for (let number = 3; number < 20; number++) register.connected(arrival(`new-${number}`, 500));
  await register.flush();
  const connected = await clientsOf(store);
  assertEquals(connected.length, 23, "more than the limit only while they are connected");
  assert(connected.every(({ isConnected }) => isConnected));
  for (let number = 0; number < 20; number++) register.disconnected(departure(`new-${number}`, 600 + number));
  await register.flush();
  assertEquals((await idsOf(store)).length, 10);
  assertEquals((await keysOf(store, "gone")).length, 7);
  await register.close();
  store.close();
  const again = await folder.register({ clientsMax: 4 });
  again.register.connected(arrival("new-19", 700));
  await again.register.flush();
  assertEquals((await idsOf(again.store)).length, 4, "a limit that was lowered");
  assertEquals((await again.store.client("new-19"))!.connectCount, 2);
  await again.register.close();
});

Deno.test("ClientRegister does not believe an index that is out of date", async () => {
  using folder = new RegisterFolder();
  const { store, register } = await folder.register({ clientsMax: 2 });
  for (const [clientId, atMs] of [["sensor-1", 300], ["sensor-2", 200]] as const) {
    register.connected(arrival(clientId, 100));
    register.disconnected(departure(clientId, atMs));
  }
  await register.flush();
  // As two brokers that write the same client at once would leave it.
  const stale = store.kv.atomic().set(["gone", 1, "sensor-1"], true).set(["gone", 2, "nobody"], true);
  await store.kv.commit(stale);
  register.connected(arrival("sensor-3", 400));
  await register.flush();
  assertEquals(await idsOf(store), ["sensor-1", "sensor-3"]);
  assertEquals(await keysOf(store, "gone"), [["gone", 300, "sensor-1"]]);
  await register.close();
});

Deno.test("ClientRegister counts its records once, not at each write", async () => {
  using folder = new RegisterFolder();
  const { store, register } = await folder.register();
  const lists: Deno.KvKey[] = [];
  const list = store.kv.list.bind(store.kv);
  store.kv.list = (prefix, limit) => {
    lists.push(prefix);
    return list(prefix, limit);
  };
  for (let time = 0; time < 5; time++) {
    register.connected(arrival(`sensor-${time}`, 100));
    await register.flush();
  }
  assertEquals(lists, [["client"]]);
  await register.close();
});

Deno.test("ClientRegister takes Client Identifiers of any characters and up to 65,535 bytes", async () => {
  using folder = new RegisterFolder();
  const { store, register } = await folder.register();
  const ids = [
    "\u0001\u007f\uffff",
    "__proto__",
    "a/b/+/#",
    "\u{1F331}".repeat(24),
    "\u{1F331}".repeat(25),
    "i".repeat(97),
    "i".repeat(8193),
    "i".repeat(65_535),
    "\u6C34".repeat(21_845),
    "i".repeat(65_531) + "\u{1F331}",
  ];
  for (const id of ids) register.connected(arrival(id, 100, { userName: "ü".repeat(30_000) }));
  await register.flush();
  assertEquals((await idsOf(store)).toSorted(), ids.toSorted());
  for (const id of ids) assertEquals((await store.client(id))?.clientId, id);
  for (const id of ids) register.disconnected(departure(id, 200, { reason: "r".repeat(70_000) }));
  await register.flush();
  for (const id of ids) assertEquals((await store.client(id))?.isConnected, false);
  for (const id of ids) assertEquals(await store.forgetClient(id), true);
  assertEquals(await store.forgetClient(ids[0]), false);
  assertEquals(await idsOf(store), []);
  for (const first of ["client", "client-id", "gone"]) assertEquals(await keysOf(store, first), [], first);
  await register.close();
});

Deno.test("ClientRegister writes thousands with long Client Identifiers in operations that Deno KV takes", async () => {
  using folder = new RegisterFolder();
  const { store, register } = await folder.register();
  for (let number = 0; number < 2000; number++) register.connected(arrival(`${"ö".repeat(45)}${number}`, 100));
  for (let number = 0; number < 500; number++) register.connected(arrival(`${"ö".repeat(4000)}${number}`, 100));
  for (let number = 0; number < 2000; number++) register.disconnected(departure(`${"ö".repeat(45)}${number}`, 200));
  await register.flush();
  assertEquals(folder.log.lines, []);
  const clients = await clientsOf(store);
  assertEquals([clients.length, clients.filter(({ isConnected }) => isConnected).length], [2500, 500]);
  await register.close();
});

Deno.test("ClientRegister keeps what a failing disk does not take, counts nothing twice, and complains once", async () => {
  using folder = new RegisterFolder();
  const { store, register } = await folder.register({ clientsMax: 1000 });
  for (let number = 0; number < 600; number++) register.connected(arrival(`${number}-${"x".repeat(80)}`, 100));
  const commit = store.kv.commit.bind(store.kv);
  let commits = 0;
  store.kv.commit = (operation) => ++commits % 2 === 0 ? Promise.reject(new Error("disk full")) : commit(operation);
  await register.flush();
  const written = (await idsOf(store)).length;
  assert(written > 0 && written < 600, "a part was written");
  // What comes meanwhile is joined with what waits.
  for (let number = 0; number < 600; number++) register.disconnected(departure(`${number}-${"x".repeat(80)}`, 200));
  await register.flush();
  store.kv.commit = commit;
  await register.flush();
  const clients = await clientsOf(store);
  assertEquals(clients.length, 600);
  assert(clients.every(({ connectCount, isConnected }) => connectCount === 1 && !isConnected));
  assertEquals(folder.log.lines.length, 1);
  assertMatch(folder.log.lines[0], /^error: The register of clients cannot be written, and waits: disk full/);
  for (let number = 0; number < 401; number++) register.connected(arrival(`new-${number}`, 300));
  await register.flush();
  assertEquals((await idsOf(store)).length, 1000, "the count is right after all that");
  await register.close();
});

Deno.test("ClientRegister has one write under way, however often it is asked", async () => {
  using folder = new RegisterFolder();
  const { store, register } = await folder.register();
  let under = 0;
  let most = 0;
  const commit = store.kv.commit.bind(store.kv);
  store.kv.commit = async (operation) => {
    most = Math.max(most, ++under);
    const isDone = await commit(operation);
    under--;
    return isDone;
  };
  await register.flush();
  const flushes: Promise<void>[] = [];
  for (let time = 0; time < 20; time++) {
    register.connected(arrival(`sensor-${time}`, 100));
    flushes.push(register.flush());
  }
  await Promise.all(flushes);
  assertEquals([most, (await idsOf(store)).length], [1, 20]);
  await register.close();
});

Deno.test("ClientRegister goes on beside a record that is damaged, and the store names it", async () => {
  using folder = new RegisterFolder();
  const { store, register } = await folder.register();
  await store.kv.commit(store.kv.atomic().set(["client", "sensor-1"], { record: 1 }).set(["client", "sensor-2"], 2));
  register.connected(arrival("sensor-1", 100));
  register.connected(arrival("sensor-3", 100));
  await register.flush();
  assertEquals((await store.client("sensor-1"))!.connectCount, 1);
  assertEquals((await store.client("sensor-3"))!.connectCount, 1);
  assertEquals(folder.log.lines.length, 1);
  assertStringIncludes(folder.log.lines[0], '["client", "sensor-1"]');
  assertStringIncludes(await refusal("damaged", clientsOf(store)), '["client", "sensor-2"]');
  assertEquals(await store.forgetClient("sensor-2"), true);
  assertEquals(await idsOf(store), ["sensor-1", "sensor-3"]);
  await register.close();
});

Deno.test("ClientRegister does not register those whose arrival it has not heard", async () => {
  using folder = new RegisterFolder();
  const { store, register } = await folder.register();
  register.acted("sensor-1", "PUBLISH", 100);
  register.disconnected(departure("sensor-2", 100));
  await register.flush();
  assertEquals(await idsOf(store), []);
  await register.close();
});

Deno.test("ClientNotes stay within their bound: what Clients did is dropped before who came", () => {
  const notes = new ClientNotes(10_000);
  for (let number = 0; number < 10; number++) notes.acted(`actor-${number}`, "PUBLISH", number);
  for (let number = 0; number < 10; number++) notes.connected(arrival(`sensor-${number}`, number));
  const ids = [...notes.take(notes.oldest(100)).keys()];
  assertEquals(ids.filter((id) => id.startsWith("sensor")).length, 10);
  assertEquals(ids.length + notes.dropped, 20);
  assert(!ids.includes("actor-0"), "the oldest goes first");
  assertEquals(notes.size, 0);
  for (let number = 0; number < 1000; number++) notes.connected(arrival(`${number}${"i".repeat(1000)}`, number));
  const left = [...notes.take(notes.oldest(1000)).keys()];
  assertEquals(
    left,
    [`996${"i".repeat(1000)}`, `997${"i".repeat(1000)}`, `998${"i".repeat(1000)}`, `999${"i".repeat(1000)}`]
      .slice(-left.length),
  );
  assert(left.length >= 3);
});

Deno.test("ClientNotes tell the oldest of those who came and left before those who only did something", () => {
  const notes = new ClientNotes();
  notes.acted("actor", "PUBLISH", 1);
  notes.connected(arrival("sensor-2", 2));
  notes.connected(arrival("sensor-1", 3));
  assertEquals(notes.oldest(2), ["sensor-2", "sensor-1"]);
  assertEquals(notes.oldest(9), ["sensor-2", "sensor-1", "actor"]);
  assertEquals([...notes.take(["sensor-1", "nobody"]).keys()], ["sensor-1"]);
  assertEquals([notes.oldest(9), notes.size], [["sensor-2", "actor"], 2]);
});

Deno.test("ClientRegister writes Clients that came in any order in the order of their records", async () => {
  using folder = new RegisterFolder();
  const { store, register } = await folder.register();
  const read: string[] = [];
  const getMany = store.kv.getMany.bind(store.kv);
  store.kv.getMany = (keys) => {
    read.push(...keys.map(([, clientId]) => String(clientId)));
    return getMany(keys);
  };
  const ids = Array.from({ length: 1000 }, (_, index) => `sensor-${index * 7919 % 1000}`);
  for (const id of ids) register.connected(arrival(id, 100));
  await register.flush();
  assertEquals(read, ids.toSorted());
  assertEquals(await idsOf(store), ids.toSorted());
  await register.close();
});

Deno.test("ClientRegister says how much it has missed when the store was too slow", async () => {
  using folder = new RegisterFolder();
  const { store, register } = await folder.register({ notesBytesMax: 20_000 });
  for (let number = 0; number < 1000; number++) register.connected(arrival(`sensor-${number}`, number));
  await register.flush();
  const written = (await idsOf(store)).length;
  assertEquals(written + register.dropped, 1000);
  assertEquals(folder.log.lines, [`error: The register of clients has missed ${register.dropped} notes so far`]);
  await register.close();
});
