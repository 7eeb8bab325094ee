/** Who looks at the packets of a command: `-d`, `--packets`. Room: pure. @module */

import { escapeControls } from "../../base/log.ts";
import type { ClientObserver } from "../../client/client_observer.ts";
import type { Terminal } from "../terminal.ts";
import type { GivenClientOptions } from "./client_option.ts";
import type { ClientOutput } from "./client_output.ts";
import type { ConnectionSettings } from "./connection_settings.ts";
import { DebugLines } from "./debug_lines.ts";
import { flagOf } from "./given_values.ts";
import { PacketDescriber } from "./packet_description.ts";

/** Those that the options ask for. */
export function observersOf(
  given: GivenClientOptions,
  settings: ConnectionSettings,
  output: ClientOutput,
  terminal: Terminal,
): ClientObserver[] {
  const observers: ClientObserver[] = [];
  if (flagOf(given, "debug")) {
    const lines = new DebugLines(settings.clientId);
    // On standard output, as Mosquitto's clients have it.
    observers.push({
      packet: (direction, packet) =>
        lines.packet(direction, packet).forEach((line) => output.line(output.isWatched ? escapeControls(line) : line)),
    });
  }
  if (flagOf(given, "packets") || flagOf(given, "verbose")) {
    const describer = new PacketDescriber();
    observers.push({
      packet: (direction, packet) => {
        const { name, fields } = describer.describe(packet);
        terminal.complain(`${direction === "sent" ? "→" : "←"} ${[name, fields.join(", ")].join(" ").trimEnd()}`);
      },
    });
  }
  return observers;
}

/** One that tells all of them. Nothing is told of packets to those who look at none. */
export function allObservers(observers: readonly ClientObserver[]): ClientObserver {
  const seeing = observers.filter(({ packet }) => packet !== undefined);
  return {
    state: (state, cause) => observers.forEach((observer) => observer.state?.(state, cause)),
    lost: (message, why) => observers.forEach((observer) => observer.lost?.(message, why)),
    ...(seeing.length === 0 ? {} : {
      packet: (direction, packet, atMs) => seeing.forEach((observer) => observer.packet!(direction, packet, atMs)),
    }),
  };
}
