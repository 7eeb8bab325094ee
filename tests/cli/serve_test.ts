/** src/cli/serve.ts: the program itself, as a process. @module */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";

import { makeStoreFile, overwriteMiddle, TemporaryFolder } from "../support/store_files.ts";

const ROOT = new URL("../../", import.meta.url);
const WINDOWS = Deno.build.os === "windows";

/** `deno run -A main.ts …` with what it has said so far. */
class Program {
  readonly #process: Deno.ChildProcess;
  printed = "";
  complaints = "";
  readonly #ended: Promise<void>;
  #onText: (() => void) | undefined;

  constructor(args: readonly string[], environment: Record<string, string> = {}) {
    this.#process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "main.ts", ...args],
      cwd: ROOT,
      // Two tests must not meet in the folder that is the default.
      env: { QUETZAL_DURABILITY: "off", ...environment },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#ended = Promise.all([
      this.#gather(this.#process.stdout, (text) => this.printed += text),
      this.#gather(this.#process.stderr, (text) => this.complaints += text),
    ]).then(() => {});
  }

  async #gather(stream: ReadableStream<Uint8Array<ArrayBuffer>>, add: (text: string) => void): Promise<void> {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      add(text);
      this.#onText?.();
    }
  }

  /** The url of "listening on …". @throws when the program ends before. */
  async listening(): Promise<URL> {
    const ended = this.#process.status.then(() => true);
    while (true) {
      const found = /^listening on (mqtt:\/\/\S+)$/m.exec(this.printed);
      if (found !== null) return new URL(found[1]);
      const text = new Promise<boolean>((resolve) => this.#onText = () => resolve(false));
      if (await Promise.race([text, ended])) throw new Error(`it ended: ${this.complaints}`);
    }
  }

  signal(name: Deno.Signal): void {
    this.#process.kill(name);
  }

  /** @returns the exit code, when all was read. */
  async end(): Promise<number> {
    const { code } = await this.#process.status;
    await this.#ended;
    return code;
  }
}

/** Windows ends a process that is sent a signal by another one; there is no way to ask it. Ctrl+C in its own console
 * does what SIGINT does here. */
function signalTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, ignore: WINDOWS, fn });
}

for (const name of ["SIGINT", "SIGTERM"] as const) {
  signalTest(`serve ends with 0 after ${name}`, async () => {
    const program = new Program(["--port", "0", "--durability", "off"]);
    const url = await program.listening();
    assertEquals(url.hostname, "127.0.0.1");
    assert(Number(url.port) > 0);
    program.signal(name);
    assertEquals(await program.end(), 0);
  });
}

signalTest("serve keeps what must survive in its data folder, and says what can be lost", async () => {
  using folder = new TemporaryFolder();
  const args = ["serve", "--port", "0", "--durability", "full", "--data-dir", folder.file("data")];
  const program = new Program(args);
  await program.listening();
  assertStringIncludes(program.printed, "durability full: what is acknowledged is on the disk");
  assertStringIncludes(program.printed, `the store in ${folder.file("data")} is empty\n`);

  const second = new Program(args);
  assertEquals(await second.end(), 1);
  assertMatch(second.complaints, /^quetzal: the data folder .* is in use by the process \d+: .*--data-dir\n$/);
  assertEquals(second.printed, "");

  program.signal("SIGTERM");
  assertEquals(await program.end(), 0);
  assertEquals([...Deno.readDirSync(folder.file("data"))].map(({ name }) => name).toSorted(), [
    "accounts.kv",
    "quetzal.lock",
    "quetzal.sqlite",
  ]);
});

signalTest("serve says what came back", async () => {
  using folder = new TemporaryFolder();
  makeStoreFile(folder.storeFile, { sessions: 2, messages: 600 });
  const program = new Program(["--port", "0", "--durability", "normal", "--data-dir", folder.path]);
  await program.listening();
  assertMatch(program.printed, /^2 sessions, 1,200 queued messages and 0 retained messages came back from .* s$/m);
  program.signal("SIGTERM");
  assertEquals(await program.end(), 0);
});

signalTest("serve sets a damaged store aside, and begins with an empty one only when it is told to", async () => {
  using folder = new TemporaryFolder();
  makeStoreFile(folder.storeFile, { messages: 300, payloadBytes: 500 });
  overwriteMiddle(folder.storeFile);
  const args = ["--port", "0", "--durability", "full", "--data-dir", folder.path];
  for (const what of ["is damaged (", "was damaged and was set aside as"]) {
    const program = new Program(args);
    assertEquals(await program.end(), 1);
    assertStringIncludes(program.complaints, what);
    assertMatch(program.complaints, /^quetzal: [^\n]*quetzal\.sqlite\.damaged-[^\n]*--new-store[^\n]*\n$/);
    assertEquals(folder.names.filter((name) => name === "quetzal.sqlite"), []);
  }
  const program = new Program([...args, "--new-store"]);
  await program.listening();
  program.signal("SIGTERM");
  assertEquals(await program.end(), 0);
  assert(folder.names.some((name) => name.includes(".damaged-")));
});

signalTest("serve takes its port from the environment, and writes the start report to the log file", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const file = `${folder}/quetzal.log`;
    const program = new Program(["--log-format", "json"], { QUETZAL_PORT: "0", QUETZAL_LOG_FILE: file });
    const url = await program.listening();
    program.signal("SIGTERM");
    assertEquals(await program.end(), 0);
    const lines = (await Deno.readTextFile(file)).trimEnd().split("\n").map((line) => JSON.parse(line));
    assert(lines.some(({ message }) => message === `listening on mqtt://127.0.0.1:${url.port}`));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

signalTest("serve says DISCONNECT 0x8B to a 5.0 client that is there when it ends", async () => {
  const program = new Program(["--port", "0"]);
  const url = await program.listening();
  const conn = await Deno.connect({ hostname: url.hostname, port: Number(url.port) });
  // CONNECT, MQTT 5.0, Clean Start, no Keep Alive, no properties, Client Identifier "a".
  await conn.write(Uint8Array.of(0x10, 14, 0, 4, 0x4D, 0x51, 0x54, 0x54, 5, 2, 0, 0, 0, 0, 1, 0x61));
  const received: number[] = [];
  const into = new Uint8Array(1024);
  const connack = await conn.read(into);
  assert(connack !== null && into[0] === 0x20);
  program.signal("SIGTERM");
  for (let count = await conn.read(into); count !== null; count = await conn.read(into)) {
    received.push(...into.subarray(0, count));
  }
  assertEquals(received[0], 0xE0);
  assertEquals(received[2], 0x8B);
  assertEquals(await program.end(), 0);
  conn.close();
});

signalTest("serve ends at once at the second signal", async () => {
  const program = new Program(["--port", "0"]);
  await program.listening();
  program.signal("SIGINT");
  try {
    program.signal("SIGINT");
  } catch {
    // The first one was enough.
  }
  const code = await program.end();
  assert(code === 0 || code === 130, `exit code ${code}`);
});

Deno.test("serve ends with 1 and one line when the port is in use", async () => {
  const other = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = other.addr;
  const program = new Program(["--port", String(port), "--durability", "off"]);
  assertEquals(await program.end(), 1);
  assertMatch(program.complaints, new RegExp(`^quetzal: port ${port} on 127\\.0\\.0\\.1 is in use: .*--port.*\\n$`));
  assertEquals(program.printed, "");
  other.close();
});

Deno.test("serve ends with 1 and one line for an address of another machine", async () => {
  const program = new Program(["--host", "192.0.2.1", "--port", "0", "--allow-anonymous"]);
  assertEquals(await program.end(), 1);
  assertMatch(program.complaints, /^quetzal: this machine has no address 192\.0\.2\.1; .*--host.*\n$/);
});

Deno.test("serve ends with 1 and one line for a host that is not known", async () => {
  const program = new Program(["--host", "no-such-host.invalid", "--port", "0", "--allow-anonymous"]);
  assertEquals(await program.end(), 1);
  assertMatch(program.complaints, /^quetzal: the host no-such-host\.invalid is not known; .*\n$/);
});

Deno.test("serve ends with 1 and one line for a log file that cannot be opened", async () => {
  const program = new Program(["--port", "0", "--log-file", "/nowhere/at/all/quetzal.log"]);
  assertEquals(await program.end(), 1);
  assertMatch(
    program.complaints,
    /^quetzal: the log file \/nowhere\/at\/all\/quetzal\.log cannot be opened: .*; make the folder first\n$/,
  );
});

Deno.test("serve ends with 1 and one line for a folder as the log file", async () => {
  const program = new Program(["--port", "0", "--log-file", "."]);
  assertEquals(await program.end(), 1);
  assertMatch(program.complaints, /^quetzal: the log file \. cannot be opened: .*name a file, not a folder.*\n$/);
});

Deno.test("serve ends with 2 and one line for a bad option", async () => {
  const program = new Program(["--port", "70000"]);
  assertEquals(await program.end(), 2);
  assertMatch(program.complaints, /^quetzal: port \(--port\): 70000 is not allowed; .*\n$/);
});
