/** `profile`, and where passwords come from. @module */

import { isAbsolute } from "node:path";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { findPassword } from "../../../src/cli/client/connection_password.ts";
import { CONNECTION_OPTIONS } from "../../../src/cli/client/connection_option_table.ts";
import { readConnection } from "../../../src/cli/client/connection_options.ts";
import { parseClientOptions } from "../../../src/cli/client/parse_client_options.ts";
import { cli, type CliResult } from "./support.ts";

const WINDOWS = Deno.build.os === "windows";

async function withFolder(use: (run: (line: string) => Promise<CliResult>, folder: string) => Promise<void>) {
  const folder = await Deno.makeTempDir();
  const environment: Record<string, string> = WINDOWS ? { APPDATA: folder } : { XDG_CONFIG_HOME: folder };
  try {
    await use((line) => cli(line.split(" "), { environment }), folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("profile saves, lists, shows and removes", () =>
  withFolder(async (run, folder) => {
    assertEquals((await run("profile list")).printed, "there are no profiles\n");
    const saved = await run(
      "profile save greenhouse -L mqtt://reader@127.0.0.1:1884 -i sensor-1 --will-topic w -V 311",
    );
    const path = `${folder}/quetzal/profiles/greenhouse.json`;
    assertEquals([saved.code, saved.printed], [0, `saved ${path}\n`]);
    const settings = {
      url: "mqtt://127.0.0.1:1884",
      clientId: "sensor-1",
      userName: "reader",
      protocolVersion: 4,
      will: { topicName: "w" },
    };
    assertEquals(JSON.parse(await Deno.readTextFile(path)), settings);
    const line = "profile save greenhouse --profile greenhouse -V 5";
    assertEquals((await run(line)).printed, `replaced ${path}\n`);
    settings.protocolVersion = 5;
    if (!WINDOWS) assertEquals((await Deno.stat(path)).mode! & 0o777, 0o600);
    assertEquals(JSON.parse((await run("profile show greenhouse")).printed), settings);
    assertEquals(JSON.parse((await run("profile list --json")).printed), [{ name: "greenhouse", ...settings }]);
    assertStringIncludes((await run("profile list")).printed, "greenhouse  mqtt://127.0.0.1:1884  sensor-1");
    assertEquals((await run("profile remove greenhouse")).printed, 'removed the profile "greenhouse"\n');
    assertEquals((await run("profile list")).printed, "there are no profiles\n");
    assertEquals([...Deno.readDirSync(`${folder}/quetzal/profiles`)], []);
  }));

Deno.test("profile save keeps whole paths, and no password", () =>
  withFolder(async (run) => {
    await run("profile save a --cafile ca.crt --password-file ./password");
    const { tls, passwordFile } = JSON.parse((await run("profile show a")).printed);
    for (const path of [tls.caFile, passwordFile]) assert(isAbsolute(path) && !path.includes("./"), path);
    const { code, complaints } = await run("profile save b -L mqtt://reader:hush@host");
    assertEquals(code, 2);
    assertStringIncludes(complaints, "a profile keeps no password");
    assert(!complaints.includes("hush"));
  }));

Deno.test("profile list shows the others when one is spoilt, and says which one is", () =>
  withFolder(async (run, folder) => {
    await run("profile save good");
    await Deno.writeTextFile(`${folder}/quetzal/profiles/broken.json`, "{");
    const { code, printed, complaints } = await run("profile list");
    assertEquals(code, 0);
    assertStringIncludes(printed, "good     mqtt://localhost");
    assertStringIncludes(complaints, "broken.json is no JSON");
  }));

const REFUSED: [line: string, code: number, message: string][] = [
  ["profile", 2, "one of save, list, show and remove"],
  ["profile keep a", 2, "one of save, list, show and remove"],
  ["profile save", 2, "save needs the NAME of a profile"],
  ["profile save ../../a", 2, "a profile's name has letters, digits"],
  ["profile show .a", 2, "a profile's name has letters, digits"],
  ["profile show grenhouse", 1, 'there is no profile "grenhouse"; did you mean greenhouse?'],
  ["profile remove none", 1, 'there is no profile "none"; profile save makes one'],
  ["profile show broken", 1, "broken.json is no JSON"],
  ["profile show strange", 1, "strange.json: keepAlive: Invalid type"],
  ["pub --profile nowhere -t t -m m", 1, 'there is no profile "nowhere"'],
];
for (const [line, code, message] of REFUSED) {
  Deno.test(`quetzal ${line} ends with ${code}`, () =>
    withFolder(async (run, folder) => {
      await run("profile save greenhouse");
      await Deno.writeTextFile(`${folder}/quetzal/profiles/broken.json`, "{");
      await Deno.writeTextFile(`${folder}/quetzal/profiles/strange.json`, '{"keepAlive":"long"}');
      const result = await run(line);
      assertEquals(result.code, code);
      assertStringIncludes(result.complaints, message);
    }));
}

async function passwordOf(args: string[], environment: Record<string, string> = {}, typed?: string) {
  const given = parseClientOptions("pub", CONNECTION_OPTIONS, args);
  const complaints: string[] = [];
  const password = await findPassword(given, readConnection(given, {}), {
    print: () => {},
    complain: (line) => void complaints.push(line),
    askSecret: typed === undefined ? undefined : () => typed,
    environment,
  });
  return { password, complaints: complaints.join() };
}

Deno.test("a password comes from the prompt, the argument, the file or the environment, in that order", async () => {
  const file = await Deno.makeTempFile();
  await Deno.writeTextFile(file, "of the file\r\nand more\n");
  const environment = { QUETZAL_PASSWORD: "of the environment" };
  try {
    const all = ["--password-prompt", "-P", "argument", "--password-file", file];
    assertEquals((await passwordOf(all, environment, "typed")).password, "typed");
    assertEquals((await passwordOf(all.slice(1), environment)).password, "argument");
    assertEquals((await passwordOf(all.slice(3), environment)).password, "of the file");
    assertEquals((await passwordOf([], environment)).password, "of the environment");
    assertEquals((await passwordOf([], { QUETZAL_PASSWORD: "" })).password, undefined);
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("a password among the arguments is warned of, without being repeated", async () => {
  for (const args of [["-P", "hush"], ["-L", "mqtt://u:hush@h"]]) {
    const { complaints } = await passwordOf(args);
    assertStringIncludes(complaints, "can be read by everybody who lists this machine's processes");
    assert(!complaints.includes("hush"));
    assertEquals((await passwordOf([...args, "--quiet"])).complaints, "");
  }
});

Deno.test("a password file that is not there ends the command with 1", async () => {
  const { code, complaints } = await cli(["pub", "-t", "t", "-m", "m", "--password-file", "/nowhere/at/all"]);
  assertEquals(code, 1);
  assertStringIncludes(complaints, "the password cannot be read: ");
});

Deno.test("--password-prompt needs a terminal", async () => {
  const { code, complaints } = await cli(["pub", "-t", "t", "-m", "m", "--password-prompt"]);
  assertEquals(code, 2);
  assertStringIncludes(complaints, "--password-prompt: there is no terminal to ask on");
});
