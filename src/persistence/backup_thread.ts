/** A backup that can be broken off: SQLite copies without letting its thread do anything else, such as hear a signal, so
 * that the copy has a thread of its own. This module is both ends of it: `compile` finds the thread's end by the other.
 * @module */

import { backUpStore, removePartial } from "./store_backup.ts";
import { StoreToolError } from "./store_file.ts";
import { DataFolderError } from "./store_trouble.ts";

export interface ThreadedBackupOptions {
  /** Replace a file that is there. */
  readonly force: boolean;
  readonly progress: (pagesDone: number, pagesTotal: number) => void;
  /** Told what is wrong when not all that was acknowledged can be copied. */
  readonly incomplete: (damage: string) => void;
  /** Breaks it off: nothing of it stays. */
  readonly signal: AbortSignal;
}

interface BackupRequest {
  readonly folder: string;
  readonly file: string;
  readonly force: boolean;
}

type BackupNews =
  | { readonly kind: "begun"; readonly partial: string }
  | { readonly kind: "incomplete"; readonly damage: string }
  | { readonly kind: "progress"; readonly pagesDone: number; readonly pagesTotal: number }
  | { readonly kind: "done"; readonly bytes: number }
  | { readonly kind: "failed"; readonly errorName: string; readonly message: string };

/** As `backUpStore`. @throws also StoreToolError when it was broken off. */
export function backUpInThread(folder: string, file: string, options: ThreadedBackupOptions): Promise<number> {
  const { force, progress, incomplete, signal } = options;
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const worker = new Worker(import.meta.url, { type: "module" });
  let partial: string | undefined;
  signal.addEventListener("abort", () => {
    worker.terminate();
    if (partial !== undefined) removePartial(partial);
    reject(new StoreToolError(`the backup ${file} was broken off, and is not there`));
  });
  worker.onmessage = ({ data: news }: MessageEvent<BackupNews>) => {
    switch (news.kind) {
      case "begun":
        partial = news.partial;
        return;
      case "incomplete":
        return incomplete(news.damage);
      case "progress":
        return progress(news.pagesDone, news.pagesTotal);
      case "done":
        return resolve(news.bytes);
      case "failed":
        return reject(errorOf(news));
    }
  };
  worker.onerror = (event) => {
    event.preventDefault();
    reject(new Error(`the thread that copies has ended: ${event.message}`));
  };
  worker.postMessage({ folder, file, force } satisfies BackupRequest);
  return promise.finally(() => worker.terminate());
}

/** A class does not come through to another thread, its name does. */
function errorOf({ errorName, message }: BackupNews & { kind: "failed" }): Error {
  if (errorName === "DataFolderError") return new DataFolderError(message);
  return errorName === "StoreToolError" ? new StoreToolError(message) : new Error(message);
}

const thread = self as unknown as {
  onmessage: ((event: MessageEvent<BackupRequest>) => void) | null;
  postMessage(news: BackupNews): void;
};

// Means nothing in the thread that starts the other.
thread.onmessage = async ({ data: { folder, file, force } }) => {
  try {
    const bytes = await backUpStore(folder, file, {
      force,
      begun: (partial) => thread.postMessage({ kind: "begun", partial }),
      incomplete: (damage) => thread.postMessage({ kind: "incomplete", damage }),
      progress: (pagesDone, pagesTotal) => thread.postMessage({ kind: "progress", pagesDone, pagesTotal }),
    });
    thread.postMessage({ kind: "done", bytes });
  } catch (error) {
    const { name, message, stack } = error as Error;
    const isOurs = error instanceof DataFolderError || error instanceof StoreToolError;
    // Of a bug, where it is.
    thread.postMessage({ kind: "failed", errorName: name, message: isOurs ? message : stack ?? message });
  }
};
