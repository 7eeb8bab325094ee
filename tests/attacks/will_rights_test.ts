/** Attack 14: a Will says what its Client may not say (mochi#503, Aedes's advisory), or no longer may. @module */

import { assertEquals } from "@std/assert";
import { ReasonCode } from "../../src/packet/mod.ts";
import { rule } from "../support/accounts.ts";
import type { ConnectOptions, TestClient } from "../support/test_client.ts";
import { AccessBroker, as, PASSWORD, PERSISTENT } from "./access_support.ts";

const { NotAuthorized } = ReasonCode;
const OF_SENSOR = { subjectKind: "user", subjectName: "sensor" } as const;

function start(config = {}): Promise<AccessBroker> {
  return AccessBroker.start({
    users: ["sensor", "watcher"],
    rules: [
      rule("state/#", { ...OF_SENSOR, action: "publish" }),
      rule("state/kept/#", { ...OF_SENSOR, effect: "deny", action: "retain" }),
      rule("#", { subjectKind: "user", subjectName: "watcher" }),
    ],
    config,
  });
}

async function watch(it: AccessBroker): Promise<TestClient> {
  const watcher = await it.connect(as("watcher"));
  await watcher.subscribe("#", { qos: 1 });
  return watcher;
}

Deno.test("Attack 14: a Will Topic without the right to publish: CONNACK 0x87 in 5.0 and 5 in 3.x, and no session is left", async () => {
  await using it = await start();
  const watcher = await watch(it);
  const will = { topicName: "command/open" };
  for (const protocolVersion of [5, 4, 3] as const) {
    const options: ConnectOptions = protocolVersion === 5 ? PERSISTENT : { cleanStart: false };
    await it.expectRefused(NotAuthorized, as("sensor", { ...options, protocolVersion, will }));
  }
  await it.expectRefused(NotAuthorized, as("sensor", { will: { ...will, qos: 2, retain: true } }));
  await watcher.expectNothing();
  assertEquals(it.server.snapshot().sessions, 1);
  // What it may say is said.
  await it.lose(await it.connect(as("sensor", { will: { topicName: "state/a" } })));
  assertEquals((await watcher.expectPublish()).topicName, "state/a");
});

Deno.test("Attack 14: a refused Will does not take over the session of the Client that is connected", async () => {
  await using it = await start();
  const client = await it.connect(as("sensor"));
  await it.expectRefused(NotAuthorized, as("sensor", { will: { topicName: "command/open" } }));
  await client.expectNothing();
  assertEquals(it.server.snapshot().connectedClients, 1);
});

Deno.test("Attack 14: a Will with retain by a Client that may publish there, and not retain: 0x87; without retain it is sent", async () => {
  await using it = await start();
  const watcher = await watch(it);
  await it.expectRefused(NotAuthorized, as("sensor", { will: { topicName: "state/kept/a", retain: true } }));
  await it.lose(await it.connect(as("sensor", { will: { topicName: "state/kept/a" } })));
  assertEquals((await watcher.expectPublish()).topicName, "state/kept/a");
  assertEquals(it.server.snapshot().retainedMessages, 0);
  const kept = { topicName: "state/a", retain: true, payload: PASSWORD };
  await it.lose(await it.connect(as("sensor", { will: kept })));
  assertEquals((await watcher.expectPublish()).topicName, "state/a");
  assertEquals(it.server.snapshot().retainedMessages, 1);
});

Deno.test("Attack 14: a Will topic with wildcards, of the Server, or of a group is none, whatever the rules allow", async () => {
  await using it = await start();
  await it.store.addRule(rule("#", OF_SENSOR));
  await it.store.addRule(rule("$SYS/#", OF_SENSOR));
  await it.store.addRule(rule("$CONTROL/#", OF_SENSOR));
  await it.obeyed();
  for (const topicName of ["state/#", "state/+"]) {
    await it.expectRefused(ReasonCode.ProtocolError, as("sensor", { will: { topicName } }));
  }
  for (const topicName of ["$SYS/broker/uptime", "$CONTROL/x", "$share/g/state"]) {
    await it.expectRefused(NotAuthorized, as("sensor", { will: { topicName } }));
  }
});

type Revocation = readonly [what: string, act: (it: AccessBroker) => Promise<unknown>, isClosed: boolean];
const revocations: readonly Revocation[] = [
  ["the rule was removed", (it) => it.store.removeRule(1), false],
  ["a rule forbids it", (it) => it.store.addRule(rule("state/#", { ...OF_SENSOR, effect: "deny" })), false],
  ["the user was disabled", (it) => it.store.updateUser("sensor", (user) => ({ ...user, isDisabled: true })), true],
  ["the user was removed", (it) => it.store.removeUser("sensor"), true],
];

for (const [what, revoke, isClosed] of revocations) {
  Deno.test(`Attack 14: a Will after ${what} is not sent when the connection breaks`, async () => {
    await using it = await start();
    const watcher = await watch(it);
    const client = await it.connect(
      as("sensor", { ...PERSISTENT, will: { topicName: "state/a", qos: 1, retain: true } }),
    );
    await revoke(it);
    await it.obeyed();
    if (isClosed) await client.expectDisconnect(NotAuthorized);
    else await it.lose(client);
    await watcher.expectNothing();
    assertEquals(it.server.snapshot().retainedMessages, 0);
    assertEquals(it.logged(/Will/i).length > 0, true, "the owner can see it");
  });

  Deno.test(`Attack 14: a Will that waits for its delay when ${what} is not sent, nor after a restart`, async () => {
    await using it = await start({ durability: "full" });
    const watcher = await watch(it);
    const properties = { sessionExpiryInterval: 1000 };
    const will = { topicName: "state/a", properties: { willDelayInterval: 60 } };
    const others = { topicName: "others", properties: { willDelayInterval: 61 } };
    await it.lose(await it.connect(as("sensor", { properties, will })));
    await revoke(it);
    await it.obeyed();
    await it.advance(60_000);
    await watcher.expectNothing();

    // Another Will of the same kind, which comes back from the store.
    await it.store.addRule(rule("others", { action: "publish" }));
    await it.addUser("twin");
    const number = await it.store.addRule(rule("state/#", { subjectKind: "user", subjectName: "twin" }));
    await it.obeyed();
    await it.lose(await it.connect(as("twin", { properties, will })));
    await it.lose(await it.connect(as("twin", { clientId: "twin-2", properties, will: others })));
    await it.end();
    await it.store.removeRule(number);
    await it.begin();
    const again = await watch(it);
    await it.advance(61_000);
    assertEquals((await again.expectPublish()).topicName, "others");
    await again.expectNothing();
  });
}

Deno.test("Attack 14: the Will of a user who was removed or disabled while the broker was down is not sent", async () => {
  await using it = await start({ durability: "full" });
  await it.addUser("other");
  await it.store.addRule(rule("all", { action: "publish" }));
  await it.obeyed();
  const properties = { sessionExpiryInterval: 1000 };
  const will = { topicName: "state/a", properties: { willDelayInterval: 60 } };
  await it.lose(await it.connect(as("sensor", { properties, will })));
  await it.lose(await it.connect(as("other", { properties, will: { ...will, topicName: "all" } })));
  await it.end();
  await it.store.removeUser("sensor");
  await it.store.updateUser("other", (user) => ({ ...user, isDisabled: true }));
  await it.begin();
  const watcher = await watch(it);
  await it.advance(60_000);
  await watcher.expectNothing();
  assertEquals(it.logged(/Will/i).length, 2);
});
