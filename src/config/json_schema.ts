/** Writes `quetzal.schema.json`, from which editors complete a configuration file: `deno task schema`. A tool: no part
 * of the running program imports this file, nor the converter that it needs. @module */

import { toJsonSchema } from "@valibot/to-json-schema";
import { configSchema } from "./schema.ts";

/** @returns the text of `quetzal.schema.json`. */
export function jsonSchemaText(): string {
  const schema = toJsonSchema(configSchema, { typeMode: "input", ignoreActions: ["check"] });
  const properties = {
    $schema: { type: "string", description: "where the JSON Schema is, for editors" },
    ...schema.properties,
  };
  return JSON.stringify({ ...schema, title: "Configuration of Quetzal", properties }, null, 2) + "\n";
}

if (import.meta.main) await Deno.writeTextFile("quetzal.schema.json", jsonSchemaText());
