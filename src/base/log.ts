/** The log: one line for each thing worth knowing, for people (text) or for tools (JSON lines), to the console and on
 * request to a rotating file. In: a text that is already whole, with values for tools beside it. Out: lines.
 * What peers sent (Client Identifiers, topics, user names) may stand in a text as it came: every line is escaped here,
 * and nowhere else, so that no control character can forge a second line. Payloads and passwords never come here.
 * Room: may be called from anywhere; synchronous. Categories: ["quetzal", room]. @module */

import { configure, dispose, getLogger, type Logger, type LogRecord, type Sink } from "@logtape/logtape";
import { RotatingFile } from "./rotating_file.ts";

/** Each level includes those before it. */
export const LOG_LEVELS = ["none", "error", "warning", "info", "debug"] as const;
export type LogLevel = typeof LOG_LEVELS[number];
/** A level at which something can be said. */
export type LineLevel = Exclude<LogLevel, "none">;

/** What a line says besides its text, for tools: shown by the JSON format only. */
export type LogProperties = Readonly<Record<string, unknown>>;

/** What a room is given to talk to people. */
export interface Log {
  /** Ask before a text is built: building it costs more than the question. */
  isEnabled(level: LineLevel): boolean;
  error(text: string, properties?: LogProperties): void;
  warning(text: string, properties?: LogProperties): void;
  info(text: string, properties?: LogProperties): void;
  debug(text: string, properties?: LogProperties): void;
}

/** `Config["log"]`. */
export interface LogSettings {
  readonly level: LogLevel;
  readonly format: "text" | "json";
  /** undefined = to the console only. */
  readonly file?: string | undefined;
  /** Size from which a new file is begun. */
  readonly fileBytesMax: number;
  /** The current one and older ones (`file.1` is the youngest). */
  readonly filesMax: number;
}

/** The line of a start report goes to the file only: the console has it from the command line tool. */
export const START_ROOM = "start";
/** A line is cut here: a topic may have 65,535 bytes. */
const LINE_LENGTH_MAX = 4096;
/** Lines are written once at the end of the turn, or when so much text waits. */
const TURN_LENGTH_MAX = 64 * 1024;

const RANK: Readonly<Record<LogLevel, number>> = { none: 0, error: 1, warning: 2, info: 3, debug: 4 };
/** Rank of the level in force; nothing is logged before `configureLog`. */
let threshold = RANK.none;

class RoomLog implements Log {
  readonly #logger: Logger;

  constructor(room: string) {
    this.#logger = getLogger(["quetzal", room]);
  }

  isEnabled(level: LineLevel): boolean {
    return RANK[level] <= threshold;
  }

  error(text: string, properties?: LogProperties): void {
    if (threshold >= RANK.error) this.#emit("error", text, properties);
  }

  warning(text: string, properties?: LogProperties): void {
    if (threshold >= RANK.warning) this.#emit("warning", text, properties);
  }

  info(text: string, properties?: LogProperties): void {
    if (threshold >= RANK.info) this.#emit("info", text, properties);
  }

  debug(text: string, properties?: LogProperties): void {
    if (threshold >= RANK.debug) this.#emit("debug", text, properties);
  }

  /** As a finished record: LogTape's templates would replace "{…}" in what a peer sent. With its category LogTape
   * passes it on as it is, which halves the cost of a line. */
  #emit(level: LineLevel, text: string, properties: LogProperties = {}): void {
    const record: LogRecord = {
      category: this.#logger.category,
      level,
      message: [text],
      rawMessage: text,
      timestamp: Date.now(),
      properties,
    };
    this.#logger.emit(record);
  }
}

/** The log of one room, by its folder's name. Cheap; may be asked for before `configureLog`. */
export function getLog(room: string): Log {
  return new RoomLog(room);
}

/** Where console lines go: whole lines, each with its newline. */
export type ConsoleWriter = (lines: string) => void;

/** Begins logging, or begins anew with other settings.
 * @param writeConsole default: standard error, so that standard output belongs to the command.
 * @throws the operating system's error when the file cannot be opened. */
export async function configureLog(
  settings: LogSettings,
  writeConsole: ConsoleWriter = writeStandardError,
): Promise<void> {
  await closeLog();
  const format = remembering(settings.format === "json" ? formatJson : formatText);
  const sinks: Record<string, Sink> = { console: turnSink(format, writeConsole) };
  if (settings.file !== undefined) sinks.file = fileSink(settings.file, settings, format);
  const toFile = settings.file === undefined ? [] : ["file"];
  await configure({
    reset: true,
    sinks,
    loggers: [
      { category: ["quetzal"], sinks: ["console", ...toFile], lowestLevel: "debug" },
      { category: ["quetzal", START_ROOM], sinks: toFile, parentSinks: "override", lowestLevel: "debug" },
      // LogTape's own complaints.
      { category: ["logtape", "meta"], sinks: ["console"], lowestLevel: "warning" },
    ],
  });
  threshold = RANK[settings.level];
  for (const event of ENDINGS) globalThis.addEventListener(event, flushLog);
}

/** Writes what waits and ends logging. */
export async function closeLog(): Promise<void> {
  threshold = RANK.none;
  for (const event of ENDINGS) globalThis.removeEventListener(event, flushLog);
  flushLog();
  flushes.clear();
  await dispose();
}

/** However the process ends, the lines of its last turn are written. */
const ENDINGS = ["unload", "error", "unhandledrejection"] as const;
/** One for each sink in force. */
const flushes = new Set<() => void>();

/** Writes what this turn has logged so far; at the end of a turn that happens by itself. */
export function flushLog(): void {
  for (const flush of flushes) flush();
}

type Format = (record: LogRecord) => string;

/** Console and file show the same line of a record: it is built once. */
function remembering(format: Format): Format {
  let last: LogRecord | undefined;
  let text = "";
  return (record) => {
    if (record !== last) {
      text = format(record);
      last = record;
    }
    return text;
  };
}

/** Tells LogTape that a sink has done with a record when it returns. Otherwise each record is copied first, property by
 * property, which takes five times as long as the line itself. */
const IMMEDIATE = Symbol.for("LogTape.sinkSnapshotPolicy.immediate");

/** Gathers the lines of one turn: a reconnect storm costs one system call a turn, not two a client. */
function turnSink(format: Format, write: (lines: string) => void): Sink {
  let waiting = "";
  const flush = () => {
    const lines = waiting;
    waiting = "";
    if (lines !== "") write(lines);
  };
  flushes.add(flush);
  const sink = (record: LogRecord) => {
    if (waiting === "") queueMicrotask(flush);
    waiting += format(record);
    if (waiting.length >= TURN_LENGTH_MAX) flush();
  };
  return Object.assign(sink, { [IMMEDIATE]: true });
}

/** `@logtape/file` is not used: its blocking mode waits for the disk in the middle of a turn, its other mode loses
 * lines when the process exits, and a rename that fails once (a file that is being watched on Windows) ends its log. */
function fileSink(path: string, settings: LogSettings, format: Format): Sink & Disposable {
  const file = new RotatingFile(path, settings.fileBytesMax, settings.filesMax);
  const log = getLog("log");
  let failing = false;
  const sink = turnSink(format, (lines) => {
    try {
      file.append(lines);
      failing = false;
    } catch (error) {
      // Said once: the console has these lines, and the next turn tries the file again.
      if (!failing) log.error(`The log file ${path} cannot be written: ${(error as Error).message}`);
      failing = true;
    }
  });
  return Object.assign(sink, { [Symbol.dispose]: () => file.close() });
}

const encoder = new TextEncoder();

function writeStandardError(lines: string): void {
  const bytes = encoder.encode(lines);
  try {
    for (let written = 0; written < bytes.length;) written += Deno.stderr.writeSync(bytes.subarray(written));
  } catch {
    // Nobody reads standard error any more (a closed terminal or pipe): the broker lives on without it.
  }
}

/** C0 and C1 controls, DEL, line and paragraph separator, and the characters that turn the direction of text. */
// deno-lint-ignore no-control-regex
const FORGING = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** Makes control characters visible: "\n" for a line feed, "\u{85}" for the rest. */
export function escapeControls(text: string): string {
  return text.replace(FORGING, (character) => {
    if (character === "\n") return "\\n";
    if (character === "\r") return "\\r";
    if (character === "\t") return "\\t";
    return `\\u{${character.codePointAt(0)!.toString(16)}}`;
  });
}

function cut(text: string): string {
  return text.length > LINE_LENGTH_MAX ? text.slice(0, LINE_LENGTH_MAX - 1) + "…" : text;
}

let second = NaN;
let secondText = "";

/** ISO 8601 without milliseconds; built once a second. */
function timeText(timestampMs: number): string {
  const thisSecond = Math.floor(timestampMs / 1000);
  if (thisSecond !== second) {
    second = thisSecond;
    secondText = new Date(thisSecond * 1000).toISOString().slice(0, 19) + "Z";
  }
  return secondText;
}

function messageText(record: LogRecord): string {
  return record.message.length === 1 ? String(record.message[0]) : record.message.map(plain).join("");
}

/** "2026-01-31T12:00:00Z: New client connected …"; the level stands before the text unless it is info. */
function formatText(record: LogRecord): string {
  const level = record.level === "info" ? "" : `${record.level}: `;
  return `${timeText(record.timestamp)}: ${level}${escapeControls(cut(messageText(record)))}\n`;
}

/** One object a line; the names of the frame win over those of properties. */
function formatJson(record: LogRecord): string {
  const frame = {
    time: new Date(record.timestamp).toISOString(),
    level: record.level,
    category: record.category.join("."),
    message: cut(messageText(record)),
  };
  const line: Record<string, unknown> = { ...frame, ...record.properties, ...frame };
  let text: string;
  try {
    text = JSON.stringify(line, (_name, value) => plain(value));
  } catch {
    text = JSON.stringify(frame);
  }
  // JSON escapes C0 and lone surrogates; the others are escaped in JSON's own way.
  return text.replace(FORGING, (character) => "\\u" + character.charCodeAt(0).toString(16).padStart(4, "0")) + "\n";
}

function plain(value: unknown): unknown {
  if (typeof value === "bigint") return value.toString();
  if (value instanceof Error) return value.message;
  return typeof value === "string" ? cut(value) : value;
}
