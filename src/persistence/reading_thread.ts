/** The thread of the SQLite store that reads queued messages back: beside the one that commits, so that neither waits for
 * the other. It sees what was committed when it begins to read. @module */

import { DatabaseSync } from "node:sqlite";
import { StoreReader } from "./store_reader.ts";
import type { ReadAnswer, ReadRequest } from "./thread_messages.ts";

interface Thread {
  onmessage: ((event: MessageEvent<ReadRequest | { readonly kind: "close" }>) => void) | null;
  postMessage(answer: ReadAnswer, transfer?: Transferable[]): void;
}
const thread = self as unknown as Thread;

let database: DatabaseSync | undefined;
let reader: StoreReader | undefined;

thread.onmessage = ({ data: request }) => {
  if (request.kind === "read") return read(request);
  database?.close();
  thread.postMessage({ kind: "closed" });
};

function read({ id, file, session, firstPosition, lastPosition, bytesMax }: ReadRequest): void {
  let records: Uint8Array<ArrayBuffer>[];
  try {
    database ??= new DatabaseSync(file, { readOnly: true });
    reader ??= new StoreReader(database);
    records = reader.readQueued(session, firstPosition, lastPosition, bytesMax);
  } catch (error) {
    return thread.postMessage({ kind: "unread", id, reason: error instanceof Error ? error.message : String(error) });
  }
  thread.postMessage({ kind: "read", id, records }, records.map(({ buffer }) => buffer));
}
