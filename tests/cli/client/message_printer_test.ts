/** src/cli/client/message_printer.ts, client_output.ts and publish_window.ts. @module */

import { assertEquals, assertRejects } from "@std/assert";
import { CommandError } from "../../../src/cli/answer.ts";
import { ClientOutput, OutputClosedError } from "../../../src/cli/client/client_output.ts";
import { MessagePrinter, PRINT_OPTIONS } from "../../../src/cli/client/message_printer.ts";
import { parseClientOptions } from "../../../src/cli/client/parse_client_options.ts";
import { PublishWindow } from "../../../src/cli/client/publish_window.ts";
import type { Terminal } from "../../../src/cli/terminal.ts";
import { messageOf } from "./support.ts";

function terminalOf(write: (bytes: Uint8Array) => Promise<void>): Terminal {
  return { print: () => {}, complain: () => {}, write, environment: {} };
}

/** What mosquitto_sub 2.0 prints. */
const PRINTED: [args: string, empty: string, full: string][] = [
  ["", "", "hello\n"],
  ["-v", "a/b (null)\n", "a/b hello\n"],
  ["-N", "", "hello"],
  ["-N -v", "", "a/b hello"],
  ["-F %t|%p", "a/b|\n", "a/b|hello\n"],
  ["-N -F %t|%p", "a/b|", "a/b|hello"],
  ["-v -F %l", "0\n", "5\n"],
];
for (const [args, empty, full] of PRINTED) {
  Deno.test(`MessagePrinter prints with ${args || "no options"} what mosquitto_sub prints, also of nothing`, async () => {
    const texts: string[] = [];
    const terminal = terminalOf((bytes) => {
      texts.push(new TextDecoder().decode(bytes));
      return Promise.resolve();
    });
    const output = new ClientOutput(terminal);
    const given = parseClientOptions("sub", PRINT_OPTIONS, args.split(" ").filter(Boolean));
    const printer = new MessagePrinter(given, output, () => {});
    for (const [payload, expected] of [["", empty], ["hello", full]]) {
      texts.length = 0;
      printer.print(messageOf(payload));
      await output.written();
      assertEquals(texts.join(""), expected);
    }
  });
}

Deno.test("ClientOutput writes what comes in one turn at once, and in order", async () => {
  const written: string[] = [];
  const output = new ClientOutput(terminalOf((bytes) => {
    written.push(new TextDecoder().decode(bytes));
    return Promise.resolve();
  }));
  output.line("a");
  output.add(new TextEncoder().encode("b"));
  output.line("c");
  await output.written();
  output.line("d");
  await output.written();
  assertEquals(written, ["a\nbc\n", "d\n"]);
});

Deno.test("ClientOutput makes whoever adds wait while too much is not read", async () => {
  const reading = Promise.withResolvers<void>();
  const output = new ClientOutput(terminalOf(() => reading.promise));
  output.line("first");
  await output.room();
  // The first one is being written.
  await Promise.resolve();
  output.add(new Uint8Array(256 * 1024 + 1));
  let hasRoom = false;
  const room = output.room().then(() => hasRoom = true);
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  assertEquals(hasRoom, false);
  reading.resolve();
  await room;
});

Deno.test("ClientOutput tells whoever adds that nobody reads any more", async () => {
  const output = new ClientOutput(terminalOf(() => Promise.reject(new Deno.errors.BrokenPipe("gone"))));
  output.line("a");
  await assertRejects(() => output.written(), OutputClosedError);
  await assertRejects(() => output.room(), OutputClosedError);
});

Deno.test("ClientOutput says what else is wrong with standard output, as a failure and not as a bug", async () => {
  const output = new ClientOutput(terminalOf(() => Promise.reject(new Error("No space left on device"))));
  output.line("a");
  await assertRejects(() => output.written(), CommandError, "standard output: No space left on device");
});

Deno.test("PublishWindow lets so many run at a time, and tells the first failure", async () => {
  const runs = Array.from({ length: 3 }, () => Promise.withResolvers<void>());
  const window = new PublishWindow(2);
  await window.add(runs[0].promise);
  let mayGoOn = false;
  const second = window.add(runs[1].promise).then(() => mayGoOn = true);
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  assertEquals(mayGoOn, false);
  runs[1].resolve();
  await second;
  runs[2].reject(new Error("refused"));
  await assertRejects(() => window.add(runs[2].promise), Error, "refused");
  runs[0].resolve();
  await assertRejects(() => window.empty(), Error, "refused");
});
