/** Is everything in the store as the broker needs it? First the file as SQLite sees it, then what the rows say of each
 * other, then each message. Changes nothing. @module */

import type { DatabaseSync } from "node:sqlite";
import { checkIntegrityFully, isDamage } from "./integrity.ts";
import { readMessage } from "./message_codec.ts";
import { PackedReader } from "./packed_bytes.ts";
import { numberOf } from "./schema.ts";

/** Told now and then what is being looked at. */
export type Progress = (text: string) => void;

interface Rule {
  /** What is wrong with the rows that are found; "%" is an example. */
  readonly broken: string;
  /** FROM and WHERE, whose rows break the rule. */
  readonly rows: string;
  readonly example: string;
}

const NO_SESSION = "WHERE session NOT IN (SELECT key FROM session)";
const RULES: readonly Rule[] = [
  {
    broken: "subscriptions without a session (session %)",
    rows: `FROM subscription ${NO_SESSION}`,
    example: "session",
  },
  {
    broken: "outgoing messages without a session (session %)",
    rows: `FROM outgoing ${NO_SESSION} AND session NOT IN (SELECT key FROM ended_session)`,
    example: "session",
  },
  {
    broken: "sessions that have ended, and are there (session %)",
    rows: "FROM ended_session WHERE key IN (SELECT key FROM session)",
    example: "key",
  },
  {
    broken: "incoming QoS 2 identifiers without a session (session %)",
    rows: `FROM incoming_qos2 ${NO_SESSION}`,
    example: "session",
  },
  {
    broken: "outgoing messages whose body is missing (body %)",
    rows: "FROM outgoing WHERE body IS NOT NULL AND body NOT IN (SELECT key FROM body)",
    example: "body",
  },
  {
    broken: "retained messages whose body is missing (body %)",
    rows: "FROM retained WHERE body IS NOT NULL AND body NOT IN (SELECT key FROM body)",
    example: "body",
  },
  {
    broken: "bodies that nothing refers to (body %)",
    rows: `FROM body WHERE NOT EXISTS (SELECT 1 FROM outgoing WHERE body = key)
      AND NOT EXISTS (SELECT 1 FROM retained WHERE body = key)`,
    example: "key",
  },
  {
    broken: "outgoing messages with both a body and a message of their own, or neither (session %)",
    rows: "FROM outgoing WHERE (body IS NULL) = (message IS NULL)",
    example: "session",
  },
  {
    broken: "retained messages with both a body and a message of their own, or neither (%)",
    rows: "FROM retained WHERE (body IS NULL) = (message IS NULL)",
    example: "topic_name",
  },
  {
    broken: "outgoing messages whose state does not go with their QoS or Packet Identifier (session %)",
    // 0 waits for its turn, 1 for PUBACK, 2 for PUBREC, 3 for PUBCOMP.
    rows: `FROM outgoing WHERE (state = 0) <> (packet_identifier = 0) OR packet_identifier NOT BETWEEN 0 AND 65535
      OR (qos, state) NOT IN (VALUES (1, 0), (1, 1), (2, 0), (2, 2), (2, 3))`,
    example: "session",
  },
  {
    broken: "Packet Identifiers that two outgoing messages of a session have (session %)",
    rows: "FROM outgoing WHERE packet_identifier <> 0 GROUP BY session, packet_identifier HAVING count(*) > 1",
    example: "session",
  },
  {
    broken: "sessions with a part of a will (%)",
    rows: "FROM session WHERE (will IS NULL) <> (will_delay_interval IS NULL)",
    example: "client_id",
  },
];

interface MessageColumn {
  readonly what: string;
  readonly table: string;
  readonly column: string;
  /** Which row it is, for people. */
  readonly name: string;
  /** What must be the same in the message and beside it. */
  readonly beside?: {
    readonly what: string;
    readonly column: string;
    readonly of: (message: ReturnType<typeof readMessage>) => unknown;
  };
}

const MESSAGE_COLUMNS: readonly MessageColumn[] = [
  { what: "will", table: "session", column: "will", name: "client_id" },
  { what: "body", table: "body", column: "message", name: "key" },
  {
    what: "outgoing message",
    table: "outgoing",
    column: "message",
    name: "'session ' || session || ', position ' || position",
    beside: {
      what: "message_bytes",
      // Without what its Subscription Identifiers count (deliveryBytes).
      column: "message_bytes - 8 * coalesce(json_array_length(subscription_identifiers), 0)",
      of: (message) => message.bytes,
    },
  },
  {
    what: "retained message",
    table: "retained",
    column: "message",
    name: "topic_name",
    beside: { what: "topic_name", column: "topic_name", of: (message) => message.topicName },
  },
];
/** Of one kind. */
const UNREADABLE_MAX = 10;
const PROGRESS_ROWS = 1000;

/** @returns what is wrong, a line each; [] = nothing. @throws what is no damage, such as an I/O error. */
export function checkStore(database: DatabaseSync, progress: Progress = () => {}): string[] {
  const findings: string[] = [];
  /** A part of a damaged file cannot be read: the others may. */
  const look = (what: string, at: () => string[]) => {
    progress(`looking ${what}`);
    try {
      findings.push(...at());
    } catch (error) {
      if (!isDamage(error)) throw error;
      findings.push(`looking ${what}: ${(error as Error).message}`);
    }
  };
  look("at the file's pages and indexes", () => checkIntegrityFully(database)?.split("; ") ?? []);
  for (const rule of RULES) look(`for ${rule.broken.replace(/ \(.*%\)$/, "")}`, () => checkRule(database, rule));
  for (const column of MESSAGE_COLUMNS) {
    look(`at each ${column.what}`, () => checkMessages(database, column, progress));
  }
  return findings;
}

function checkRule(database: DatabaseSync, { broken, rows, example }: Rule): string[] {
  const { count, example: found } = database.prepare(
    `SELECT count(*) AS count, min(example) AS example FROM (SELECT ${example} AS example ${rows})`,
  ).get() as { count: number; example: unknown };
  return count === 0 ? [] : [`${count} ${broken.replace("%", () => `such as ${found}`)}`];
}

function checkMessages(database: DatabaseSync, checked: MessageColumn, progress: Progress): string[] {
  const { what, table, column, name, beside } = checked;
  const total = numberOf(database, `SELECT count(*) FROM ${table} WHERE ${column} IS NOT NULL`);
  const findings: string[] = [];
  let rows = 0;
  const statement = database.prepare(
    `SELECT ${name} AS name, ${beside?.column ?? "NULL"} AS beside, ${column} AS message FROM ${table}
     WHERE ${column} IS NOT NULL`,
  );
  for (const row of statement.iterate() as Iterable<{ name: unknown; beside: unknown; message: unknown }>) {
    if (rows++ % PROGRESS_ROWS === 0) progress(`looking at each ${what}: ${rows} of ${total}`);
    const problem = problemOf(row.message, beside === undefined ? undefined : { ...beside, value: row.beside });
    if (problem === undefined) continue;
    findings.push(`the ${what} of ${row.name} cannot be read: ${problem}`);
    if (findings.length === UNREADABLE_MAX) break;
  }
  return findings;
}

function problemOf(
  bytes: unknown,
  beside: MessageColumn["beside"] & { readonly value: unknown } | undefined,
): string | undefined {
  if (!(bytes instanceof Uint8Array)) return "it is no blob";
  try {
    const message = readMessage(new PackedReader(bytes), bytes.length);
    // Reads them all.
    void message.properties;
    if (beside !== undefined && beside.of(message) !== beside.value) {
      return `its ${beside.what} says ${beside.value}, and the message ${beside.of(message)}`;
    }
  } catch (error) {
    return (error as Error).message;
  }
  return undefined;
}
