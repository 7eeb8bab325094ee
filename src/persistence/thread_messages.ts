/** What the dispatcher's thread and the store's thread say to each other. Types only. Buffers are transferred. @module */

import type { ClockMark } from "./store_time.ts";

export type StoreRequest =
  | { readonly kind: "open"; readonly file: string; readonly durability: "full" | "normal" }
  /** The next buffer of what the file holds. */
  | { readonly kind: "load" }
  | { readonly kind: "commit"; readonly batch: Uint8Array<ArrayBuffer> }
  | { readonly kind: "close" };

/** To the thread that reads. */
export interface ReadRequest {
  readonly kind: "read";
  readonly id: number;
  readonly file: string;
  readonly session: number;
  readonly firstPosition: number;
  readonly lastPosition: number;
  readonly bytesMax: number;
}

export type StoreAnswer =
  | {
    readonly kind: "opened";
    readonly lastSessionKey: number;
    readonly lastBodyKey: number;
    /** undefined: the file is new. */
    readonly clock: ClockMark | undefined;
  }
  /** `open` or `load` failed, and nothing more will come. */
  | { readonly kind: "failed"; readonly reason: string; readonly isDamaged: boolean }
  | { readonly kind: "loaded"; readonly records: Uint8Array<ArrayBuffer>; readonly isLast: boolean }
  /** Gives the buffer back. */
  | { readonly kind: "committed"; readonly batch: Uint8Array<ArrayBuffer> }
  /** Nothing of it was kept. */
  | { readonly kind: "refused"; readonly batch: Uint8Array<ArrayBuffer>; readonly reason: string }
  | { readonly kind: "closed" };

export type ReadAnswer =
  | { readonly kind: "read"; readonly id: number; readonly records: Uint8Array<ArrayBuffer>[] }
  | { readonly kind: "unread"; readonly id: number; readonly reason: string }
  | { readonly kind: "closed" };
