/** Store files on the disk, in temporary folders: filled by SQL, and damaged. @module */

import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { ApplicationMessage } from "../../src/packet/application_message.ts";
import { STORE_FILE_NAME } from "../../src/persistence/data_folder.ts";
import { messageLength, readMessage, writeMessage } from "../../src/persistence/message_codec.ts";
import { PackedReader, PackedWriter } from "../../src/persistence/packed_bytes.ts";
import { migrate } from "../../src/persistence/schema.ts";

export class TemporaryFolder implements Disposable {
  readonly path: string = Deno.makeTempDirSync({ prefix: "quetzal-test-" });

  /** Of its files, sorted. */
  get names(): string[] {
    return Array.from(Deno.readDirSync(this.path), ({ name }) => name).toSorted();
  }

  file(name: string): string {
    return join(this.path, name);
  }

  get storeFile(): string {
    return this.file(STORE_FILE_NAME);
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}

/** @param file the path. Opened as the broker has it: with a write-ahead log. */
export function openStore(file: string): DatabaseSync {
  const database = new DatabaseSync(file);
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF");
  migrate(database);
  return database;
}

/** What `storedMessage` is made of. */
export interface StoredMessageParts {
  readonly topicName?: string;
  readonly payload?: Uint8Array;
  readonly receivedAtMs?: number;
}

/** The bytes of a `message` column. */
export function storedMessage(parts: StoredMessageParts = {}): Uint8Array {
  const { topicName = "a/b", payload = new Uint8Array(20), receivedAtMs = 1_000 } = parts;
  const message = ApplicationMessage.create({ topicName, payload, qos: 1, receivedAtMs });
  const writer = new PackedWriter();
  writeMessage(writer, message);
  return writer.written.slice(0, messageLength(message));
}

/** Of the message's own buffer within `storedMessage`. */
export function bufferBytes(stored: Uint8Array): number {
  return readMessage(new PackedReader(stored), stored.length).buffer.length;
}

export interface StoreContent {
  readonly sessions?: number;
  /** For each session. */
  readonly messages?: number;
  readonly payloadBytes?: number;
}

/** A store file with `sessions` sessions "client-1", …: each has the subscription "a/#", and `messages` messages in its
 * row, of which the first is in flight. */
export function makeStoreFile(
  file: string,
  { sessions = 2, messages = 3, payloadBytes = 20 }: StoreContent = {},
): void {
  const database = openStore(file);
  const putSession = database.prepare(
    "INSERT INTO session VALUES (?, ?, NULL, '127.0.0.1', 0, 4294967295, NULL, NULL, NULL, NULL)",
  );
  const putSubscription = database.prepare("INSERT INTO subscription VALUES (?, 'a/#', 1, 0, 0, 0)");
  const putOutgoing = database.prepare("INSERT INTO outgoing VALUES (?, ?, ?, ?, 1, 0, NULL, NULL, NULL, ?, NULL, ?)");
  const message = storedMessage({ payload: new Uint8Array(payloadBytes).fill(0x61) });
  database.exec("BEGIN; INSERT INTO clock VALUES (1, 0, 0, 0)");
  for (let session = 1; session <= sessions; session++) {
    putSession.run(session, `client-${session}`);
    putSubscription.run(session);
    for (let position = 1; position <= messages; position++) {
      const isInFlight = position === 1 ? 1 : 0;
      putOutgoing.run(session, position, isInFlight, isInFlight, bufferBytes(message), message);
    }
  }
  database.exec("COMMIT");
  database.close();
}

/** Overwrites bytes in the middle of a file. */
export function overwriteMiddle(file: string, bytes = 20 * 4096): void {
  const content = Deno.readFileSync(file);
  const start = Math.floor(content.length / 2 / 4096) * 4096;
  Deno.writeFileSync(file, content.fill(0x5a, start, start + bytes));
}

export function truncate(file: string, length = Math.floor(Deno.statSync(file).size / 2)): void {
  Deno.truncateSync(file, length);
}

/** A thing whose test has no meaning where files have no modes: says so. */
export function hasModes(): boolean {
  if (Deno.build.os !== "windows") return true;
  console.log("skipped: Windows keeps access lists instead of modes");
  return false;
}

/** "600" */
export function modeOf(path: string): string {
  return (Deno.statSync(path).mode! & 0o777).toString(8);
}
