/** One point as a process of its own, so that what one left in the heap is not the next one's: `deno run -A point_main.ts
 * '{"curve": …, "setting": …}'`. It writes a PointResult as JSON, and ends. @module */

import { BrokerProcess } from "../scenarios/broker_process.ts";
import type { PointSetting } from "./curve.ts";
import { CURVES } from "./curves.ts";

const { curve, setting } = JSON.parse(Deno.args[0]) as { curve: string; setting: PointSetting };
for (const signal of ["SIGINT", ...(Deno.build.os === "windows" ? [] : ["SIGTERM"])] as Deno.Signal[]) {
  Deno.addSignalListener(signal, () => {
    BrokerProcess.endAll();
    Deno.exit(130);
  });
}
try {
  const result = await CURVES.find(({ id }) => id === curve)!.measure(setting);
  console.log(JSON.stringify(result));
  Deno.exit(0);
} catch (error) {
  console.error(error);
  BrokerProcess.endAll();
  Deno.exit(1);
}
