/** src/cli/client/payload_view.ts and retained_tree.ts: what people see of payloads. @module */

import { assertEquals } from "@std/assert";
import { briefPayload, isText, parsedJson, viewPayload } from "../../../src/cli/client/payload_view.ts";
import { RetainedTree, TREE_TOPICS_MAX } from "../../../src/cli/client/retained_tree.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

const VIEWS: [what: string, payload: Uint8Array, view: string][] = [
  ["text", bytes("21.5 °C"), "21.5 °C"],
  ["lines of text", bytes("a\r\nb\tc"), "a\nb\tc"],
  [
    "control characters, which could lie to the reader",
    bytes("\x1b[2Jgone\x9b\u202e"),
    "\\u{1b}[2Jgone\\u{9b}\\u{202e}",
  ],
  ["short JSON", bytes(' { "a" : 1 }'), '{"a":1}'],
  ["a number, which is text", bytes("1e3"), "1e3"],
  ["JSON that hides a control character", bytes('["\\u009b1m"]'), '["\\u{9b}1m"]'],
  ["long JSON", bytes(`{"a":"${"x".repeat(60)}","b":[]}`), `{\n  "a": "${"x".repeat(60)}",\n  "b": []\n}`],
  ["no UTF-8", Uint8Array.of(0x00, 0xff, 0x41), "00 ff 41  |..A|"],
  [
    "more bytes than a line has",
    Uint8Array.from({ length: 17 }, (_, at) => at),
    `00000000  ${"00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f"}  |${".".repeat(16)}|\n` +
    `00000010  10${" ".repeat(45)}  |.|`,
  ],
];
for (const [what, payload, view] of VIEWS) {
  Deno.test(`viewPayload() shows ${what}`, () => assertEquals(viewPayload(payload), view));
}

Deno.test("viewPayload() counts what is too long for a dump", () => {
  const lines = viewPayload(new Uint8Array(1000)).split("\n");
  assertEquals([lines.length, lines.at(-1)], [17, "… 744 more bytes"]);
});

Deno.test("isText() takes text of people for text, and the rest for bytes", () => {
  for (const text of ["", "a\tb\n", "ü", "\x1b[1mbold"]) assertEquals(isText(bytes(text)), true, text);
  for (const payload of [bytes("a\0"), bytes("\x7f"), Uint8Array.of(0xc3)]) assertEquals(isText(payload), false);
});

Deno.test("parsedJson() tells JSON from what looks like it", () => {
  assertEquals(parsedJson(bytes("null"))?.value, null);
  for (const text of ["", "nul", "{'a':1}", "[1,]"]) assertEquals(parsedJson(bytes(text)), undefined, text);
});

Deno.test("briefPayload() fits into its columns", () => {
  assertEquals(briefPayload(bytes("a\nb"), 10), "a\\nb");
  assertEquals(briefPayload(bytes("12345678901"), 10), "123456789…");
  assertEquals(briefPayload(new Uint8Array(), 10), "(empty)");
  assertEquals(briefPayload(Uint8Array.of(0, 255), 10), "0x00ff");
});

Deno.test("RetainedTree draws topics by their levels, in order", () => {
  const tree = new RetainedTree();
  for (const topic of ["b/c", "a", "b", "/x", "b/c/d\n", "b/a"]) tree.add(topic, bytes(`of ${topic[0]}`));
  tree.add("a", bytes("newer"));
  assertEquals([...tree.lines(80, (level) => `<${level}>`)], [
    "<(empty level)>",
    "└── <x>  of /",
    "<a>  newer",
    "<b>  of b",
    "├── <a>  of b",
    "└── <c>  of b",
    "    └── <d\\n>  of b",
  ]);
  assertEquals(tree.topics, 6);
});

Deno.test("RetainedTree bears a topic of tens of thousands of levels", () => {
  const tree = new RetainedTree();
  tree.add("a/".repeat(30_000) + "a", bytes("x"));
  let lines = 0;
  for (const _ of tree.lines(80, (level) => level)) if (++lines === 100) break;
  assertEquals(lines, 100);
});

Deno.test("RetainedTree says when it is full", () => {
  const tree = new RetainedTree();
  for (let at = 0; at < TREE_TOPICS_MAX; at++) assertEquals(tree.add(`t${at}`, bytes("")), true);
  assertEquals([tree.add("one/more", bytes("")), tree.topics], [false, TREE_TOPICS_MAX]);
});
