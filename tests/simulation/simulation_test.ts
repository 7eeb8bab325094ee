/** The dispatcher under random Clients, crashes and slow disks, held to what the specification promises.
 * QUETZAL_SIMULATION_SEED=n repeats one run; QUETZAL_SIMULATION_RUNS=n makes it long, from QUETZAL_SIMULATION_FIRST=n on. @module */

import { Simulation } from "./simulation.ts";

const runs = Number(Deno.env.get("QUETZAL_SIMULATION_RUNS") ?? 300);
const seed = Deno.env.get("QUETZAL_SIMULATION_SEED");
const first = Number(Deno.env.get("QUETZAL_SIMULATION_FIRST") ?? 1);

Deno.test("[MQTT-4.3.3-10] [MQTT-4.6.0-5] [MQTT-4.9.0-2] promises hold under random clients, crashes and a slow disk", async () => {
  if (seed !== undefined) return await new Simulation(Number(seed)).run();
  for (let i = first; i < first + runs; i++) await new Simulation(i).run();
});
