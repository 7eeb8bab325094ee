/** What the program was told to do, complete and checked. Its shape is that of the schema. Room: pure.
 * In: an object of a file, of options or of an embedding program. Out: `Config`. @module */

import * as v from "valibot";
import { CONFIG_SHAPE, unknownKeyHint } from "./keys.ts";
import { listenerProblems } from "./listener_problems.ts";
import { configSchema, RELATIONS } from "./schema.ts";
import { allowedBy, isListOfObjects, type Shape, shapeAt } from "./schema_shape.ts";

type DeepReadonly<T> = T extends readonly (infer Item)[] ? readonly DeepReadonly<Item>[]
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
  /** "limits.connectionsMax", "listeners[1].port" */
  readonly path: string;
  /** What was given; undefined = nothing, and something is needed. */
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
    const wrongValues = (result.issues ?? []).filter((issue) => !isUnknownKey(issue)).map(problemOf)
      // What is missing in a list that should be an object says less than that it should be one.
      .filter(({ path }) => !misshapen.some((problem) => path.startsWith(problem.path + ".")));
    // One value may break several rules, and one list have several wrong items: that is one line.
    return { config: undefined, problems: onePerPath([...wrongValues, ...misshapen]) };
  }
  const problems = onePerPath(listenerProblems(result.output));
  for (const { path, broken, allowed } of RELATIONS) {
    if (broken(result.output)) {
      problems.push({ path, value: valueAt(result.output, path), expected: allowed(result.output), relation: true });
    }
  }
  return problems.length > 0 ? { config: undefined, problems } : { config: deepFreeze(result.output), problems: [] };
}

function onePerPath(problems: readonly ConfigProblem[]): ConfigProblem[] {
  return [...new Map(problems.map((problem) => [problem.path, problem])).values()];
}

/** "limits.connectionsMax: 0 is not allowed; allowed: a whole number from 1 to 1000000000" */
export function describeProblem(problem: ConfigProblem, from = ""): string {
  const where = from === "" ? problem.path : `${problem.path} (${from})`;
  // Its value is not shown: who writes a secret where the name of its file belongs has it in no log then.
  if (problem.unknownKey === true) return `${where}: no such key; ${problem.expected}`;
  return problem.value === undefined
    ? `${where} is missing; needed: ${problem.expected}`
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
  let shape = CONFIG_SHAPE;
  let path = "";
  let value = issue.input;
  for (const item of issue.path ?? []) {
    shape = shapeAt(shape, item.key) ?? shape;
    path = pathOf(path, item.key);
    value = item.value;
    // A list of words or numbers is set as a whole: the problem of an item is shown with the list.
    if (shape.type === "array" && !isListOfObjects(shape)) break;
  }
  return shape === CONFIG_SHAPE ? notAnObject("", value) : { path, value, expected: allowedBy(shape) };
}

/** What the schema library does not tell: it stops at the first unknown key of each object, and takes a list for an
 * object without keys. */
function shapeProblems(value: unknown, shape: Shape = CONFIG_SHAPE, path = ""): ConfigProblem[] {
  if (typeof value !== "object" || value === null) return [];
  if (isListOfObjects(shape)) {
    if (!Array.isArray(value)) return [];
    return value.flatMap((item, index) => shapeProblems(item, shape.item, pathOf(path, index)));
  }
  if (shape.entries === undefined) return [];
  if (Array.isArray(value)) return [notAnObject(path, value)];
  const problems: ConfigProblem[] = [];
  // Inherited names, too: the schema library sees them.
  for (const name in value) {
    const inner = (value as Record<string, unknown>)[name];
    const innerPath = pathOf(path, name);
    const innerShape = shapeAt(shape, name);
    if (innerShape !== undefined) problems.push(...shapeProblems(inner, innerShape, innerPath));
    else problems.push({ path: innerPath, value: inner, expected: unknownKeyHint(innerPath), unknownKey: true });
  }
  return problems;
}

/** "limits" and "connectionsMax" → "limits.connectionsMax"; "listeners" and 1 → "listeners[1]" */
function pathOf(path: string, key: unknown): string {
  return typeof key === "number" ? `${path}[${key}]` : path === "" ? String(key) : `${path}.${key}`;
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
