export interface DeadlineOptions {
  signal?: AbortSignal;
}
/** Rejects with a `TimeoutError` DOMException when `p` has not settled after `ms` milliseconds. */
export function deadline<T>(p: Promise<T>, ms: number, options?: DeadlineOptions): Promise<T>;
