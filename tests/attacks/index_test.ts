/** docs/attacks.md against the tests: each attack is there, each test that it names exists, and each test that bears an
 * attack's number is named. @module */

import { assert, assertEquals } from "@std/assert";

const ROOT = new URL("../../", import.meta.url);
const ATTACKS = 28;

/** The names of a file's tests as they are written, with "…" where a value is put in. */
export function testNames(source: string): string[] {
  const names: string[] = [];
  for (const match of source.matchAll(/\b(?:Deno\.)?test\(\s*(?:\{\s*name:\s*)?(["`])/g)) {
    const quote = match[1];
    let name = "";
    for (let at = match.index + match[0].length; source[at] !== quote; at++) {
      if (quote === "`" && source.startsWith("${", at)) {
        at = endOfValue(source, at + 2);
        name += "…";
      } else {
        name += source[at];
      }
    }
    names.push(name);
  }
  return names;
}

/** @returns where the brace is that ends what began at `start`. */
function endOfValue(source: string, start: number): number {
  let depth = 1;
  for (let at = start;; at++) {
    if (source[at] === "{") depth++;
    if (source[at] === "}" && --depth === 0) return at;
  }
}

interface Shown {
  readonly number: number;
  readonly file: string;
  readonly name: string;
}

function readDocument(): { titles: string[]; shown: Shown[]; open: number[] } {
  const text = Deno.readTextFileSync(new URL("docs/attacks.md", ROOT));
  const titles: string[] = [];
  const shown: Shown[] = [];
  const open: number[] = [];
  for (const part of text.split(/^### /m).slice(1)) {
    const [, number, title] = /^(\d+)\. (.+)$/m.exec(part)!;
    titles.push(`${number}. ${title}`);
    let file = "";
    for (const [, code] of part.slice(part.indexOf("\n")).matchAll(/^\s*- `([^`]+)`/gm)) {
      if (code.startsWith("tests/")) file = code;
      else shown.push({ number: Number(number), file, name: code.replace(/\s+/g, " ") });
    }
    if (/^Not yet: \S/m.test(part)) open.push(Number(number));
  }
  return { titles, shown, open };
}

const { titles, shown, open } = readDocument();

Deno.test("docs/attacks.md has each attack once, in order, with a test or with the reason why there is none", () => {
  assertEquals(titles.map((title) => parseInt(title)), Array.from({ length: ATTACKS }, (_, index) => index + 1));
  const without = titles.map((title) => parseInt(title)).filter((number) =>
    !shown.some((one) => one.number === number)
  );
  for (const number of without) assert(open.includes(number), `attack ${number} has neither tests nor a reason`);
  assertEquals(without, [11], "those that cannot be tried yet");
});

Deno.test("docs/attacks.md names tests that exist, each once for an attack", () => {
  const files = new Map<string, string[]>();
  const wrong: string[] = [];
  for (const { number, file, name } of shown) {
    let names = files.get(file);
    if (names === undefined) files.set(file, names = testNames(Deno.readTextFileSync(new URL(file, ROOT))));
    if (!names.includes(name)) wrong.push(`${number}: ${file} has no test "${name}"`);
  }
  const lines = shown.map(({ number, file, name }) => `${number} ${file} ${name}`);
  wrong.push(...lines.filter((line, index) => lines.indexOf(line) !== index));
  assertEquals(wrong, []);
});

Deno.test("docs/attacks.md names each test that bears the number of an attack, and each test of this folder", () => {
  const missing: string[] = [];
  for (const entry of Deno.readDirSync(new URL("tests/attacks/", ROOT))) {
    const file = `tests/attacks/${entry.name}`;
    if (!entry.name.endsWith("_test.ts") || entry.name === "index_test.ts") continue;
    for (const name of testNames(Deno.readTextFileSync(new URL(file, ROOT)))) {
      const number = /^Attack (\d+):/.exec(name)?.[1];
      const isNamed = shown.some((one) =>
        one.file === file && one.name === name && (number === undefined || one.number === Number(number))
      );
      if (!isNamed) missing.push(`${file}: ${name}`);
    }
  }
  assertEquals(missing, []);
});

Deno.test("testNames() reads names as they are written", () => {
  const source =
    'Deno.test("a", f); Deno.test({\n name: "b" }); Deno.test(`c ${x.map((y) => `0x${y}`).join("{}")} d`, f); test("e", f)';
  assertEquals(testNames(source), ["a", "b", "c … d", "e"]);
});
