/** Texts on a screen of cells: how wide they are, cut and filled to a width, with styles. Nothing that a message says
 * reaches the terminal as a control character. Room: pure. @module */

import { escapeControls } from "../../base/log.ts";

/** A piece of a line. */
export interface Span {
  readonly text: string;
  readonly style?: Style;
}

export type Style = "bold" | "dim" | "reverse" | "green" | "yellow" | "cyan" | "red";

/** SGR parameters (ECMA-48 §8.3.117). */
const SGR: Readonly<Record<Style, string>> = {
  bold: "1",
  dim: "2",
  reverse: "7",
  red: "31",
  green: "32",
  yellow: "33",
  cyan: "36",
};
const COLOURS: readonly Style[] = ["red", "green", "yellow", "cyan"];

const ZERO = /^[\p{Mn}\p{Me}\u200b-\u200f\u2060\ufeff\ufe00-\ufe0f]$/u;
/** Two cells: East Asian Wide and Fullwidth (Unicode UAX #11), and emoji that are shown as such. */
const WIDE =
  /^(\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}])$/u;

export function cellsOf(character: string): 0 | 1 | 2 {
  if (character < "\u0300") return 1;
  return ZERO.test(character) ? 0 : WIDE.test(character) ? 2 : 1;
}

export function widthOf(text: string): number {
  let width = 0;
  for (const character of text) width += cellsOf(character);
  return width;
}

/** Exactly so many cells: cut with "…", or filled with blanks. */
export function fit(text: string, width: number): string {
  const shown = escapeControls(text);
  let cells = 0;
  let fitting = "";
  for (const character of shown) {
    const next = cells + cellsOf(character);
    // One cell is kept for the sign that something is left out.
    if (next > width - 1 && widthOf(shown) > width) {
      return fitting + "…".slice(0, width) + " ".repeat(spare(width, cells));
    }
    fitting += character;
    cells = next;
  }
  return fitting + " ".repeat(width - cells);
}

function spare(width: number, cells: number): number {
  return Math.max(0, width - cells - 1);
}

/** Right-aligned. */
export function fitRight(text: string, width: number): string {
  return " ".repeat(Math.max(0, width - widthOf(text))) + fit(text, Math.min(width, widthOf(text)));
}

/** A line of exactly so many cells. @param hasColour false: styles but no colours. */
export function layLine(spans: readonly Span[], width: number, hasColour: boolean): string {
  let line = "";
  let left = width;
  for (const { text, style } of spans) {
    if (left === 0) break;
    const shown = escapeControls(text);
    const cells = Math.min(left, widthOf(shown));
    line += styled(fit(shown, cells), style, hasColour);
    left -= cells;
  }
  return line + " ".repeat(left);
}

function styled(text: string, style: Style | undefined, hasColour: boolean): string {
  if (style === undefined || text === "" || (!hasColour && COLOURS.includes(style))) return text;
  return `\x1b[${SGR[style]}m${text}\x1b[0m`;
}
