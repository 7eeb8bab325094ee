/** src/cli/arguments.ts @module */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { OPTIONS, parseCommandLine, UsageError } from "../../src/cli/arguments.ts";
import { configKey } from "../../src/config/keys.ts";
import { loadConfig } from "../../src/config/load.ts";

Deno.test("parseCommandLine() runs serve with nothing set when nothing is said", () => {
  assertEquals(parseCommandLine([]), {
    command: "serve",
    topic: undefined,
    configFile: undefined,
    given: [],
    printConfig: false,
    json: false,
  });
});

const COMMANDS: [string, string][] = [
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
for (const [line, command] of COMMANDS) {
  Deno.test(`parseCommandLine() finds the command ${command} in "${line}"`, () => {
    assertEquals(parseCommandLine(line.split(" ")).command, command);
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
  ["subscribe", 'there is no command "subscribe"; the commands are serve, check-config, help, version'],
  ["toString", 'there is no command "toString"; the commands are serve, check-config, help, version'],
  ["check-config good.jsonc", '"good.jsonc" stands alone; did you mean --config good.jsonc?'],
  ["./good.json", '"./good.json" stands alone; did you mean --config ./good.json?'],
  ["serve 1884", '"1884" stands alone; an option begins with --'],
];
for (const [line, message] of REFUSED) {
  Deno.test(`parseCommandLine() refuses ${line}`, () => {
    assertEquals(assertThrows(() => parseCommandLine(line.split(" ")), UsageError).message, message);
  });
}

Deno.test("OPTIONS sets keys that exist, and each example is accepted", () => {
  for (const option of OPTIONS) {
    if (option.key !== undefined) assert(configKey(option.key) !== undefined, option.name);
    loadConfig({ options: parseCommandLine(option.example.split(" ")).given });
  }
});
