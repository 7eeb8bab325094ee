/** src/cli/run.ts with the commands that need no broker. @module */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { OPTIONS, parseCommandLine } from "../../src/cli/arguments.ts";
import { COMMAND_NAMES, commandOf, commandsOfGroup, GROUPS } from "../../src/cli/commands.ts";
import { runCommandLine } from "../../src/cli/run.ts";
import { CONFIG_KEYS } from "../../src/config/keys.ts";
import { VERSION } from "../../src/config/version.ts";
import { HAS_OPENSSL, TestAuthority } from "../support/certificates.ts";

interface Result {
  readonly code: number;
  readonly printed: string;
  readonly complaints: string;
}

async function run(line: string, environment: Record<string, string> = {}): Promise<Result> {
  const printed: string[] = [];
  const complaints: string[] = [];
  const code = await runCommandLine(line === "" ? [] : line.split(" "), {
    print: (text) => printed.push(text),
    complain: (text) => complaints.push(text),
    environment,
  });
  return { code, printed: printed.join("\n"), complaints: complaints.join("\n") };
}

async function withFile(text: string, use: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempFile({ suffix: ".jsonc" });
  try {
    await Deno.writeTextFile(path, text);
    await use(path);
  } finally {
    await Deno.remove(path);
  }
}

Deno.test("--help shows each option with its default, its environment variable and an example", async () => {
  const { code, printed } = await run("--help");
  assertEquals(code, 0);
  // The others are shown with the commands that they go with.
  const general = OPTIONS.filter(({ goesWith = [""] }) => goesWith.some((name) => !name.includes(" ")));
  assert(general.length < OPTIONS.length && general.some(({ name }) => name === "json"));
  for (const option of general) {
    assertStringIncludes(printed, `--${option.name}`);
    assertStringIncludes(printed, `e.g. ${option.example}`);
    if (option.environmentName !== undefined) assertStringIncludes(printed, option.environmentName);
  }
  assertStringIncludes(printed, "(default 1883; QUETZAL_PORT; e.g. --port 1884)");
});

Deno.test("help config shows each key", async () => {
  const { code, printed } = await run("help config");
  assertEquals(code, 0);
  for (const key of CONFIG_KEYS) {
    for (const text of [key.path, key.about, key.allowed, key.environmentName]) assertStringIncludes(printed, text);
  }
});

for (const name of COMMAND_NAMES) {
  const { operands = [], details, options = [], example } = commandOf(name);
  if (details === undefined) continue;
  Deno.test(`${name} --help shows what it does, its options and an example`, async () => {
    for (const line of [`${name} --help`, `help ${name}`]) {
      const { code, printed } = await run(line);
      assertEquals(code, 0);
      assertStringIncludes(printed, `${[name, ...operands].join(" ")} [OPTIONS]\n`);
      for (const text of details) assertStringIncludes(printed, text);
      assertEquals(
        [...printed.matchAll(/^ {2}(?:-\w, )?--([a-z-]+)/gm)].map((match) => match[1]).toSorted(),
        [...options].toSorted(),
      );
      assert(printed.endsWith(` ${example}`));
      parseCommandLine(example!.split(" "));
    }
  });
}

for (const group of Object.keys(GROUPS)) {
  Deno.test(`help ${group} shows its commands, and --help names them`, async () => {
    const { code, printed } = await run(`help ${group}`);
    assertEquals(code, 0);
    const names = commandsOfGroup(group);
    assert(names.length > 0);
    for (const name of names) assertStringIncludes(printed, commandOf(name).about);
    const general = (await run("help")).printed;
    assertStringIncludes(general, `${GROUPS[group]}: ${names.map((name) => name.split(" ")[1]).join(", ")}\n`);
  });
}

Deno.test("GROUPS names each group of commands", () => {
  const groups = COMMAND_NAMES.filter((name) => name.includes(" ")).map((name) => name.split(" ")[0]);
  assertEquals(Object.keys(GROUPS).toSorted(), [...new Set(groups)].toSorted());
});

Deno.test("--version shows the version of deno.json", async () => {
  const { code, printed } = await run("--version");
  assertEquals(code, 0);
  assert(printed.startsWith(`quetzal ${VERSION} (`));
});

Deno.test("--print-config shows each value and where it came from", async () => {
  await withFile(`{ "dataDir": "./d" }`, async (path) => {
    const { code, printed } = await run(`--config ${path} --print-config --port 0`, { QUETZAL_LOG_LEVEL: "debug" });
    assertEquals(code, 0);
    const rows = printed.split("\n").map((row) => row.trim().split(/\s{2,}/));
    assertEquals(rows[0], ["KEY", "VALUE", "FROM"]);
    assertEquals(rows.length, CONFIG_KEYS.length + 1);
    const row = (key: string) => rows.find(([name]) => name === key)!.slice(1);
    assertEquals(row("port"), ["0", "option: --port"]);
    assertEquals(row("dataDir"), ['"./d"', `file: ${path}`]);
    assertEquals(row("log.level"), ['"debug"', "environment: QUETZAL_LOG_LEVEL"]);
    assertEquals(row("host"), ['"127.0.0.1"', "default"]);
    assertEquals(row("log.file"), ["(not set)", "default"]);
  });
});

Deno.test("--print-config --json shows the same for tools", async () => {
  const { code, printed } = await run("--print-config --json --set limits.connectionsMax=5");
  assertEquals(code, 0);
  const values = JSON.parse(printed) as { key: string; value: unknown; origin: string; from: string }[];
  assertEquals(values.length, CONFIG_KEYS.length);
  assertEquals(values.find(({ key }) => key === "limits.connectionsMax"), {
    key: "limits.connectionsMax",
    value: 5,
    origin: "option",
    from: "--set",
  });
});

Deno.test("check-config says that all is right", async () => {
  const { code, printed, complaints } = await run("check-config --port 5");
  assertEquals([code, complaints], [0, ""]);
  assertStringIncludes(printed, "the configuration is right (1 of ");
});

Deno.test("check-config lists the doors as the broker would", async () => {
  const line = "check-config --port 0 --ws-port 8083 --host ::1 --unix /run/quetzal.sock";
  const { code, printed, complaints } = await run(line);
  assertEquals([code, complaints], [0, ""]);
  assertEquals(printed.split("\n").slice(1), [
    "it listens on mqtt://[::1]:0 (a free port)",
    "it listens on ws://[::1]:8083/mqtt",
    "it listens on unix:/run/quetzal.sock",
  ]);
});

Deno.test({
  name: "check-config looks at certificates and at the file of keys for tokens, and says all that is wrong once",
  ignore: !HAS_OPENSSL,
  fn: async () => {
    const authority = TestAuthority.make();
    const [server, other] = [authority.server(), authority.server({ days: -1 })];
    const doors = (cert: string, key: string) => `check-config --tls-port 1 --wss-port 2 --cert ${cert} --key ${key}`;

    const good = await run(`${doors(server.certFile, server.keyFile)} --ca ${authority.caFile}`);
    assertEquals([good.code, good.complaints], [0, ""]);
    assertStringIncludes(good.printed, "it listens on wss://127.0.0.1:2/mqtt");

    const mixed = await run(`${doors(server.certFile, other.keyFile)} --set jwt.secretFile=/nowhere/secret`);
    assertEquals([mixed.code, mixed.printed], [2, ""]);
    assertEquals(mixed.complaints.split("\n"), [
      `quetzal: ${other.keyFile}: this private key does not belong to the certificate in ${server.certFile}`,
      "quetzal: The key file /nowhere/secret cannot be read: there is no such file.",
    ]);

    const missing = await run(doors("/nowhere/server.crt", server.keyFile));
    assertEquals([missing.code, missing.printed], [2, ""]);
    assertEquals(
      missing.complaints,
      "quetzal: /nowhere/server.crt: there is no such file (it should be the certificate)",
    );

    const expired = await run(doors(other.certFile, other.keyFile));
    assertEquals(expired.code, 0);
    assertMatch(expired.complaints, /^warning: .*: the certificate expired on [^\n]*; who checks it will refuse it$/);
  },
});

Deno.test("QUETZAL_CONFIG names the file, and --config wins over it", async () => {
  await withFile(`{ "port": 5 }`, async (path) => {
    const shown = await run("--print-config", { QUETZAL_CONFIG: path });
    assertStringIncludes(shown.printed, `file: ${path}`);
    const { code } = await run(`--print-config --config ${path}`, { QUETZAL_CONFIG: "/nowhere" });
    assertEquals(code, 0);
  });
});

/** Each says one line, ends with its code, and prints nothing. */
const REFUSED: [string, number, string, Record<string, string>?][] = [
  ["--prot 1", 2, "quetzal: there is no option --prot; did you mean --port?"],
  ["--port 70000", 2, "quetzal: port (--port): 70000 is not allowed; allowed: a whole number from 0 to 65535"],
  ["check-config", 2, 'quetzal: port (QUETZAL_PORT): "x" is not allowed; allowed: a whole number from 0 to 65535', {
    QUETZAL_PORT: "x",
  }],
  [
    "--set limit.connectionsMax=1",
    2,
    "quetzal: --set: limit.connectionsMax: no such key; did you mean limits.connectionsMax?",
  ],
  [
    "--json",
    2,
    "quetzal: --json goes with --print-config, store info, store check and others (help COMMAND shows what each takes)",
  ],
  [
    "--new-store --durability off",
    2,
    "quetzal: --new-store means nothing with durability off, which keeps no store; leave one of them out",
  ],
  ["help me", 2, 'quetzal: there is no help on "me"; try help, help config, help store, or help user add'],
  ["--config /nowhere/at/all.jsonc", 1, "quetzal: there is no file /nowhere/at/all.jsonc (--config)"],
  ["check-config", 1, "quetzal: there is no file /nowhere (QUETZAL_CONFIG)", { QUETZAL_CONFIG: "/nowhere" }],
];
for (const [line, expectedCode, expectedLine, environment] of REFUSED) {
  Deno.test(`runCommandLine() ends with ${expectedCode} for ${line}`, async () => {
    const { code, printed, complaints } = await run(line, environment);
    assertEquals([code, complaints, printed], [expectedCode, expectedLine, ""]);
  });
}

Deno.test("runCommandLine() says what is wrong with --config of a folder", async () => {
  const { code, complaints } = await run("--config .");
  assertEquals(code, 1);
  assert(complaints.startsWith("quetzal: ") && !complaints.includes("\n"), complaints);
});

Deno.test("runCommandLine() points into the file", async () => {
  await withFile(`{\n  "port": nope\n}`, async (path) => {
    const { code, complaints } = await run(`check-config --config ${path}`);
    assertEquals([code, complaints], [2, `quetzal: ${path}:2:11: unexpected token "nope"`]);
  });
});

Deno.test("runCommandLine() warns of a variable that means nothing, and goes on", async () => {
  const { code, complaints } = await run("check-config", { QUETZAL_HOTS: "x" });
  assertEquals(code, 0);
  assertEquals(
    complaints,
    "warning: the environment variable QUETZAL_HOTS means nothing here; did you mean QUETZAL_HOST?",
  );
});
