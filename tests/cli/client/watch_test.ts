/** `watch` under a pseudo-terminal, with a whole broker; and without a terminal. @module */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { ProcessOutput } from "../../support/process_output.ts";
import { PATIENCE_MS, RunningBroker } from "./running_broker.ts";
import { cli } from "./support.ts";

const ROOT = new URL("../../../", import.meta.url);
/** util-linux's; that of other systems takes other options. */
const HAS_SCRIPT = Deno.build.os === "linux" && await isThere("script");
const ENTER = "\x1b[?1049h\x1b[?25l\x1b[?2004h\x1b[?7l";
const LEAVE = "\x1b[?7h\x1b[?2004l\x1b[?25h\x1b[?1049l";

async function isThere(program: string): Promise<boolean> {
  try {
    return (await new Deno.Command(program, { args: ["--version"] }).output()).success;
  } catch {
    return false;
  }
}

/** A command on a terminal of 100 × 20 cells; behind it the terminal says how it is. */
class OnTerminal implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #keys: WritableStreamDefaultWriter<Uint8Array>;
  readonly shown: ProcessOutput;

  constructor(args: readonly string[]) {
    const command = [Deno.execPath(), "run", "-A", "--no-check", "main.ts", ...args].map((arg) => `'${arg}'`).join(" ");
    this.#process = new Deno.Command("script", {
      args: [
        "-qefc",
        `stty rows 20 cols 100; ${command}; echo "exit $?"; stty -a; echo "the end"; read line`,
        "/dev/null",
      ],
      cwd: ROOT,
      env: { NO_COLOR: "1", SHELL: "/bin/sh" },
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#keys = this.#process.stdin.getWriter();
    this.shown = new ProcessOutput(this.#process.stdout);
  }

  type(text: string): Promise<void> {
    return this.#keys.write(new TextEncoder().encode(text));
  }

  until(pattern: RegExp): Promise<RegExpExecArray> {
    return deadline(this.shown.until(pattern), PATIENCE_MS).catch((error) => {
      throw new Error(`no ${pattern} in ${JSON.stringify(this.shown.text)}`, { cause: error });
    });
  }

  /** @returns all that it showed, until after its end with this exit code. */
  async end(code: number): Promise<string> {
    // `script` loses what is written just before its command ends: so that waits.
    await this.until(new RegExp(`exit ${code}\\r?\n[^]*the end`));
    return this.shown.text;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await this.#keys.close().catch(() => {});
    await this.#process.status;
    await this.shown.ended;
  }
}

function assertTerminalIsBack(text: string): void {
  assertEquals(text.split(ENTER).length, 2, "it takes the screen once");
  assertEquals(text.split(LEAVE).length, 2, "it gives the screen back once");
  const after = text.slice(text.indexOf(LEAVE));
  for (const setting of ["icanon", "echo", "isig"]) assert(new RegExp(`\\s${setting}\\b`).test(after), after);
}

Deno.test("watch shows topics, publishes, clears, and gives the terminal back", { ignore: !HAS_SCRIPT }, async () => {
  await using broker = await RunningBroker.start();
  const client = await broker.connect();
  await client.publish("house/door", "open", { qos: 1, retain: true });
  await client.publish("house/evil", "\x1b[31mred\x07", { qos: 1, retain: true });
  await using terminal = new OnTerminal(["watch", ...broker.place]);
  await terminal.until(/door\s+R open/);
  await terminal.until(/evil\s+R 0x1b5b33316d72656407/);
  await client.publish("house/kitchen/temperature", "21.5");
  await terminal.until(/temperature\s+21\.5/);

  await terminal.type("/kitchen\r");
  await terminal.until(/filter kitchen/);
  await terminal.type("\r");
  await terminal.until(/Topic Name\s+\S{0,4}house\/kitchen\/temperature/);
  const inbox = await broker.listen("house/kitchen/temperature");
  await terminal.type("p22.5\r");
  assertEquals((await inbox.until(() => true)).text(), "22.5");
  await terminal.until(/published on house\/kitchen\/temperature/);

  await terminal.type("\x1b");
  await terminal.until(/kitchen[^]*kitchen[^]*R open/);
  await terminal.type("/door\r");
  await terminal.until(/filter door/);
  await terminal.type("cy");
  await terminal.until(/cleared house\/door/);
  const later = await broker.listen("house/#");
  await later.until(({ topicName }) => topicName === "house/evil");
  assertEquals(later.on("house/door"), []);

  await terminal.type("q");
  assertTerminalIsBack(await terminal.end(0));
  assert(!terminal.shown.text.includes("\x07") && !terminal.shown.text.includes("\x1b[31m"));
});

Deno.test(
  "watch gives the terminal back when it cannot go on, and says why",
  { ignore: !HAS_SCRIPT },
  async () => {
    await using broker = await RunningBroker.start();
    await using terminal = new OnTerminal(["watch", ...broker.place, "-i", "watcher"]);
    await terminal.until(/nothing has come yet/);
    // Its session is taken over: the client does not come back from that.
    const other = await broker.connect({ clientId: "watcher" });
    const text = await terminal.end(1);
    assertTerminalIsBack(text);
    assertStringIncludes(text.slice(text.indexOf(LEAVE)), "Session taken over");
    await other.disconnect();
  },
);

Deno.test("watch gives the terminal back on Ctrl+C", { ignore: !HAS_SCRIPT }, async () => {
  await using broker = await RunningBroker.start();
  await using terminal = new OnTerminal(["watch", ...broker.place]);
  await terminal.until(/nothing has come yet/);
  await terminal.type("\x03");
  assertTerminalIsBack(await terminal.end(0));
});

Deno.test("watch without a terminal says what to use instead", async () => {
  const { code, complaints } = await cli(["watch", "-h", "127.0.0.1", "-p", "1"]);
  assertEquals(code, 1);
  assertStringIncludes(complaints, "watch needs a terminal");
  assertStringIncludes(complaints, "sub -t '#' -v");
});

for (
  const [line, complaint] of [
    ["a/b", 'watch: "a/b" stands alone; -t says what to watch: -t a/b'],
    ["--packets", "watch: --packets would write into the picture"],
    ["--topics-max 0", "watch: --topics-max 0: it is a whole number from 1"],
  ]
) {
  Deno.test(`watch ${line} is refused with what to do`, async () => {
    const { code, complaints } = await cli(["watch", ...line.split(" ")]);
    assertEquals(code, 2);
    assertStringIncludes(complaints, complaint);
  });
}
