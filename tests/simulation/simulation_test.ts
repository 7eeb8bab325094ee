/** The dispatcher under random Clients, crashes and slow disks, held to what the specification promises.
 * The short form; the long one, and the repeat of one run, is long.ts (`deno task test:simulation`). @module */

import { Simulation } from "./simulation.ts";

const RUNS = 300;

Deno.test("[MQTT-4.3.3-10] [MQTT-4.6.0-5] [MQTT-4.9.0-2] promises hold under random clients, crashes and a slow disk", async () => {
  for (let seed = 1; seed <= RUNS; seed++) await new Simulation(seed).run();
});
