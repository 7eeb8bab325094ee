/** Which messages `sub` prints: `-T`, `-R`, `--retained-only`, `--random-filter`. Room: pure. @module */

import { topicMatchesFilter } from "../../topic/mod.ts";
import { UsageError } from "../arguments.ts";
import type { ClientOption, GivenClientOptions } from "./client_option.ts";
import { allOf, flagOf, lastOf } from "./given_values.ts";
import type { ReceivedMessage } from "./received_message.ts";
import { requireFilters } from "./topic_filters.ts";

export const SELECTION_OPTIONS: readonly ClientOption[] = [
  {
    name: "filter-out",
    short: "T",
    valueNames: ["FILTER"],
    repeatable: true,
    about: "leave out what matches",
    example: "-t '#' -T 'noise/#'",
  },
  { name: "R", about: "leave out retained messages, which are not news", example: "-t '#' -R" },
  {
    name: "retained-only",
    about: "only retained messages; ends at the first one that is not",
    example: "-t '#' --retained-only",
  },
  {
    name: "remove-retained",
    about: "clear each retained message that comes (not what -T leaves out)",
    example: "-t 'old/#' --remove-retained --retained-only",
  },
  {
    name: "random-filter",
    valueNames: ["PERCENT"],
    about: "print only so many of a hundred, at random",
    example: "--random-filter 10",
  },
];

export class MessageSelection {
  readonly isRetainedOnly: boolean;
  readonly removesRetained: boolean;
  readonly #left: readonly string[];
  readonly #leavesRetained: boolean;
  readonly #percent: number;

  /** @throws UsageError */
  constructor(given: GivenClientOptions) {
    this.isRetainedOnly = flagOf(given, "retained-only");
    this.removesRetained = flagOf(given, "remove-retained");
    this.#left = allOf(given, "filter-out");
    requireFilters("-T", this.#left);
    this.#leavesRetained = flagOf(given, "R");
    if (this.#leavesRetained && this.isRetainedOnly) {
      throw new UsageError(
        "-R leaves retained messages out, and --retained-only all others; together they leave nothing",
      );
    }
    this.#percent = percentOf(lastOf(given, "random-filter"));
  }

  /** Nothing happens with it. */
  isLeftOut({ topicName }: ReceivedMessage): boolean {
    return this.#left.some((filter) => topicMatchesFilter(topicName, filter));
  }

  isPrinted({ retain }: ReceivedMessage): boolean {
    return !(retain && this.#leavesRetained) && (this.#percent === 100 || Math.random() * 100 < this.#percent);
  }
}

function percentOf(text: string | undefined): number {
  const percent = text === undefined ? 100 : /^\d+(\.\d+)?$/.test(text) ? Number(text) : NaN;
  if (percent >= 0.1 && percent <= 100) return percent;
  throw new UsageError(`--random-filter ${text}: it is a number from 0.1 to 100`);
}
