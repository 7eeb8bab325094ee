/** Who sends the load: the native generator, or that in TypeScript, which cannot drive every row and says which.
 * @module */

import type { FlowResult, FlowShape, LoadPlace, StormResult, StormShape } from "../../native/load_shape.ts";
import { NativeGenerator } from "../../native/native_generator.ts";
import { TypeScriptGenerator } from "./typescript_generator.ts";

export const GENERATOR_NAMES = ["native", "typescript"] as const;
export type GeneratorName = typeof GENERATOR_NAMES[number];

export interface LoadGenerator {
  /** @returns why it cannot; undefined when it can. */
  cannotFlow(shape: FlowShape): string | undefined;
  flow(place: LoadPlace, shape: FlowShape): Promise<FlowResult>;
  storm(place: LoadPlace, shape: StormShape): Promise<StormResult>;
}

/** @param name undefined: the native one where it can be compiled, and otherwise the other one.
 * @throws when the one that was asked for cannot be. */
export async function openGenerator(
  name: GeneratorName | undefined,
  core: number | undefined,
  tell: (line: string) => void,
): Promise<{ name: GeneratorName; generator: LoadGenerator }> {
  if (name !== "typescript") {
    try {
      return { name: "native", generator: await NativeGenerator.prepare(core) };
    } catch (error) {
      if (name === "native") throw error;
      tell(`the load comes from TypeScript: ${(error as Error).message}`);
    }
  }
  return { name: "typescript", generator: new TypeScriptGenerator(core) };
}
