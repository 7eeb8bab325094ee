/** The whole terminal for one command: another screen, keys as they are typed, and everything as it was in the end, whatever
 * happens. Sources: ECMA-48, xterm's ctlseqs (1049, 2004, 25). @module */

import { CommandError } from "../answer.ts";
import type { ScreenSize } from "./watch_view.ts";

/** Alternate screen, cursor away, pastes marked, no wrapping, empty. */
const ENTER = "\x1b[?1049h\x1b[?25l\x1b[?2004h\x1b[?7l\x1b[2J";
const LEAVE = "\x1b[?7h\x1b[?2004l\x1b[?25h\x1b[?1049l";
const FALLBACK: ScreenSize = { columns: 80, rows: 24 };

const encoder = new TextEncoder();

export class TerminalScreen implements Disposable {
  readonly #restore = () => this.restore();
  #shown: readonly string[] = [];
  #size: ScreenSize | undefined;
  #writing: Promise<void> | undefined;
  #isOpen = true;

  private constructor() {
    // Whoever calls Deno.exit while the screen is taken gives it back, too.
    globalThis.addEventListener("unload", this.#restore);
    Deno.stdin.setRaw(true);
    writeSync(ENTER);
  }

  /** @param command for the message. @throws CommandError without a terminal. */
  static open(command: string): TerminalScreen {
    if (!TerminalScreen.isThere()) {
      throw new CommandError(
        `${command} needs a terminal, for its keys and its picture; without one, use sub: sub -t '#' -v`,
      );
    }
    return new TerminalScreen();
  }

  static isThere(): boolean {
    return Deno.stdin.isTerminal() && Deno.stdout.isTerminal();
  }

  size(): ScreenSize {
    try {
      const { columns, rows } = Deno.consoleSize();
      // A terminal that does not know says 0.
      return columns > 0 && rows > 0 ? { columns, rows } : FALLBACK;
    } catch {
      return FALLBACK;
    }
  }

  /** Whether the terminal has not taken the last picture yet: the next one may be left out. */
  get isBusy(): boolean {
    return this.#writing !== undefined;
  }

  /** Writes the lines that have changed. @param lines as many as the size has. */
  draw(lines: readonly string[], size: ScreenSize): void {
    if (!this.#isOpen || this.isBusy) return;
    const isNew = size.columns !== this.#size?.columns || size.rows !== this.#size?.rows;
    let text = isNew ? "\x1b[2J" : "";
    lines.forEach((line, row) => {
      if (isNew || line !== this.#shown[row]) text += `\x1b[${row + 1};1H${line}`;
    });
    this.#shown = lines;
    this.#size = size;
    if (text !== "") this.#writing = this.#write(encoder.encode(text)).finally(() => this.#writing = undefined);
  }

  async #write(bytes: Uint8Array): Promise<void> {
    try {
      for (let at = 0; at < bytes.length && this.#isOpen;) at += await Deno.stdout.write(bytes.subarray(at));
    } catch {
      // The terminal is gone; so is whoever looked, and standard input says so.
    }
  }

  /** May be called again. */
  restore(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    globalThis.removeEventListener("unload", this.#restore);
    writeSync(LEAVE);
    try {
      Deno.stdin.setRaw(false);
    } catch {
      // It is gone.
    }
  }

  [Symbol.dispose](): void {
    this.restore();
  }
}

function writeSync(text: string): void {
  const bytes = encoder.encode(text);
  try {
    for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
  } catch {
    // The terminal is gone.
  }
}
