/** JSON text in the layout of mosquitto_sub's `%j` and `%J`, to the byte: where spaces and tabs stand, how a number and a
 * string are written. Names keep their order, and may be there twice, so that this is no JSON.stringify.
 * Room: pure. @module */

import { ByteText } from "./byte_text.ts";

/** Bytes stand for text as it came, which may be no UTF-8; `json` is checked JSON text. */
export type JsonValue =
  | null
  | number
  | { readonly text: string | Uint8Array }
  | { readonly json: string }
  | { readonly members: readonly (readonly [name: string, value: JsonValue])[] };

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SHORT_ESCAPES: Readonly<Record<number, string>> = {
  [QUOTE]: '\\"',
  [BACKSLASH]: "\\\\",
  0x08: "\\b",
  0x09: "\\t",
  0x0a: "\\n",
  0x0c: "\\f",
  0x0d: "\\r",
};
/** A string, a number or name, or a sign. The text is JSON, so that what is between them is white space. */
const TOKEN = /"(?:[^"\\]|\\.)*"|[^\s,:[\]{}"]+|[,:[\]{}]/gs;

/** @param isPretty with line ends and tabs. */
export function layOut(value: JsonValue, isPretty: boolean): Uint8Array {
  const out = new ByteText();
  const layout = new Layout(out, isPretty);
  writeValue(layout, value);
  return out.bytes;
}

function writeValue(layout: Layout, value: JsonValue): void {
  if (value === null) return layout.plain("null");
  if (typeof value === "number") return layout.plain(numberText(value));
  if ("text" in value) return layout.string(value.text);
  if ("json" in value) return writeJson(layout, value.json);
  layout.open("{");
  for (const [name, member] of value.members) {
    layout.name(name);
    writeValue(layout, member);
  }
  layout.close("}");
}

/** Walks over the tokens: parsed values would lose what is there twice, and put numbers first. */
function writeJson(layout: Layout, json: string): void {
  const tokens = json.match(TOKEN)!;
  tokens.forEach((token, index) => {
    if (token === "{" || token === "[") layout.open(token);
    else if (token === "}" || token === "]") layout.close(token);
    else if (token === "," || token === ":") return;
    else if (token[0] !== '"') layout.plain(/^[-\d]/.test(token) ? numberText(Number(token)) : token);
    else if (tokens[index + 1] === ":") layout.name(JSON.parse(token));
    else layout.string(JSON.parse(token));
  });
}

/** C's `%1.15g`, or `%1.17g` where 15 digits are not nearly it (by the last bit of a double, as cJSON compares). */
export function numberText(value: number): string {
  if (!Number.isFinite(value)) return "null";
  if (Object.is(value, -0)) return "-0";
  const short = Number(value.toPrecision(15));
  const isNear = Math.abs(short - value) <= Math.max(Math.abs(short), Math.abs(value)) * Number.EPSILON;
  const digits = isNear ? 15 : 17;
  const [mantissa, exponentText] = value.toExponential(digits - 1).split("e");
  const exponent = Number(exponentText);
  const trimmed = (text: string) => text.includes(".") ? text.replace(/\.?0+$/, "") : text;
  if (exponent >= -4 && exponent < digits) return trimmed(value.toFixed(Math.max(0, digits - 1 - exponent)));
  const size = String(Math.abs(exponent)).padStart(2, "0");
  return `${trimmed(mantissa)}e${exponent < 0 ? "-" : "+"}${size}`;
}

/** Where commas, colons, line ends and tabs go. */
class Layout {
  /** Of each level that is open: its sign, and how many values it has. */
  readonly #levels: { readonly sign: string; count: number }[] = [];

  constructor(readonly out: ByteText, readonly isPretty: boolean) {}

  open(sign: string): void {
    this.#beforeValue();
    this.#levels.push({ sign, count: 0 });
    this.out.add(this.isPretty && sign === "{" ? "{\n" : sign);
  }

  close(sign: string): void {
    const { count } = this.#levels.pop()!;
    if (this.isPretty && sign === "}") {
      if (count > 0) this.out.add("\n");
      this.#indent();
    }
    this.out.add(sign);
  }

  name(name: string): void {
    const level = this.#levels.at(-1)!;
    if (level.count++ > 0) this.out.add(this.isPretty ? ",\n" : ",");
    if (this.isPretty) this.#indent();
    this.out.add(escaped(name)).add(this.isPretty ? ":\t" : ":");
  }

  string(text: string | Uint8Array): void {
    this.#beforeValue();
    this.out.add(escaped(text));
  }

  plain(text: string): void {
    this.#beforeValue();
    this.out.add(text);
  }

  #beforeValue(): void {
    const level = this.#levels.at(-1);
    if (level?.sign === "[" && level.count++ > 0) this.out.add(this.isPretty ? ", " : ",");
  }

  #indent(): void {
    this.out.add("\t".repeat(this.#levels.length));
  }
}

/** Only what must be is escaped; bytes beyond ASCII stay as they came. */
function escaped(text: string | Uint8Array): Uint8Array {
  const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
  const out = new ByteText().add('"');
  let start = 0;
  bytes.forEach((byte, at) => {
    if (byte >= 0x20 && byte !== QUOTE && byte !== BACKSLASH) return;
    out.add(bytes.subarray(start, at)).add(SHORT_ESCAPES[byte] ?? `\\u${byte.toString(16).padStart(4, "0")}`);
    start = at + 1;
  });
  return out.add(bytes.subarray(start)).add('"').bytes;
}
