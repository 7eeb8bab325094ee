/** A command of the client: what its help says, and what it does. Types only. @module */

import type { Terminal } from "../terminal.ts";
import type { ClientOption, GivenClientOptions } from "./client_option.ts";

export interface ClientCommand {
  /** What stands behind its name: "-t TOPIC -m TEXT". The first is the most usual one. */
  readonly usages: readonly string[];
  readonly details: readonly string[];
  readonly options: readonly ClientOption[];
  /** Without the program's name. */
  readonly examples: readonly string[];
  /** @returns the exit code. @throws UsageError for what makes no sense. */
  run(given: GivenClientOptions, terminal: Terminal): Promise<number>;
}
