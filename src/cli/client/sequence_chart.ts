/** The packets of one connection as a sequence chart: line by line in a terminal, or as a Mermaid sequenceDiagram.
 * In: packets, as the observer tells them. Out: text. Room: pure. @module */

import type { ControlPacket } from "../../packet/control_packet.ts";
import { PacketDescriber } from "./packet_description.ts";

export type Direction = "sent" | "received";

/** "      0.012 s  " */
const TIME_WIDTH = 11;
const INNER_WIDTH_MIN = 30;

/** The lines that a terminal shows below each other. */
export class TerminalChart {
  readonly #describer = new PacketDescriber();
  readonly #inner: number;
  #startMs: number | undefined;

  /** @param paint colours an arrow. */
  constructor(columns: number, readonly paint: (direction: Direction, text: string) => string) {
    this.#inner = Math.max(INNER_WIDTH_MIN, columns - TIME_WIDTH - 4);
  }

  head(client: string, server: string): string[] {
    const gap = Math.max(1, this.#inner + 2 - client.length - server.length);
    return [`${" ".repeat(TIME_WIDTH)}${client}${" ".repeat(gap)}${server}`, this.#row("")];
  }

  packet(direction: Direction, packet: ControlPacket, atMs: number): string[] {
    this.#startMs ??= atMs;
    const { name, fields } = this.#describer.describe(packet);
    const time = `${((atMs - this.#startMs) / 1000).toFixed(3)} s`;
    const line = "─".repeat(Math.max(1, this.#inner - name.length - 4));
    const arrow = direction === "sent" ? `─ ${name} ${line}▶` : `◀${line} ${name} ─`;
    return [
      `${time.padStart(TIME_WIDTH - 2)}  │${this.paint(direction, arrow)}│`,
      ...fields.flatMap((field) => wrapped(field, this.#inner - 4)).map((text) => this.#row(`    ${text}`)),
      this.#row(""),
    ];
  }

  /** What is no packet: how the connection stands. */
  note(text: string): string[] {
    return [...wrapped(text, this.#inner - 2).map((line) => this.#row(` ${line}`)), this.#row("")];
  }

  #row(text: string): string {
    return `${" ".repeat(TIME_WIDTH)}│${text.padEnd(this.#inner)}│`;
  }
}

/** Gathers, and is written at the end. */
export class MermaidChart {
  readonly #describer = new PacketDescriber();
  readonly #steps: string[] = [];

  packet(direction: Direction, packet: ControlPacket): void {
    const { name, fields } = this.#describer.describe(packet);
    const arrow = direction === "sent" ? "C->>S" : "S->>C";
    this.#steps.push(`${arrow}: ${[name, ...fields].map(escaped).join("<br/>")}`);
  }

  note(text: string): void {
    this.#steps.push(`Note over C,S: ${escaped(text)}`);
  }

  text(client: string, server: string): string {
    return [
      "sequenceDiagram",
      `    participant C as ${escaped(client)}`,
      `    participant S as ${escaped(server)}`,
      ...this.#steps.map((step) => `    ${step}`),
      "",
    ].join("\n");
  }
}

/** Mermaid reads signs of HTML and of its own in a message; all of them have a number. */
function escaped(text: string): string {
  return text.replace(/[#;<>&%{}\\`"]/g, (sign) => `#${sign.codePointAt(0)};`);
}

/** By characters, since what is long is most often one word: a topic, or a payload. */
function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let rest = text;
  while (rest.length > width) {
    const space = rest.lastIndexOf(" ", width);
    const end = space > width / 2 ? space : width;
    lines.push(rest.slice(0, end));
    rest = `  ${rest.slice(end).trimStart()}`;
  }
  return [...lines, rest];
}
