/** Runs the workload on the store in a folder, and says as it goes what was promised: "digest TICKET TEXT" and "safe TICKET",
 * each written at once, so that its place among the writes to the files is known.
 * In: folder, seed, turns. @module */

import { systemClock } from "../../src/base/clock.ts";
import { SqliteStore } from "../../src/persistence/sqlite_store.ts";
import { SeededRandom } from "../simulation/random.ts";
import { contentOf, digestOf, PowerLossWorkload } from "./power_loss_workload.ts";

const [folder, seed, turns] = Deno.args;
const encoder = new TextEncoder();
const say = (line: string) => Deno.stdout.writeSync(encoder.encode(`${line}\n`));

const store = await SqliteStore.open(folder, { durability: "full", clock: systemClock });
say(`digest 0 ${digestOf(await contentOf(store))}`);
const workload = new PowerLossWorkload(store, new SeededRandom(Number(seed)));
let told = 0;
store.onSafe = () => {
  if (store.safe > told) say(`safe ${told = store.safe}`);
};
for (let turn = 0; turn < Number(turns); turn++) {
  const { ticket } = await workload.turn();
  say(`digest ${ticket} ${workload.digests.get(ticket)}`);
  // Every other batch is one turn, the others are what came while the disk was busy.
  do await new Promise((resolve) => setTimeout(resolve, 0)); while (turn % 2 === 0 && store.safe < store.ticket);
}
await store.close();
