/** Attack 15, from outside: what the owner changes in another process reaches those who are connected, one event after
 * the other. @module */

import { assert, assertEquals } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { PacketType, ReasonCode } from "../../src/packet/mod.ts";
import { rule } from "../support/accounts.ts";
import {
  AccessBroker,
  as,
  credentialsOfPassword,
  PASSWORD,
  PERSISTENT,
  puback,
  suback,
  utf8,
} from "./access_support.ts";
import { assertServes } from "./support.ts";

const ROOT = new URL("../../", import.meta.url);
const { BadUserNameOrPassword, NoMatchingSubscribers, NotAuthorized, Success } = ReasonCode;
/** How long a test waits for what must come. Only ever reached when a test fails. */
const PATIENCE_MS = 30_000;

/** The command line as a process of its own. @returns what it printed. */
async function quetzal(it: AccessBroker, line: string, input = ""): Promise<string> {
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "main.ts", ...line.split(" "), "--data-dir", it.folder.folder.path],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = process.stdin.getWriter();
  await writer.write(utf8(input));
  await writer.close();
  const { code, stdout, stderr } = await deadline(process.output(), PATIENCE_MS);
  assertEquals([code, new TextDecoder().decode(stderr)], [0, ""], line);
  return new TextDecoder().decode(stdout);
}

/** Asks again and again until the broker answers so. */
async function until(reasonCode: ReasonCode, ask: () => Promise<ReasonCode>): Promise<void> {
  const endMs = performance.now() + PATIENCE_MS;
  for (;;) {
    const found = await ask();
    if (found === reasonCode) return;
    assert(performance.now() < endMs, `still ${found}`);
    await new Promise((resolve) => setTimeout(resolve));
  }
}

Deno.test("Attack 15: another process revokes a right, a password, a user, and bans: those who are connected feel each at once", async () => {
  const credentials = await credentialsOfPassword();
  await using it = await AccessBroker.start({
    users: ["reader", "writer", { name: "device", clientIds: ["device-*"], credentials }],
    roles: ["staff"],
    rules: [rule("#", { subjectKind: "user", subjectName: "writer" }), rule("open/#"), rule("alive/#")],
  });
  const writer = await it.connect(as("writer"));
  const reader = await it.connect(as("reader", PERSISTENT));
  const device = await it.connect(as("device", { clientId: "device-1" }));
  assertEquals(await suback(reader, "open/#"), 1);

  await quetzal(it, "acl deny --user reader subscribe open/secret/#");
  await until(NotAuthorized, () => suback(reader, "open/secret/#"));
  assertEquals(await puback(writer, "open/secret/a"), NoMatchingSubscribers);
  assertEquals(await puback(writer, "open/a"), Success);
  const { topicName, packetIdentifier } = await reader.expectPublish();
  assertEquals(topicName, "open/a");
  await reader.acknowledge(PacketType.Puback, packetIdentifier);

  await quetzal(it, "acl deny --user writer publish open/#");
  await until(NotAuthorized, () => puback(writer, "open/secret/a"));
  await reader.expectNothing();

  await quetzal(it, "user passwd reader --password-stdin", "another one\n");
  await reader.expectDisconnect(NotAuthorized);
  await it.expectRefused(BadUserNameOrPassword, as("reader"));
  const again = await it.connect(as("reader", { ...PERSISTENT, password: utf8("another one") }));

  await quetzal(it, "user disable device");
  await device.expectDisconnect(NotAuthorized);
  await it.expectRefused(BadUserNameOrPassword, as("device", { clientId: "device-1" }));

  await quetzal(it, "user remove reader");
  await again.expectDisconnect(NotAuthorized);
  await it.expectRefused(BadUserNameOrPassword, as("reader", { password: utf8("another one") }));

  // Who is not concerned has not noticed anything.
  await assertServes(writer);
  await quetzal(it, "ban add --address 198.51.100.0/24");
  await until(
    ReasonCode.Banned,
    async () => (await it.answerTo(as("writer", { clientId: "w" }), { host: "198.51.100.7" })).reasonCode,
  );
  await quetzal(it, "ban add --client-id w");
  await until(ReasonCode.Banned, async () => (await it.answerTo(as("writer", { clientId: "w" }))).reasonCode);
  await assertServes(writer);
  await quetzal(it, "ban add --user writer");
  await writer.expectDisconnect(ReasonCode.AdministrativeAction); // DISCONNECT has no 0x8A
  await it.expectRefused(ReasonCode.Banned, as("writer"));
});

Deno.test("Attack 13: a process that dies in the middle of its changes leaves accounts that the broker obeys, and none half", async () => {
  await using it = await AccessBroker.start({ users: ["reader"], rules: [rule("open/#")] });
  const reader = await it.connect(as("reader"));
  const program = new URL("../support/accounts_program.ts", import.meta.url);
  await it.addUser("shared");
  for (let round = 0; round < 3; round++) {
    const process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--unstable-kv", "--no-check", program.pathname, it.folder.place, `n${round}`, "100000"],
      cwd: ROOT,
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const output = process.stdout.getReader();
    assertEquals(new TextDecoder().decode((await output.read()).value).trim(), "ready");
    const stdin = process.stdin.getWriter();
    await stdin.write(utf8("go\n"));
    // It changes as fast as it can, and is killed while it does.
    const changes = (await it.store.rules()).length + 20;
    while ((await it.store.rules()).length < changes) await new Promise((resolve) => setTimeout(resolve));
    process.kill("SIGKILL");
    await process.status;
    await Promise.all([stdin.abort().catch(() => {}), output.cancel()]);
    await it.obeyed();
    assertEquals([await suback(reader, "open/#"), await suback(reader, "secret/#")], [1, NotAuthorized]);
  }
  assertEquals(it.logged(/^error/), []);
  // Each change was made as a whole: a rule, then the Client Identifier of the same number.
  const rules = (await it.store.rules()).filter(({ subjectName }) => subjectName.startsWith("n")).length;
  const { clientIds } = (await it.store.user("shared"))!;
  assert(rules - clientIds.length >= 0 && rules - clientIds.length <= 3, `${rules} rules, ${clientIds.length} others`);
  await it.end();
  await it.begin();
  assertEquals((await it.answerTo({ clientId: "c", userName: "reader", password: PASSWORD })).reasonCode, Success);
});
