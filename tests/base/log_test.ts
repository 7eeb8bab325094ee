/** src/base/log.ts @module */

import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  closeLog,
  configureLog,
  escapeControls,
  flushLog,
  getLog,
  type LogSettings,
  START_ROOM,
} from "../../src/base/log.ts";

const SETTINGS: LogSettings = { level: "debug", format: "text", fileBytesMax: 1_000_000, filesMax: 3 };

/** Runs `say` with a log of its own. @returns its lines without the final newline. */
async function linesOf(settings: Partial<LogSettings>, say: () => void | Promise<void>): Promise<string[]> {
  let text = "";
  await configureLog({ ...SETTINGS, ...settings }, (lines) => text += lines);
  try {
    await say();
  } finally {
    await closeLog();
  }
  return text === "" ? [] : text.replace(/\n$/, "").split("\n");
}

async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("configureLog() writes text lines: time, level unless info, text", async () => {
  const lines = await linesOf({}, () => {
    const log = getLog("broker");
    log.info("New client connected from 127.0.0.1:50312 as sensor");
    log.error("bad");
    log.warning("odd");
    log.debug("detail");
  });
  assertEquals(lines.map((line) => line.replace(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ: /, "")), [
    "New client connected from 127.0.0.1:50312 as sensor",
    "error: bad",
    "warning: odd",
    "debug: detail",
  ]);
  assertMatch(lines[0], /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ: New/);
});

Deno.test("configureLog() writes JSON lines: time, level, category, message, and the properties", async () => {
  const [line] = await linesOf({ format: "json" }, () => {
    getLog("broker").info("connected", { clientId: "a", port: 1883n, message: "forged", level: "forged" });
  });
  const { time, ...rest } = JSON.parse(line);
  assertMatch(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assertEquals(rest, { level: "info", category: "quetzal.broker", message: "connected", clientId: "a", port: "1883" });
  assert(line.indexOf('"time"') === 1);
});

Deno.test("configureLog() writes a JSON line even for properties that JSON cannot hold", async () => {
  const circular: Record<string, unknown> = {};
  circular.self = circular;
  const [line] = await linesOf({ format: "json" }, () => getLog("broker").info("text", { circular }));
  assertEquals(JSON.parse(line).message, "text");
});

Deno.test("configureLog() has sinks for which LogTape copies no record: a text line does not look at properties", async () => {
  let looks = 0;
  const properties = new Proxy({ clientId: "a" }, { ownKeys: (target) => (looks++, Reflect.ownKeys(target)) });
  assertEquals((await linesOf({ format: "text" }, () => getLog("broker").info("text", properties))).length, 1);
  assertEquals(looks, 0);
  assertEquals((await linesOf({ format: "json" }, () => getLog("broker").info("text", properties))).length, 1);
  assert(looks > 0);
});

const LEVELS: [LogSettings["level"], string[]][] = [
  ["none", []],
  ["error", ["error"]],
  ["warning", ["error", "warning"]],
  ["info", ["error", "warning", "info"]],
  ["debug", ["error", "warning", "info", "debug"]],
];
for (const [level, expected] of LEVELS) {
  Deno.test(`configureLog() at level ${level} lets through ${expected.join(", ") || "nothing"}`, async () => {
    const enabled: string[] = [];
    const lines = await linesOf({ level, format: "json" }, () => {
      const log = getLog("broker");
      for (const name of ["error", "warning", "info", "debug"] as const) {
        log[name]("x");
        if (log.isEnabled(name)) enabled.push(name);
      }
    });
    assertEquals(lines.map((line) => JSON.parse(line).level), expected);
    assertEquals(enabled, expected);
  });
}

Deno.test("Log.isEnabled() is false, and lines are lost silently, while no log is configured", () => {
  const log = getLog("broker");
  assert(!log.isEnabled("error"));
  log.error("unheard");
});

/** What a peer could send as its Client Identifier to forge or to hide a line. */
const FORGERIES: [string, string, string][] = [
  ["a line feed", "a\n2026-01-31T12:00:00Z: forged", "a\\n2026-01-31T12:00:00Z: forged"],
  ["a carriage return", "a\rb", "a\\rb"],
  ["a tabulator", "a\tb", "a\\tb"],
  ["an escape sequence", "\x1b[2Ja", "\\u{1b}[2Ja"],
  ["a null character", "a\0b", "a\\u{0}b"],
  ["DEL", "a\x7fb", "a\\u{7f}b"],
  ["NEL, a C1 control", "a\u0085b", "a\\u{85}b"],
  ["CSI, a C1 control", "a\u009bb", "a\\u{9b}b"],
  ["a line separator", "a\u2028b", "a\\u{2028}b"],
  ["a paragraph separator", "a\u2029b", "a\\u{2029}b"],
  ["a change of direction", "a\u202eb", "a\\u{202e}b"],
  ["LogTape's placeholders", "{clientId} {{x}} {*}", "{clientId} {{x}} {*}"],
  ["nothing odd", "café 測試 🙂 \\ C:\\x", "café 測試 🙂 \\ C:\\x"],
];
for (const [name, sent, shown] of FORGERIES) {
  Deno.test(`escapeControls() makes one harmless line of ${name}`, async () => {
    assertEquals(escapeControls(sent), shown);
    const text = await linesOf({}, () => getLog("broker").info(`client ${sent}.`, { clientId: "secret" }));
    assertEquals(text.length, 1);
    assert(text[0].endsWith(`: client ${shown}.`), text[0]);
    const json = await linesOf({ format: "json" }, () => getLog("broker").info(sent, { clientId: sent }));
    assertEquals(json.length, 1);
    // deno-lint-ignore no-control-regex
    assert(!/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202e]/.test(json[0]));
    assertEquals([JSON.parse(json[0]).message, JSON.parse(json[0]).clientId], [sent, sent]);
  });
}

Deno.test("configureLog() cuts a line that a peer made long", async () => {
  const [line] = await linesOf({}, () => getLog("broker").info("x".repeat(100_000)));
  assert(line.length < 5000 && line.endsWith("…"));
});

Deno.test("configureLog() writes the lines of one turn at once, at its end", async () => {
  const writes: string[] = [];
  await configureLog(SETTINGS, (lines) => writes.push(lines));
  const log = getLog("broker");
  for (let index = 0; index < 10; index++) log.info(`line ${index}`);
  assertEquals(writes.length, 0);
  await Promise.resolve();
  assertEquals(writes.length, 1);
  assertEquals(writes[0].match(/\n/g)!.length, 10);
  log.info("a last one");
  flushLog();
  assertEquals(writes.length, 2);
  await closeLog();
});

Deno.test("configureLog() writes the same lines to a file, and the start report to the file only", async () => {
  await withFolder(async (folder) => {
    const file = `${folder}/quetzal.log`;
    const lines = await linesOf({ file }, () => {
      getLog("broker").info("both");
      getLog(START_ROOM).info("listening on mqtt://127.0.0.1:1883");
    });
    const inFile = (await Deno.readTextFile(file)).trimEnd().split("\n");
    assertEquals(lines.length, 1);
    assertEquals(inFile.length, 2);
    assertEquals(inFile[0], lines[0]);
    assert(inFile[1].endsWith(": listening on mqtt://127.0.0.1:1883"));
  });
});

Deno.test("configureLog() appends to a file that exists", async () => {
  await withFolder(async (folder) => {
    const file = `${folder}/quetzal.log`;
    for (const text of ["first run", "second run"]) await linesOf({ file }, () => getLog("broker").info(text));
    assertMatch(await Deno.readTextFile(file), /first run\n.*second run\n$/);
  });
});

Deno.test("configureLog() fails with the system's error when the file cannot be opened", async () => {
  await withFolder(async (folder) => {
    let failure: unknown;
    await linesOf({ file: `${folder}/missing/quetzal.log` }, () => {}).catch((error) => failure = error);
    assert(failure instanceof Deno.errors.NotFound);
  });
});

/** Each writes a line in the very turn in which the process ends. */
const ENDINGS: [string, string, number][] = [
  ["the end of the program", "", 0],
  ["Deno.exit", "Deno.exit(3);", 3],
  ["an uncaught error", "throw new Error('a bug');", 1],
  ["a promise that nobody caught", "Promise.reject(new Error('a bug'));", 1],
];
for (const [name, ending, expectedCode] of ENDINGS) {
  Deno.test(`no line is lost at ${name}`, async () => {
    await withFolder(async (folder) => {
      const file = `${folder}/quetzal.log`;
      const module = new URL("../../src/base/log.ts", import.meta.url).href;
      const settings = JSON.stringify({ ...SETTINGS, file });
      const program = `
        import { configureLog, getLog } from ${JSON.stringify(module)};
        await configureLog(${settings});
        const log = getLog("broker");
        for (let index = 0; index < 500; index++) log.info("line " + index);
        setTimeout(() => { log.info("the last words"); ${ending} }, 1);`;
      const { code, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["eval", "--no-check", program],
        cwd: new URL("../../", import.meta.url),
        stdin: "null",
      }).output();
      assertEquals(code, expectedCode);
      for (const text of [await Deno.readTextFile(file), new TextDecoder().decode(stderr)]) {
        assertEquals(text.match(/: line \d+\n/g)?.length, 500);
        assertEquals(text.match(/: the last words\n/g)?.length, 1);
      }
    });
  });
}
