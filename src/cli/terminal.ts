/** Where a command reads from and writes to; tests give their own. @module */

import { environmentVariables } from "./platform.ts";

export interface Terminal {
  /** What was asked for: one line to standard output. */
  print(line: string): void;
  /** What went wrong, or is worth a second look: one line to standard error. */
  complain(line: string): void;
  /** How far a long work is: takes the place of what it showed before; "" = take it away. undefined: nobody looks. */
  readonly progress?: (text: string) => void;
  readonly environment: Readonly<Record<string, string>>;
}

/** To the beginning of the line, and nothing behind it (ECMA-48: CR, EL). */
const NEW_LINE_OF_PROGRESS = "\r\x1b[K";

export function processTerminal(): Terminal {
  return {
    print: (line) => console.log(line),
    complain: (line) => console.error(line),
    progress: Deno.stderr.isTerminal() ? showProgress : undefined,
    environment: environmentVariables(),
  };
}

function showProgress(text: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(NEW_LINE_OF_PROGRESS + text));
}
