/** Single values of what was given. Room: pure. @module */

import type { QoS } from "../../packet/control_packet.ts";
import { UsageError } from "../arguments.ts";
import type { GivenClientOptions } from "./client_option.ts";

export function flagOf({ flags }: GivenClientOptions, name: string): boolean {
  return flags.has(name);
}

/** undefined = not given. */
export function lastOf({ values }: GivenClientOptions, name: string): string | undefined {
  return values.get(name)?.at(-1)?.[0];
}

export function allOf({ values }: GivenClientOptions, name: string): string[] {
  return (values.get(name) ?? []).map(([value]) => value);
}

/** A whole number. @throws UsageError */
export function numberOption(given: GivenClientOptions, name: string, min: number, max: number): number | undefined {
  const text = lastOf(given, name);
  if (text === undefined) return undefined;
  const number = /^\d+$/.test(text) ? Number(text) : NaN;
  if (number >= min && number <= max) return number;
  throw new UsageError(`${written(name)} ${text}: it is a whole number from ${min} to ${max}`);
}

/** Seconds, with a fraction. @throws UsageError */
export function secondsOption(given: GivenClientOptions, name: string, min: number, max: number): number | undefined {
  const text = lastOf(given, name);
  if (text === undefined) return undefined;
  const number = /^(\d+\.?\d*|\.\d+)$/.test(text) ? Number(text) : NaN;
  if (number >= min && number <= max) return number;
  throw new UsageError(`${written(name)} ${text}: it is a number of seconds from ${min} to ${max}`);
}

/** @throws UsageError */
export function qosOption(given: GivenClientOptions, name: string): QoS | undefined {
  return numberOption(given, name, 0, 2) as QoS | undefined;
}

function written(name: string): string {
  return name.length === 1 ? `-${name}` : `--${name}`;
}
