/** The broker from bytes to bytes under random Clients. The long form is `deno task test:simulation --wire`. @module */

import { WireSimulation } from "./wire_simulation.ts";

const RUNS = 12;

Deno.test("what each client gets is what a model without routes, caches and frames says, byte by byte", async () => {
  for (let seed = 1; seed <= RUNS; seed++) await new WireSimulation(seed).run();
});
