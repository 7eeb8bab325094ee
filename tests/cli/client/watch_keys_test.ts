/** src/cli/client/terminal_keys.ts, terminal_cells.ts @module */

import { assert, assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { fit, fitRight, layLine, widthOf } from "../../../src/cli/client/terminal_cells.ts";
import { type Key, KeyReader } from "../../../src/cli/client/terminal_keys.ts";

const encoder = new TextEncoder();

function namesOf(...pieces: string[]): string[] {
  const reader = new KeyReader();
  const keys: Key[] = pieces.flatMap((piece) => reader.read(encoder.encode(piece)));
  return [...keys, ...reader.flush()].map(({ name }) => name);
}

Deno.test("KeyReader knows characters, keys and what is held with them", () => {
  assertEquals(namesOf("aÜ 🌱"), ["a", "Ü", " ", "🌱"]);
  assertEquals(namesOf("\x1b[A\x1bOB\x1b[C\x1b[1;5D"), ["up", "down", "right", "left"]);
  assertEquals(namesOf("\x1b[H\x1b[4~\x1b[5~\x1b[6;2~\x1b[3~\x1b[Z"), [
    "home",
    "end",
    "page-up",
    "page-down",
    "delete",
    "shift-tab",
  ]);
  assertEquals(namesOf("\r\n\t\x7f\b\x03\x15"), [
    "enter",
    "enter",
    "tab",
    "backspace",
    "backspace",
    "ctrl-c",
    "ctrl-u",
  ]);
});

Deno.test("KeyReader takes sequences and characters that come in pieces", () => {
  assertEquals(namesOf("\x1b", "[", "1;5", "A", "q"), ["up", "q"]);
  const reader = new KeyReader();
  const [first, second] = [encoder.encode("ü").subarray(0, 1), encoder.encode("ü").subarray(1)];
  assertEquals([reader.read(first), reader.read(second).map(({ name }) => name)], [[], ["ü"]]);
});

Deno.test("KeyReader takes Escape for a key when nothing follows", () => {
  const reader = new KeyReader();
  assertEquals([reader.read(encoder.encode("\x1b")), reader.isUndecided], [[], true]);
  assertEquals([reader.flush().map(({ name }) => name), reader.isUndecided], [["escape"], false]);
  assertEquals(namesOf("\x1bq"), ["escape", "q"]);
});

Deno.test("KeyReader leaves out sequences that it does not know", () => {
  assertEquals(namesOf("\x1b[99~\x1b[?1;2ca\x1b[M"), ["a"]);
  assertEquals(namesOf("\x1b[1;\x1b[A"), ["up"]);
});

Deno.test("KeyReader gives a paste as one text, so that its line ends are no Enter", () => {
  const reader = new KeyReader();
  const keys = ["a\x1b[200~one\ntw", "o\x1b[3", "1m\x1b[20", "1~b"].flatMap((piece) =>
    reader.read(encoder.encode(piece))
  );
  assertEquals(keys, [
    { name: "a", text: "a" },
    { name: "paste", text: "one\ntwo\x1b[31m" },
    { name: "b", text: "b" },
  ]);
});

Deno.test("KeyReader bears any bytes in any pieces, and keeps none for ever", () => {
  fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 20 })), (pieces) => {
    const reader = new KeyReader();
    for (const piece of pieces) {
      for (const { name } of reader.read(piece)) assert(name.length > 0);
    }
    reader.flush();
    assert(!reader.isUndecided);
  }));
});

Deno.test("fit() has exactly so many cells of any text, and no control characters", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), fc.nat(30), (text, width) => {
    for (const fitted of [fit(text, width), fitRight(text, width)]) {
      assertEquals(widthOf(fitted), width);
      // deno-lint-ignore no-control-regex
      assert(!/[\u0000-\u001f\u007f-\u009f]/.test(fitted));
    }
  }));
  assertEquals([fit("温度計", 4), fit("温度", 4), fit("abc", 2), fitRight("7", 3)], ["温… ", "温度", "a…", "  7"]);
  assertEquals(fit("a\x1b[31m", 20), "a\\u{1b}[31m         ");
});

Deno.test("layLine() fills the line, with styles around its pieces and colours only where they are wanted", () => {
  const spans = [{ text: "ab", style: "green" }, { text: "cd" }, { text: "ef", style: "reverse" }] as const;
  assertEquals(layLine(spans, 5, true), "\x1b[32mab\x1b[0mcd\x1b[7m…\x1b[0m");
  assertEquals(layLine(spans, 8, false), "abcd\x1b[7mef\x1b[0m  ");
});
