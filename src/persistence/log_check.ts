/** Has the store's write-ahead log lost what was safe? SQLite reads the log up to the first frame whose checksum is wrong,
 * and drops what is behind it without a word (https://sqlite.org/fileformat2.html#the_write_ahead_log): that is right for
 * the transaction that a power failure tore, and hides a byte that rotted in the middle.
 *
 *     header | frame | frame … commit | … | wrong frame | frame … commit c | frame d | …
 *            |<- what SQLite reads  ->|                 |<- the proof: d follows c  ->|
 *
 * The checksum of each frame begins with that of the frame before it. Behind the wrong frame, a frame d whose checksum
 * goes on from that of a commit c was therefore written after c was done. Where each commit is synced before the next
 * frame is written (`clock.log_is_synced`), everything up to c was on the disk then, the wrong frame included, and a power
 * failure cannot have made it wrong. All else proves nothing: frames of a transaction that failed or was torn belong to
 * no commit that another frame goes on from, and those from before the log last began anew have other salts.
 *
 * Not seen: damage in the last two transactions, in the 32 bytes of the log's header, and a log that was cut. @module */

import { DatabaseSync } from "node:sqlite";
import { sizeOf, syncFile } from "../base/files.ts";

const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
/** Of the header and of each frame's header, in the file's byte order: those that the checksum covers. */
const HEADER_WORDS_SUMMED = 6;
const FRAME_HEADER_WORDS_SUMMED = 2;
const FRAME_HEADER_WORDS = FRAME_HEADER_BYTES / 4;
/** Its last bit tells the byte order of the numbers that are summed: 1 = big-endian. */
const MAGIC = 0x377f0682;
const FORMAT_VERSION = 3_007_000;
const PAGE_BYTES_MIN = 512;
const PAGE_BYTES_MAX = 65_536;
/** So much is read at once. */
const CHUNK_BYTES = 1024 * 1024;
/** For as long a tool may keep the file to itself. */
const BUSY_TIMEOUT_MS = 5_000;

const IS_LITTLE_ENDIAN_MACHINE = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

export interface LogCheck {
  /** What was safe and cannot be read, in one line for people; undefined = nothing that can be proved. */
  readonly damage: string | undefined;
  /** Behind the last commit that SQLite reads there are others, and frames that go on from them: proof of damage where
   * each was synced, and what a power failure may leave where it was not. */
  readonly hasHole: boolean;
}

/** Reads the log once, as fast as it can be read. Changes nothing, and may be called beside a broker that writes.
 * @param storeFile the store's file; its log lies beside it. @throws what the system says of reading it. */
export function checkLog(storeFile: string): LogCheck {
  const hole = findHole(storeFile);
  if (hole === undefined || !isSynced(storeFile)) return { damage: undefined, hasHole: hole !== undefined };
  const what = hole.commits === 1 ? "a commit" : `at least ${hole.commits} commits`;
  const damage =
    `its write-ahead log is damaged at byte ${hole.at} or soon after: ${what} from there on cannot be read`;
  return { damage, hasHole: true };
}

/** What the log holds is on the disk when this returns: a process that was killed may have written a commit, and not have
 * synced it. To be called before anything is written behind it, or the next commit would not prove that it was safe. */
export function syncLog(storeFile: string): void {
  if ((sizeOf(logOf(storeFile)) ?? 0) > 0) syncFile(logOf(storeFile));
}

/** Where SQLite stops, and how many commits at least it does not read. */
interface Hole {
  readonly at: number;
  readonly commits: number;
  readonly salts: string;
}

function logOf(storeFile: string): string {
  return storeFile + "-wal";
}

/** Looks twice when it finds one. What a broker was writing when the first look came by is whole at the second: a frame
 * that goes on from a commit is written after everything before it. */
function findHole(storeFile: string): Hole | undefined {
  const hole = lookForHole(logOf(storeFile));
  if (hole === undefined) return undefined;
  const again = lookForHole(logOf(storeFile));
  return again !== undefined && again.at === hole.at && again.salts === hole.salts ? again : undefined;
}

/** As of the last commit that can be read. A file that cannot be read, or has no such column, proves nothing here: what is
 * wrong with it shows when it is opened to be used. */
function isSynced(storeFile: string): boolean {
  let database: DatabaseSync | undefined;
  try {
    // One that could write would write the log back when it is closed, and remove it.
    database = new DatabaseSync(storeFile, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
    return database.prepare("SELECT log_is_synced AS value FROM clock").get()?.value === 1;
  } catch {
    return false;
  } finally {
    database?.close();
  }
}

function lookForHole(logFile: string): Hole | undefined {
  if ((sizeOf(logFile) ?? 0) <= HEADER_BYTES) return undefined;
  using file = Deno.openSync(logFile, { read: true });
  const log = LogReader.open(file);
  if (log === undefined) return undefined;
  // As far as SQLite reads.
  let isRead = log.next();
  while (isRead && log.isWhole()) isRead = log.next();
  const at = log.offset;
  let commits = 0;
  let commitsProved = 0;
  let isWholeCommit = false;
  for (; isRead; isRead = log.next()) {
    const isWhole = log.isWhole();
    if (isWhole && isWholeCommit) commitsProved = commits;
    isWholeCommit = isWhole && log.isCommit;
    if (log.hasSalts && log.isCommit) commits++;
  }
  return commitsProved === 0 ? undefined : { at, commits: commitsProved, salts: log.salts };
}

interface Checksum {
  readonly first: number;
  readonly second: number;
}
const NOTHING: Checksum = { first: 0, second: 0 };

/** Goes through the frames of a log, with what the checksums need of the frame before. */
class LogReader {
  /** Of the present frame, in the file. */
  offset = HEADER_BYTES;
  readonly #file: Deno.FsFile;
  readonly #frameBytes: number;
  readonly #isSwapped: boolean;
  readonly #salt1: number;
  readonly #salt2: number;
  readonly #chunk: Uint8Array<ArrayBuffer>;
  readonly #view: DataView;
  readonly #words: Uint32Array;
  #bytes = 0;
  /** Of the present frame, in the chunk; < 0: there is none yet. */
  #at = -1;
  /** What the frame before says (or the header, which is before the first). */
  #before: Checksum;
  /** What the frame before should say by its content: another checksum when that is what rotted. */
  #beforeByContent: Checksum;
  #byContent: Checksum | undefined = undefined;

  /** @returns undefined where SQLite finds no log either. */
  static open(file: Deno.FsFile): LogReader | undefined {
    const header = new Uint8Array(HEADER_BYTES);
    if (readFully(file, header) < HEADER_BYTES) return undefined;
    const view = new DataView(header.buffer);
    const magic = view.getUint32(0);
    const pageBytes = view.getUint32(8);
    if ((magic & ~1) !== MAGIC || view.getUint32(4) !== FORMAT_VERSION) return undefined;
    const isPowerOfTwo = (pageBytes & (pageBytes - 1)) === 0;
    if (!isPowerOfTwo || pageBytes < PAGE_BYTES_MIN || pageBytes > PAGE_BYTES_MAX) return undefined;
    const isSwapped = ((magic & 1) === 1) === IS_LITTLE_ENDIAN_MACHINE;
    const sum = addTo(NOTHING, new Uint32Array(header.buffer), 0, HEADER_WORDS_SUMMED, isSwapped);
    return isSame(sum, checksumAt(view, 24)) ? new LogReader(file, view, pageBytes, isSwapped) : undefined;
  }

  private constructor(file: Deno.FsFile, header: DataView, pageBytes: number, isSwapped: boolean) {
    this.#file = file;
    this.#frameBytes = FRAME_HEADER_BYTES + pageBytes;
    this.#isSwapped = isSwapped;
    this.#salt1 = header.getUint32(16);
    this.#salt2 = header.getUint32(20);
    this.#chunk = new Uint8Array(Math.floor(CHUNK_BYTES / this.#frameBytes) * this.#frameBytes);
    this.#view = new DataView(this.#chunk.buffer);
    this.#words = new Uint32Array(this.#chunk.buffer);
    this.#before = this.#beforeByContent = checksumAt(header, 24);
  }

  get salts(): string {
    return `${this.#salt1} ${this.#salt2}`;
  }

  /** The present frame was written since the log last began anew. */
  get hasSalts(): boolean {
    return this.#view.getUint32(this.#at + 8) === this.#salt1 && this.#view.getUint32(this.#at + 12) === this.#salt2;
  }

  /** The present frame is the last one of its transaction: it says how many pages the file has then. */
  get isCommit(): boolean {
    return this.#view.getUint32(this.#at + 4) !== 0;
  }

  /** Goes to the next frame. @returns false: there is none that is complete. */
  next(): boolean {
    if (this.#at >= 0) {
      this.#before = checksumAt(this.#view, this.#at + 16);
      this.#beforeByContent = this.#byContent ?? this.#before;
      this.#at += this.#frameBytes;
      this.offset += this.#frameBytes;
    }
    this.#byContent = undefined;
    if (this.#at < 0 || this.#at + this.#frameBytes > this.#bytes) {
      this.#bytes = readFully(this.#file, this.#chunk);
      this.#at = 0;
    }
    return this.#frameBytes <= this.#bytes;
  }

  /** The present frame's checksum is right, and goes on from that of the frame before. */
  isWhole(): boolean {
    if (!this.hasSalts || this.#view.getUint32(this.#at) === 0) return false;
    const stored = checksumAt(this.#view, this.#at + 16);
    this.#byContent = this.#sumFrom(this.#before);
    return isSame(this.#byContent, stored) ||
      !isSame(this.#before, this.#beforeByContent) && isSame(this.#sumFrom(this.#beforeByContent), stored);
  }

  #sumFrom(before: Checksum): Checksum {
    const start = this.#at / 4;
    const sum = addTo(before, this.#words, start, start + FRAME_HEADER_WORDS_SUMMED, this.#isSwapped);
    return addTo(sum, this.#words, start + FRAME_HEADER_WORDS, start + this.#frameBytes / 4, this.#isSwapped);
  }
}

/** SQLite's checksum of the words from `start` to `end`, which are an even number of them. */
function addTo(before: Checksum, words: Uint32Array, start: number, end: number, isSwapped: boolean): Checksum {
  let { first, second } = before;
  if (isSwapped) {
    for (let i = start; i < end; i += 2) {
      first = (first + swapped(words[i]) + second) | 0;
      second = (second + swapped(words[i + 1]) + first) | 0;
    }
  } else {
    for (let i = start; i < end; i += 2) {
      first = (first + words[i] + second) | 0;
      second = (second + words[i + 1] + first) | 0;
    }
  }
  return { first, second };
}

function swapped(word: number): number {
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}

function checksumAt(view: DataView, offset: number): Checksum {
  return { first: view.getInt32(offset), second: view.getInt32(offset + 4) };
}

function isSame(a: Checksum, b: Checksum): boolean {
  return a.first === b.first && a.second === b.second;
}

/** @returns how many bytes there were: fewer than `into` takes at the end of the file only. */
function readFully(file: Deno.FsFile, into: Uint8Array): number {
  let bytes = 0;
  while (bytes < into.length) {
    const read = file.readSync(into.subarray(bytes));
    if (read === null) break;
    bytes += read;
  }
  return bytes;
}
