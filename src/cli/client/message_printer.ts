/** How `sub` and `rr` print a message: as mosquitto_sub does, to the byte, when a program reads; for people on a terminal with
 * colours and a view of the payload. @module */

import { escapeControls } from "../../base/log.ts";
import { UsageError } from "../arguments.ts";
import { ByteText } from "./byte_text.ts";
import type { ClientOption, GivenClientOptions } from "./client_option.ts";
import type { ClientOutput } from "./client_output.ts";
import { flagOf, lastOf } from "./given_values.ts";
import { MessageFormat } from "./message_format.ts";
import { messageObject } from "./message_json.ts";
import { viewPayload } from "./payload_view.ts";
import type { ReceivedMessage } from "./received_message.ts";

export const PRINT_OPTIONS: readonly ClientOption[] = [
  { name: "v", about: "print the topic before each payload", example: "-t '#' -v" },
  {
    name: "verbose",
    about: "as -v, and each packet in one line on standard error",
    example: "-t '#' --verbose",
  },
  {
    name: "format",
    short: "F",
    valueNames: ["FORMAT"],
    about:
      "print so: %t topic, %p payload, %x in hexadecimal, %q QoS, %r retained, %l bytes, %m Packet Identifier, %I time, " +
      "%U Unix time, %j and %J JSON, %A %C %D %E %F %P %R %S properties, @X strftime, \\n \\t \\e …; widths as %-20t",
    example: "-F '%I %-20t %p'",
  },
  { name: "json", about: "print one JSON object for each message", example: "--json" },
  { name: "pretty", about: "JSON (%j, %J, --json) with line ends", example: "-F %j --pretty" },
  { name: "no-line-end", short: "N", about: "print no line end behind a message", example: "-N > ./stream" },
];

export class MessagePrinter {
  readonly #output: ClientOutput;
  readonly #format: MessageFormat | undefined;
  readonly #json: { readonly indent: number } | undefined;
  readonly #isVerbose: boolean;
  readonly #lineEnd: string;

  readonly #complain: (text: string) => void;

  /** @param complain is told of what cannot be shown. @throws UsageError for a format that is none. */
  constructor(given: GivenClientOptions, output: ClientOutput, complain: (text: string) => void) {
    this.#complain = complain;
    this.#output = output;
    const format = lastOf(given, "format");
    const isPretty = flagOf(given, "pretty");
    if (format !== undefined && flagOf(given, "json")) throw new UsageError("-F and --json exclude each other");
    this.#format = format === undefined ? undefined : new MessageFormat(format, isPretty);
    this.#json = flagOf(given, "json") ? { indent: isPretty ? 2 : 0 } : undefined;
    this.#isVerbose = flagOf(given, "v") || flagOf(given, "verbose");
    this.#lineEnd = flagOf(given, "no-line-end") ? "" : "\n";
  }

  print(message: ReceivedMessage): void {
    this.#output.add(this.#bytesOf(message));
  }

  #bytesOf(message: ReceivedMessage): Uint8Array {
    if (this.#format !== undefined) {
      return new ByteText().add(this.#format.format(message, this.#complain)).add(this.#lineEnd).bytes;
    }
    if (this.#json !== undefined) {
      return new ByteText().add(JSON.stringify(messageObject(message), undefined, this.#json.indent)).add(this.#lineEnd)
        .bytes;
    }
    return this.#output.isWatched ? this.#forPeople(message) : this.#plain(message);
  }

  /** An empty payload is nothing at all, or "(null)" behind its topic. */
  #plain({ topicName, payload }: ReceivedMessage): Uint8Array {
    const out = new ByteText();
    if (payload.length > 0) {
      if (this.#isVerbose) out.add(`${topicName} `);
      return out.add(payload).add(this.#lineEnd).bytes;
    }
    if (this.#isVerbose && this.#lineEnd !== "") out.add(`${topicName} (null)\n`);
    return out.bytes;
  }

  #forPeople({ topicName, payload, retain }: ReceivedMessage): Uint8Array {
    const view = payload.length === 0 ? this.#output.paint("faint", "(empty)") : viewPayload(payload);
    const topic = this.#output.paint("topic", escapeControls(topicName)) +
      (retain ? this.#output.paint("faint", " (retained)") : "");
    const text = !this.#isVerbose ? view : view.includes("\n") ? `${topic}\n${view}` : `${topic} ${view}`;
    return new TextEncoder().encode(text + this.#lineEnd);
  }
}
