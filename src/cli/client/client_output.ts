/** Standard output of a command that may print a million messages: what comes in one turn is written at once, in order with
 * the lines between. Who adds faster than the reader reads waits for `room`. @module */

import { CommandError } from "../answer.ts";
import type { Terminal } from "../terminal.ts";
import { ByteText } from "./byte_text.ts";

const WAITING_BYTES_MAX = 256 * 1024;

/** Nobody reads any more: `quetzal sub … | head`. */
export class OutputClosedError extends Error {
  override readonly name = "OutputClosedError";
}

export class ClientOutput {
  /** Colours and views for people; a program gets bytes as they came. */
  readonly isWatched: boolean;
  readonly hasColours: boolean;
  readonly #write: (bytes: Uint8Array) => Promise<void>;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #writing: Promise<void> | undefined;
  #failure: unknown;

  constructor(terminal: Terminal) {
    const { write, isWatched = false, environment } = terminal;
    this.isWatched = isWatched;
    // https://no-color.org
    this.hasColours = isWatched && !environment.NO_COLOR && environment.TERM !== "dumb";
    this.#write = write ?? ((bytes) => {
      terminal.print(new TextDecoder().decode(bytes).replace(/\n$/, ""));
      return Promise.resolve();
    });
  }

  add(bytes: Uint8Array): void {
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    this.#writing ??= this.#drain();
  }

  line(text: string): void {
    this.add(new TextEncoder().encode(text + "\n"));
  }

  /** Resolves when more may be added. @throws OutputClosedError, CommandError when the disk is full, and the like */
  async room(): Promise<void> {
    if (this.#waitingBytes > WAITING_BYTES_MAX) await this.written();
    else if (this.#failure !== undefined) throw this.#failure;
  }

  /** @throws as `room` */
  async written(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** "1" with the sign for bold around it, and so on, where there are colours. */
  paint(colour: Colour, text: string): string {
    return this.hasColours ? `\x1b[${CODES[colour]}m${text}\x1b[0m` : text;
  }

  async #drain(): Promise<void> {
    // The rest of this turn comes along.
    await Promise.resolve();
    try {
      while (this.#waiting.length > 0) {
        const all = new ByteText();
        for (const bytes of this.#waiting) all.add(bytes);
        this.#waiting = [];
        this.#waitingBytes = 0;
        await this.#write(all.bytes);
      }
    } catch (error) {
      this.#failure = error instanceof Deno.errors.BrokenPipe
        ? new OutputClosedError("standard output is closed")
        : new CommandError(`standard output: ${error instanceof Error ? error.message : error}`);
    } finally {
      this.#writing = undefined;
    }
  }
}

export type Colour = "topic" | "faint" | "sent" | "received" | "bad";
/** SGR: cyan, faint, blue, green, red. ECMA-48 */
const CODES: Readonly<Record<Colour, number>> = { topic: 36, faint: 2, sent: 34, received: 32, bad: 31 };
