/** Everything that differs from one operating system to the other, in one place. @module */

const WINDOWS = Deno.build.os === "windows";

/** What asks the program to end. Windows has no SIGTERM for others to send; SIGBREAK is Ctrl+Break, and what comes when
 * the console window closes. */
export const STOP_SIGNALS: readonly Deno.Signal[] = WINDOWS ? ["SIGINT", "SIGBREAK"] : ["SIGINT", "SIGTERM"];

/** The environment's variables. Their names have no case on Windows: there they are upper case here. */
export function environmentVariables(): Record<string, string> {
  const variables = Deno.env.toObject();
  if (!WINDOWS) return variables;
  return Object.fromEntries(Object.entries(variables).map(([name, value]) => [name.toUpperCase(), value]));
}

/** Of the terminal on standard input, until `Deno.stdin.setRaw(false)`. Ctrl+C ends the program as always; Windows gives it
 * as a character. */
export function hideTyping(): void {
  Deno.stdin.setRaw(true, WINDOWS ? undefined : { cbreak: true });
}

/** How this program was called, for usage lines. */
export function programName(): string {
  return Deno.build.standalone ? "quetzal" : "deno run -A main.ts";
}

/** Why a port may be refused, and what to do. @param option where another one can be said: "--port". */
export function portPermissionHint(port: number, option: string): string {
  if (WINDOWS) {
    return "the system keeps it for itself (netsh interface ipv4 show excludedportrange protocol=tcp); " +
      `choose another one with ${option}`;
  }
  return port < 1024
    ? `ports below 1024 are for privileged users; choose another one with ${option}, such as 1883`
    : `choose another one with ${option}`;
}

/** Where a user's programs keep what the user set. undefined: the environment does not say. */
export function configFolder(environment: Readonly<Record<string, string>>): string | undefined {
  if (WINDOWS) return environment.APPDATA || undefined;
  // As the XDG Base Directory Specification has it; a relative path is to be ignored.
  if (environment.XDG_CONFIG_HOME?.startsWith("/")) return environment.XDG_CONFIG_HOME;
  return environment.HOME ? `${environment.HOME}/.config` : undefined;
}
