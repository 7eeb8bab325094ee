/** The client's commands as processes, as a shell runs them: signals, pipes, doors. @module */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { connect } from "../../src/client/mod.ts";
import { HAS_OPENSSL, TestAuthority } from "../support/certificates.ts";
import { ProcessOutput } from "../support/process_output.ts";
import { Program } from "../support/program.ts";
import { TemporaryFolder } from "../support/store_files.ts";

const ROOT = new URL("../../", import.meta.url);
const WINDOWS = Deno.build.os === "windows";
/** Only ever reached when a test fails. */
const PATIENCE_MS = 30_000;

/** `quetzal …` while it runs. */
class Command implements AsyncDisposable {
  readonly process: Deno.ChildProcess;
  readonly complaints: ProcessOutput;
  readonly #input: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;

  constructor(args: readonly string[], environment: Record<string, string> = {}) {
    this.process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "main.ts", ...args],
      cwd: ROOT,
      env: { NO_COLOR: "1", ...environment },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.complaints = new ProcessOutput(this.process.stderr);
    this.#input = this.process.stdin.getWriter();
  }

  static async run(args: readonly string[], environment: Record<string, string> = {}): Promise<[number, string]> {
    await using command = new Command(args, environment);
    const printed = command.printed();
    return [await command.code, await printed];
  }

  async type(text: string): Promise<void> {
    await this.#input.write(new TextEncoder().encode(text));
  }

  async endInput(): Promise<void> {
    await this.#input.close();
  }

  said(pattern: RegExp): Promise<RegExpExecArray> {
    return deadline(this.complaints.until(pattern), PATIENCE_MS);
  }

  /** All of standard output, at its end. */
  async printed(): Promise<string> {
    return new TextDecoder().decode(await new Response(this.process.stdout).bytes());
  }

  get code(): Promise<number> {
    return deadline(this.process.status, PATIENCE_MS).then(({ code }) => code);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.process.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await this.#input.close().catch(() => {});
    if (!this.process.stdout.locked) await this.process.stdout.cancel();
    await this.process.status;
    await this.complaints.ended;
  }
}

function addressOf({ url }: Program): string[] {
  return ["-h", url.hostname, "-p", url.port];
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.test({
    name: `sub that is asked to end by ${signal} disconnects, and its Will Message is not sent`,
    // Windows has no way to ask a process from outside.
    ignore: WINDOWS,
    fn: async () => {
      await using broker = await Program.start(["--log-level", "debug"]);
      await using watcher = await connect(broker.url.href);
      await using wills = await watcher.subscribe("will");
      await using sub = new Command([
        ...["sub", ...addressOf(broker), "-t", "t", "-i", "leaver", "--will-topic", "will", "--packets"],
      ]);
      await sub.said(/← SUBACK/);
      sub.process.kill(signal);
      assertEquals([await sub.code, await sub.printed()], [0, ""]);
      await broker.logged(/Received DISCONNECT \(Success\) from leaver/);
      await watcher.publish("will", "none");
      for await (const message of wills) {
        assertEquals(message.text(), "none");
        break;
      }
    },
  });
}

Deno.test("sub that is ended the hard way leaves its Will Message", async () => {
  await using broker = await Program.start();
  await using watcher = await connect(broker.url.href);
  await using wills = await watcher.subscribe("will");
  await using sub = new Command([
    ...["sub", ...addressOf(broker), "-t", "t", "--will-topic", "will", "--will-payload", "gone", "--packets"],
  ]);
  await sub.said(/← SUBACK/);
  sub.process.kill("SIGKILL");
  for await (const message of wills) {
    assertEquals(message.text(), "gone");
    break;
  }
});

Deno.test("pub -l publishes each line as it comes, and ends when its input does", async () => {
  await using broker = await Program.start();
  await using reader = await connect(broker.url.href);
  await using lines = await reader.subscribe("lines", { qos: 1 });
  await using pub = new Command(["pub", ...addressOf(broker), "-t", "lines", "-l", "-q", "1"]);
  const iterator = lines[Symbol.asyncIterator]();
  await pub.type("one\ntw");
  assertEquals((await iterator.next()).value!.text(), "one");
  await pub.type("o\nend");
  assertEquals((await iterator.next()).value!.text(), "two");
  await pub.endInput();
  assertEquals((await iterator.next()).value!.text(), "end");
  assertEquals(await pub.code, 0);
});

Deno.test({
  name: "pub -l that is asked to end while it waits for a line disconnects",
  ignore: WINDOWS,
  fn: async () => {
    await using broker = await Program.start();
    await using pub = new Command(["pub", ...addressOf(broker), "-t", "t", "-l", "-q", "1", "--verbose"]);
    await pub.type("one\n");
    await pub.said(/← PUBACK/);
    pub.process.kill("SIGINT");
    assertEquals(await pub.code, 0);
    assertStringIncludes(pub.complaints.text, "→ DISCONNECT");
  },
});

Deno.test("sub ends quietly when nobody reads what it prints", async () => {
  await using broker = await Program.start();
  await using writer = await connect(broker.url.href);
  await using sub = new Command(["sub", ...addressOf(broker), "-t", "t"]);
  const output = sub.process.stdout.getReader();
  // Nobody says when it has subscribed; what comes before that is not for it.
  const printed = output.read();
  const ended = sub.process.status.then(() => true);
  let isEnded = false;
  ended.then(() => isEnded = true);
  let isClosed = false;
  printed.then(async () => {
    await output.cancel();
    isClosed = true;
  });
  while (!isEnded) await writer.publish("t", "again", { qos: 1 });
  assert(isClosed);
  assertEquals([await sub.code, sub.complaints.text], [0, ""]);
});

Deno.test("pub of 20,000 lines loses none, and keeps their order", async () => {
  await using broker = await Program.start();
  const lines = Array.from({ length: 20_000 }, (_, at) => String(at));
  await using sub = new Command(
    ["sub", ...addressOf(broker), "-t", "many", "-q", "1", "-C", String(lines.length), "--packets"],
  );
  await sub.said(/← SUBACK/);
  const printed = sub.printed();
  await using pub = new Command(["pub", ...addressOf(broker), "-t", "many", "-l", "-q", "1"]);
  await pub.type(lines.join("\n"));
  await pub.endInput();
  assertEquals(await pub.code, 0);
  assertEquals((await printed).trimEnd().split("\n"), lines);
});

Deno.test("pub and sub go through every door", async () => {
  using folder = new TemporaryFolder();
  const socket = `${folder.path}/mqtt.sock`;
  const doors = ["--ws-port", "0", ...(WINDOWS ? [] : ["--unix", socket])];
  const authority = HAS_OPENSSL ? TestAuthority.make() : undefined;
  if (authority !== undefined) {
    const { certFile, keyFile } = authority.server();
    doors.push("--tls-port", "0", "--wss-port", "0", "--cert", certFile, "--key", keyFile);
  }
  await using broker = await Program.start(doors);
  const portOf = async (scheme: string) =>
    new URL((await broker.printed.until(new RegExp(`^listening on (${scheme}://\\S+)$`, "m")))[1]).port;
  const ways: string[][] = [["-L", `mqtt://127.0.0.1:${broker.url.port}`], ["--ws", "-p", await portOf("ws")]];
  if (!WINDOWS) ways.push(["--unix", socket]);
  if (authority !== undefined) {
    ways.push(["-p", await portOf("mqtts"), "--cafile", authority.caFile]);
    ways.push(["--ws", "-p", await portOf("wss"), "--cafile", authority.caFile]);
    const [code] = await Command.run(["pub", "-p", await portOf("mqtts"), "--tls", "-t", "t", "-m", "untrusted"]);
    assertEquals(code, 1);
  }
  for (const [at, way] of ways.entries()) {
    assertEquals(await Command.run(["pub", ...way, "-t", `door/${at}`, "-m", `through ${at}`, "-r", "-q", "2"]), [
      0,
      "",
    ]);
    assertEquals(await Command.run(["sub", ...way, "-t", `door/${at}`, "-C", "1", "-W", "20"]), [0, `through ${at}\n`]);
  }
});

Deno.test("a profile, and a password from the environment, let a client in; the password is nowhere to be seen", async () => {
  using folder = new TemporaryFolder();
  await using broker = await Program.start(["--accounts", `${folder.path}/accounts.kv`]);
  const environment: Record<string, string> = WINDOWS ? { APPDATA: folder.path } : { XDG_CONFIG_HOME: folder.path };
  const user = new Command(["user", "add", "reader", "--password-stdin", "--accounts", `${folder.path}/accounts.kv`]);
  {
    await using adding = user;
    await adding.type("secret word\n");
    await adding.endInput();
    assertEquals(await adding.code, 0);
  }
  const rule = ["acl", "allow", "all", "#", "--user", "reader", "--accounts", `${folder.path}/accounts.kv`];
  assertEquals((await Command.run(rule))[0], 0);
  const url = `mqtt://reader@127.0.0.1:${broker.url.port}`;
  assertEquals((await Command.run(["profile", "save", "p", "-L", url, "-i", "sensor-1"], environment))[0], 0);
  await using pub = new Command(["pub", "--profile", "p", "-t", "t", "-m", "m", "-q", "1", "--packets"], {
    ...environment,
    QUETZAL_PASSWORD: "secret word",
  });
  assertEquals(await pub.code, 0);
  assertMatch(
    pub.complaints.text,
    /→ CONNECT .*Client Identifier "sensor-1", User Name "reader", Password \(11 bytes\)/,
  );
  assert(!pub.complaints.text.includes("secret"));
  const [code] = await Command.run(["pub", "--profile", "p", "-t", "t", "-m", "m", "-V", "5"], {
    ...environment,
    QUETZAL_PASSWORD: "wrong",
  });
  assertEquals(code, 134);
});

Deno.test("pub of what the broker refuses says so, and ends with 1", async () => {
  using folder = new TemporaryFolder();
  const accounts = ["--accounts", `${folder.path}/accounts.kv`];
  assertEquals((await Command.run(["acl", "deny", "publish", "closed", "--everyone", ...accounts]))[0], 0);
  await using broker = await Program.start(accounts);
  await using pub = new Command(["pub", ...addressOf(broker), "-t", "closed", "-m", "m", "-q", "1", "--repeat", "2"]);
  assertEquals(await pub.code, 1);
  assertEquals(pub.complaints.text.match(/Not authorized/g)?.length, 2, pub.complaints.text);
});

Deno.test("sub says when its connection is lost, comes back, and goes on", async () => {
  const args = ["-t", "t", "-q", "1", "-C", "1", "-W", "60", "--packets"];
  let sub: Command;
  let port: string;
  {
    await using first = await Program.start();
    port = first.url.port;
    sub = new Command(["sub", ...addressOf(first), ...args]);
    await sub.said(/← SUBACK/);
  }
  await using running = sub;
  const printed = running.printed();
  await running.said(/; trying again/);
  await using second = await Program.start(["--port", port]);
  await running.said(/connected again/);
  await using writer = await connect(second.url.href);
  // 0x10: it has not subscribed again yet.
  while ((await writer.publish("t", "back", { qos: 1 })).reasonCode !== 0);
  assertEquals([await running.code, await printed], [0, "back\n"]);
});
