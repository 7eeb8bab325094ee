/** What the schemas of the configuration are put together from. Room: pure. @module */

import * as v from "valibot";

/** A whole number of some unit, both ends allowed. */
export function wholeNumber(min: number, max: number) {
  return v.pipe(v.number(), v.integer(), v.minValue(min), v.maxValue(max));
}

export function text() {
  return v.pipe(v.string(), v.nonEmpty());
}

/** A key with a default. `about` is shown by editors and by the help. */
export function key<const Schema extends v.GenericSchema>(
  schema: Schema,
  defaultValue: v.InferInput<Schema>,
  about: string,
): v.OptionalSchema<Schema, v.InferInput<Schema>> {
  return v.optional(v.pipe(schema, v.description(about)), defaultValue) as unknown as v.OptionalSchema<
    Schema,
    v.InferInput<Schema>
  >;
}

/** A key that may be left out, and then means what `about` says. */
export function keyOrNothing<const Schema extends v.GenericSchema>(
  schema: Schema,
  about: string,
): v.OptionalSchema<Schema, undefined> {
  return v.optional(v.pipe(schema, v.description(about))) as unknown as v.OptionalSchema<Schema, undefined>;
}

/** A key that must be there. */
export function neededKey<const Schema extends v.GenericSchema>(schema: Schema, about: string): Schema {
  return v.pipe(schema, v.description(about)) as unknown as Schema;
}

/** An object that holds keys; left out, each of them is at its default. */
export function section<const Entries extends v.ObjectEntries>(entries: Entries) {
  return v.optional(v.strictObject(entries), {} as never);
}
