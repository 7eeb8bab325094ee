/** Power loss: what is on the disk at any instant loads as the state after some batch, and not before the last one that
 * the store called safe.
 *
 * SQLite's own files are copied while its thread writes. What a power failure may leave of them is made from the copies:
 * whatever was not yet synced may be there, missing, torn, or other bytes. Which parts these are follows from how a
 * write-ahead log works (https://sqlite.org/walformat.html): a commit syncs the log behind its frames; a checkpoint
 * writes pages into the file while the log is whole, and the log begins anew only when the file was synced. @module */

import { assert, assertEquals } from "@std/assert";
import { systemClock } from "../../src/base/clock.ts";
import { SqliteStore } from "../../src/persistence/sqlite_store.ts";
import { SeededRandom } from "../simulation/random.ts";
import { TemporaryFolder } from "../support/store_files.ts";
import { contentOf, digestOf, PowerLossWorkload } from "./power_loss_workload.ts";

const TURNS_VARIABLE = "QUETZAL_POWER_LOSS_TURNS";
/** Long: QUETZAL_POWER_LOSS_TURNS=20000 deno test -A tests/persistence/power_loss_test.ts */
const TURNS = Number(Deno.env.get(TURNS_VARIABLE) ?? 400);
/** `CHECKPOINT_PAGES` of store_thread.ts: a log that is shorter has seen no checkpoint since it began. */
const CHECKPOINT_BYTES = 4096 * 4096;
const LOG_HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;

/** The two files at one instant, or nearly so, and what the store had promised before. */
interface Snapshot {
  readonly file: Uint8Array;
  readonly log: Uint8Array;
  /** The store's `safe`, before the copy began. */
  readonly safe: number;
}

/** The log behind which nothing was promised yet. */
interface Mark {
  readonly salt: string;
  readonly logBytes: number;
  readonly safe: number;
}

/** A write-ahead log, as far as it can be told from its bytes. */
class Log {
  constructor(readonly bytes: Uint8Array) {}

  get pageBytes(): number {
    return this.#uint32(8);
  }

  get frameBytes(): number {
    return FRAME_HEADER_BYTES + this.pageBytes;
  }

  /** Other after each new beginning. */
  get salt(): string {
    return this.bytes.length < LOG_HEADER_BYTES ? "none" : `${this.#uint32(16)} ${this.#uint32(20)}`;
  }

  /** Where the last commit of this beginning ends. */
  get committedBytes(): number {
    return this.#commitEnds().at(-1)!;
  }

  /** Nothing is written behind a commit before it is synced: where the last commit but one ends. */
  get syncedBytes(): number {
    const ends = this.#commitEnds();
    return ends.at(-2) ?? ends[0];
  }

  #commitEnds(): number[] {
    const ends = [Math.min(LOG_HEADER_BYTES, this.bytes.length)];
    for (let at = LOG_HEADER_BYTES; at + this.frameBytes <= this.bytes.length; at += this.frameBytes) {
      if (`${this.#uint32(at + 8)} ${this.#uint32(at + 12)}` !== this.salt) break;
      if (this.#uint32(at + 4) !== 0) ends.push(at + this.frameBytes);
    }
    return ends;
  }

  #uint32(at: number): number {
    return new DataView(this.bytes.buffer, this.bytes.byteOffset).getUint32(at);
  }
}

class PowerLossRun {
  readonly folder = new TemporaryFolder();
  readonly variants = new TemporaryFolder();
  readonly random: SeededRandom;
  /** Variants that were opened, by their kind. */
  readonly opened = new Map<string, number>();
  store!: SqliteStore;
  workload!: PowerLossWorkload;
  #mark: Mark = { salt: "", logBytes: 0, safe: 0 };
  /** As the last checkpoint left it, and when that was. */
  #file: Uint8Array | undefined;
  #writtenAt = 0;

  constructor(readonly seed: number) {
    this.random = new SeededRandom(seed);
  }

  async run(turns: number): Promise<void> {
    this.store = await SqliteStore.open(this.folder.path, { durability: "full", clock: systemClock });
    try {
      this.workload = new PowerLossWorkload(this.store, this.random);
      assertEquals(await contentOf(this.store), []);
      this.workload.digests.set(0, digestOf([]));
      for (let turn = 1; turn <= turns || (!this.opened.has("checkpoint in part") && turn < turns * 10); turn++) {
        await this.#turn();
      }
    } finally {
      await this.store.close();
      this.folder[Symbol.dispose]();
      this.variants[Symbol.dispose]();
    }
  }

  async #turn(): Promise<void> {
    await this.workload.turn();
    const { random } = this;
    if (random.chance(0.7)) {
      await this.#settle();
      await this.#tryCheckpoint();
      if (random.chance(0.05)) {
        const log = this.#log();
        this.#mark = { salt: log.salt, logBytes: log.committedBytes, safe: this.store.safe };
      }
    } else if (random.chance(0.05)) {
      // While the thread writes.
      const snapshot = this.#copy();
      if (snapshot !== undefined) await this.#tryCuts(snapshot);
    }
    // The thread's answers are taken in.
    await new Promise((resolve) => setTimeout(resolve, 0));
  }

  async #settle(): Promise<void> {
    while (this.store.safe < this.store.ticket) {
      await new Promise<void>((resolve) => this.store.onSafe = resolve);
    }
    this.store.onSafe = undefined;
  }

  #log(): Log {
    return new Log(Deno.readFileSync(this.folder.storeFile + "-wal"));
  }

  /** The file first: a page that a checkpoint wrote is in the log that is read after it.
   * @returns undefined when the log began anew meanwhile: the copies are of two instants too far apart. */
  #copy(): Snapshot | undefined {
    const { safe } = this.store;
    const saltBefore = this.#log().salt;
    const file = Deno.readFileSync(this.folder.storeFile);
    const { bytes, salt } = this.#log();
    return salt === saltBefore ? { file, log: bytes, safe } : undefined;
  }

  /** What was written to the log after the last promise is there in part. */
  async #tryCuts(snapshot: Snapshot): Promise<void> {
    const { random } = this;
    const log = new Log(snapshot.log);
    await this.#expect("as copied", snapshot, snapshot.log, snapshot.safe);
    // It has only just been made.
    if (snapshot.log.length < LOG_HEADER_BYTES) return;
    // A checkpoint may have begun: it syncs the log first, and what it wrote into the file cannot do without it.
    if (log.committedBytes >= CHECKPOINT_BYTES) return;
    // A log that began anew since then holds nothing of what was promised: that is in the file.
    const promisedBytes = log.salt === this.#mark.salt ? this.#mark.logBytes : 0;
    const { safe } = this.#mark;
    for (let i = 0; i < 3; i++) {
      const cut = promisedBytes + random.below(snapshot.log.length - promisedBytes + 1);
      await this.#expect("log cut", snapshot, snapshot.log.slice(0, cut), safe);
      // What is behind it stays: only the last commit can look like that.
      const tornFrom = Math.max(promisedBytes, log.syncedBytes);
      const frame = tornFrom +
        Math.floor(random.below(snapshot.log.length - tornFrom + 1) / log.frameBytes) * log.frameBytes;
      const torn = snapshot.log.slice();
      const tornBytes = Math.min(torn.length - frame, 1 + random.below(log.frameBytes));
      const tail = torn.subarray(frame, frame + tornBytes);
      if (random.chance(0.5)) tail.fill(0);
      else for (let at = 0; at < tail.length; at++) tail[at] = random.below(256);
      await this.#expect("frame torn", snapshot, torn, safe);
      const halfFrame = snapshot.log.slice(0, Math.min(torn.length, frame + tornBytes));
      await this.#expect("log ends in half a frame", snapshot, halfFrame, safe);
    }
  }

  /** Only a checkpoint writes into the file: any of the pages that it wrote may be there, as long as the log is. The log
   * begins anew with the next commit, and nothing is under way now. */
  async #tryCheckpoint(): Promise<void> {
    const writtenAt = Deno.statSync(this.folder.storeFile).mtime!.getTime();
    if (writtenAt === this.#writtenAt) return;
    this.#writtenAt = writtenAt;
    const former = this.#file;
    const snapshot = this.#copy();
    assert(snapshot !== undefined, `seed ${this.seed}: something is written although all is said to be safe`);
    this.#file = snapshot.file;
    const { committedBytes } = new Log(snapshot.log);
    // Without its log it is the first look, or a checkpoint of which only the end was seen.
    if (former === undefined || committedBytes < CHECKPOINT_BYTES) return;
    const { pageBytes } = new Log(snapshot.log);
    const changed: number[] = [];
    for (let at = 0; at < snapshot.file.length; at += pageBytes) {
      if (!isSame(former.subarray(at, at + pageBytes), snapshot.file.subarray(at, at + pageBytes))) {
        changed.push(at);
      }
    }
    if (changed.length === 0) return;
    for (let i = 0; i < 10; i++) {
      const share = this.random.next();
      // As long as the older file, or as the newer one with what was not written in it: zeros.
      const file = new Uint8Array(
        i % 2 === 0 ? Math.max(former.length, snapshot.file.length) : former.length,
      );
      file.set(former.subarray(0, file.length));
      for (const at of changed) {
        if (at + pageBytes > file.length || !this.random.chance(share)) continue;
        const isTorn = this.random.chance(0.1);
        file.set(snapshot.file.subarray(at, at + (isTorn ? 512 * this.random.below(pageBytes / 512) : pageBytes)), at);
      }
      await this.#expect("checkpoint in part", { ...snapshot, file }, snapshot.log, snapshot.safe);
    }
  }

  /** Opens what is left, and finds it as it was after one of the batches from `safe` on. */
  async #expect(kind: string, { file }: Snapshot, log: Uint8Array, safe: number): Promise<void> {
    this.opened.set(kind, (this.opened.get(kind) ?? 0) + 1);
    const number = [...this.opened.values()].reduce((a, b) => a + b);
    const folder = this.variants.file(String(number));
    Deno.mkdirSync(folder, { mode: 0o700 });
    Deno.writeFileSync(`${folder}/quetzal.sqlite`, file, { mode: 0o600 });
    Deno.writeFileSync(`${folder}/quetzal.sqlite-wal`, log, { mode: 0o600 });
    let store: SqliteStore;
    try {
      store = await SqliteStore.open(folder, { durability: "full", clock: systemClock });
    } catch (error) {
      throw new Error(`seed ${this.seed}, ${kind}: it does not open: ${(error as Error).message}`);
    }
    try {
      const digest = digestOf(await contentOf(store));
      const tickets = [...this.workload.digests].filter(([, value]) => value === digest).map(([ticket]) => ticket);
      const what = `seed ${this.seed}, ${kind}: safe was ${safe}, `;
      assert(tickets.length > 0, `${what}and what loads is the state after no batch`);
      assert(tickets.some((ticket) => ticket >= safe), `${what}and it is as after batch ${tickets}`);
    } finally {
      await store.close();
    }
    Deno.removeSync(folder, { recursive: true });
  }
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

Deno.test("what a power failure leaves at any instant is the state after a batch, and none before the last safe one", async () => {
  const seed = Date.now() % 1_000_000;
  const run = new PowerLossRun(seed);
  await run.run(TURNS);
  const about = `seed ${seed}: ${Deno.inspect(run.opened)}`;
  if (Deno.env.has(TURNS_VARIABLE)) console.log(about);
  for (const kind of ["as copied", "log cut", "frame torn", "log ends in half a frame", "checkpoint in part"]) {
    assert((run.opened.get(kind) ?? 0) > 0, `no "${kind}" was tried; ${about}`);
  }
});
