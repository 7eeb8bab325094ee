/** Mirrors src/persistence/memory_store.ts. @module */

import { MemoryStore } from "../../src/persistence/memory_store.ts";
import { testStore } from "./store_suite.ts";

testStore("MemoryStore", () => {
  const store = new MemoryStore();
  // What it left is itself: it keeps everything for as long as the process lives.
  return Promise.resolve({ store, reopen: () => Promise.resolve(store) });
});
