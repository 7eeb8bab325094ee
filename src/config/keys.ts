/** The schema as a flat list: one `ConfigKey` for each value that can be set, with its names in a file
 * ("limits.connectionsMax") and in the environment ("QUETZAL_LIMITS_CONNECTIONS_MAX"), what it allows, and how to read
 * it from text. Room: pure. @module */

import { configSchema } from "./schema.ts";
import { aboutOf, allowedBy, readerOf, type Shape, shapeAt, unwrap } from "./schema_shape.ts";

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

/** The schema of the whole, as a shape. */
export const CONFIG_SHAPE = configSchema as unknown as Shape;

/** In the order of the schema. */
export const CONFIG_KEYS: readonly ConfigKey[] = keysOf("", CONFIG_SHAPE);
const KEYS_BY_PATH: ReadonlyMap<string, ConfigKey> = new Map(CONFIG_KEYS.map((key) => [key.path, key]));
const SECTIONS: ReadonlySet<string> = new Set(
  CONFIG_KEYS.filter((key) => key.path.includes(".")).map((key) => key.path.slice(0, key.path.indexOf("."))),
);

export function configKey(path: string): ConfigKey | undefined {
  return KEYS_BY_PATH.get(path);
}

/** `log`, `tls`, `limits`, …: objects that hold keys. */
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

/** What to do about an unknown key: "did you mean limits.connectionsMax?" */
export function unknownKeyHint(path: string): string {
  const inList = /^(.*\])\.(.*)$/.exec(path);
  if (inList !== null) return unknownKeyInListHint(inList[1], inList[2]);
  const meant = nearestPath(path);
  if (meant === undefined) return "`help config` lists the keys";
  // { "log.level": … } in a file.
  if (meant === path) return `write { ${path.split(".").map((name) => JSON.stringify(name)).join(": { ")}: … } }`;
  return `did you mean ${meant}?`;
}

/** @param item "listeners[1]" @param path in the item: "prot", "tls.certfile" */
function unknownKeyInListHint(item: string, path: string): string {
  const dot = path.lastIndexOf(".") + 1;
  let shape = shapeAt(shapeAt(CONFIG_SHAPE, item.slice(0, item.indexOf("[")))!, 0)!;
  for (const name of path.slice(0, dot).split(".").slice(0, -1)) shape = shapeAt(shape, name)!;
  const names = Object.keys(shape.entries!);
  const meant = nearest(path.slice(dot), names);
  return meant === undefined
    ? `the keys there are ${names.join(", ")}`
    : `did you mean ${item}.${path.slice(0, dot)}${meant}?`;
}

/** "limits.connectionsMax" → "QUETZAL_LIMITS_CONNECTIONS_MAX" */
export function environmentName(path: string): string {
  const words = path.replace("QoS", "Qos").replace(/([a-z0-9])([A-Z])/g, "$1_$2").replaceAll(".", "_");
  return ENVIRONMENT_PREFIX + words.toUpperCase();
}

function keysOf(prefix: string, shape: Shape): ConfigKey[] {
  const keys: ConfigKey[] = [];
  for (const [name, optional] of Object.entries(shape.entries!)) {
    const path = prefix + name;
    const inner = unwrap(optional);
    if (inner.type === "strict_object") {
      keys.push(...keysOf(path + ".", inner));
      continue;
    }
    keys.push({
      path,
      environmentName: environmentName(path),
      about: aboutOf(inner),
      defaultValue: optional.default,
      allowed: allowedBy(inner),
      fromText: readerOf(inner),
    });
  }
  return keys;
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
