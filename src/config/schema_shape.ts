/** Reads the schema itself: which keys an object may have, what a value may be, in words, and how it is read from text.
 * Room: pure. @module */

/** The parts of valibot's schemas that are looked at here. */
export interface Shape {
  readonly type: string;
  readonly pipe?: readonly ShapeCheck[];
  readonly wrapped?: Shape;
  readonly entries?: Readonly<Record<string, Shape>>;
  readonly options?: readonly unknown[];
  readonly item?: Shape;
  readonly default?: unknown;
}
interface ShapeCheck extends Shape {
  readonly requirement?: unknown;
  readonly description?: string;
  readonly message?: string;
}

/** What stands under `key` of an object or a list; undefined = nothing may. */
export function shapeAt(shape: Shape, key: unknown): Shape | undefined {
  if (shape.entries === undefined) return shape.item;
  return typeof key === "string" && Object.hasOwn(shape.entries, key) ? unwrap(shape.entries[key]) : undefined;
}

/** Without "may be left out". */
export function unwrap(shape: Shape): Shape {
  return shape.wrapped ?? shape;
}

/** true: its items are looked at one by one; a list of words or numbers is one value. */
export function isListOfObjects(shape: Shape): boolean {
  return shape.item?.entries !== undefined;
}

export function aboutOf(shape: Shape): string {
  return checksOf(shape).find((check) => check.description !== undefined)?.description ?? "";
}

/** For people: `a whole number from 0 to 65535`, `"full", "normal" or "off"`. */
export function allowedBy(shape: Shape): string {
  const checks = checksOf(shape);
  const requirement = (type: string) => checks.find((check) => check.type === type)?.requirement;
  const message = checks.find((check) => typeof check.message === "string")?.message;
  switch (shape.type) {
    case "strict_object":
      return "an object with keys";
    case "number":
      return `a whole number from ${requirement("min_value")} to ${requirement("max_value")}`;
    case "boolean":
      return "true or false";
    case "picklist":
      return oneOf(shape.options!);
    case "array":
      if (message !== undefined) return message;
      return shape.item!.options === undefined
        ? `a list of ${allowedBy(shape.item!)}`
        : `a list with one or more of ${shape.item!.options.join(", ")}`;
    default:
      return message ?? "a text that is not empty";
  }
}

/** @returns what reads a value from an option or an environment variable. What cannot be read comes back as the text, for
 * the schema to refuse. */
export function readerOf(shape: Shape): (text: string) => unknown {
  switch (shape.type) {
    case "number":
      return numberOrText;
    case "boolean":
      return (text) => text === "true" ? true : text === "false" ? false : text;
    case "picklist":
      return typeof shape.options![0] === "number" ? numberOrText : (text) => text;
    case "array": {
      if (isListOfObjects(shape)) return jsonOrText;
      const readItem = readerOf(shape.item!);
      return (text) => text.split(",").filter((part) => part.trim() !== "").map((part) => readItem(part.trim()));
    }
    default:
      return (text) => text;
  }
}

/** A pipe may begin with a pipe. */
function checksOf(shape: Shape): ShapeCheck[] {
  return (shape.pipe ?? []).flatMap((item, index) => index === 0 && item.pipe !== undefined ? checksOf(item) : [item]);
}

function oneOf(options: readonly unknown[]): string {
  const shown = options.map((option) => JSON.stringify(option));
  return `${shown.slice(0, -1).join(", ")} or ${shown.at(-1)}`;
}

const BINARY_UNITS: Readonly<Record<string, number>> = { KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

/** "64MiB" and "1 GiB" are numbers, too. */
function numberOrText(text: string): number | string {
  const parts = /^(-?\d+(?:\.\d+)?)\s*(KiB|MiB|GiB)?$/.exec(text.trim());
  return parts === null ? text : Number(parts[1]) * (BINARY_UNITS[parts[2]] ?? 1);
}

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
