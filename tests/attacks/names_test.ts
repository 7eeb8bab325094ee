/** Attack 12: names that mean something where they are put in, or look like those of others (CVE-2017-7650). @module */

import { assertEquals } from "@std/assert";
import { PacketType, ReasonCode } from "../../src/packet/mod.ts";
import { wire } from "../packet/support.ts";
import { rule } from "../support/accounts.ts";
import { AccessBroker, as, credentialsOfPassword, PASSWORD, puback, suback } from "./access_support.ts";
import { assertServes } from "./support.ts";

const { NotAuthorized } = ReasonCode;
const STRANGE = ["#", "+", "+/#", "a/b", "/", "$SYS", "$share", "sensor-1/#", "sensor-1/../sensor-1", "\u{1F331}/+"];

Deno.test("Attack 12: a Client Identifier with + # / or $ gets nothing by a rule with %c, and others nothing through it", async () => {
  await using it = await AccessBroker.start({
    users: ["sensor-1", "reader"],
    rules: [rule("own/%c/#"), rule("${client-id}/state"), rule("x-%c"), rule("alive/sensor-1")],
  });
  const victim = await it.connect(as("sensor-1"));
  assertEquals(await suback(victim, "own/sensor-1/#"), 1);
  for (const clientId of STRANGE) {
    const attacker = await it.connect(as("reader", { clientId }));
    const filters = [
      "#",
      "+/#",
      "own/#",
      "own/+/#",
      "own/+/+",
      "own/sensor-1/#",
      "own/sensor-1/secret",
      `own/${clientId}`,
    ];
    const { reasonCodes } = await attacker.subscribe([...filters, `own/${clientId}/#`.replace("##", "#")]);
    for (const code of reasonCodes) assertEquals(code >= 0x80, true, `${clientId}: ${reasonCodes}`);
    for (const topicName of ["own/sensor-1/a", "own/a", "own/a/b/c", "sensor-1/state", "a/b/state", "x-sensor-1"]) {
      assertEquals(await puback(attacker, topicName), NotAuthorized, `${clientId} to ${topicName}`);
    }
    await attacker.disconnect();
  }
  await victim.expectNothing();
  await assertServes(victim);
  // The rules are no dead letters.
  const plain = await it.connect(as("reader"));
  assertEquals(await suback(plain, "own/reader/#"), 1);
});

Deno.test("Attack 12: a user name with + # / or $ gets nothing by a rule with %u", async () => {
  const names = ["#", "+", "a/b", "$SYS"];
  await using it = await AccessBroker.start({
    users: [...names, "sensor-1"],
    rules: [rule("own/%u/#"), rule("${user}/state"), rule("alive/sensor-1")],
  });
  const victim = await it.connect(as("sensor-1"));
  assertEquals(await suback(victim, "own/sensor-1/#"), 1);
  for (const name of names) {
    const attacker = await it.connect(as(name, { clientId: "attacker" }));
    for (const filter of ["own/#", "own/+/#", "own/a/b/#", "own/sensor-1/#", "+/state", "#"]) {
      assertEquals(await suback(attacker, filter), NotAuthorized, `${name}: ${filter}`);
    }
    for (const topicName of ["own/sensor-1/a", "own/a/b/c", "sensor-1/state", "a/b/state"]) {
      assertEquals(await puback(attacker, topicName), NotAuthorized, `${name} to ${topicName}`);
    }
    await attacker.disconnect();
  }
  await victim.expectNothing();
  await assertServes(victim);
});

Deno.test("Attack 12: nobody gets round a rule that denies by a strange name, or by none", async () => {
  await using it = await AccessBroker.start({
    users: ["reader", "writer"],
    rules: [
      rule("#", { effect: "allow", subjectKind: "user", subjectName: "writer" }),
      rule("site/#"),
      rule("site/%c/secret/#", { effect: "deny" }),
    ],
  });
  const writer = await it.connect(as("writer"));
  for (const clientId of STRANGE) {
    const attacker = await it.connect(as("reader", { clientId }));
    assertEquals(await puback(attacker, "site/a/secret"), NotAuthorized, clientId);
    assertEquals(await puback(attacker, "site/a/b/secret/c"), NotAuthorized, clientId);
    assertEquals(await suback(attacker, "site/#"), 1);
    await puback(writer, "site/a/secret");
    await puback(writer, "site/open");
    assertEquals((await attacker.expectPublish()).topicName, "site/open", clientId);
    await attacker.expectNothing();
    await attacker.disconnect();
  }
});

Deno.test("Attack 12: U+0000 and broken UTF-8 in a Client Identifier or User Name never come as far as a rule", async () => {
  await using it = await AccessBroker.start({ users: ["reader"], rules: [rule("own/%c/#")] });
  const other = await it.connect(as("reader"));
  for (
    const packet of [
      `10 [ "MQTT" 05 82 00 00  00  00 08 'reader' 00 'x'  "reader" ]`,
      `10 [ "MQTT" 05 82 00 00  00  "c"  00 08 'reader' 00 'x' ]`,
      `10 [ "MQTT" 05 82 00 00  00  "c"  00 03 ed a0 80 ]`,
      `10 [ "MQTT" 05 82 00 00  00  00 02 c0 af  "reader" ]`,
    ]
  ) {
    const attacker = it.client();
    attacker.speak(5);
    await attacker.sendBytes(wire(packet));
    assertEquals((await attacker.expect(PacketType.Connack)).reasonCode, ReasonCode.MalformedPacket, packet);
    await attacker.expectClosed();
  }
  assertEquals(await suback(other, "own/reader/#"), 1);
  assertEquals(it.server.snapshot().connections, 1);
});

Deno.test("Attack 12: letters that only look alike are others: no user, no rule, no claim and no session is shared", async () => {
  const composed = "caf\u00e9";
  const lookalikes = [
    "cafe\u0301",
    "c\u0430f\u00e9",
    "\uFF43af\u00e9",
    "Caf\u00e9",
    "caf\u00e9\u200b",
    "\ufeffcaf\u00e9",
    " caf\u00e9",
  ];
  await using it = await AccessBroker.start({
    users: [{ name: composed, clientIds: [composed], credentials: await credentialsOfPassword() }, "reader"],
    rules: [
      rule("private/#", { subjectKind: "user", subjectName: composed }),
      rule("device/#", { subjectKind: "client-id", subjectName: composed }),
    ],
    config: { limits: { loginFailuresMax: 0 } },
  });
  const victim = await it.connect(as(composed));
  assertEquals((await victim.subscribe(["private/#", "device/#"], { qos: 1 })).reasonCodes, [1, 1]);
  // Each from a host of its own: answers to one host come more and more slowly.
  await Promise.all(lookalikes.map((userName, index) =>
    it.expectRefused(
      ReasonCode.BadUserNameOrPassword,
      { clientId: `c-${index}`, userName, password: PASSWORD },
      { host: `198.51.100.${index}` },
    )
  ));
  for (const clientId of lookalikes) {
    const attacker = it.client();
    assertEquals((await attacker.connect(as("reader", { clientId, cleanStart: false }))).sessionPresent, false);
    assertEquals((await attacker.subscribe(["private/#", "device/#"])).reasonCodes, [NotAuthorized, NotAuthorized]);
    assertEquals(await puback(attacker, "device/a"), NotAuthorized);
    await attacker.disconnect();
  }
  await it.expectRefused(NotAuthorized, as("reader", { clientId: composed }));
  await victim.expectNothing();
});
