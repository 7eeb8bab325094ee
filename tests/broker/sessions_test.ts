/** Mirrors src/broker/sessions.ts: what a session leaves behind. @module */

import { assertEquals } from "@std/assert";
import { Broker } from "../../src/broker/broker.ts";
import { ClientSession } from "../../src/broker/client_session.ts";
import { endSession, forgetSafeDeletions, isDeletionUnsafe, storeSession } from "../../src/broker/sessions.ts";
import { MemoryStore } from "../../src/persistence/memory_store.ts";
import type { Store } from "../../src/persistence/store.ts";
import { DelayedStore } from "../support/delayed_store.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { identityOf, partsOf } from "./support.ts";

/** A session that persists comes and goes. */
function comeAndGo(broker: Broker, clientId: string): void {
  const session = new ClientSession(identityOf(clientId), broker.sessionLimits, broker.queueBudget);
  session.sessionExpiryInterval = 1000;
  broker.sessions.set(clientId, session);
  storeSession(broker, session);
  endSession(broker, session);
}

const brokerOn = (store: Store) => new Broker(partsOf(new FakeClock(), store), () => {}, () => {});

Deno.test("endSession() leaves nothing behind with a store that is always safe", () => {
  const broker = brokerOn(new MemoryStore());
  for (let i = 0; i < 100; i++) comeAndGo(broker, `c${i}`);
  assertEquals([broker.sessions.size, broker.deletedSessions.size], [0, 0]);
});

Deno.test("endSession() remembers a session whose deletion is not safe, until it is", () => {
  const store = new DelayedStore();
  store.hold();
  const broker = brokerOn(store);
  comeAndGo(broker, "a");
  store.endTurn();
  comeAndGo(broker, "b");
  store.endTurn();
  assertEquals([isDeletionUnsafe(broker, "a"), isDeletionUnsafe(broker, "b")], [true, true]);
  store.commit(1);
  forgetSafeDeletions(broker);
  assertEquals([isDeletionUnsafe(broker, "a"), isDeletionUnsafe(broker, "b")], [false, true]);
  assertEquals([...broker.deletedSessions.keys()], ["b"]);
  store.commit();
  forgetSafeDeletions(broker);
  assertEquals(broker.deletedSessions.size, 0);
});
