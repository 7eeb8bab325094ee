/** Who may import whom: the rule of the house, held against the import lines of src/. An inner room may read the
 * contract of an outer one with `import type` only. @module */

import { assertEquals } from "@std/assert";

interface Rule {
  /** Rooms whose values it may use. */
  readonly values: readonly string[];
  /** Rooms, or single modules of them, whose types it may use besides. */
  readonly types: readonly string[];
}

const RULES: Readonly<Record<string, Rule>> = {
  base: { values: [], types: [] },
  packet: { values: ["base"], types: [] },
  topic: { values: ["base"], types: [] },
  session: { values: ["base", "packet", "topic"], types: [] },
  broker: {
    values: ["base", "packet", "topic", "session"],
    types: [
      "auth/authenticator.ts",
      "auth/authorizer.ts",
      "auth/client_journal.ts",
      "config/limits.ts",
      "connection/packet_sink.ts",
      "connection/traffic.ts",
      "persistence/store.ts",
    ],
  },
  transport: { values: ["base"], types: [] },
  config: { values: ["base"], types: [] },
  connection: { values: ["base", "packet"], types: ["transport/byte_stream.ts"] },
  // A rule is a Topic Filter, and what it covers is for the room that knows them to say.
  auth: { values: ["base", "packet", "topic"], types: ["transport/byte_stream.ts"] },
  persistence: { values: ["base", "packet"], types: ["session"] },
  admin: { values: ["base", "config"], types: ["broker/snapshot.ts", "broker/command.ts"] },
  client: {
    values: ["base", "packet", "topic", "session", "connection", "transport"],
    types: ["persistence"],
  },
};
/** The wiring sees everything, and no room imports it. */
const WIRING = ["server.ts", "open_access.ts", "open_listeners.ts", "serve_connection.ts", "mod.ts", "cli"];

/** What the inner rooms never say; clock and scheduler are given to them. */
const FORBIDDEN = /\b(Deno\.|await\b|async\b|setTimeout|setInterval|queueMicrotask|Date\.now|performance\.)/;
const INNER_ROOMS = ["broker", "session", "packet", "topic"];
const EXCEPTIONS: Readonly<Record<string, string>> = {
  "broker/dispatcher.ts: async load(): Promise<LoadReport> {": "before the first connection nobody waits for it",
  "broker/dispatcher.ts: const report = await loadStore(this.#broker);": "the same",
  "broker/load_store.ts: export async function loadStore(broker: Broker): Promise<LoadReport> {": "the same",
  "broker/load_store.ts: await broker.store.load({": "the same",
};

interface Import {
  /** "broker/route.ts" */
  readonly from: string;
  readonly to: string;
  readonly isType: boolean;
}

const root = new URL("../src/", import.meta.url);

function* sources(folder = ""): Generator<string> {
  for (const entry of Deno.readDirSync(new URL(folder, root))) {
    if (entry.isDirectory) yield* sources(`${folder}${entry.name}/`);
    else if (entry.name.endsWith(".ts")) yield folder + entry.name;
  }
}

/** Without comments: a docstring may speak of anything. */
function codeOf(path: string): string {
  return Deno.readTextFileSync(new URL(path, root)).replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "");
}

function* importsOf(path: string): Generator<Import> {
  for (const [, names, specifier] of codeOf(path).matchAll(/^(?:import|export)\b([^;"]*?)from\s+"([^"]+)"/gm)) {
    if (!specifier.startsWith(".")) continue;
    const url = new URL(specifier, new URL(path, root));
    if (!url.href.startsWith(root.href)) continue;
    // `import { type A, type B }` is a type import in effect, and still loads the module: it does not count as one.
    yield { from: path, to: url.href.slice(root.href.length), isType: names.trimStart().startsWith("type ") };
  }
}

function isAllowed({ from, to, isType }: Import): boolean {
  const fromRoom = from.split("/")[0];
  const toRoom = to.split("/")[0];
  if (fromRoom === toRoom || WIRING.includes(fromRoom)) return true;
  const { values, types } = RULES[fromRoom];
  return values.includes(toRoom) || (isType && (types.includes(toRoom) || types.includes(to)));
}

Deno.test("architecture: each room imports only from the rooms it may", () => {
  const all = [...sources()];
  assertEquals(all.length > 100, true, "the sources are where this test looks for them");
  const rooms = new Set(all.map((path) => path.split("/")[0]));
  assertEquals(
    [...rooms].filter((room) => RULES[room] === undefined && !WIRING.includes(room)),
    [],
    "rooms without a rule",
  );
  const broken = all.flatMap((path) => [...importsOf(path)]).filter((line) => !isAllowed(line));
  assertEquals(broken, []);
});

Deno.test("architecture: the wiring is imported by nobody but the wiring", () => {
  const broken = [...sources()].filter((path) => !WIRING.includes(path.split("/")[0]))
    .flatMap((path) => [...importsOf(path)])
    .filter(({ to }) => WIRING.includes(to.split("/")[0]));
  assertEquals(broken, []);
});

Deno.test("architecture: the inner rooms neither wait nor touch the machine", () => {
  const broken: string[] = [];
  const excused = new Set<string>();
  for (const path of sources()) {
    if (!INNER_ROOMS.includes(path.split("/")[0])) continue;
    for (const line of codeOf(path).split("\n")) {
      if (!FORBIDDEN.test(line)) continue;
      const name = `${path}: ${line.trim()}`;
      if (EXCEPTIONS[name] === undefined) broken.push(name);
      else excused.add(name);
    }
  }
  assertEquals(broken, []);
  assertEquals([...excused].toSorted(), Object.keys(EXCEPTIONS).toSorted(), "an exception that nobody needs any more");
});

/** Every file costs a start a tenth of a millisecond, and some packages cost several. */
const NOT_AT_START = ["cli/client/", "client/", "auth/jwt", "auth/mosquitto_import.ts", "persistence/store_backup.ts"];
/** What is not ours, and the broker has loaded when it begins to listen. */
const FOREIGN_AT_START = [
  "@logtape/logtape",
  "@noble/hashes/hmac",
  "@noble/hashes/sha2",
  "@std/async/delay",
  "@std/cli/parse-args",
  "@std/jsonc/parse",
  "node:path",
  "node:sqlite",
  "node:v8",
  "valibot",
];

/** What is loaded with those modules: paths in src/, and what is not ours by its bare name. */
function loadedWith(...entries: readonly string[]): Set<string> {
  const loaded = new Set(entries);
  for (const path of loaded) {
    if (!path.endsWith(".ts")) continue;
    for (const { to, isType } of importsOf(path)) if (!isType) loaded.add(to);
    for (const [, specifier] of codeOf(path).matchAll(/^import\s+(?!type\b)[^;"]*?from\s+"([^."][^"]*)"/gm)) {
      loaded.add(specifier);
    }
  }
  return loaded;
}

Deno.test("architecture: what a broker does not need to begin listening is not loaded before", () => {
  const loaded = [...loadedWith("cli/run.ts", "cli/serve.ts")];
  assertEquals(loaded.includes("broker/dispatcher.ts"), true, "the broker is among what is loaded");
  const tooEarly = loaded.filter((path) => NOT_AT_START.some((start) => path.startsWith(start)));
  // Names alone, by which the client's commands are told from the broker's.
  assertEquals(tooEarly, ["cli/client/client_commands.ts"]);
  assertEquals(loaded.filter((path) => !path.endsWith(".ts")).toSorted(), FOREIGN_AT_START);
});

Deno.test("architecture: a module's head says what it is and where it stands", () => {
  const without = [...sources()].filter((path) => {
    const text = Deno.readTextFileSync(new URL(path, root));
    return !path.endsWith(".d.ts") && !(text.startsWith("/** ") && text.includes("@module */"));
  });
  assertEquals(without, []);
});
