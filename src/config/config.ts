/** What the program was told to do, complete and checked. Its shape is that of the schema. Room: pure.
 * In: an object of a file, of options or of an embedding program. Out: `Config`. @module */

import * as v from "valibot";
import { configKey, isName, sectionNames, unknownKeyHint } from "./keys.ts";
import { configSchema, RELATIONS } from "./schema.ts";

type DeepReadonly<T> = T extends readonly (infer Item)[] ? readonly Item[]
  : T extends object ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> }
  : T;

/** Every key with its value. Descriptions, ranges and defaults stand in `schema.ts`, those of `limits` in `limits.ts`. */
export type Config = DeepReadonly<v.InferOutput<typeof configSchema>>;
/** What a file or an embedding program may leave out: anything. */
export type PartialConfig = DeepReadonly<v.InferInput<typeof configSchema>>;
export type LogConfig = Config["log"];
export type Features = Config["features"];
export type Durability = Config["durability"];
export type SharedSubscriptionStrategy = Config["sharedSubscriptionStrategy"];

/** One value that cannot stand. */
export interface ConfigProblem {
  /** "limits.connectionsMax" */
  readonly path: string;
  /** What was given. */
  readonly value: unknown;
  /** "a whole number from 1 to 65535"; for an unknown key what to do: "did you mean …?" */
  readonly expected: string;
  /** true: there is no such key. */
  readonly unknownKey?: boolean;
  /** true: the value is allowed by itself, and not beside another one. */
  readonly relation?: boolean;
}

/** The configuration is wrong; `problems` says where, each as one line for people. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  constructor(readonly problems: readonly string[]) {
    super(problems.join("\n"));
  }
}

/** Fills in defaults and checks every value.
 * @throws ConfigError that lists all problems.
 * @example `makeConfig({ port: 0, limits: { connectionsMax: 10 } })` */
export function makeConfig(partial: PartialConfig = {}): Config {
  const { config, problems } = checkConfig(partial);
  if (config === undefined) {
    throw new ConfigError(problems.map((problem) => describeProblem(problem)));
  }
  return config;
}

/** As `makeConfig`, with the problems as data. Exactly one of the two is there. */
export function checkConfig(
  partial: unknown,
): { config: Config; problems: [] } | { config: undefined; problems: ConfigProblem[] } {
  if (Array.isArray(partial)) return { config: undefined, problems: [notAnObject("", partial)] };
  const result = v.safeParse(configSchema, partial);
  const misshapen = shapeProblems(partial);
  if (!result.success || misshapen.length > 0) {
    const wrongValues = (result.issues ?? []).filter((issue) => !isUnknownKey(issue)).map(problemOf);
    // One value may break several rules, and one list have several wrong items: that is one line.
    const byPath = new Map([...wrongValues, ...misshapen].map((problem) => [problem.path, problem]));
    return { config: undefined, problems: [...byPath.values()] };
  }
  const problems: ConfigProblem[] = [];
  for (const { path, broken, allowed } of RELATIONS) {
    if (broken(result.output)) {
      problems.push({ path, value: valueAt(result.output, path), expected: allowed(result.output), relation: true });
    }
  }
  return problems.length > 0 ? { config: undefined, problems } : { config: deepFreeze(result.output), problems: [] };
}

/** "limits.connectionsMax: 0 is not allowed; allowed: a whole number from 1 to 1000000000" */
export function describeProblem(problem: ConfigProblem, from = ""): string {
  const where = from === "" ? problem.path : `${problem.path} (${from})`;
  return problem.unknownKey === true
    ? `${where}: no such key (given ${show(problem.value)}); ${problem.expected}`
    : `${where}: ${show(problem.value)} is not allowed; allowed: ${problem.expected}`;
}

/** How a value is shown to people: JSON, cut when long. */
export function show(value: unknown): string {
  let text: string;
  try {
    text = JSON.stringify(value) ?? String(value);
  } catch {
    // An embedding program may give an object that holds itself.
    text = Object.prototype.toString.call(value);
  }
  return text.length > 80 ? text.slice(0, 79) + "…" : text;
}

export function valueAt(object: unknown, path: string): unknown {
  let value = object;
  for (const name of path.split(".")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

function problemOf(issue: v.BaseIssue<unknown>): ConfigProblem {
  const names = (issue.path ?? []).map((item) => String(item.key));
  const fullPath = names.join(".");
  // A list is set as a whole: the problem of an item is shown with the list.
  const path = configKey(fullPath) === undefined && configKey(names[0] ?? "") !== undefined ? names[0] : fullPath;
  const key = configKey(path);
  if (key !== undefined) return { path, value: valueAt(issue.path![0].input, path), expected: key.allowed };
  return notAnObject(path, issue.input);
}

/** What the schema library does not tell: it stops at the first unknown key of each object, and takes a list for an
 * object without keys. */
function shapeProblems(partial: unknown): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  for (const section of ["", ...sectionNames()]) {
    const object = section === "" ? partial : valueAt(partial, section);
    if (typeof object !== "object" || object === null) continue;
    if (Array.isArray(object)) {
      problems.push(notAnObject(section, object));
      continue;
    }
    // Inherited names, too: the schema library sees them.
    for (const name in object) {
      if (isName(section, name)) continue;
      const path = section === "" ? name : `${section}.${name}`;
      const value = (object as Record<string, unknown>)[name];
      problems.push({ path, value, expected: unknownKeyHint(path), unknownKey: true });
    }
  }
  return problems;
}

function isUnknownKey(issue: v.BaseIssue<unknown>): boolean {
  return issue.type === "strict_object" && issue.expected === "never";
}

function notAnObject(path: string, value: unknown): ConfigProblem {
  return { path: path === "" ? "the configuration" : path, value, expected: "an object with keys" };
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null) {
    Object.values(value).forEach(deepFreeze);
    Object.freeze(value);
  }
  return value;
}

/** What the program does when it is told nothing. */
export const DEFAULT_CONFIG: Config = makeConfig();
