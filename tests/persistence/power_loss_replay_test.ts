/** Power loss, write by write: what the store's process asks of the system is recorded (strace), and played back up to any
 * point. What a file was synced for is there; of what was written to it since, any part may be, in any order, and the
 * last one torn. Each such disk must load as the state after a batch, and not before the last one that was called safe.
 * @module */

import { assert, assertEquals } from "@std/assert";
import { systemClock } from "../../src/base/clock.ts";
import { SqliteStore } from "../../src/persistence/sqlite_store.ts";
import { SeededRandom } from "../simulation/random.ts";
import { TemporaryFolder } from "../support/store_files.ts";
import { contentOf, digestOf } from "./power_loss_workload.ts";

const EVERY_VARIABLE = "QUETZAL_POWER_LOSS_EVERY_WRITE";
/** Long: QUETZAL_POWER_LOSS_EVERY_WRITE=400 deno test -A tests/persistence/power_loss_replay_test.ts
 * plays back every prefix of so many turns; without it, some prefixes of a few. */
const EVERY_TURNS = Number(Deno.env.get(EVERY_VARIABLE) ?? 0);
const SOME_TURNS = 40;
const SOME_PREFIXES = 60;
const SECTOR_BYTES = 512;

type Event =
  | { readonly kind: "write"; readonly file: string; readonly offset: number; readonly data: Uint8Array }
  | { readonly kind: "truncate"; readonly file: string; readonly length: number }
  | { readonly kind: "sync"; readonly file: string }
  | { readonly kind: "remove"; readonly file: string }
  | { readonly kind: "said"; readonly text: string };

function hasStrace(): boolean {
  try {
    return new Deno.Command("strace", { args: ["-V"], stdout: "null" }).outputSync().success;
  } catch {
    assert(!Deno.env.has("CI"), "CI installs strace");
    console.log("skipped: strace is not installed");
    return false;
  }
}

/** Runs the workload. @returns what it did to the files of `folder`, and what it said, in order. */
async function record(folder: string, seed: number, turns: number): Promise<Event[]> {
  using logs = new TemporaryFolder();
  const log = logs.file("strace");
  const child = new URL("./power_loss_child.ts", import.meta.url).pathname;
  const { success, stderr } = await new Deno.Command("strace", {
    args: [
      ...["-f", "-qq", "-y", "-xx", "-s", "100000", "-o", log],
      ...["-e", "trace=pwrite64,write,fdatasync,fsync,ftruncate,unlink,unlinkat"],
      ...[Deno.execPath(), "run", "-A", "--no-check", child, folder, String(seed), String(turns)],
    ],
    stdout: "null",
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  return eventsOf(Deno.readTextFileSync(log), folder);
}

/** `27567 pwrite64(29<\x2f…>, "\x37…", 4096, 32) = 4096`: everything between quotes and brackets is in hexadecimal. */
function eventsOf(log: string, folder: string): Event[] {
  const events: Event[] = [];
  /** A sync counts when it has returned, by thread. */
  const syncing = new Map<string, Event>();
  const prefix = `${folder}/quetzal.sqlite`;
  for (const line of log.split("\n")) {
    const call = /^(\d+) +(\w+)\((?:AT_FDCWD(?:<[^>]*>)?, )?(?:(\d+)<([^>]*)>)?(.*)$/.exec(line);
    if (call === null) {
      const resumed = /^(\d+) +<\.\.\. (?:fsync|fdatasync) resumed>/.exec(line);
      const sync = resumed === null ? undefined : syncing.get(resumed[1]);
      if (sync !== undefined) events.push(sync);
      continue;
    }
    const [, thread, name, descriptor, hexPath = "", rest] = call;
    const text = /"((?:\\x[0-9a-f]{2})*)"/.exec(rest)?.[1];
    if (name === "write") {
      if (descriptor === "1") events.push({ kind: "said", text: new TextDecoder().decode(bytesOf(text!)) });
      continue;
    }
    const isRemoval = name.startsWith("unlink");
    const path = new TextDecoder().decode(bytesOf(isRemoval ? text ?? "" : hexPath));
    if (!path.startsWith(prefix) || path.endsWith("-shm")) continue;
    const file = path.slice(folder.length + 1);
    if (isRemoval) events.push({ kind: "remove", file });
    else if (name === "pwrite64") {
      const [, offset] = /", \d+, (\d+)/.exec(rest)!;
      events.push({ kind: "write", file, offset: Number(offset), data: bytesOf(text!) });
    } else if (name === "ftruncate") {
      events.push({ kind: "truncate", file, length: Number(/, (\d+)/.exec(rest)![1]) });
    } else if (rest.includes("unfinished")) syncing.set(thread, { kind: "sync", file });
    else events.push({ kind: "sync", file });
  }
  return events;
}

function bytesOf(hex: string): Uint8Array {
  const bytes = new Uint8Array(hex.length / 4);
  for (let i = 0; i < bytes.length; i++) bytes[i] = parseInt(hex.slice(i * 4 + 2, i * 4 + 4), 16);
  return bytes;
}

/** What is on the disk for certain, and what may be. */
class Disk {
  readonly #synced = new Map<string, Uint8Array>();
  #unsynced: (Event & { kind: "write" | "truncate" })[] = [];

  constructor(files: ReadonlyMap<string, Uint8Array>) {
    for (const [file, bytes] of files) this.#synced.set(file, bytes.slice());
  }

  take(event: Event): void {
    switch (event.kind) {
      case "write":
      case "truncate":
        if (!this.#synced.has(event.file)) this.#synced.set(event.file, new Uint8Array(0));
        this.#unsynced.push(event);
        return;
      case "sync":
        for (const done of this.#unsynced) if (done.file === event.file) apply(this.#synced, done);
        this.#unsynced = this.#unsynced.filter(({ file }) => file !== event.file);
        return;
      case "remove":
        this.#synced.delete(event.file);
        this.#unsynced = this.#unsynced.filter(({ file }) => file !== event.file);
    }
  }

  /** What a power failure may leave. @param chance of each write that was not synced to be there. */
  after(random: SeededRandom, chance: number): Map<string, Uint8Array> {
    const files = new Map(this.#synced);
    // A copy, since writes are made in place.
    for (const { file } of this.#unsynced) files.set(file, this.#synced.get(file)!.slice());
    for (const event of this.#unsynced) {
      if (!random.chance(chance)) continue;
      const isTorn = event.kind === "write" && event === this.#unsynced.at(-1) && random.chance(0.5);
      apply(files, isTorn ? { ...event, data: event.data.subarray(0, tornLength(event.data, random)) } : event);
    }
    return files;
  }
}

function tornLength(data: Uint8Array, random: SeededRandom): number {
  return SECTOR_BYTES * random.below(Math.ceil(data.length / SECTOR_BYTES));
}

function apply(files: Map<string, Uint8Array>, event: Event & { kind: "write" | "truncate" }): void {
  const bytes = files.get(event.file)!;
  const length = event.kind === "truncate" ? event.length : Math.max(bytes.length, event.offset + event.data.length);
  let changed = bytes;
  if (length !== bytes.length) {
    changed = new Uint8Array(length);
    changed.set(bytes.subarray(0, length));
    files.set(event.file, changed);
  }
  if (event.kind === "write") changed.set(event.data, event.offset);
}

/** @returns the digest of what loads. */
async function digestAfter(files: ReadonlyMap<string, Uint8Array>): Promise<string> {
  using folder = new TemporaryFolder();
  for (const [file, bytes] of files) Deno.writeFileSync(folder.file(file), bytes, { mode: 0o600 });
  const store = await SqliteStore.open(folder.path, { durability: "full", clock: systemClock });
  try {
    return digestOf(await contentOf(store));
  } finally {
    await store.close();
  }
}

Deno.test("every prefix of what was written loads as the state after a batch, and none before the last safe one", async () => {
  if (!hasStrace()) return;
  const isLong = EVERY_TURNS > 0;
  const seed = Date.now() % 1_000_000;
  const random = new SeededRandom(seed);
  using folder = new TemporaryFolder();
  await (await SqliteStore.open(folder.path, { durability: "full", clock: systemClock })).close();
  const disk = new Disk(new Map([["quetzal.sqlite", Deno.readFileSync(folder.storeFile)]]));
  const events = await record(folder.path, seed, isLong ? EVERY_TURNS : SOME_TURNS);
  /** The last word on each ticket: until it was handed over, its batch grew. */
  const digests = new Map<number, string>();
  for (const event of events) {
    const [, ticket, digest] = event.kind === "said" ? /^digest (\d+) (\S+)/.exec(event.text) ?? [] : [];
    if (digest !== undefined) digests.set(Number(ticket), digest);
  }
  /** Two batches may leave the same: then it is the later one. */
  const tickets = new Map([...digests].map(([ticket, digest]) => [digest, ticket]));
  const changes = events.filter(({ kind }) => kind !== "said").length;
  let safe = 0;
  let tried = 0;
  for (const [index, event] of events.entries()) {
    if (event.kind === "said") {
      safe = Number(/^safe (\d+)/.exec(event.text)?.[1] ?? safe);
      continue;
    }
    disk.take(event);
    if (!isLong && !random.chance(SOME_PREFIXES / changes)) continue;
    for (const chance of isLong ? [0, random.next(), 1] : [random.pick([0, random.next(), 1])]) {
      const digest = await digestAfter(disk.after(random, chance));
      const about = `seed ${seed}, after event ${index} (${event.kind} of ${event.file}), safe ${safe}`;
      const ticket = tickets.get(digest);
      assert(ticket !== undefined, `${about}: what loads is the state after no batch`);
      assert(ticket >= safe, `${about}: it is as after batch ${ticket}`);
      tried++;
    }
  }
  assertEquals(safe, Math.max(...tickets.values()), "the recording ends before the workload");
  assert(tried > 0 && events.some(({ kind }) => kind === "sync"), `${tried} of ${changes} changes`);
  if (isLong) console.log(`${tried} disks after ${changes} changes, ${safe} batches`);
});
