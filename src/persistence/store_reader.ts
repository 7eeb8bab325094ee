/** Reads the database: everything once at the start, and queued messages when their turn comes. Runs in the store's
 * thread. Out: buffers of records (record_codec.ts). @module */

import type { DatabaseSync, StatementSync } from "node:sqlite";
import { PackedWriter } from "./packed_bytes.ts";
import {
  MESSAGE_COLUMN,
  OUTGOING_COLUMNS,
  OUTGOING_TABLES,
  RETAINED_COLUMNS,
  RETAINED_TABLES,
  type Row,
  SESSION_COLUMNS,
  SUBSCRIPTION_COLUMNS,
  writeIncomingQoS2,
  writeOutgoing,
  writeQueuedRun,
  writeRetained,
  writeSession,
  writeSubscription,
} from "./record_writer.ts";

/** A buffer is handed on when it holds so much: what is loaded is never in memory twice as a whole. */
const CHUNK_BYTES = 1024 * 1024;
/** Rows of queued messages that are read at a time: `all` takes half as long for each as `iterate`. */
const ROWS = 256;
/** Messages that are read back share a buffer of about this length: one that stays longer than the others keeps no more. */
const READ_BUFFER_BYTES = 16 * 1024;
/** A longer message is read by itself, so that what is read at a time is no more than 1 MiB. */
const SHORT_BYTES = 4096;
/** Waits for its Client and for no Packet Identifier. */
const QUEUED = "state = 0";
/** Those that are not left in the file when it is loaded: in flight, or of a Shared Subscription. */
const LOADED = `NOT (${QUEUED} AND shared_filter IS NULL)`;

export class StoreReader {
  readonly #database: DatabaseSync;
  readonly #queued: StatementSync;
  readonly #message: StatementSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#queued = this.#prepare(
      `SELECT ${OUTGOING_COLUMNS}, CASE WHEN message_bytes <= ${SHORT_BYTES} THEN ${MESSAGE_COLUMN} END
       FROM ${OUTGOING_TABLES}
       WHERE session = ? AND position BETWEEN ? AND ? AND ${QUEUED} ORDER BY position LIMIT ${ROWS}`,
    );
    this.#message = this.#prepare(
      `SELECT ${MESSAGE_COLUMN} FROM ${OUTGOING_TABLES} WHERE session = ? AND position = ?`,
    );
  }

  /** Queued messages of one session, until `bytesMax` are reached. */
  readQueued(
    session: number,
    firstPosition: number,
    lastPosition: number,
    bytesMax: number,
  ): Uint8Array<ArrayBuffer>[] {
    const buffers: Uint8Array<ArrayBuffer>[] = [];
    const writer = new PackedWriter();
    const endBuffer = () => {
      buffers.push(writer.written.slice());
      writer.clear();
    };
    let bytes = 0;
    let rows: Row[] = [];
    for (let first = firstPosition; bytes < bytesMax; first = rows[rows.length - 1][1] as number + 1) {
      rows = this.#queued.all(session, first, lastPosition) as unknown as Row[];
      for (const row of rows) {
        bytes += writeOutgoing(writer, row[row.length - 1] === null ? this.#withMessage(row) : row);
        if (writer.length >= READ_BUFFER_BYTES) endBuffer();
        if (bytes >= bytesMax) break;
      }
      if (rows.length < ROWS) break;
    }
    endBuffer();
    return buffers;
  }

  #withMessage(row: Row): Row {
    const [session, position] = row as [number, number];
    const [message] = this.#message.get(session, position) as unknown as Row;
    return [...row.slice(0, -1), message];
  }

  /** Everything that the visitor is to be told, session by session. */
  *load(): Generator<Uint8Array<ArrayBuffer>> {
    let writer = new PackedWriter(new ArrayBuffer(CHUNK_BYTES));
    const belongings = [
      this.#belongings(`SELECT ${SUBSCRIPTION_COLUMNS} FROM subscription ORDER BY session`, writeSubscription),
      this.#outgoing(),
      this.#belongings("SELECT session, packet_identifier FROM incoming_qos2 ORDER BY session", writeIncomingQoS2),
    ];
    for (const row of this.#rows(`SELECT ${SESSION_COLUMNS} FROM session ORDER BY key`)) {
      writeSession(writer, row);
      for (const belonging of belongings) {
        for (const write of belonging.of(row[0] as number)) {
          write(writer);
          if (writer.length < CHUNK_BYTES) continue;
          yield writer.written;
          writer = new PackedWriter(new ArrayBuffer(CHUNK_BYTES));
        }
      }
    }
    for (const row of this.#rows(`SELECT ${RETAINED_COLUMNS} FROM ${RETAINED_TABLES}`)) {
      writeRetained(writer, row);
      if (writer.length < CHUNK_BYTES) continue;
      yield writer.written;
      writer = new PackedWriter(new ArrayBuffer(CHUNK_BYTES));
    }
    yield writer.written;
  }

  #belongings(sql: string, write: (writer: PackedWriter, row: Row) => void): Belongings {
    return new Belongings([{ rows: this.#rows(sql), write }]);
  }

  /** Messages that are loaded, and runs of those that are not, by position. */
  #outgoing(): Belongings {
    return new Belongings([
      {
        rows: this.#rows(
          `SELECT ${OUTGOING_COLUMNS}, ${MESSAGE_COLUMN} FROM ${OUTGOING_TABLES} WHERE ${LOADED} ORDER BY session, position`,
        ),
        write: writeOutgoing,
      },
      {
        rows: this.#rows(`
          SELECT session, min(position), max(position), count(*), sum(message_bytes) FROM outgoing
          WHERE ${QUEUED} AND session NOT IN (${HAS_SHARED}) GROUP BY session`),
        write: writeQueuedRun,
      },
      {
        // A queued message of a Shared Subscription stands between two runs: `run` counts those before.
        rows: this.#rows(`
          SELECT session, min(position), max(position), count(*), sum(message_bytes) FROM (
            SELECT session, position, message_bytes, ${LOADED} AS is_loaded,
              sum(${QUEUED} AND ${LOADED}) OVER (PARTITION BY session ORDER BY position) AS run
            FROM outgoing WHERE session IN (${HAS_SHARED})
          ) WHERE NOT is_loaded GROUP BY session, run ORDER BY session, min(position)`),
        write: writeQueuedRun,
      },
    ]);
  }

  #rows(sql: string): Iterable<Row> {
    return this.#prepare(sql).iterate() as unknown as Iterable<Row>;
  }

  #prepare(sql: string): StatementSync {
    const statement = this.#database.prepare(sql) as StatementSync & ReturnsArrays;
    statement.setReturnArrays(true);
    return statement;
  }
}

/** Sessions with a queued message of a Shared Subscription. */
const HAS_SHARED = `SELECT session FROM outgoing WHERE ${QUEUED} AND shared_filter IS NOT NULL`;

/** Deno has it, and does not declare it yet. */
interface ReturnsArrays {
  setReturnArrays(isOn: boolean): void;
}

interface Source {
  /** Each begins with its session's key; by session, and then by position if there are several sources. */
  readonly rows: Iterable<Row>;
  readonly write: (writer: PackedWriter, row: Row) => void;
}

interface OpenSource {
  next: Row | undefined;
  readonly rows: Iterator<Row>;
  readonly write: Source["write"];
}

function nextOf(rows: Iterator<Row>): Row | undefined {
  const { done, value } = rows.next();
  return done ? undefined : value;
}

/** Rows of several sorted sources, handed out session by session. */
class Belongings {
  readonly #sources: OpenSource[];

  constructor(sources: readonly Source[]) {
    this.#sources = sources.map(({ rows, write }) => {
      const iterator = rows[Symbol.iterator]();
      return { next: nextOf(iterator), rows: iterator, write };
    });
  }

  /** What is of `session`. Sessions are asked for in rising order; what is of none is passed over. */
  *of(session: number): Generator<(writer: PackedWriter) => void> {
    for (;;) {
      let first: OpenSource | undefined;
      for (const source of this.#sources) {
        while (source.next !== undefined && (source.next[0] as number) < session) {
          source.next = nextOf(source.rows);
        }
        if (source.next === undefined || source.next[0] !== session) continue;
        if (first === undefined || (source.next[1] as number) < (first.next![1] as number)) first = source;
      }
      if (first === undefined) return;
      const { write, next } = first;
      yield (writer) => write(writer, next!);
      first.next = nextOf(first.rows);
    }
  }
}
