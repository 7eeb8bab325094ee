/** Where a command reads from and writes to; tests give their own. @module */

import { environmentVariables, hideTyping } from "./platform.ts";

export interface Terminal {
  /** What was asked for: one line to standard output. */
  print(line: string): void;
  /** What went wrong, or is worth a second look: one line to standard error. */
  complain(line: string): void;
  /** How far a long work is: takes the place of what it showed before; "" = take it away. undefined: nobody looks. */
  readonly progress?: (text: string) => void;
  /** Asks a question, and shows nothing of what is typed. undefined: nobody is there to be asked. */
  readonly askSecret?: (question: string) => string | Promise<string>;
  /** What a program gives on standard input. undefined: a person would have to type it. */
  readonly input?: () => ReadableStream<Uint8Array>;
  /** Bytes as they are, to standard output; resolves when they are on their way. undefined: lines alone. */
  readonly write?: (bytes: Uint8Array) => Promise<void>;
  /** A person looks at standard output. */
  readonly isWatched?: boolean;
  /** How wide it is then. */
  readonly columns?: () => number;
  readonly environment: Readonly<Record<string, string>>;
}

/** To the beginning of the line, and nothing behind it (ECMA-48: CR, EL). */
const NEW_LINE_OF_PROGRESS = "\r\x1b[K";

export function processTerminal(): Terminal {
  // The question goes to standard output.
  const isSomebodyThere = Deno.stdin.isTerminal() && Deno.stdout.isTerminal();
  return {
    print: (line) => console.log(line),
    complain: (line) => console.error(line),
    progress: Deno.stderr.isTerminal() ? showProgress : undefined,
    askSecret: isSomebodyThere ? askSecret : undefined,
    input: Deno.stdin.isTerminal() ? undefined : () => Deno.stdin.readable,
    write: writeAll,
    isWatched: Deno.stdout.isTerminal(),
    columns: Deno.stdout.isTerminal() ? () => Deno.consoleSize().columns : undefined,
    environment: environmentVariables(),
  };
}

async function writeAll(bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await Deno.stdout.write(bytes.subarray(at));
}

async function askSecret(question: string): Promise<string> {
  // A broker that starts asks nobody.
  const { promptSecret } = await import("@std/cli/prompt-secret");
  // It shows the question first, and what is typed before it takes the echo away would be seen.
  hideTyping();
  return promptSecret(question, { mask: "" }) ?? "";
}

function showProgress(text: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(NEW_LINE_OF_PROGRESS + text));
}
