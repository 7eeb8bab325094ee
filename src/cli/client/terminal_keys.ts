/** What a terminal in raw mode sends → keys. Sequences may come in pieces, and Escape is the beginning of most of them: it is
 * a key of its own when nothing follows, which only the clock can tell (`flush`). Room: pure. Sources: ECMA-48 §5.4, xterm's
 * control sequences (ctlseqs), bracketed paste. @module */

/** A character ("a", "ü", " "), a name ("up", "enter"), "ctrl-c", or a paste. */
export interface Key {
  readonly name: string;
  /** The character, or what was pasted; "" of all others. */
  readonly text: string;
}

const ESCAPE = "\x1b";
const PASTE_BEGIN = "\x1b[200~";
const PASTE_END = "\x1b[201~";
const PASTE_LENGTH_MAX = 64 * 1024;
/** No key sends a longer one. */
const SEQUENCE_LENGTH_MAX = 32;

const FINAL_NAMES: Readonly<Record<string, string>> = {
  A: "up",
  B: "down",
  C: "right",
  D: "left",
  H: "home",
  F: "end",
  Z: "shift-tab",
};
const TILDE_NAMES: Readonly<Record<string, string>> = {
  "1": "home",
  "3": "delete",
  "4": "end",
  "5": "page-up",
  "6": "page-down",
  "7": "home",
  "8": "end",
};
const CONTROL_NAMES: Readonly<Record<string, string>> = {
  "\r": "enter",
  "\n": "enter",
  "\t": "tab",
  "\b": "backspace",
  "\x7f": "backspace",
};

export class KeyReader {
  readonly #decoder = new TextDecoder();
  #rest = "";
  #pasted: string | undefined;

  /** Whether what came last may be the Escape key: `flush` says so when nothing follows soon. */
  get isUndecided(): boolean {
    return this.#rest !== "" && this.#pasted === undefined;
  }

  read(bytes: Uint8Array): Key[] {
    this.#rest += this.#decoder.decode(bytes, { stream: true });
    return this.#take(false);
  }

  /** Nothing has followed for a while. */
  flush(): Key[] {
    return this.#take(true);
  }

  #take(isEnd: boolean): Key[] {
    const keys: Key[] = [];
    while (this.#rest !== "") {
      if (this.#pasted !== undefined) {
        const key = this.#takePaste();
        if (key === undefined) break;
        keys.push(key);
        continue;
      }
      const length = lengthOfFirst(this.#rest, isEnd);
      if (length === 0) break;
      const sequence = this.#rest.slice(0, length);
      this.#rest = this.#rest.slice(length);
      if (sequence === PASTE_BEGIN) this.#pasted = "";
      else {
        const key = keyOf(sequence);
        if (key !== undefined) keys.push(key);
      }
    }
    return keys;
  }

  #takePaste(): Key | undefined {
    const end = this.#rest.indexOf(PASTE_END);
    // The end may have come in part.
    const length = end >= 0 ? end : Math.max(0, this.#rest.length - PASTE_END.length + 1);
    this.#pasted = (this.#pasted! + this.#rest.slice(0, length)).slice(0, PASTE_LENGTH_MAX);
    this.#rest = this.#rest.slice(length + (end >= 0 ? PASTE_END.length : 0));
    if (end < 0) return undefined;
    const text = this.#pasted;
    this.#pasted = undefined;
    return { name: "paste", text };
  }
}

/** 0 = it is not all there yet. */
function lengthOfFirst(text: string, isEnd: boolean): number {
  if (text[0] !== ESCAPE) return text.codePointAt(0)! > 0xffff ? 2 : 1;
  if (text.length === 1) return isEnd ? 1 : 0;
  if (text[1] === "O") return text.length > 2 ? 3 : isEnd ? 1 : 0;
  if (text[1] !== "[") return 1;
  for (let at = 2; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code >= 0x40 && code <= 0x7e) return at + 1;
    // No parameter or intermediate byte, or far too many: what began is no sequence.
    if (code < 0x20 || code > 0x3f || at >= SEQUENCE_LENGTH_MAX) return at;
  }
  return isEnd ? text.length : 0;
}

/** undefined = none that anybody here would know. */
function keyOf(sequence: string): Key | undefined {
  if (sequence === ESCAPE) return { name: "escape", text: "" };
  if (sequence[0] === ESCAPE) {
    // With or without modifiers: "\x1b[1;5A" is Ctrl+Up.
    const final = sequence[sequence.length - 1];
    const name = final === "~" ? TILDE_NAMES[/^\d+/.exec(sequence.slice(2))?.[0] ?? ""] : FINAL_NAMES[final];
    return name === undefined ? undefined : { name, text: "" };
  }
  const name = CONTROL_NAMES[sequence];
  if (name !== undefined) return { name, text: "" };
  const code = sequence.charCodeAt(0);
  if (code >= 1 && code <= 26) return { name: `ctrl-${String.fromCharCode(code + 0x60)}`, text: "" };
  return code < 0x20 || (code >= 0x80 && code < 0xa0) ? undefined : { name: sequence, text: sequence };
}
