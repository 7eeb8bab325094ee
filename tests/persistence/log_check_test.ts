/** Mirrors src/persistence/log_check.ts: what a crash or a power failure leaves is never taken for damage, and a byte that
 * rots in front of two more commits always is. The logs are SQLite's own. @module */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { checkLog, type LogCheck } from "../../src/persistence/log_check.ts";
import { SeededRandom } from "../simulation/random.ts";
import { openStore, TemporaryFolder } from "../support/store_files.ts";

const RUNS_VARIABLE = "QUETZAL_LOG_CHECK_RUNS";
/** Long: QUETZAL_LOG_CHECK_RUNS=1000 deno test -A tests/persistence/log_check_test.ts */
const RUNS = Number(Deno.env.get(RUNS_VARIABLE) ?? 12);
const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
const SECTOR_BYTES = 512;

/** A file and its log in a folder of their own, as bytes or as SQLite has them open. */
interface Files {
  readonly file: Uint8Array;
  readonly log: Uint8Array;
}

function readFiles(storeFile: string): Files {
  return { file: Deno.readFileSync(storeFile), log: Deno.readFileSync(storeFile + "-wal") };
}

function writeFiles(storeFile: string, { file, log }: Files): void {
  Deno.writeFileSync(storeFile, file, { mode: 0o600 });
  Deno.writeFileSync(storeFile + "-wal", log, { mode: 0o600 });
}

function check(files: Files): LogCheck {
  using folder = new TemporaryFolder();
  writeFiles(folder.storeFile, files);
  const result = checkLog(folder.storeFile);
  assertEquals(Deno.readFileSync(folder.storeFile + "-wal"), files.log, "the check has written");
  return result;
}

/** Where the log begins, and where the frames of its present beginning say that a transaction ends. */
function commitEnds(log: Uint8Array): number[] {
  const view = new DataView(log.buffer, log.byteOffset);
  const frameBytes = FRAME_HEADER_BYTES + view.getUint32(8);
  const ends = [HEADER_BYTES];
  for (let at = HEADER_BYTES; at + frameBytes <= log.length; at += frameBytes) {
    if (view.getBigUint64(at + 8) !== view.getBigUint64(16)) break;
    if (view.getUint32(at + 4) !== 0) ends.push(at + frameBytes);
  }
  return ends;
}

/** A store under a random load: transactions of one page and of many, some that are rolled back after a part of them was
 * written, some that the system refused in the end, and logs that begin anew over what they held. */
class Load implements Disposable {
  readonly #folder = new TemporaryFolder();
  readonly #database: DatabaseSync;
  /** Of the commits in the log's present beginning, and where it begins. */
  #ends: number[];

  constructor(readonly random: SeededRandom, isSynced: boolean) {
    this.#database = openStore(this.#folder.storeFile);
    this.#database.exec(`
      PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = 10; PRAGMA cache_spill = 10;
      CREATE TABLE load (payload BLOB);
      INSERT INTO clock VALUES (1, 0, 0, ${isSynced ? 1 : 0})`);
    this.#ends = commitEnds(this.files.log);
  }

  get files(): Files {
    return readFiles(this.#folder.storeFile);
  }

  /** @returns where the log begins, and where each of its commits ends. */
  commit(transactions: number): number[] {
    for (let i = 0; i < transactions; i++) {
      if (this.random.chance(0.2)) this.#rollBack();
      if (this.random.chance(0.3)) this.#fail();
      this.#commit();
    }
    return this.#ends;
  }

  beginAnew(): void {
    this.#database.exec("PRAGMA wal_checkpoint(RESTART)");
    this.#ends = [HEADER_BYTES];
    this.#commit();
  }

  #commit(): void {
    const end = this.#ends.at(-1)!;
    change(this.#database, this.random);
    // Behind it may be another that failed.
    this.#ends = [...this.#ends, commitEnds(this.files.log).find((other) => other > end)!];
  }

  #rollBack(): void {
    this.#database.exec("BEGIN");
    this.#database.prepare("INSERT INTO load VALUES (zeroblob(?))").run(this.random.below(200_000));
    this.#database.exec("ROLLBACK");
  }

  /** A transaction whose sync fails: its frames are written, its commit included, and the next one goes over them. */
  #fail(): void {
    const end = this.#ends.at(-1)!;
    using folder = new TemporaryFolder();
    const { file, log } = this.files;
    writeFiles(folder.storeFile, { file, log: log.subarray(0, end) });
    const database = new DatabaseSync(folder.storeFile);
    change(database, this.random);
    const failed = Deno.readFileSync(folder.storeFile + "-wal");
    database.close();
    using target = Deno.openSync(this.#folder.storeFile + "-wal", { write: true });
    target.seekSync(end, Deno.SeekMode.Start);
    target.writeSync(failed.subarray(end));
  }

  [Symbol.dispose](): void {
    this.#database.close();
    this.#folder[Symbol.dispose]();
  }
}

function change(database: DatabaseSync, random: SeededRandom): void {
  database.exec("BEGIN; UPDATE clock SET store_ms = store_ms + 1");
  for (let rows = random.pick([0, 1, 3]); rows > 0; rows--) {
    database.prepare("INSERT INTO load VALUES (randomblob(?))").run(random.pick([10, 3_000, 50_000]));
  }
  if (random.chance(0.3)) database.exec("DELETE FROM load WHERE rowid % 3 = 0");
  database.exec("COMMIT");
}

function forEachRun(run: (random: SeededRandom) => void): void {
  const first = Date.now() % 1_000_000;
  for (let seed = first; seed < first + RUNS; seed++) {
    try {
      run(new SeededRandom(seed));
    } catch (error) {
      throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
    }
  }
}

/** Any of the sectors that were not synced may be there, and the file of any length in between. */
function afterPowerFailure(before: Uint8Array, after: Uint8Array, random: SeededRandom): Uint8Array {
  const length = random.chance(0.5) ? after.length : before.length + random.below(after.length - before.length + 1);
  const log = new Uint8Array(length);
  log.set(before.subarray(0, length));
  const share = random.next();
  for (let at = 0; at < length; at += SECTOR_BYTES) {
    if (random.chance(share)) log.set(after.subarray(at, Math.min(at + SECTOR_BYTES, length)), at);
    else if (random.chance(0.1)) {
      for (let i = Math.max(at, before.length); i < length; i++) log[i] = random.below(256);
    }
  }
  return log;
}

Deno.test("checkLog() finds nothing in what a power failure leaves of the last transaction", () => {
  forEachRun((random) => {
    using load = new Load(random, true);
    let variants = 0;
    for (let i = 0; i < 6; i++) {
      load.commit(random.below(4));
      if (random.chance(0.4)) load.beginAnew();
      assertEquals(check(load.files), { damage: undefined, hasHole: false });
      const before = load.files;
      load.commit(1);
      const after = load.files;
      for (let j = 0; j < 8; j++, variants++) {
        const log = afterPowerFailure(before.log, after.log, random);
        assertEquals(check({ file: before.file, log }), { damage: undefined, hasHole: false });
      }
    }
    assertEquals(variants, 48);
  });
});

Deno.test("checkLog() finds a byte that rotted in front of two more commits, and says where", () => {
  forEachRun((random) => {
    using load = new Load(random, true);
    // Before the first of them, nobody knows whether commits are synced.
    let begin = load.commit(5).at(-1)!;
    if (random.chance(0.5)) {
      load.beginAnew();
      begin = HEADER_BYTES;
    }
    const end = load.commit(4 + random.below(6)).at(-3)!;
    const { file, log } = load.files;
    const frameBytes = FRAME_HEADER_BYTES + 4096;
    for (let i = 0; i < 40; i++) {
      // One in three within a frame's header.
      const frame = begin + random.below((end - begin) / frameBytes) * frameBytes;
      const at = frame + random.below(random.chance(0.3) ? FRAME_HEADER_BYTES : frameBytes);
      const rotten = log.slice();
      rotten[at] ^= 1 << random.below(8);
      const { damage } = check({ file, log: rotten });
      assert(damage !== undefined, `byte ${at - frame} of the frame at ${frame} of ${end}`);
      assertMatch(damage, new RegExp(`^its write-ahead log is damaged at byte ${frame} or soon after: `));
    }
    // A sector of zeros, as a disk may give back for one that it cannot read.
    const rotten = log.slice();
    rotten.fill(0, begin, begin + SECTOR_BYTES);
    assert(check({ file, log: rotten }).damage !== undefined);
  });
});

Deno.test("checkLog() counts the commits that it can prove", () => {
  using load = new Load(new SeededRandom(1), true);
  const ends = load.commit(9);
  const { file, log } = load.files;
  // The first three are those that made the store.
  log[ends[ends.length - 9] + 100] ^= 1;
  assertMatch(check({ file, log }).damage!, /: at least 7 commits from there on cannot be read$/);
  const { log: other } = load.files;
  other[ends[ends.length - 3] + 100] ^= 1;
  assertMatch(check({ file, log: other }).damage!, /: a commit from there on cannot be read$/);
});

Deno.test("checkLog() takes a hole for no damage where commits were not synced, and where it cannot tell", () => {
  using load = new Load(new SeededRandom(2), false);
  const ends = load.commit(9);
  const { file, log } = load.files;
  log[ends[2] + 100] ^= 1;
  assertEquals(check({ file, log }), { damage: undefined, hasHole: true });
  assertEquals(check({ file: new Uint8Array(4096).fill(7), log }), { damage: undefined, hasHole: true });
  for (const bytes of [0, HEADER_BYTES - 1, HEADER_BYTES, 5_000]) {
    assertEquals(check({ file, log: log.slice(0, bytes) }), { damage: undefined, hasHole: false });
    assertEquals(check({ file, log: new Uint8Array(bytes).fill(9) }), { damage: undefined, hasHole: false });
  }
});

/** As a machine of the other byte order writes it. */
function otherByteOrder(log: Uint8Array): Uint8Array {
  const result = log.slice();
  const view = new DataView(result.buffer);
  assertEquals(view.getUint32(0), 0x377f0682, "little-endian");
  view.setUint32(0, 0x377f0683);
  let [first, second] = [0, 0];
  const add = (start: number, end: number) => {
    for (let at = start; at < end; at += 8) {
      first = (first + view.getUint32(at) + second) >>> 0;
      second = (second + view.getUint32(at + 4) + first) >>> 0;
    }
  };
  const store = (at: number) => [first, second].forEach((sum, i) => view.setUint32(at + 4 * i, sum));
  add(0, 24);
  store(24);
  const frameBytes = FRAME_HEADER_BYTES + view.getUint32(8);
  for (let at = HEADER_BYTES; at < result.length; at += frameBytes) {
    add(at, at + 8);
    add(at + FRAME_HEADER_BYTES, at + frameBytes);
    store(at + 16);
  }
  return result;
}

Deno.test("checkLog() reads logs of both byte orders", () => {
  using folder = new TemporaryFolder();
  const database = openStore(folder.storeFile);
  for (let i = 0; i < 10; i++) database.exec(`INSERT OR REPLACE INTO clock VALUES (1, ${i}, 0, 1)`);
  const { file, log } = readFiles(folder.storeFile);
  database.close();
  const other = otherByteOrder(log);
  const ends = commitEnds(other);
  assertEquals(check({ file, log: other }), { damage: undefined, hasHole: false });
  other[ends[4] + 100] ^= 1;
  assertMatch(check({ file, log: other }).damage!, new RegExp(`at byte ${ends[4]} `));
  // SQLite reads it, too: what is before the damage.
  using target = new TemporaryFolder();
  writeFiles(target.storeFile, { file, log: other });
  const readByOther = new DatabaseSync(target.storeFile);
  assertEquals(readByOther.prepare("SELECT store_ms FROM clock").get()!.store_ms, 2);
  readByOther.close();
});
