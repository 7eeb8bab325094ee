/** Format strings, `-F "%t %p"`, as mosquitto_sub(1) has them, to the byte. In: the string, once; then messages. Out: bytes.
 *
 *     %[-][0][width][.max]LETTER   what the message has: A C D E F I j J l m p P q r R S t U x X
 *     @LETTER                      strftime, or N: the nanoseconds
 *     \LETTER                      0 a e n r t v
 *
 * Room: pure. @module */

import { UsageError } from "../arguments.ts";
import { ByteText } from "./byte_text.ts";
import { payloadJson, preciseTime } from "./message_json.ts";
import type { ReceivedMessage } from "./received_message.ts";
import { strftime } from "./strftime.ts";

const MESSAGE_LETTERS = "%ACDEFIjJlmpPqrRStUxX";
const ESCAPES: Readonly<Record<string, string>> = {
  "\\": "\\",
  "0": "\0",
  a: "\x07",
  e: "\x1b",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};
/** A wider field is nobody's wish, and would only fill memory. */
const WIDTH_MAX = 1_000_000;

interface Field {
  readonly letter: string;
  readonly isLeft: boolean;
  readonly isZeroPadded: boolean;
  readonly width: number;
  /** undefined = as long as it is. */
  readonly max: number | undefined;
}
type Part = string | Field | { readonly time: string };

export class MessageFormat {
  readonly #parts: readonly Part[];
  readonly #isPretty: boolean;

  /** @param isPretty JSON with line ends and tabs. @throws UsageError */
  constructor(format: string, isPretty = false) {
    this.#parts = parse(format);
    this.#isPretty = isPretty;
  }

  /** Without a line end. @param complain is told of a payload that is no JSON; `%J` of it is nothing. */
  format(message: ReceivedMessage, complain: (text: string) => void): Uint8Array {
    const out = new ByteText();
    const date = new Date(message.atMs);
    for (const part of this.#parts) {
      if (typeof part === "string") out.add(part);
      else if ("time" in part) out.add(part.time === "N" ? nanoseconds(message.atMs) : strftime(part.time, date));
      else this.#field(out, part, message, date, complain);
    }
    return out.bytes;
  }

  #field(out: ByteText, field: Field, message: ReceivedMessage, date: Date, complain: (text: string) => void): void {
    const { properties } = message;
    switch (field.letter) {
      case "%":
        return void out.add("%");
      case "A":
        // What comes has its alias resolved, and mosquitto_sub takes none.
        return void out.add(numberField(field, undefined));
      case "C":
        return void out.add(textField(field, properties.contentType ?? ""));
      case "D":
        return void out.add(properties.correlationData ?? "");
      case "E":
        return void out.add(numberField(field, properties.messageExpiryInterval));
      case "F":
        return void out.add(numberField(field, properties.payloadFormatIndicator));
      case "I":
        return void out.add(textField(field, `${strftime("F", date)}T${strftime("T", date)}${strftime("z", date)}`));
      case "j":
      case "J": {
        const json = payloadJson(message, field.letter === "J", this.#isPretty);
        if (json === undefined) complain(`Message payload is not valid JSON on topic ${message.topicName}.`);
        else out.add(json);
        return;
      }
      case "l":
        return void out.add(numberField(field, message.payload.length));
      case "m":
        return void out.add(numberField(field, message.packetIdentifier));
      case "p":
        return payloadField(out, field, message.payload);
      case "P":
        return void out.add((properties.userProperties ?? []).map(([name, value]) => `${name}:${value}`).join(" "));
      case "q":
        return void out.add(String(message.qos));
      case "r":
        return void out.add(message.retain ? "1" : "0");
      case "R":
        // The one field that is not padded when it is not there.
        if (properties.responseTopic !== undefined) out.add(textField(field, properties.responseTopic));
        return;
      case "S":
        return void out.add(numberField(field, properties.subscriptionIdentifiers?.[0]));
      case "t":
        return void out.add(textField(field, message.topicName));
      case "U":
        return void out.add(`${Math.floor(message.atMs / 1000)}.${nanoseconds(message.atMs)}`);
      default:
        return hexField(out, field, message.payload);
    }
  }
}

function parse(format: string): Part[] {
  const parts: Part[] = [];
  for (let at = 0; at < format.length;) {
    const sign = format[at];
    if (sign === "%") {
      const { field, end } = parseField(format, at + 1);
      parts.push(field);
      at = end;
    } else if (sign === "@" || sign === "\\") {
      // A character may be two code units.
      const letter = String.fromCodePoint(...[format.codePointAt(at + 1)].filter((code) => code !== undefined));
      if (letter === "") throw incomplete();
      parts.push(sign === "@" ? letter === "@" ? "@" : { time: letter } : escapeOf(letter));
      at += 1 + letter.length;
    } else {
      const text = /[^%@\\]+/y;
      text.lastIndex = at;
      parts.push(text.exec(format)![0]);
      at = text.lastIndex;
    }
  }
  return parts;
}

function parseField(format: string, at: number): { field: Field; end: number } {
  const pattern = /(-?)(0?)(\d*)(?:(\.)(\d*))?(.?)/ysu;
  pattern.lastIndex = at;
  const [, left, zero, width, dot, max, letter] = pattern.exec(format)!;
  if (letter === "") throw incomplete();
  if (!MESSAGE_LETTERS.includes(letter)) {
    throw new UsageError(
      `-F: there is no format %${letter}; those that there are: %${[...MESSAGE_LETTERS].join(" %")}`,
    );
  }
  return {
    field: {
      letter,
      isLeft: left !== "",
      isZeroPadded: zero !== "",
      width: Math.min(Number(width), WIDTH_MAX),
      max: dot === undefined ? undefined : Number(max),
    },
    end: pattern.lastIndex,
  };
}

function escapeOf(letter: string): string {
  const escape = ESCAPES[letter];
  if (escape === undefined) {
    throw new UsageError(
      `-F: there is no escape \\${letter}; those that there are: \\${Object.keys(ESCAPES).join(" \\")}`,
    );
  }
  return escape;
}

function incomplete(): UsageError {
  return new UsageError("-F: the format ends in the middle of a sequence; a literal sign is written %%, @@ or \\\\");
}

/** "786368637": the clock has microseconds. */
function nanoseconds(atMs: number): string {
  return preciseTime(atMs).microseconds + "000";
}

/** Widths are those of printf(3), in bytes. */
function textField({ isLeft, width, max }: Field, text: string): Uint8Array {
  let bytes = new TextEncoder().encode(text);
  if (max !== undefined) bytes = bytes.subarray(0, max);
  return padded(bytes, width, isLeft, " ");
}

function numberField({ isLeft, isZeroPadded, width }: Field, value: number | undefined): Uint8Array {
  // A field that is not there is as wide, and zeros fill it even if it is left-aligned.
  const pad = isZeroPadded && (value === undefined || !isLeft) ? "0" : " ";
  return padded(new TextEncoder().encode(value === undefined ? "" : String(value)), width, isLeft, pad);
}

/** mosquitto_sub cuts a payload at the width, though its manual calls it a minimum. */
function payloadField(out: ByteText, { isLeft, isZeroPadded, width }: Field, payload: Uint8Array): void {
  const bytes = width > 0 ? payload.subarray(0, width) : payload;
  out.add(padded(bytes, width, isLeft, isZeroPadded && !isLeft ? "0" : " "));
}

/** With a width, mosquitto_sub takes as many bytes as the cut payload has pairs. */
function hexField(out: ByteText, { letter, isLeft, isZeroPadded, width }: Field, payload: Uint8Array): void {
  const bytes = width > 0 ? payload.subarray(0, Math.floor(Math.min(payload.length, width) / 2)) : payload;
  const hex = bytes.toHex();
  const digits = new TextEncoder().encode(letter === "X" ? hex.toUpperCase() : hex);
  out.add(padded(digits, width, isLeft, isZeroPadded && !isLeft ? "0" : " "));
}

function padded(bytes: Uint8Array, width: number, isLeft: boolean, pad: string): Uint8Array {
  const missing = pad.repeat(Math.max(0, width - bytes.length));
  return isLeft ? new ByteText().add(bytes).add(missing).bytes : new ByteText().add(missing).add(bytes).bytes;
}
