/** Accounts as their owner changes them: commands as processes, beside a broker that runs and obeys, and on one that has
 * ended; passwords from a pipe, and typed at a terminal. @module */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { PacketType, ReasonCode } from "../../src/packet/mod.ts";
import { connectTcp } from "../../src/transport/tcp.ts";
import { ProcessOutput } from "../support/process_output.ts";
import { Program } from "../support/program.ts";
import { hasModes, modeOf, TemporaryFolder } from "../support/store_files.ts";
import { type ConnectOptions, TestClient } from "../support/test_client.ts";

const ROOT = new URL("../../", import.meta.url);
/** How long a test waits for what must come. Only ever reached when a test fails. */
const PATIENCE_MS = 30_000;

interface Result {
  readonly code: number;
  readonly printed: string;
  readonly complaints: string;
}

/** @param input on standard input. */
async function quetzal(folder: TemporaryFolder, args: readonly string[], input?: string): Promise<Result> {
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "main.ts", ...args, "--data-dir", folder.path],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = process.stdin.getWriter();
  if (input !== undefined) await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { code, stdout, stderr } = await deadline(process.output(), PATIENCE_MS);
  const decoder = new TextDecoder();
  return { code, printed: decoder.decode(stdout), complaints: decoder.decode(stderr) };
}

/** @returns what it printed. */
async function well(folder: TemporaryFolder, line: string, input?: string): Promise<string> {
  const { code, printed, complaints } = await quetzal(folder, line.split(" "), input);
  assertEquals([code, complaints], [0, ""], line);
  return printed;
}

async function open(program: Program): Promise<TestClient> {
  return new TestClient(await connectTcp(program.url.hostname, Number(program.url.port)));
}

async function enter(program: Program, options: ConnectOptions = {}): Promise<TestClient> {
  const client = await open(program);
  await client.connect(options);
  return client;
}

/** @returns the Reason Code of CONNACK. */
async function connect(program: Program, options: ConnectOptions): Promise<ReasonCode> {
  const client = await open(program);
  await client.sendConnect(options);
  const connack = await client.receive();
  assert(connack?.type === PacketType.Connack);
  client.drop();
  return connack.reasonCode;
}

/** Again and again, until the broker has seen what was changed. */
async function connectUntil(program: Program, options: ConnectOptions, reasonCode: ReasonCode): Promise<void> {
  const deadlineMs = Date.now() + PATIENCE_MS;
  let found: ReasonCode | undefined;
  while (found !== reasonCode) {
    assert(Date.now() < deadlineMs, `CONNACK ${found}`);
    found = await connect(program, options);
  }
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

Deno.test("accounts: a broker that runs obeys what is changed beside it, and the register survives it", async () => {
  using folder = new TemporaryFolder();
  await using program = await Program.start(["--durability", "full", "--data-dir", folder.path]);
  const anybody = await enter(program, { clientId: "anybody" });
  assertEquals((await anybody.subscribe("sensors/#")).reasonCodes, [0]);

  await well(folder, "role add writer");
  await well(folder, "acl allow --role writer all sensors/%u/#");
  await well(folder, "user add sensor-1 --role writer --client-id sensor-1-* --password-stdin", "hunter2\n");
  if (hasModes()) assertEquals(modeOf(folder.file("accounts.kv")), "600");
  // A broker without accounts lets everybody on this machine in, until it has seen that there are some.
  await connectUntil(program, { clientId: "knocking" }, ReasonCode.NotAuthorized);

  const login = { userName: "sensor-1", password: bytes("hunter2") };
  const sensor = await enter(program, { ...login, clientId: "sensor-1-a" });
  const granted = await sensor.subscribe("sensors/sensor-1/#", { qos: 1 });
  assertEquals(granted.reasonCodes, [1]);
  const refused = await sensor.subscribe("sensors/#", { qos: 1 });
  assertEquals(refused.reasonCodes, [ReasonCode.NotAuthorized]);
  const explain = ["acl", "explain", "--user", "sensor-1", "--client-id", "sensor-1-a", "subscribe"];
  const allowed = await quetzal(folder, [...explain, "sensors/sensor-1/#"]);
  assertEquals(
    [allowed.code, allowed.printed],
    [0, "allowed by rule 1: allow role writer all sensors/%u/# (here sensors/sensor-1/#)\n"],
  );
  const forbidden = await quetzal(folder, [...explain, "sensors/#"]);
  assertEquals([forbidden.code, forbidden.printed], [1, "refused: no rule allows it\n"]);

  // Who was there without an account has to go.
  await anybody.expectDisconnect(ReasonCode.NotAuthorized);
  assertEquals(
    await connect(program, { ...login, password: bytes("hunter3"), clientId: "sensor-1-b" }),
    ReasonCode.BadUserNameOrPassword,
  );

  await well(folder, "user disable sensor-1");
  await sensor.expectDisconnect(ReasonCode.NotAuthorized);
  await program.stop();

  interface Client {
    readonly clientId: string;
    readonly isConnected: boolean;
    readonly disconnectReasonCode: number;
  }
  const clients: Client[] = JSON.parse(await well(folder, "client list --json"));
  const rows = clients.map(({ clientId, isConnected, disconnectReasonCode }) => [
    clientId,
    isConnected,
    disconnectReasonCode,
  ]);
  assertEquals(rows.filter(([clientId]) => clientId !== "knocking").toSorted(), [
    ["anybody", false, ReasonCode.NotAuthorized],
    ["sensor-1-a", false, ReasonCode.NotAuthorized],
  ]);
  assertMatch(await well(folder, "client show sensor-1-a"), /^last action +SUBSCRIBE, /m);
  assertEquals(await well(folder, "client forget anybody"), 'forgot the client "anybody"\n');

  await well(folder, "user enable sensor-1");
  await well(folder, "user passwd sensor-1 --password-stdin", "correct horse\r\n");
  await using second = await Program.start(["--durability", "full", "--data-dir", folder.path]);
  const again = { ...login, password: bytes("correct horse"), clientId: "sensor-1-a" };
  assertEquals(await connect(second, again), ReasonCode.Success);
  assertEquals(await connect(second, login), ReasonCode.BadUserNameOrPassword);
  await well(folder, "ban add --client-id sensor-1-a --for 1h");
  await connectUntil(second, again, ReasonCode.Banned);
  await well(folder, "ban remove --client-id sensor-1-a");
  await connectUntil(second, again, ReasonCode.Success);
  await second.stop();
});

Deno.test("accounts: what Mosquitto's password file lets in comes in here, too", async () => {
  using folder = new TemporaryFolder();
  const file = folder.file("passwd");
  const args = ["-c", "-b", file, "reader", "hunter2"];
  try {
    await new Deno.Command("mosquitto_passwd", { args, stdout: "null", stderr: "null" }).output();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound) || Deno.env.get("CI") === "true") throw error;
    return console.log("skipped: there is no mosquitto_passwd; install the package mosquitto");
  }
  await Deno.writeTextFile(folder.file("acl"), "user reader\ntopic read news/#\n");
  const printed = await well(folder, `import mosquitto --passwd ${file} --acl ${folder.file("acl")}`);
  assertMatch(printed, /^imported 1 user and 1 rule$/m);
  assertMatch(await well(folder, "user list"), /^reader +enabled +set \(pbkdf2-sha512\)/m);

  await using program = await Program.start(["--durability", "full", "--data-dir", folder.path]);
  const login = { userName: "reader", password: bytes("hunter2") };
  const reader = await enter(program, login);
  assertEquals((await reader.subscribe("news/#")).reasonCodes, [0]);
  // Hashed anew, as strong as those that were made here.
  const deadlineMs = Date.now() + PATIENCE_MS;
  while (!/^reader +enabled +set *$/m.test(await well(folder, "user list"))) assert(Date.now() < deadlineMs);
  reader.drop();
  await program.stop();
});

Deno.test("accounts: commands say how they ended, and never show a password", async () => {
  using folder = new TemporaryFolder();
  const cases: [args: string[], input: string, code: number, complaint: string][] = [
    [["user", "add", "a", "--password", "hunter2"], "", 2, "a password is no argument"],
    [["user", "add", "a", "hunter2"], "", 2, "a password is no argument"],
    [["user", "add", "a"], "hunter2\n", 2, "there is no terminal to ask for the password"],
    [["user", "add", "a", "--password-stdin"], "", 1, "an empty password is none"],
    [["user", "add", "a", "--password-stdin"], "hunter2\nhunter2\n", 1, "standard input has more than one line"],
    [["acl", "allow", "publish", "a"], "", 2, "exactly one of --user, "],
    [["acl", "remove", "7"], "", 1, "there is no rule 7"],
  ];
  await well(folder, "role add reader");
  for (const [args, input, expectedCode, complaint] of cases) {
    const { code, printed, complaints } = await quetzal(folder, args, input);
    assertEquals([code, printed], [expectedCode, ""], args.join(" "));
    assertStringIncludes(complaints, complaint);
    assert(!complaints.includes("hunter2"), complaints);
  }
});

/** Runs it at a terminal of its own (util-linux). */
const SCRIPT = ["script", "--quiet", "--return", "--command"];

Deno.test("accounts: what is typed as a password is not shown", async () => {
  using folder = new TemporaryFolder();
  const command = [
    Deno.execPath(),
    "run",
    "-A",
    "--no-check",
    "main.ts",
    "user",
    "add",
    "a",
    "--data-dir",
    folder.path,
  ];
  const quoted = command.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
  let process: Deno.ChildProcess;
  try {
    process = new Deno.Command(SCRIPT[0], {
      args: [...SCRIPT.slice(1), quoted, "/dev/null"],
      cwd: ROOT,
      env: { NO_COLOR: "1" },
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound) || Deno.env.get("CI") === "true") throw error;
    return console.log("skipped: there is no script, which gives a program a terminal; install util-linux");
  }
  const shown = new ProcessOutput(process.stdout);
  const writer = process.stdin.getWriter();
  const type = (text: string) => writer.write(bytes(text));
  await deadline(shown.until(/Password of a: /), PATIENCE_MS);
  await type("hunter3\x7f2\n");
  await deadline(shown.until(/The same again: /), PATIENCE_MS);
  await type("hunter2\n");
  const { code } = await deadline(process.status, PATIENCE_MS);
  await writer.close();
  await shown.ended;
  assertEquals(code, 0, shown.text);
  assertMatch(shown.text, /^Password of a: \r?\nThe same again: \r?\nadded the user "a"\r?\n/);
  assert(!/hunt|\*/.test(shown.text), shown.text);

  // Nothing went wrong with what was typed, either.
  await well(folder, "acl allow --user a all #");
  await using program = await Program.start(["--durability", "full", "--data-dir", folder.path]);
  (await enter(program, { userName: "a", password: bytes("hunter2") })).drop();
  await program.stop();
});
