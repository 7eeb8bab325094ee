/** A new password, from a person or from a script. It is never shown, and never part of a message. @module */

import { PASSWORD_BYTES_MAX } from "../auth/password.ts";
import { UsageError } from "./arguments.ts";
import { CommandError } from "./answer.ts";
import type { Terminal } from "./terminal.ts";

// deno-lint-ignore no-control-regex
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;
/** With its line end. */
const INPUT_BYTES_MAX = PASSWORD_BYTES_MAX + 2;
const LINE_FEED = 0x0a;

/** @param fromInput `--password-stdin`. @throws UsageError, CommandError */
export async function askNewPassword(userName: string, fromInput: boolean, terminal: Terminal): Promise<string> {
  if (fromInput) return await readPassword(terminal);
  if (terminal.askSecret === undefined) {
    throw new UsageError(
      "there is no terminal to ask for the password; give it on standard input, one line, with --password-stdin",
    );
  }
  const password = await terminal.askSecret(`Password of ${userName}:`);
  // On Windows this is how Ctrl+C comes, too; and who corrects half a character of UTF-8 has typed something else.
  if (CONTROL.test(password) || password.includes("\u{fffd}")) {
    throw new CommandError("a key was typed that is no character of a password; nothing was changed");
  }
  requirePassword(password);
  if (await terminal.askSecret("The same again:") !== password) {
    throw new CommandError("these were two different passwords; nothing was changed");
  }
  return password;
}

/** One line; its end may be that of Windows. */
async function readPassword({ input }: Terminal): Promise<string> {
  if (input === undefined) {
    throw new UsageError(
      "--password-stdin is for scripts, and would show what is typed here; leave it out and you are asked for the password",
    );
  }
  const bytes = await readAtMost(input(), INPUT_BYTES_MAX);
  const lineEnd = bytes.indexOf(LINE_FEED);
  if (lineEnd >= 0 && lineEnd < bytes.length - 1) {
    throw new CommandError("standard input has more than one line; --password-stdin takes one, the password");
  }
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new CommandError("the password on standard input is no UTF-8 text");
  }
  const password = text.replace(/\r?\n$/, "");
  requirePassword(password);
  return password;
}

function requirePassword(password: string): void {
  if (password === "") throw new CommandError("an empty password is none; nothing was changed");
  if (new TextEncoder().encode(password).length > PASSWORD_BYTES_MAX) throw tooLong();
}

function tooLong(): CommandError {
  return new CommandError(`a password has at most ${PASSWORD_BYTES_MAX} bytes; nothing was changed`);
}

async function readAtMost(stream: ReadableStream<Uint8Array>, bytesMax: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of stream) {
    parts.push(part);
    length += part.length;
    if (length > bytesMax) throw tooLong();
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
