/** What a payload is, by its content, and how a person sees it on a terminal: text, JSON with line ends, or hexadecimal.
 * Control characters never reach the terminal as such: they could move its cursor, or say what was not said.
 * Room: pure. @module */

import { escapeControls } from "../../base/log.ts";

/** Bytes beyond are counted instead of shown as hexadecimal. */
const HEX_BYTES_MAX = 256;
/** Longer text is shown, but not taken apart. */
const JSON_BYTES_MAX = 1024 * 1024;
const BYTES_A_LINE = 16;
/** Shorter JSON is read on one line. */
const JSON_LINE_MAX = 60;

/** UTF-8 that people could have written: controls other than white space mean that it is something else. */
export function isText(payload: Uint8Array): boolean {
  const text = decoded(payload);
  // deno-lint-ignore no-control-regex
  return text !== undefined && !/[\u0000-\u0008\u000e-\u001a\u001c-\u001f\u007f]/.test(text);
}

/** undefined = no JSON. */
export function parsedJson(payload: Uint8Array): { readonly text: string; readonly value: unknown } | undefined {
  const text = decoded(payload);
  if (text === undefined || payload.length > JSON_BYTES_MAX) return undefined;
  try {
    return { text, value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

/** For a terminal: a long object or list of JSON over several lines, text as it is, all else as hexadecimal. */
export function viewPayload(payload: Uint8Array): string {
  const text = decoded(payload);
  if (text === undefined || !isText(payload)) return hexDump(payload);
  const json = /^\s*[[{]/.test(text) ? parsedJson(payload) : undefined;
  if (json === undefined) return lines(text);
  const brief = JSON.stringify(json.value);
  return lines(brief.length <= JSON_LINE_MAX ? brief : JSON.stringify(json.value, undefined, 2));
}

/** On one line, cut: for lists and trees. */
export function briefPayload(payload: Uint8Array, lengthMax: number): string {
  if (payload.length === 0) return "(empty)";
  const text = decoded(payload);
  const shown = text !== undefined && isText(payload)
    ? escapeControls(text)
    : `0x${payload.subarray(0, lengthMax).toHex()}`;
  const characters = [...shown];
  return characters.length <= lengthMax ? shown : characters.slice(0, lengthMax - 1).join("") + "…";
}

/** As `hexdump -C`: offset, bytes, and what of them is ASCII. */
function hexDump(payload: Uint8Array): string {
  const rows: string[] = [];
  for (let at = 0; at < Math.min(payload.length, HEX_BYTES_MAX); at += BYTES_A_LINE) {
    const row = payload.subarray(at, at + BYTES_A_LINE);
    const hex = row.toHex().replace(/../g, "$& ").padEnd(payload.length > BYTES_A_LINE ? BYTES_A_LINE * 3 : 0);
    const ascii = [...row].map((byte) => byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".").join("");
    const offset = payload.length > BYTES_A_LINE ? `${at.toString(16).padStart(8, "0")}  ` : "";
    rows.push(`${offset}${hex} |${ascii}|`);
  }
  if (payload.length > HEX_BYTES_MAX) rows.push(`… ${payload.length - HEX_BYTES_MAX} more bytes`);
  return rows.join("\n");
}

function lines(text: string): string {
  // A tabulator does no harm.
  return text.split(/\r?\n/).map((line) => line.split("\t").map(escapeControls).join("\t")).join("\n");
}

function decoded(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
