/** Commands of the client, from arguments to exit code. Each is loaded only when it is called. @module */

import { UsageError } from "../arguments.ts";
import type { Terminal } from "../terminal.ts";
import type { ClientCommand } from "./client_command.ts";
import { CLIENT_COMMANDS, type ClientCommandName } from "./client_commands.ts";
import { clientHelp } from "./client_help.ts";
import { OutputClosedError } from "./client_output.ts";
import { parseClientOptions } from "./parse_client_options.ts";

const LOADERS: Readonly<Record<ClientCommandName, () => Promise<ClientCommand>>> = {
  pub: async () => (await import("./pub.ts")).PUB,
  sub: async () => (await import("./sub.ts")).SUB,
  rr: async () => (await import("./rr.ts")).RR,
  inspect: async () => (await import("./inspect.ts")).INSPECT,
  ping: async () => (await import("./ping.ts")).PING,
  bench: async () => (await import("./bench.ts")).BENCH,
  watch: async () => (await import("./watch.ts")).WATCH,
  station: async () => (await import("./station.ts")).STATION,
  profile: async () => (await import("./profile.ts")).PROFILE,
};

export function loadClientCommand(name: ClientCommandName): Promise<ClientCommand> {
  return LOADERS[name]();
}

/** @param args behind its name. @throws UsageError */
export async function runClientCommand(
  name: ClientCommandName,
  args: readonly string[],
  terminal: Terminal,
): Promise<number> {
  const command = await loadClientCommand(name);
  // Whatever else is there: who asks for help has made a mistake most often.
  if (args.includes("--help")) return await showClientHelp(name, terminal);
  try {
    return await command.run(parseClientOptions(name, command.options, args), terminal);
  } catch (error) {
    // Nobody reads any more: there is nobody to whom it would be a failure.
    if (error instanceof OutputClosedError) return 0;
    if (error instanceof UsageError) throw new UsageError(`${name}: ${error.message}`);
    throw error;
  }
}

export async function showClientHelp(name: ClientCommandName, terminal: Terminal): Promise<number> {
  terminal.print(clientHelp(name, CLIENT_COMMANDS[name].about, await loadClientCommand(name)));
  return 0;
}
