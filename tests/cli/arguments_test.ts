/** src/cli/arguments.ts @module */

import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { OPTIONS, parseCommandLine, UsageError } from "../../src/cli/arguments.ts";
import { COMMAND_NAMES, commandOf, isCommand } from "../../src/cli/commands.ts";
import { configKey } from "../../src/config/keys.ts";
import { loadConfig } from "../../src/config/load.ts";

Deno.test("parseCommandLine() runs serve with nothing set when nothing is said", () => {
  assertEquals(parseCommandLine([]), {
    command: "serve",
    operands: [],
    configFile: undefined,
    given: [],
    printConfig: false,
    json: false,
    newStore: false,
    force: false,
    flags: new Set<string>(),
    values: new Map(),
  });
});

const COMMANDS: [line: string, command: string, ...operands: string[]][] = [
  ["store info", "store info"],
  ["--data-dir d store check", "store check"],
  ["store --data-dir d compact", "store compact"],
  ["store backup ./b/quetzal.json", "store backup", "./b/quetzal.json"],
  ["store backup 7 --force", "store backup", "7"],
  ["store info --json", "store info"],
  ["store check --json --set port=1 --config c", "store check"],
  ["store info --help", "help", "store", "info"],
  ["store backup --help", "help", "store", "backup"],
  ["store backup FILE --help", "help", "store", "backup"],
  ["user add NAME --help", "help", "user", "add"],
  ["user --help", "help", "user"],
  ["user add 7 --role a --role b --client-id c --no-password", "user add", "7"],
  ["user --json list", "user list"],
  ["acl allow --everyone publish a/b", "acl allow", "publish", "a/b"],
  ["acl --user u deny all a", "acl deny", "all", "a"],
  ["acl remove 1 2 03", "acl remove", "1", "2", "03"],
  ["acl explain --user u --client-id c --address ::1 publish a", "acl explain", "publish", "a"],
  ["acl allow --everyone publish -- -a/--b", "acl allow", "publish", "-a/--b"],
  ["user remove -- --json", "user remove", "--json"],
  ["ban add --address 10.0.0.0/8 --for 1h --reason x", "ban add"],
  ["client forget a", "client forget", "a"],
  ["import mosquitto --passwd p --acl a --dry-run", "import mosquitto"],
  ["store --help", "help", "store"],
  ["store inof --help", "help", "store"],
  ["user nothing --help", "help", "user"],
  ["help store", "help", "store"],
  ["help store backup", "help", "store", "backup"],
  ["help config", "help", "config"],
  ["serve --new-store", "serve"],
  ["serve", "serve"],
  ["check-config", "check-config"],
  ["version", "version"],
  ["help", "help"],
  ["--help", "help"],
  ["-h", "help"],
  ["serve --help", "help"],
  ["--version", "version"],
  ["-V", "version"],
  ["--port 1 check-config", "check-config"],
];
for (const [line, command, ...operands] of COMMANDS) {
  Deno.test(`parseCommandLine() finds the command ${command} in "${line}"`, () => {
    const found = parseCommandLine(line.split(" "));
    assertEquals([found.command, ...found.operands], [command, ...operands]);
  });
}

const GIVEN: [string, [path: string, text: string, from: string][]][] = [
  ["--port 1884", [["port", "1884", "--port"]]],
  ["--port=1884", [["port", "1884", "--port"]]],
  ["-p 1884", [["port", "1884", "--port"]]],
  ["--port 1 --port 2", [["port", "2", "--port"]]],
  ["--host ::1", [["host", "::1", "--host"]]],
  ["--data-dir d --durability off", [["dataDir", "d", "--data-dir"], ["durability", "off", "--durability"]]],
  ["--allow-anonymous", [["allowAnonymous", "true", "--allow-anonymous"]]],
  ["--no-allow-anonymous", [["allowAnonymous", "false", "--no-allow-anonymous"]]],
  ["--log-level debug --log-file f --log-format json", [
    ["log.level", "debug", "--log-level"],
    ["log.file", "f", "--log-file"],
    ["log.format", "json", "--log-format"],
  ]],
  ["--set a.b=c=d --set e=", [["a.b", "c=d", "--set"], ["e", "", "--set"]]],
];
for (const [line, expected] of GIVEN) {
  Deno.test(`parseCommandLine() reads ${line}`, () => {
    const { given } = parseCommandLine(line.split(" "));
    assertEquals(given.map(({ path, text, from }) => [path, text, from]), expected);
  });
}

const FIRST_WORDS = [...new Set(COMMAND_NAMES.map((name) => name.split(" ")[0]))];
const REFUSED: [string, string][] = [
  ["--prot 1", "there is no option --prot; did you mean --port?"],
  ["--prot=1", "there is no option --prot; did you mean --port?"],
  ["--dataDir x", "there is no option --dataDir; did you mean --data-dir?"],
  ["--xyzzy", "there is no option --xyzzy; --help lists the options"],
  ["-x", "there is no option -x; --help lists the options"],
  ["--no-port", "there is no option --no-port; --help lists the options"],
  ["--__proto__=1", "there is no option --__proto__; --help lists the options"],
  ["--port", "--port needs a value: --port 1884"],
  ["--port --help", "--port needs a value: --port 1884"],
  ["--json=yes", "--json=yes: --json is a flag; write it without a value"],
  ["--allow-anonymous=maybe", "--allow-anonymous=maybe: --allow-anonymous is a flag; write it without a value"],
  ["--set port", "--set port: write --set KEY=VALUE, as in --set sysIntervalS=5"],
  ["--set =1", "--set =1: write --set KEY=VALUE, as in --set sysIntervalS=5"],
  ["serv", 'there is no command "serv"; did you mean serve?'],
  [
    "subscribe",
    `there is no command "subscribe"; the commands are ${FIRST_WORDS.join(", ")}`,
  ],
  [
    "toString",
    `there is no command "toString"; the commands are ${FIRST_WORDS.join(", ")}`,
  ],
  ["check-config good.jsonc", '"good.jsonc" stands alone; did you mean --config good.jsonc?'],
  ["./good.json", '"./good.json" stands alone; did you mean --config ./good.json?'],
  ["store", "store needs one of info, check, compact, backup: store info"],
  ["store inof", 'there is no command "store inof"; did you mean store info?'],
  [
    "store subscribe",
    'there is no command "store subscribe"; the commands are store info, store check, store compact, store backup',
  ],
  ["stor info", 'there is no command "stor"; did you mean store?'],
  ["store backup", "store backup needs a FILE: store backup ./quetzal-backup.sqlite --data-dir /var/lib/quetzal"],
  ["import mosquitto ./passwd", '"./passwd" stands alone; did you mean --passwd ./passwd or --acl ./passwd?'],
  ["store backup a b", '"b" stands alone; an option begins with --'],
  ["store info a", '"a" stands alone; an option begins with --'],
  [
    "store compact --json",
    "--json goes with --print-config, store info, store check and others (help COMMAND shows what each takes)",
  ],
  ["user add", "user add needs a NAME: user add sensor-1 --role reader --client-id sensor-1-*"],
  ["acl allow publish", 'acl allow needs ACTION and FILTER: acl allow --role reader subscribe "sensors/%u/#"'],
  ["acl allow publish a b", '"b" stands alone; an option begins with --'],
  ["acl remove", "acl remove needs a NUMBER…: acl remove 3 4"],
  ["user list a", '"a" stands alone; an option begins with --'],
  ["user list --role a", "--role goes with user add, user set, acl allow or acl deny"],
  ["ban list --for 1h", "--for goes with ban add"],
  ["serve --user a", "--user goes with acl allow, acl deny, acl explain, ban add or ban remove"],
  ["ban add --for", "--for needs a value: --for 90min"],
  ["user remov a", 'there is no command "user remov"; did you mean user remove?'],
  ["usr add a", 'there is no command "usr"; did you mean user?'],
  ["store info --port 1", "--port means nothing to store info; it takes --data-dir, --config, --set or --json"],
  [
    "store compact --durability off",
    "--durability means nothing to store compact; it takes --data-dir, --config or --set",
  ],
  [
    "store check --no-allow-anonymous",
    "--allow-anonymous means nothing to store check; it takes --data-dir, --config,",
  ],
  ["store check --print-config", "--print-config means nothing to store check; it takes --data-dir, --config,"],
  ["store info --force", "--force goes with store backup"],
  ["store compact --new-store", "--new-store goes with serve"],
  ["--force", "--force goes with store backup"],
  ["serve 1884", '"1884" stands alone; an option begins with --'],
];
for (const [line, message] of REFUSED) {
  Deno.test(`parseCommandLine() refuses ${line}`, () => {
    const error = assertThrows(() => parseCommandLine(line.split(" ")), UsageError);
    if (message.endsWith(",")) assertStringIncludes(error.message, message);
    else assertEquals(error.message, message);
  });
}

const PASSWORD_LINES = [
  "user add sensor-1 --password hunter2",
  "user add sensor-1 --password=hunter2",
  "user passwd sensor-1 --pass hunter2",
  "user add sensor-1 hunter2",
  "user passwd sensor-1 hunter2",
];
for (const line of PASSWORD_LINES) {
  Deno.test(`parseCommandLine() says why there is no password in "${line}", and does not show it`, () => {
    const { message } = assertThrows(() => parseCommandLine(line.split(" ")), UsageError);
    assertStringIncludes(
      message,
      "a password is no argument: everybody who lists this machine's processes would see it",
    );
    assert(!message.includes("hunter2"), message);
  });
}

Deno.test("parseCommandLine() tells what was given of options that set no key", () => {
  const line = "user add sensor-1 --role a --client-id x --role=b --no-password --json --data-dir d";
  const { flags, values, given } = parseCommandLine(line.split(" "));
  assertEquals([...flags].toSorted(), ["json", "no-password"]);
  assertEquals(Object.fromEntries(values), { role: ["a", "b"], "client-id": ["x"] });
  assertEquals(given.map(({ path }) => path), ["dataDir"]);
});

Deno.test("OPTIONS sets keys that exist, and each example is accepted", () => {
  for (const option of OPTIONS) {
    if (option.key !== undefined) assert(configKey(option.key) !== undefined, option.name);
    const company = option.goesWith?.[0];
    const command = company !== undefined && isCommand(company) && option.example.startsWith("--")
      ? commandOf(company).example ?? company
      : "";
    loadConfig({ options: parseCommandLine(`${command} ${option.example}`.trim().split(" ")).given });
  }
});
