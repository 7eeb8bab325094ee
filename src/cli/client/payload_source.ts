/** What `pub` and `rr` publish: `-m`, `-f`, `-s`, `-n`, or a line after the other (`-l`). @module */

import { CommandError } from "../answer.ts";
import { UsageError } from "../arguments.ts";
import type { Terminal } from "../terminal.ts";
import { ByteText } from "./byte_text.ts";
import type { ClientOption, GivenClientOptions } from "./client_option.ts";
import { flagOf, lastOf } from "./given_values.ts";

export const PAYLOAD_OPTIONS: readonly ClientOption[] = [
  { name: "message", short: "m", valueNames: ["TEXT"], about: "publish this text", example: "-m 21.5" },
  { name: "file", short: "f", valueNames: ["FILE"], about: "publish what is in a file", example: "-f ./picture.jpg" },
  {
    name: "stdin-file",
    short: "s",
    about: "publish all of standard input as one message",
    example: "-s < ./picture.jpg",
  },
  { name: "null-message", short: "n", about: "publish an empty message", example: "-t door -n" },
];
export const LINES_OPTION: ClientOption = {
  name: "stdin-line",
  short: "l",
  about: "publish each line of standard input as a message, as it comes",
  example: "-l < ./readings.txt",
};
/** A line beyond is no message that a broker takes. */
const LINE_BYTES_MAX = 256 * 1024 * 1024;
const LINE_FEED = 0x0a;

/** The one option that says what is published. @throws UsageError */
export function payloadOptionOf(given: GivenClientOptions, table: readonly ClientOption[]): string {
  const asked = table.filter(({ name }) => flagOf(given, name) || lastOf(given, name) !== undefined);
  const all = table.map(({ short }) => `-${short}`).join(", ");
  if (asked.length === 0) throw new UsageError(`what shall it publish? One of ${all} says so`);
  if (asked.length > 1) throw new UsageError(`one of ${all} says what it publishes; leave the others out`);
  return asked[0].name;
}

/** @throws CommandError */
export async function readPayload(option: string, given: GivenClientOptions, terminal: Terminal): Promise<Uint8Array> {
  switch (option) {
    case "message":
      return new TextEncoder().encode(lastOf(given, "message"));
    case "file":
      return await readFile(lastOf(given, "file")!);
    case "stdin-file":
      return await readAll(inputOf(terminal));
    default:
      return new Uint8Array();
  }
}

/** Also of a person who types. */
export function inputOf(terminal: Terminal): ReadableStream<Uint8Array> {
  return terminal.input?.() ?? Deno.stdin.readable;
}

/** Lines without their ends; the last one need not have one. Ends at once when `signal` is aborted. */
export async function* linesOf(stream: ReadableStream<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  const cancel = () => void reader.cancel().catch(() => {});
  signal.addEventListener("abort", cancel);
  let begun = new ByteText();
  let begunBytes = 0;
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      let start = 0;
      for (let end; (end = value.indexOf(LINE_FEED, start)) >= 0; start = end + 1) {
        yield begun.add(value.subarray(start, end)).bytes;
        begun = new ByteText();
        begunBytes = 0;
      }
      begun.add(value.slice(start));
      begunBytes += value.length - start;
      if (begunBytes > LINE_BYTES_MAX) {
        throw new CommandError(`a line of standard input has more than ${LINE_BYTES_MAX} bytes`);
      }
    }
    if (begunBytes > 0 && !signal.aborted) yield begun.bytes;
  } finally {
    signal.removeEventListener("abort", cancel);
    cancel();
  }
}

async function readAll(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const all = new ByteText();
  let isEmpty = true;
  for await (const part of stream) {
    all.add(part);
    isEmpty &&= part.length === 0;
  }
  if (isEmpty) throw new CommandError("there is nothing on standard input; -n publishes an empty message");
  return all.bytes;
}

async function readFile(path: string): Promise<Uint8Array> {
  try {
    return await Deno.readFile(path);
  } catch (error) {
    throw new CommandError(`the message cannot be read: ${error instanceof Error ? error.message : error}`);
  }
}
