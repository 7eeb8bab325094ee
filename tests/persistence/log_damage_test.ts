/** What a start makes of a write-ahead log that rotted, and of one that only looks like it. @module */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { systemClock } from "../../src/base/clock.ts";
import { DataFolderError } from "../../src/persistence/data_folder.ts";
import { checkLog } from "../../src/persistence/log_check.ts";
import { SqliteStore } from "../../src/persistence/sqlite_store.ts";
import { SeededRandom } from "../simulation/random.ts";
import { TemporaryFolder } from "../support/store_files.ts";
import { contentOf, PowerLossWorkload } from "./power_loss_workload.ts";

type Durability = "full" | "normal";
const LOG_HEADER_BYTES = 32;
const FRAME_BYTES = 24 + 4096;

async function settled(store: SqliteStore): Promise<void> {
  while (store.safe < store.ticket) await new Promise<void>((resolve) => store.onSafe = resolve);
}

/** Runs a broker's store for some commits. @returns its files, as a kill leaves them then. */
async function killedAfter(folder: TemporaryFolder, durability: Durability, commits: number): Promise<TemporaryFolder> {
  const store = await SqliteStore.open(folder.path, { durability, clock: systemClock });
  try {
    await contentOf(store);
    const workload = new PowerLossWorkload(store, new SeededRandom(7));
    for (let i = 0; i < commits; i++) {
      await workload.turn();
      await settled(store);
    }
    const killed = new TemporaryFolder();
    for (const suffix of ["", "-wal"]) Deno.copyFileSync(folder.storeFile + suffix, killed.storeFile + suffix);
    return killed;
  } finally {
    await store.close();
  }
}

/** Where the log's first commit ends. */
function firstCommitEnd(log: Uint8Array): number {
  const view = new DataView(log.buffer);
  let at = LOG_HEADER_BYTES;
  while (view.getUint32(at + 4) === 0) at += FRAME_BYTES;
  return at + FRAME_BYTES;
}

/** A byte behind the first commit is another. @returns the log. */
function rot(storeFile: string): Uint8Array {
  const log = Deno.readFileSync(storeFile + "-wal");
  log[firstCommitEnd(log) + 100] ^= 1;
  Deno.writeFileSync(storeFile + "-wal", log);
  return log;
}

async function refusal(folder: TemporaryFolder, durability: Durability): Promise<string> {
  try {
    await (await SqliteStore.open(folder.path, { durability, clock: systemClock })).close();
  } catch (error) {
    assert(error instanceof DataFolderError);
    return error.message;
  }
  return "it was opened";
}

for (const durability of ["full", "normal"] as const) {
  Deno.test(`a store whose synced log rotted is set aside with its log as it is, also for one who starts with ${durability}`, async () => {
    using folder = new TemporaryFolder();
    using killed = await killedAfter(folder, "full", 8);
    const log = rot(killed.storeFile);
    const message = await refusal(killed, durability);
    assertStringIncludes(message, "is damaged (its write-ahead log is damaged at byte ");
    assertStringIncludes(message, "from there on cannot be read). It was set aside as ");
    assertEquals(killed.names.includes("quetzal.sqlite"), false);
    const aside = killed.names.find((name) => name.endsWith("-wal"))!;
    assertEquals(Deno.readFileSync(killed.file(aside)), log);
  });
}

Deno.test("a log that was not synced and has a hole is read up to it, and makes no later start refuse", async () => {
  using folder = new TemporaryFolder();
  using first = await killedAfter(folder, "normal", 8);
  rot(first.storeFile);
  assertEquals(checkLog(first.storeFile), { damage: undefined, hasHole: true });
  // What is behind the hole would look like damage to those who are told that commits are synced.
  using second = await killedAfter(first, "full", 1);
  assertEquals(checkLog(second.storeFile), { damage: undefined, hasHole: false });
  using third = await killedAfter(second, "full", 8);
  rot(third.storeFile);
  assertStringIncludes(await refusal(third, "full"), "its write-ahead log is damaged");
});

Deno.test("who changes from full to normal and back leaves no log that is taken for damaged", async () => {
  using folder = new TemporaryFolder();
  using first = await killedAfter(folder, "full", 8);
  using second = await killedAfter(first, "normal", 8);
  const log = Deno.readFileSync(second.storeFile + "-wal");
  // In the second half, which the second one wrote.
  log[log.length - Math.floor(log.length / 8 / FRAME_BYTES) * FRAME_BYTES] ^= 1;
  Deno.writeFileSync(second.storeFile + "-wal", log);
  assertEquals(checkLog(second.storeFile).damage, undefined);
  using third = await killedAfter(second, "full", 3);
  assertEquals(checkLog(third.storeFile), { damage: undefined, hasHole: false });
});

Deno.test("checkLog() takes nothing for damage beside a store that writes and whose log begins anew", async () => {
  using folder = new TemporaryFolder();
  const store = await SqliteStore.open(folder.path, { durability: "full", clock: systemClock });
  try {
    await contentOf(store);
    const workload = new PowerLossWorkload(store, new SeededRandom(11));
    const salts = new Set<string>();
    for (let turns = 0; salts.size < 3; turns++) {
      assert(turns < 20_000, "the log does not begin anew");
      await workload.turn();
      assertEquals(checkLog(folder.storeFile), { damage: undefined, hasHole: false });
      using log = Deno.openSync(folder.storeFile + "-wal");
      const header = new Uint8Array(LOG_HEADER_BYTES);
      if (log.readSync(header) === LOG_HEADER_BYTES) salts.add(header.subarray(16, 24).join());
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  } finally {
    await store.close();
  }
});
