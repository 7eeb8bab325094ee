/** Rows of the file → records on their way from the store's thread to the dispatcher's: the thread's end. `record_reader.ts` is
 * the other one, and apart from this: the thread knows no messages, and loads nothing that does.
 * In one buffer: records to the end, each behind its kind (1). Room: pure. @module */

import type { PackedWriter } from "./packed_bytes.ts";

/** Kinds of records. All but sessions and retained messages belong to the session that came last. */
export const RecordKind = { Session: 1, Subscription: 2, Outgoing: 3, QueuedRun: 4, IncomingQoS2: 5, Retained: 6 };

/** A row as `setReturnArrays` gives it. */
export type Row = readonly (null | number | string | Uint8Array)[];

/** Columns of a session in a query, in the order that `writeSession` takes them. */
export const SESSION_COLUMNS = "key, client_id, user_name, remote_host, is_connected, session_expiry_interval, " +
  "expires_at_ms, will, will_delay_interval, will_due_at_ms";

export function writeSession(writer: PackedWriter, row: Row): void {
  writer.uint8(RecordKind.Session);
  writer.float64(row[0] as number);
  writer.string(row[1] as string);
  writer.uint8(row[2] === null ? 0 : 1);
  writer.string((row[2] ?? "") as string);
  writer.string(row[3] as string);
  writer.uint8(row[4] as number);
  writer.uint32(row[5] as number);
  writeTime(writer, row[6]);
  writer.uint8(row[7] === null ? 0 : 1);
  if (row[7] === null) return;
  writeBytes(writer, row[7] as Uint8Array);
  writer.uint32(row[8] as number);
  writeTime(writer, row[9]);
}

export const SUBSCRIPTION_COLUMNS = "session, full_filter, qos, no_local, retain_as_published, subscription_identifier";

export function writeSubscription(writer: PackedWriter, row: Row): void {
  writer.uint8(RecordKind.Subscription);
  writer.string(row[1] as string);
  writer.uint8(row[2] as number);
  writer.uint8(row[3] as number);
  writer.uint8(row[4] as number);
  writer.uint32(row[5] as number);
}

/** Of `outgoing LEFT JOIN body`. */
export const MESSAGE_COLUMN = "coalesce(outgoing.message, body.message)";
/** Of `outgoing LEFT JOIN body`. MESSAGE_COLUMN follows. */
export const OUTGOING_COLUMNS = "session, position, state, packet_identifier, qos, retain, expires_at_ms, " +
  "shared_filter, subscription_identifiers, outgoing.body, message_bytes";
export const OUTGOING_TABLES = "outgoing LEFT JOIN body ON body.key = outgoing.body";

/** @returns its `message_bytes`. */
export function writeOutgoing(writer: PackedWriter, row: Row): number {
  writer.uint8(RecordKind.Outgoing);
  writer.float64(row[1] as number);
  writer.uint8(row[2] as number);
  writer.uint16(row[3] as number);
  writer.uint8(row[4] as number);
  writer.uint8(row[5] as number);
  writeTime(writer, row[6]);
  writer.string((row[7] ?? "") as string);
  writeIdentifiers(writer, row[8] as string | null);
  writer.float64((row[9] ?? 0) as number);
  const message = row[11] as Uint8Array | null;
  if (message === null) throw new Error(`the message at position ${row[1]} of session ${row[0]} has lost its body`);
  writeBytes(writer, message);
  return row[10] as number;
}

function writeIdentifiers(writer: PackedWriter, json: string | null): void {
  if (json === null) return writer.uint32(0);
  const identifiers: number[] = JSON.parse(json);
  writer.uint32(identifiers.length);
  for (const identifier of identifiers) writer.uint32(identifier);
}

/** session, first position, last position, messages, their `message_bytes` together */
export function writeQueuedRun(writer: PackedWriter, row: Row): void {
  writer.uint8(RecordKind.QueuedRun);
  for (const value of row.slice(1)) writer.float64(value as number);
}

/** session, Packet Identifier */
export function writeIncomingQoS2(writer: PackedWriter, row: Row): void {
  writer.uint8(RecordKind.IncomingQoS2);
  writer.uint16(row[1] as number);
}

/** Of `retained LEFT JOIN body`. */
export const RETAINED_COLUMNS = "retained.body, coalesce(retained.message, body.message)";
export const RETAINED_TABLES = "retained LEFT JOIN body ON body.key = retained.body";

export function writeRetained(writer: PackedWriter, row: Row): void {
  writer.uint8(RecordKind.Retained);
  writer.float64((row[0] ?? 0) as number);
  if (row[1] === null) throw new Error(`a retained message has lost its body ${row[0]}`);
  writeBytes(writer, row[1] as Uint8Array);
}

function writeTime(writer: PackedWriter, ms: Row[number]): void {
  writer.float64(ms === null ? Infinity : ms as number);
}

function writeBytes(writer: PackedWriter, bytes: Uint8Array): void {
  writer.uint32(bytes.length);
  writer.raw(bytes);
}
