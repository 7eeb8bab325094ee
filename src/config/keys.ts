/** The schema as a flat list: one `ConfigKey` for each value that can be set, with its names in a file
 * ("limits.connectionsMax") and in the environment ("QUETZAL_LIMITS_CONNECTIONS_MAX"), what it allows, and how to read
 * it from text. Room: pure. @module */

import { configSchema } from "./schema.ts";

export const ENVIRONMENT_PREFIX = "QUETZAL_";

export interface ConfigKey {
  readonly path: string;
  readonly environmentName: string;
  readonly about: string;
  /** undefined = nothing, or decided by other keys. */
  readonly defaultValue: unknown;
  /** For people: `a whole number from 0 to 65535`, `"full", "normal" or "off"`. */
  readonly allowed: string;
  /** From an option or an environment variable. What cannot be read comes back as the text, for the schema to refuse. */
  readonly fromText: (text: string) => unknown;
}

/** The parts of valibot's schemas that are looked at here. */
interface AnySchema {
  readonly type: string;
  readonly pipe?: readonly AnyPipeItem[];
  readonly wrapped?: AnySchema;
  readonly entries?: Readonly<Record<string, AnySchema>>;
  readonly options?: readonly unknown[];
  readonly item?: AnySchema;
  readonly default?: unknown;
}
interface AnyPipeItem extends AnySchema {
  readonly requirement?: unknown;
  readonly description?: string;
  readonly message?: string;
}

/** In the order of the schema. */
export const CONFIG_KEYS: readonly ConfigKey[] = keysOf("", configSchema as unknown as AnySchema);
const KEYS_BY_PATH: ReadonlyMap<string, ConfigKey> = new Map(CONFIG_KEYS.map((key) => [key.path, key]));
const SECTIONS: ReadonlySet<string> = new Set(
  CONFIG_KEYS.filter((key) => key.path.includes(".")).map((key) => key.path.slice(0, key.path.indexOf("."))),
);

export function configKey(path: string): ConfigKey | undefined {
  return KEYS_BY_PATH.get(path);
}

/** `log`, `features` and `limits`: objects that hold keys. */
export function isSection(path: string): boolean {
  return SECTIONS.has(path);
}

/** The name among `names` that was probably meant: at most a third of its letters differ. */
export function nearest(name: string, names: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Infinity;
  const lowered = name.toLowerCase();
  for (const candidate of names) {
    const distance = editDistance(lowered, candidate.toLowerCase());
    if (distance < bestDistance && distance <= Math.max(1, Math.floor(candidate.length / 3))) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** The path that was probably meant by an unknown one: `limit.connectionMax`, or a key in the wrong section. */
export function nearestPath(path: string): string | undefined {
  const lastName = path.slice(path.lastIndexOf(".") + 1).toLowerCase();
  const paths = [...KEYS_BY_PATH.keys(), ...SECTIONS];
  return nearest(path, paths) ??
    paths.find((other) => other.slice(other.lastIndexOf(".") + 1).toLowerCase() === lastName);
}

/** true: an object of this section ("" = the whole) may have a key of this name. */
export function isName(section: string, name: string): boolean {
  if (name.includes(".")) return false;
  return section === "" ? KEYS_BY_PATH.has(name) || SECTIONS.has(name) : KEYS_BY_PATH.has(`${section}.${name}`);
}

/** What to do about an unknown key: "did you mean limits.connectionsMax?" */
export function unknownKeyHint(path: string): string {
  const meant = nearestPath(path);
  if (meant === undefined) return "`help config` lists the keys";
  // { "log.level": … } in a file.
  if (meant === path) return `write { ${path.split(".").map((name) => JSON.stringify(name)).join(": { ")}: … } }`;
  return `did you mean ${meant}?`;
}

/** "limits.connectionsMax" → "QUETZAL_LIMITS_CONNECTIONS_MAX" */
export function environmentName(path: string): string {
  const words = path.replace("QoS", "Qos").replace(/([a-z0-9])([A-Z])/g, "$1_$2").replaceAll(".", "_");
  return ENVIRONMENT_PREFIX + words.toUpperCase();
}

/** The sections' names. */
export function sectionNames(): Iterable<string> {
  return SECTIONS;
}

function keysOf(prefix: string, schema: AnySchema): ConfigKey[] {
  const keys: ConfigKey[] = [];
  for (const [name, optional] of Object.entries(schema.entries!)) {
    const path = prefix + name;
    const inner = optional.wrapped!;
    if (inner.type === "strict_object") {
      keys.push(...keysOf(path + ".", inner));
      continue;
    }
    const checks = flatten(inner);
    keys.push({
      path,
      environmentName: environmentName(path),
      about: checks.find((check) => check.description !== undefined)?.description ?? "",
      defaultValue: optional.default,
      allowed: allowedBy(inner, checks),
      fromText: readerOf(inner),
    });
  }
  return keys;
}

/** A pipe may begin with a pipe. */
function flatten(schema: AnySchema): AnyPipeItem[] {
  return (schema.pipe ?? []).flatMap((item, index) => index === 0 && item.pipe !== undefined ? flatten(item) : [item]);
}

function allowedBy(schema: AnySchema, checks: readonly AnyPipeItem[]): string {
  const requirement = (type: string) => checks.find((check) => check.type === type)?.requirement;
  switch (schema.type) {
    case "number":
      return `a whole number from ${requirement("min_value")} to ${requirement("max_value")}`;
    case "boolean":
      return "true or false";
    case "picklist":
      return oneOf(schema.options!);
    case "array":
      return `a list with one or more of ${schema.item!.options!.join(", ")}`;
    default:
      return checks.find((check) => typeof check.message === "string")?.message ?? "a text that is not empty";
  }
}

function oneOf(options: readonly unknown[]): string {
  const shown = options.map((option) => JSON.stringify(option));
  return `${shown.slice(0, -1).join(", ")} or ${shown.at(-1)}`;
}

const BINARY_UNITS: Readonly<Record<string, number>> = { KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

/** @returns NaN for what is no number; "64MiB" and "1 GiB" are. */
function numberFromText(text: string): number {
  const parts = /^(-?\d+(?:\.\d+)?)\s*(KiB|MiB|GiB)?$/.exec(text.trim());
  return parts === null ? NaN : Number(parts[1]) * (BINARY_UNITS[parts[2]] ?? 1);
}

function readerOf(schema: AnySchema): (text: string) => unknown {
  const number = (text: string): number | string => {
    const value = numberFromText(text);
    return Number.isNaN(value) ? text : value;
  };
  switch (schema.type) {
    case "number":
      return number;
    case "boolean":
      return (text) => text === "true" ? true : text === "false" ? false : text;
    case "picklist":
      return typeof schema.options![0] === "number" ? number : (text) => text;
    case "array":
      return (text) => text.split(",").filter((part) => part.trim() !== "").map(number);
    default:
      return (text) => text;
  }
}

/** Optimal string alignment: insertions, deletions, replacements and swaps of neighbours (Damerau 1964). */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let distance = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        distance = Math.min(distance, beforeLast[j - 2] + 1);
      }
      row.push(distance);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length];
}
