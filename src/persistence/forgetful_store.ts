/** The store that keeps nothing, for `--durability off`: the broker's own memory holds all that there is, and a second copy
 * here would be read by nobody. Every change is as safe as it gets at once, so nothing waits. (`MemoryStore` is for those
 * who make a dispatcher anew on what the former one had.) @module */

import type { Store, StoreVisitor } from "./store.ts";

export class ForgetfulStore implements Store {
  readonly changes = 0;
  readonly ticket = 0;
  readonly safe = 0;
  readonly waitingBytes = 0;
  readonly trouble = undefined;
  readonly wallOffsetMs = 0;
  readonly canRead = false;
  onSafe: (() => void) | undefined = undefined;

  /** There is nothing to tell. */
  load(_visitor: StoreVisitor): Promise<void> {
    return Promise.resolve();
  }

  putSession(): void {}
  deleteSession(): void {}
  putSubscription(): void {}
  deleteSubscription(): void {}
  putOutgoing(): void {}
  deleteOutgoing(): void {}
  putIncomingQoS2(): void {}
  deleteIncomingQoS2(): void {}
  putRetained(): void {}
  deleteRetained(): void {}
  endTurn(): void {}

  /** Nobody asks a store that cannot be read. */
  readOutgoing(): void {
    throw new Error("this store keeps nothing that could be read");
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
