/** src/cli/client/watch_model.ts, watch_form.ts, watch_view.ts: without a terminal @module */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import * as fc from "fast-check";
import { widthOf } from "../../../src/cli/client/terminal_cells.ts";
import { KeyReader } from "../../../src/cli/client/terminal_keys.ts";
import { type SeenMessage, TREE_LIMITS } from "../../../src/cli/client/topic_tree_view.ts";
import { LineEditor } from "../../../src/cli/client/watch_form.ts";
import { WatchModel, type WatchWish } from "../../../src/cli/client/watch_model.ts";
import { ageText, rateText, viewWatch } from "../../../src/cli/client/watch_view.ts";

const encoder = new TextEncoder();
const SIZE = { columns: 80, rows: 12 };
const UP = "\x1b[A";
const DOWN = "\x1b[B";
const RIGHT = "\x1b[C";
const LEFT = "\x1b[D";
const END = "\x1b[F";

function seen(payload: string | Uint8Array, options: Partial<SeenMessage> = {}): SeenMessage {
  const bytes = typeof payload === "string" ? encoder.encode(payload) : payload;
  return { payload: bytes, payloadBytes: bytes.length, qos: 0, retain: false, properties: {}, atMs: 0, ...options };
}

function modelOf(...topics: string[]): WatchModel {
  const model = new WatchModel();
  for (const topic of topics) model.take(topic, seen(`of ${topic}`));
  return model;
}

/** @returns the last thing that was wished. */
function type(model: WatchModel, text: string): WatchWish | undefined {
  const reader = new KeyReader();
  let wish: WatchWish | undefined;
  for (const key of [...reader.read(encoder.encode(text)), ...reader.flush()]) wish = model.key(key) ?? wish;
  return wish;
}

function levels(model: WatchModel): string[] {
  return model.rows.map(({ topicName }) => topicName);
}

/** Without styles; blanks at the ends cut. */
function shown(model: WatchModel, size = SIZE, nowMs = 0): string[] {
  // deno-lint-ignore no-control-regex
  return viewWatch(model, size, nowMs, true).map((line) => line.replace(/\x1b\[\d+m/g, "").trimEnd());
}

Deno.test("WatchModel: arrows move, and stay within the rows", () => {
  const model = modelOf("a/x", "b", "c");
  const path: (string | undefined)[] = [];
  for (const key of [UP, DOWN, DOWN, DOWN, DOWN, "k", "j", "\x1b[H", END]) {
    type(model, key);
    path.push(model.selected?.topicName);
  }
  assertEquals(path, ["a", "a/x", "b", "c", "c", "b", "c", "a", "c"]);
});

Deno.test("WatchModel: the cursor stays on its topic when others come in between", () => {
  const model = modelOf("b", "d");
  type(model, DOWN);
  model.take("a", seen(""));
  model.take("c", seen(""));
  assertEquals([model.selected?.topicName, model.cursor], ["d", 3]);
});

Deno.test("WatchModel: left folds or leaves, right unfolds or enters, + and - do it for all", () => {
  const model = modelOf("a/b/c", "d");
  type(model, DOWN + DOWN);
  assertEquals(model.selected?.topicName, "a/b/c");
  type(model, LEFT);
  assertEquals(model.selected?.topicName, "a/b");
  type(model, LEFT);
  assertEquals(levels(model), ["a", "a/b", "d"]);
  type(model, LEFT + LEFT);
  assertEquals([levels(model), model.selected?.topicName], [["a", "d"], "a"]);
  type(model, RIGHT + RIGHT + RIGHT + RIGHT);
  assertEquals([levels(model), model.selected?.topicName], [["a", "a/b", "a/b/c", "d"], "a/b/c"]);
  type(model, "-");
  assertEquals([levels(model), model.selected?.topicName], [["a", "d"], "a"], "the nearest that is still there");
  type(model, "+");
  assertEquals(levels(model).length, 4);
});

Deno.test("WatchModel: / filters while it is typed, by a part of the topic or by a Topic Filter; Escape takes it back", () => {
  const model = modelOf("house/kitchen/temperature", "house/kitchen/door", "house/attic/Temperature", "$SYS/x");
  type(model, "/temp");
  const found = ["house", "house/attic", "house/attic/Temperature", "house/kitchen", "house/kitchen/temperature"];
  assertEquals(levels(model), found);
  assertEquals(model.selected?.topicName, "house/attic/Temperature", "what was looked for, not what is above it");
  type(model, "\x1b");
  assertEquals(levels(model).length, 8);
  type(model, "/house/+/door\r");
  assertEquals([levels(model), model.mode.name], [["house", "house/kitchen", "house/kitchen/door"], "tree"]);
  model.take("house/cellar/door", seen(""));
  assertEquals(levels(model).length, 5);
  type(model, "\x1b");
  assertEquals([model.filter, levels(model).length], ["", 10]);
  type(model, "/a+b");
  assertEquals(levels(model), [], "what is no Topic Filter is looked for as it is");
});

Deno.test("WatchModel: Space holds messages back, the last of each topic, and lets them in again", () => {
  const model = modelOf("a");
  type(model, " ");
  for (const value of ["1", "2", "3"]) model.take("a", seen(value));
  model.take("b", seen("4"));
  assertEquals([model.held, levels(model), model.selected!.count], [4, ["a"], 1]);
  assertStringIncludes(shown(model)[0], "PAUSED, 4 held back");
  type(model, " ");
  assertEquals([model.held, levels(model), model.selected!.count], [0, ["a", "b"], 4]);
  assertEquals(new TextDecoder().decode(model.selected!.last!.payload), "3");
});

Deno.test("WatchModel: a pause is bounded, too", () => {
  const model = new WatchModel({ ...TREE_LIMITS, nodesMax: 2 });
  type(model, " ");
  for (const topic of ["a", "b", "c", "a"]) model.take(topic, seen(""));
  type(model, " ");
  assertEquals([levels(model), model.tree.leftOut, model.tree.root.count], [["a", "b"], 1, 3]);
});

Deno.test("WatchModel: p publishes what was typed, with Tab to the other fields", () => {
  const model = modelOf("a/b");
  type(model, DOWN);
  assertEquals(type(model, "p21.5\r"), {
    name: "publish",
    message: { topicName: "a/b", payload: "21.5", qos: 0, retain: false },
  });
  assertEquals(model.mode.name, "tree");
  assertEquals(type(model, "px\x1b[Z\x15c/d\t\t1\t \r"), {
    name: "publish",
    message: { topicName: "c/d", payload: "x", qos: 1, retain: true },
  });
  assertEquals(type(model, "p\x1b[200~two\nlines\x1b[201~\r"), {
    name: "publish",
    message: { topicName: "a/b", payload: "two\nlines", qos: 0, retain: false },
  });
  assertEquals([type(model, "pq\x1b"), model.mode.name], [undefined, "tree"]);
});

Deno.test("WatchModel: p says why a topic is none, and goes on", () => {
  const model = new WatchModel();
  assertEquals(type(model, "pa/#\r"), undefined);
  assertEquals([model.mode.name, model.notice], ["publish", "a message is published on one topic, without + and #"]);
  assertEquals(type(model, "\x7f\x7f\r")?.name, "publish");
});

Deno.test("WatchModel: c asks, and clears with an empty retained message", () => {
  const model = modelOf("a/b");
  type(model, "c");
  assertEquals([model.mode.name, model.notice], ["tree", "nothing was published on a itself"]);
  type(model, DOWN + "c");
  assertEquals(shown(model).at(-1), " clear the retained message of a/b? y n");
  assertEquals([type(model, "n"), model.mode.name], [undefined, "tree"]);
  assertEquals(type(model, "cy"), {
    name: "publish",
    message: { topicName: "a/b", payload: "", qos: 1, retain: true },
  });
});

Deno.test("WatchModel: q quits from the tree, Ctrl+C from anywhere", () => {
  assertEquals(type(modelOf("a"), "q"), { name: "quit" });
  for (const before of ["", "/", "p", "c", "?", "\r"]) {
    assertEquals(type(modelOf("a"), before + "\x03"), { name: "quit" }, before);
  }
  assertEquals(type(modelOf("a"), "/q"), undefined);
});

Deno.test("LineEditor edits characters, not UTF-16 units", () => {
  const line = new LineEditor("a🌱");
  const reader = new KeyReader();
  for (const key of reader.read(encoder.encode(LEFT + "b" + END + "\x7f" + "c\x1b[H\x1b[3~"))) line.key(key);
  assertEquals([line.text, line.beforeCursor, line.afterCursor], ["bc", "", "bc"]);
});

Deno.test("viewWatch() shows the tree with values, rates and ages", () => {
  const model = new WatchModel();
  model.connection = "mqtt://localhost connected";
  model.tree.sample(0);
  model.take("house/door", seen("open", { retain: true }));
  for (let i = 0; i < 20; i++) model.take("house/kitchen/温度", seen("21.5", { atMs: 90_000 }));
  model.tree.sample(2000);
  assertEquals(shown(model, SIZE, 90_500).slice(0, 6), [
    " mqtt://localhost connected  2 topics  21 messages  11/s",
    "▾ house                                                              11/s",
    "    door                    R open                                  0.5/s  1 min",
    "  ▾ kitchen                                                          10/s",
    "      温度                    21.5                                   10/s    now",
    "",
  ]);
  type(model, LEFT);
  assertEquals(shown(model)[1].slice(0, 20), "▸ house (2)         ");
});

Deno.test("viewWatch() shows a message with its properties, as text, JSON and hexadecimal, and scrolls", () => {
  const model = new WatchModel();
  const payload = `{"a":[${Array.from({ length: 20 }, (_, at) => at)}]}`;
  const properties = { contentType: "application/json", userProperties: [["k", "v\x1b[31m"]] as [string, string][] };
  model.take("a", seen(payload, { qos: 1, retain: true, properties }));
  type(model, "\r");
  const lines = shown(model, { columns: 80, rows: 40 });
  for (const line of [" QoS                       1", " Content Type              application/json", '   "a": [']) {
    assert(lines.includes(line), `${line} in ${lines.join("\n")}`);
  }
  assertStringIncludes(lines.join("\n"), "k = v\\u{1b}[31m");
  assertEquals(shown(model)[1], " Topic Name                a");
  type(model, "\x1b[6~\x1b[6~\x1b[6~\x1b[6~\x1b[6~\x1b[6~");
  assertEquals(shown(model).at(-2), " }");
  type(model, UP);
  assertEquals(shown(model).at(-2), "   ]", "scrolling stops at the end, and not beyond");
  type(model, "t");
  assert(shown(model).includes(` ${payload}`));
  type(model, "h");
  assertStringIncludes(shown(model).join("\n"), "0000  7b 22 61 22 3a 5b 30 2c");
  type(model, "\x1b");
  assertEquals(model.mode.name, "tree");
});

Deno.test("viewWatch() shows JSON only where there is some", () => {
  const model = modelOf("a");
  type(model, "\rj");
  assert(shown(model).includes(" (no JSON)"));
});

Deno.test("viewWatch() fills any screen exactly, whatever comes and is typed, and lets no control character through", () => {
  const piece = fc.oneof(
    fc.constantFrom(UP, DOWN, LEFT, RIGHT, END, "\r", "\t", "/", "p", "c", "?", " ", "+", "-", "\x1b", "h", "j"),
    fc.string({ unit: "grapheme", maxLength: 3 }),
  );
  const message = fc.tuple(
    fc.string({ unit: "binary", minLength: 1, maxLength: 20 }),
    fc.uint8Array({ maxLength: 40 }),
  );
  const size = fc.record({ columns: fc.integer({ min: 1, max: 100 }), rows: fc.integer({ min: 1, max: 20 }) });
  fc.assert(
    fc.property(fc.array(message), fc.array(piece), size, (messages, pieces, size) => {
      const model = new WatchModel();
      for (const [topic, payload] of messages) model.take(topic, seen(payload, { retain: true }));
      for (const text of pieces) {
        type(model, text);
        // deno-lint-ignore no-control-regex
        const lines = viewWatch(model, size, 1000, false).map((line) => line.replaceAll(/\x1b\[[0127]m/g, ""));
        assertEquals(lines.length, size.rows);
        for (const line of lines) {
          assertEquals(widthOf(line), size.columns, JSON.stringify(line));
          // deno-lint-ignore no-control-regex
          assert(!/[\u0000-\u001f\u007f-\u009f]/.test(line), JSON.stringify(line));
        }
      }
    }),
    { numRuns: 50 },
  );
});

Deno.test("viewWatch() shows the field that is typed in on a low screen, and all of them where there is room", () => {
  const model = modelOf("a");
  type(model, "p21.5");
  assertEquals(shown(model, { columns: 30, rows: 4 }).at(-1), " › payload 21.5");
  assertEquals(shown(model).slice(-5, -1), ["   topic   a", " › payload 21.5", "   qos     0", "   retain  no"]);
  type(model, "x".repeat(40));
  assertEquals(shown(model, { columns: 30, rows: 4 }).at(-1), ` › payload …${"x".repeat(15)}`);
});

Deno.test("rateText() and ageText() are short", () => {
  assertEquals([0.05, 0.55, 12.34, 99.6, 1234.5].map(rateText), ["0.05/s", "0.55/s", "12/s", "100/s", "1,235/s"]);
  assertEquals([-5, 0, 59_999, 60_000, 7_200_000, 9e8].map(ageText), ["now", "now", "59 s", "1 min", "2 h", "10 d"]);
});
