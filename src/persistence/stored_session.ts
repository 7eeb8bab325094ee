/** A session as the store sees it. Room: pure. @module */

/** What the store remembers of a session. */
export class StoredSession {
  /** First and last position of each run that the present batch deletes. */
  readonly deleted: number[] = [];
  /** The batch in which a message was put last. */
  lastPut = 0;
  /** The furthest position of a message that the batches which are not safe delete from the file, and the last of them. */
  deletedUpTo = 0;
  deletedUpToIn = 0;
  /** It was deleted: what was told of it before need not be written. */
  isGone = false;

  constructor(readonly key: number) {}

  /** The batch before which the file does not say what is queued from `position` on. Those that are acknowledged are
   * before it: reading on need not wait for them. */
  changedIn(position: number): number {
    return this.deletedUpTo < position ? this.lastPut : Math.max(this.lastPut, this.deletedUpToIn);
  }
}
