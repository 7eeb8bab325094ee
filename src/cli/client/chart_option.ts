/** `--sequence`, `--mermaid`: the packets of a command as a chart, while they come. @module */

import { escapeControls } from "../../base/log.ts";
import type { ClientObserver } from "../../client/client_observer.ts";
import { PacketType } from "../../packet/control_packet.ts";
import { CommandError } from "../answer.ts";
import type { ClientOption } from "./client_option.ts";
import type { ClientTask } from "./client_task.ts";
import { lastOf } from "./given_values.ts";
import { MermaidChart, TerminalChart } from "./sequence_chart.ts";

export const MERMAID_OPTION: ClientOption = {
  name: "mermaid",
  valueNames: ["FILE"],
  about:
    "write the sequence chart as a Mermaid sequenceDiagram into this file; - = standard output, in place of the other",
  example: "--mermaid ./connection.mmd",
};
const COLUMNS = 80;
const COLUMNS_MAX = 120;

export class ChartOption {
  readonly #task: ClientTask;
  readonly #file: string | undefined;
  readonly #mermaid = new MermaidChart();
  readonly #terminal: TerminalChart;
  readonly #showsTerminal: boolean;

  /** @param isAsked for the terminal. */
  constructor(task: ClientTask, isAsked: boolean) {
    this.#task = task;
    this.#file = lastOf(task.given, "mermaid");
    this.#showsTerminal = isAsked && this.#file !== "-";
    this.#terminal = new TerminalChart(
      columnsOf(task),
      (direction, text) => task.output.paint(direction, text),
    );
  }

  get isAsked(): boolean {
    return this.#showsTerminal || this.#file !== undefined;
  }

  /** Draws the head. @returns who is to see the packets. */
  begin(): ClientObserver[] {
    if (!this.isAsked) return [];
    if (this.#showsTerminal) this.#print(this.#terminal.head(this.#clientName, this.#serverName));
    let hasBegun = false;
    let hasEnded = false;
    let isWaiting = false;
    return [{
      packet: (direction, packet, atMs) => {
        hasBegun = true;
        hasEnded = packet.type === PacketType.Disconnect;
        if (this.#file !== undefined) this.#mermaid.packet(direction, packet);
        if (this.#showsTerminal) this.#print(this.#terminal.packet(direction, packet, atMs));
      },
      state: (state, cause) => {
        // The packets tell the rest.
        if (state === "waiting" || (state === "closed" && !hasEnded)) this.note(`${state}: ${cause}`);
        // CONNECT once more, in an older version; of an attempt behind a pause its own note has told.
        else if (state === "connecting" && hasBegun && !isWaiting) this.note(cause);
        isWaiting = state === "waiting";
      },
    }];
  }

  note(text: string): void {
    if (this.#file !== undefined) this.#mermaid.note(text);
    if (this.#showsTerminal) this.#print(this.#terminal.note(escapeControls(text)));
  }

  /** When all is over. @throws CommandError when the file cannot be written. */
  async finish(): Promise<void> {
    if (this.#file === undefined) return;
    const text = this.#mermaid.text(this.#clientName, this.#serverName);
    if (this.#file === "-") {
      this.#task.output.add(new TextEncoder().encode(text));
      return await this.#task.output.written();
    }
    try {
      await Deno.writeTextFile(this.#file, text);
    } catch (error) {
      throw new CommandError(`the chart cannot be written: ${error instanceof Error ? error.message : error}`);
    }
  }

  get #clientName(): string {
    return escapeControls(this.#task.connection.settings.clientId ?? "client");
  }

  get #serverName(): string {
    return escapeControls(this.#task.url);
  }

  #print(lines: readonly string[]): void {
    for (const line of lines) this.#task.output.line(line);
  }
}

/** As wide as the terminal, and not wider than eyes like. */
export function columnsOf({ terminal }: Pick<ClientTask, "terminal">): number {
  return Math.min(terminal.columns?.() ?? COLUMNS, COLUMNS_MAX);
}
