/** Changes as bytes, as `change.ts` lays them out. Room: pure. @module */

import type { ApplicationMessage } from "../packet/application_message.ts";
import type { OutgoingMessage } from "../session/outgoing_message.ts";
import { Change } from "./change.ts";
import { messageLength, writeMessage } from "./message_codec.ts";
import type { PackedWriter } from "./packed_bytes.ts";
import type { SessionRecord, SubscriptionRecord } from "./store.ts";
import type { StoredSession } from "./stored_session.ts";

/** @param progress state and Packet Identifier, as `GatheredBatch` keeps them. @param bodyKey 0 = with its message. */
export function packOutgoing(
  writer: PackedWriter,
  session: StoredSession,
  outgoing: OutgoingMessage,
  progress: number,
  bodyKey: number,
): void {
  packPlace(writer, Change.PutOutgoing, session, outgoing, progress);
  writer.uint8(outgoing.qos);
  writer.uint8(outgoing.retain ? 1 : 0);
  writer.float64(outgoing.expiresAtMs);
  writer.string(outgoing.sharedBy?.fullFilter ?? "");
  const identifiers = outgoing.subscriptionIdentifiers;
  writer.uint32(identifiers?.length ?? 0);
  if (identifiers !== undefined) { for (const identifier of identifiers) writer.uint32(identifier); }
  writer.uint32(outgoing.messageBytes);
  packReference(writer, outgoing.message, bodyKey);
}

/** @param bodyKey 0 = the message itself. */
export function packReference(writer: PackedWriter, message: ApplicationMessage, bodyKey: number): void {
  writer.float64(bodyKey);
  if (bodyKey === 0) packMessage(writer, message);
}

export function packMessage(writer: PackedWriter, message: ApplicationMessage): void {
  writer.uint32(messageLength(message));
  writeMessage(writer, message);
}

export function packProgress(
  writer: PackedWriter,
  session: StoredSession,
  outgoing: OutgoingMessage,
  progress: number,
): void {
  packPlace(writer, Change.UpdateOutgoing, session, outgoing, progress);
}

function packPlace(
  writer: PackedWriter,
  change: number,
  session: StoredSession,
  outgoing: OutgoingMessage,
  progress: number,
): void {
  writer.uint8(change);
  writer.float64(session.key);
  writer.float64(outgoing.position);
  writer.uint8(progress >>> 16);
  writer.uint16(progress & 0xffff);
}

/** All runs of positions that were deleted. */
export function packDeleted(writer: PackedWriter, { key, deleted }: StoredSession): void {
  for (let i = 0; i < deleted.length; i += 2) {
    writer.uint8(Change.DeleteOutgoing);
    writer.float64(key);
    writer.float64(deleted[i]);
    writer.float64(deleted[i + 1]);
  }
}

/** What follows the session's key. */
export function packSession(writer: PackedWriter, record: SessionRecord): void {
  writer.string(record.clientId);
  writer.uint8(record.userName === undefined ? 0 : 1);
  writer.string(record.userName ?? "");
  writer.string(record.remoteHost);
  writer.uint8(record.isConnected ? 1 : 0);
  writer.uint32(record.sessionExpiryInterval);
  writer.float64(record.expiresAtMs);
  writer.uint8(record.will === undefined ? 0 : 1);
  if (record.will === undefined) return;
  writer.uint32(record.will.willDelayInterval);
  writer.float64(record.willDueAtMs);
  packMessage(writer, record.will.message);
}

/** What follows the session's key. */
export function packSubscription(writer: PackedWriter, record: SubscriptionRecord): void {
  writer.string(record.fullFilter);
  writer.uint8(record.qos);
  writer.uint8(record.noLocal ? 1 : 0);
  writer.uint8(record.retainAsPublished ? 1 : 0);
  writer.uint32(record.subscriptionIdentifier);
}
