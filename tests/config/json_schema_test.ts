/** src/config/json_schema.ts: what editors complete from. @module */

import { assert, assertEquals } from "@std/assert";
import { jsonSchemaText } from "../../src/config/json_schema.ts";
import { CONFIG_KEYS } from "../../src/config/keys.ts";

const ROOT = new URL("../../", import.meta.url);

Deno.test("quetzal.schema.json is what the schema says now (else: deno task schema)", async () => {
  const text = await Deno.readTextFile(new URL("quetzal.schema.json", ROOT));
  assertEquals(text.replaceAll("\r\n", "\n"), jsonSchemaText());
});

interface Node {
  readonly properties?: Record<string, Node>;
  readonly description?: string;
  readonly default?: unknown;
  readonly additionalProperties?: unknown;
}

Deno.test("jsonSchemaText() describes every key with its default, and allows no others", () => {
  const schema = JSON.parse(jsonSchemaText()) as Node;
  assertEquals(schema.additionalProperties, false);
  for (const key of CONFIG_KEYS) {
    let node: Node | undefined = schema;
    for (const name of key.path.split(".")) {
      assertEquals(node!.additionalProperties, false, key.path);
      node = node!.properties?.[name];
    }
    assertEquals(node?.description, key.about, key.path);
    assertEquals(node?.default, key.defaultValue, key.path);
  }
});

Deno.test("the converter to JSON Schema is no part of the running program", async () => {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", new URL("src/config/load.ts", ROOT).href],
    cwd: ROOT,
    stderr: "null",
  });
  const { stdout, success } = await command.output();
  assert(success);
  const graph = JSON.parse(new TextDecoder().decode(stdout)) as {
    modules: { dependencies?: { specifier: string }[] }[];
  };
  const specifiers = graph.modules.flatMap((module) => module.dependencies ?? []).map(({ specifier }) => specifier);
  assert(specifiers.includes("valibot"));
  assert(!specifiers.includes("@valibot/to-json-schema"));
});
