/** Where a command reads from and writes to; tests give their own. @module */

import { environmentVariables } from "./platform.ts";

export interface Terminal {
  /** What was asked for: one line to standard output. */
  print(line: string): void;
  /** What went wrong, or is worth a second look: one line to standard error. */
  complain(line: string): void;
  readonly environment: Readonly<Record<string, string>>;
}

export function processTerminal(): Terminal {
  return {
    print: (line) => console.log(line),
    complain: (line) => console.error(line),
    environment: environmentVariables(),
  };
}
