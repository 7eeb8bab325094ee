/** From a file, the environment and the options of a command line to one `Config`, and where each value came from.
 * The later wins: default < file < environment < option. In: texts. Out: `LoadedConfig`, or a `ConfigError` with one
 * line for each problem. Room: pure but for `readConfigFile`. @module */

import { parse } from "@std/jsonc/parse";
import { checkConfig, type Config, ConfigError, type ConfigProblem, describeProblem, valueAt } from "./config.ts";
import { CONFIG_KEYS, configKey, ENVIRONMENT_PREFIX, isSection, nearest, unknownKeyHint } from "./keys.ts";

/** Names the file; it is no key of the file itself. */
export const CONFIG_FILE_VARIABLE = ENVIRONMENT_PREFIX + "CONFIG";
/** Of the client's commands, in whose shell a broker may be started, too: no mistake. */
const PASSWORD_VARIABLE = ENVIRONMENT_PREFIX + "PASSWORD";

export type Origin = "default" | "file" | "environment" | "option";

/** A value as text, from an option: `--port 1884`, `--set limits.connectionsMax=500`. */
export interface GivenOption {
  /** "limits.connectionsMax" */
  readonly path: string;
  readonly text: string;
  /** How the user wrote it: "--port". */
  readonly from: string;
}

export interface ConfigSources {
  readonly file?: { readonly path: string; readonly text: string };
  readonly environment?: Readonly<Record<string, string>>;
  readonly options?: readonly GivenOption[];
}

/** One line of `--print-config`. */
export interface EffectiveValue {
  readonly key: string;
  /** undefined = not set, and no default. */
  readonly value: unknown;
  readonly origin: Origin;
  /** The file's path, the variable's or the option's name; "" for a default. */
  readonly from: string;
}

export interface LoadedConfig {
  readonly config: Config;
  /** Every key, in the order of the schema. */
  readonly values: readonly EffectiveValue[];
  /** What is odd and does not keep the program from running. */
  readonly warnings: readonly string[];
}

/** @throws ConfigError */
export function loadConfig(sources: ConfigSources): LoadedConfig {
  const warnings: string[] = [];
  const origins = new Map<string, { origin: Origin; from: string }>();
  const merged: Record<string, unknown> = {};
  const set = (path: string, value: unknown, origin: Origin, from: string) => {
    put(merged, path, value);
    origins.set(path, { origin, from });
  };

  if (sources.file !== undefined) {
    const { path: from, text } = sources.file;
    const object = parseConfigFile(from, text);
    for (const { path } of CONFIG_KEYS) {
      const value = valueAt(object, path);
      if (value !== undefined) set(path, value, "file", from);
    }
  }
  for (const [path, name, text] of variables(sources.environment ?? {}, warnings)) {
    set(path, configKey(path)!.fromText(text), "environment", name);
  }
  for (const { path, text, from } of sources.options ?? []) {
    const key = configKey(path);
    if (key === undefined) throw new ConfigError([`${from}: ${describeUnknownKey(path)}`]);
    set(path, key.fromText(text), "option", from);
  }

  const { config, problems } = checkConfig(merged);
  if (config === undefined) {
    throw new ConfigError(
      problems.map((problem) => describeProblem(problem, origins.get(keyOfPath(problem.path))?.from)),
    );
  }
  for (const path of replacedByList(config)) {
    const given = origins.get(path);
    if (given !== undefined) warnings.push(`${path} (${given.from}) means nothing beside the list of listeners`);
  }
  const values = CONFIG_KEYS.map(({ path }): EffectiveValue => ({
    key: path,
    value: valueAt(config, path),
    ...(origins.get(path) ?? { origin: "default", from: "" }),
  }));
  return { config, values, warnings };
}

/** Keys that a list of listeners replaces, unless one of them falls back to it. */
function replacedByList({ listeners }: Config): string[] {
  if (listeners === undefined) return [];
  const usesPort = listeners.some(({ type, port }) => type === "mqtt" && port === undefined);
  return usesPort ? ["mqtt"] : ["mqtt", "port"];
}

/** What a file says, its shape and each value checked by themselves.
 * @throws ConfigError with line and column for what is no JSON. */
export function parseConfigFile(path: string, text: string): Record<string, unknown> {
  let object: unknown;
  try {
    object = parse(text);
  } catch (error) {
    throw new ConfigError([syntaxProblem(path, text, (error as Error).message)]);
  }
  if (typeof object === "object" && object !== null && "$schema" in object) {
    // For editors.
    const { $schema: _, ...rest } = object;
    object = rest;
  }
  const problems = checkConfig(object).problems.filter((problem) => !isRelation(problem));
  if (problems.length > 0) throw new ConfigError(problems.map((problem) => describeProblem(problem, path)));
  return object as Record<string, unknown>;
}

/** @throws ConfigError for a file that is no UTF-8 text; the operating system's error when it cannot be read. */
export async function readConfigFile(path: string): Promise<string> {
  const bytes = await Deno.readFile(path);
  try {
    // A byte order mark, which some editors write, is taken off.
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new ConfigError([`${path}: the file is no UTF-8 text; save it with the encoding UTF-8`]);
  }
}

/** "no such key; did you mean limits.connectionsMax?" */
export function describeUnknownKey(path: string): string {
  if (isSection(path)) return `${path} is a group of keys; name one of them, such as ${firstKeyOf(path)}`;
  return `${path}: no such key; ${unknownKeyHint(path)}`;
}

/** The key that a source sets: "listeners[1].port" → "listeners" */
function keyOfPath(path: string): string {
  const bracket = path.indexOf("[");
  return bracket < 0 ? path : path.slice(0, bracket);
}

function firstKeyOf(section: string): string {
  return CONFIG_KEYS.find((key) => key.path.startsWith(section + "."))!.path;
}

/** A file may leave out one half of a relation and get it from the environment: relations are checked at the end. */
function isRelation(problem: ConfigProblem): boolean {
  return problem.relation === true;
}

function* variables(
  environment: Readonly<Record<string, string>>,
  warnings: string[],
): Generator<[path: string, name: string, text: string]> {
  const known = new Map(CONFIG_KEYS.map((key) => [key.environmentName, key.path]));
  for (const [name, text] of Object.entries(environment)) {
    if (!name.startsWith(ENVIRONMENT_PREFIX) || name === CONFIG_FILE_VARIABLE || name === PASSWORD_VARIABLE) continue;
    const path = known.get(name);
    if (path === undefined) {
      const meant = nearest(name, known.keys());
      warnings.push(
        `the environment variable ${name} means nothing here` +
          (meant === undefined ? "" : `; did you mean ${meant}?`),
      );
    } else if (text !== "") {
      // Empty means "not set", as compose files write it.
      yield [path, name, text];
    }
  }
}

function put(object: Record<string, unknown>, path: string, value: unknown): void {
  const dot = path.indexOf(".");
  if (dot < 0) object[path] = value;
  else put((object[path.slice(0, dot)] ??= {}) as Record<string, unknown>, path.slice(dot + 1), value);
}

/** "quetzal.jsonc:3:7: unexpected token …", as compilers say it. */
function syntaxProblem(path: string, text: string, message: string): string {
  const position = /at position (\d+)/.exec(message);
  const offset = position === null ? text.length : Number(position[1]);
  const before = text.slice(0, offset).split("\n");
  const what = message
    .replace("Cannot parse JSONC: ", "")
    .replace(/ in JSONC at position \d+/, "")
    .replace("end of JSONC input", "end of the file");
  return `${path}:${before.length}:${before.at(-1)!.length + 1}: ${what}`;
}
