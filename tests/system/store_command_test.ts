/** `store info`, `store check`, `store compact` and `store backup` as their user calls them: beside a broker that runs,
 * after one that was killed, and where there is no store. @module */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { PacketType } from "../../src/packet/mod.ts";
import type { StoreStatistics } from "../../src/persistence/store_statistics.ts";
import { connectTcp } from "../../src/transport/tcp.ts";
import { Program } from "../support/program.ts";
import { hasModes, makeStoreFile, modeOf, overwriteMiddle, TemporaryFolder } from "../support/store_files.ts";
import { type ConnectOptions, TestClient } from "../support/test_client.ts";

const NEVER_EXPIRES = 0xFFFFFFFF;
const COMMANDS = ["info", "check", "compact"];

function store(folder: string, ...args: string[]) {
  return Program.run(["store", ...args, "--data-dir", folder]);
}

function startBroker(folder: string): Promise<Program> {
  return Program.start(["--durability", "full", "--data-dir", folder]);
}

async function connect(program: Program, options: ConnectOptions): Promise<TestClient> {
  const client = new TestClient(await connectTcp(program.url.hostname, Number(program.url.port)));
  await client.connect({ ...options, properties: { sessionExpiryInterval: NEVER_EXPIRES } });
  return client;
}

/** A session "away" with three queued messages, and a retained one. @returns the publisher, still connected. */
async function fill(program: Program): Promise<TestClient> {
  const away = await connect(program, { clientId: "away" });
  await away.subscribe("a/#", { qos: 1 });
  await away.disconnect();
  const publisher = await connect(program, { clientId: "publisher" });
  for (const retain of [true, false, false]) await publisher.publishAcknowledged("a/b", "hello", { qos: 1, retain });
  return publisher;
}

async function info(folder: string): Promise<StoreStatistics> {
  const { code, printed, complaints } = await store(folder, "info", "--json");
  assertEquals([code, complaints], [0, ""]);
  return JSON.parse(printed);
}

Deno.test("store: info, check and backup beside a broker, and a restart from the backup", async () => {
  using folder = new TemporaryFolder();
  using restored = new TemporaryFolder();
  await using program = await startBroker(folder.path);
  const publisher = await fill(program);

  const found = await info(folder.path);
  assertEquals(found.isBrokerRunning, true);
  assertEquals([found.sessions.total, found.sessions.connected, found.sessions.away], [2, 1, 1]);
  assertEquals([found.subscriptions, found.messages.queued, found.retainedMessages], [1, 3, 1]);
  assertEquals(found.queues.map(({ clientId, messages }) => [clientId, messages]), [["away", 3]]);
  assertMatch((await store(folder.path, "info")).printed, /^broker +one runs on it$/m);

  const checked = await store(folder.path, "check");
  assertEquals([checked.code, checked.complaints], [0, ""]);
  assertStringIncludes(checked.printed, "nothing is wrong");
  const asJson = await store(folder.path, "check", "--json");
  assertEquals([asJson.code, JSON.parse(asJson.printed)], [0, { file: folder.storeFile, findings: [] }]);

  const compacted = await store(folder.path, "compact");
  assertEquals([compacted.code, compacted.printed], [1, ""]);
  assertMatch(compacted.complaints, /^quetzal: the data folder .* is in use by the process \d+: [^\n]*\n$/);

  const backedUp = await store(folder.path, "backup", restored.storeFile);
  assertEquals([backedUp.code, backedUp.complaints], [0, ""]);
  assertEquals(restored.names, ["quetzal.sqlite"]);
  if (hasModes()) assertEquals(modeOf(restored.storeFile), "600");
  const again = await store(folder.path, "backup", restored.storeFile);
  assertEquals(again.code, 1);
  assertStringIncludes(again.complaints, "is there already; name another file, or replace it with --force");
  assertEquals((await store(folder.path, "backup", restored.storeFile, "--force")).code, 0);
  publisher.drop();
  await program.stop();

  await using second = await startBroker(restored.path);
  assertMatch(second.printed.text, /^2 sessions, 3 queued messages and 1 retained message came back from /m);
  await second.stop();
});

Deno.test("store: info, check, backup and compact after a broker that was killed", async () => {
  using folder = new TemporaryFolder();
  await using program = await startBroker(folder.path);
  const publisher = await fill(program);
  await program[Symbol.asyncDispose](); // kill -9
  publisher.drop();

  const found = await info(folder.path);
  assertEquals([found.isBrokerRunning, found.messages.queued], [false, 3]);
  assert(found.logBytes > 0, "it left its log");
  assertEquals((await store(folder.path, "check")).code, 0);
  const backup = folder.file("backup");
  assertEquals((await store(folder.path, "backup", backup)).code, 0);
  const compacted = await store(folder.path, "compact");
  assertEquals([compacted.code, compacted.complaints], [0, ""]);
  assertMatch(compacted.printed, /^[\d.]+ \w+ before, [\d.]+ \w+ now\n$/);
  assertEquals((await info(folder.path)).messages.queued, 3);

  await using second = await startBroker(folder.path);
  const away = await connect(second, { clientId: "away", cleanStart: false });
  for (let message = 0; message < 3; message++) await away.expect(PacketType.Publish);
  away.drop();
  await second.stop();
});

Deno.test("store check ends with 1 and says what is damaged", async () => {
  using folder = new TemporaryFolder();
  makeStoreFile(folder.storeFile, { messages: 300, payloadBytes: 500 });
  overwriteMiddle(folder.storeFile);
  const before = Deno.readFileSync(folder.storeFile);
  const { code, printed, complaints } = await store(folder.path, "check");
  assertEquals([code, printed], [1, ""]);
  const lines = complaints.trimEnd().split("\n");
  assert(lines.length > 1 && lines.every((line) => line.startsWith("quetzal: ")), complaints);
  assertStringIncludes(lines.at(-1)!, "is damaged; put a backup in its place");
  const asJson = await store(folder.path, "check", "--json");
  assertEquals([asJson.code, asJson.complaints], [1, ""]);
  const found = JSON.parse(asJson.printed) as { file: string; findings: string[] };
  assertEquals(found.file, folder.storeFile);
  assertEquals(found.findings.length, lines.length - 1);
  assertEquals(Deno.readFileSync(folder.storeFile), before);

  Deno.writeTextFileSync(folder.storeFile, "no database ".repeat(1000));
  for (const command of ["info", "compact"]) {
    const { code, printed, complaints } = await store(folder.path, command);
    assertEquals([code, printed], [1, ""], command);
    assertMatch(
      complaints,
      /^quetzal: \S+quetzal\.sqlite is damaged: file is not a database; the next start [^\n]*\n$/,
    );
  }
  const noDatabase = await store(folder.path, "check", "--json");
  assertEquals([noDatabase.code, noDatabase.complaints], [1, ""]);
  assertEquals(JSON.parse(noDatabase.printed), { file: folder.storeFile, findings: ["file is not a database"] });
});

Deno.test({
  name: "store backup leaves nothing behind when it is broken off",
  // There is no way to ask another process to end there.
  ignore: Deno.build.os === "windows",
  async fn() {
    using folder = new TemporaryFolder();
    using backups = new TemporaryFolder();
    makeStoreFile(folder.storeFile, { sessions: 1, messages: 2_000, payloadBytes: 100_000 });
    using watcher = Deno.watchFs(backups.path);
    const process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "main.ts", "store", "backup", backups.file("b"), "--data-dir", folder.path],
      cwd: new URL("../../", import.meta.url),
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    for await (const event of watcher) if (event.kind === "modify" && /b\.partial-\d+$/.test(event.paths[0])) break;
    process.kill("SIGINT");
    const { code, stderr } = await process.output();
    assertEquals(
      [code, new TextDecoder().decode(stderr)],
      [1, `quetzal: the backup ${backups.file("b")} was broken off, and is not there\n`],
    );
    assertEquals(backups.names, []);
  },
});

Deno.test("store changes nothing where there is no store, and says what to do", async () => {
  using folder = new TemporaryFolder();
  const calls = [...COMMANDS.map((command) => [command]), ["backup", folder.file("backup")]];
  for (const path of [folder.path, folder.file("nowhere")]) {
    for (const call of calls) {
      const { code, printed, complaints } = await store(path, ...call);
      assertEquals([code, printed], [1, ""], call[0]);
      assertEquals(
        complaints,
        `quetzal: there is no store in ${path}; name the broker's data folder with --data-dir\n`,
      );
    }
  }
  assertEquals(folder.names, []);
});

Deno.test("a hand copy of a store whose broker has ended is restored over that of one that was killed", async () => {
  using folder = new TemporaryFolder();
  await using first = await startBroker(folder.path);
  (await fill(first)).drop();
  await first.stop();
  assertEquals(folder.names, ["accounts.kv", "quetzal.lock", "quetzal.sqlite"]);
  const copy = folder.file("copy");
  Deno.copyFileSync(folder.storeFile, copy);

  await using second = await startBroker(folder.path);
  const publisher = await connect(second, { clientId: "publisher" });
  for (let message = 0; message < 5; message++) await publisher.publishAcknowledged("a/b", "more", { qos: 1 });
  await second[Symbol.asyncDispose](); // kill -9
  publisher.drop();
  assertEquals((await info(folder.path)).messages.queued, 8);

  Deno.copyFileSync(copy, folder.storeFile);
  await using third = await startBroker(folder.path);
  assertMatch(third.printed.text, /^2 sessions, 3 queued messages and 1 retained message came back from /m);
  assert(folder.names.some((name) => /^quetzal\.sqlite\.replaced-.*-wal$/.test(name)), String(folder.names));
  await third.stop();
  assertEquals((await store(folder.path, "check")).code, 0);
});

Deno.test("serve says with durability off that a store is there and is not used", async () => {
  using folder = new TemporaryFolder();
  makeStoreFile(folder.storeFile);
  await using program = await Program.start(["--durability", "off", "--data-dir", folder.path]);
  assertStringIncludes(program.printed.text, `the store in ${folder.path} stays as it is, and is not used\n`);
  await program.stop();
});
