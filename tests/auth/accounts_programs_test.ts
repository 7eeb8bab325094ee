/** Several programs that change the same accounts at once: processes of their own. @module */

import { assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { AccountsView } from "../../src/auth/accounts_view.ts";
import { ProcessOutput } from "../support/process_output.ts";
import { AccountsFolder, accountsWhere, LineLog } from "../support/accounts.ts";

const PROGRAM = fileURLToPath(new URL("../support/accounts_program.ts", import.meta.url));

/** Waits for a line on its standard input before it begins. */
function start(place: string, name: string, count: number, options: readonly string[] = []) {
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", PROGRAM, place, name, String(count), ...options],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  return { process, output: new ProcessOutput(process.stdout) };
}

async function begin(process: Deno.ChildProcess): Promise<void> {
  const writer = process.stdin.getWriter();
  await writer.write(new TextEncoder().encode("begin\n"));
  await writer.close();
}

Deno.test("AccountsStore loses nothing when three programs change accounts at once, and a broker sees it all", async () => {
  using folder = new AccountsFolder();
  const store = await folder.open();
  await store.addUser({ name: "shared" });
  const view = await AccountsView.open({ place: folder.place, create: false, pollMs: 50, log: new LineLog() });
  const names = ["one", "two", "three"];
  const count = 30;
  const programs = names.map((name) => start(folder.place, name, count));
  for (const { output } of programs) await output.until(/ready/);
  await Promise.all(programs.map(({ process }) => begin(process)));
  for (const { process } of programs) assertEquals((await process.status).code, 0);
  const { rules, users } = await accountsWhere(
    view,
    ({ rules, users }) =>
      rules.length === names.length * count && users.get("shared")!.clientIds.length === names.length * count,
  );
  assertEquals(new Set(rules.map(({ number }) => number)).size, names.length * count);
  assertEquals(rules.at(-1)!.number, names.length * count, "no number was given twice or lost");
  assertEquals(users.get("shared")!.clientIds.length, names.length * count, "no program has undone what another did");
  assertEquals((await store.read()).version, 1 + 2 * names.length * count);
  for (const { output } of programs) await output.ended;
  await view.close();
});

Deno.test("AccountsStore.open() in several programs at once makes one file, and no program fails", async () => {
  using folder = new AccountsFolder();
  const programs = Array.from({ length: 4 }, (_, at) => start(folder.place, `program-${at}`, 5, ["--create"]));
  await Promise.all(programs.map(({ process }) => begin(process)));
  for (const { process } of programs) assertEquals((await process.status).code, 0);
  for (const { output } of programs) await output.ended;
  const store = await folder.open(false);
  assertEquals((await store.rules()).length, 4 * 5);
  assertEquals((await store.user("shared"))!.clientIds.length, 4 * 5);
});
