/** Each bench runs tiny in the tests, so that none rots: those of broker, session and connection here, those of the other
 * rooms beside the tests of what they measure. @module */

import { assertEquals } from "@std/assert";
import { dispatcherWorkload } from "../bench/broker/dispatcher_bench.ts";
import { outboundWorkload } from "../bench/connection/outbound_bench.ts";
import { commitOnce, fanOutOnce, passBy, readBack } from "../bench/persistence/store_bench.ts";
import { StoreWorkload } from "../bench/persistence/store_workload.ts";
import { packetIdentifiersWorkload } from "../bench/session/packet_identifiers_bench.ts";

Deno.test("dispatcher_bench runs tiny", () => {
  assertEquals(dispatcherWorkload(1, 0, 5)(), 5);
  assertEquals(dispatcherWorkload(3, 0, 5)(), 15);
  assertEquals(dispatcherWorkload(3, 1, 5)(), 15);
  assertEquals(dispatcherWorkload(3, 2, 5)(), 15);
});

Deno.test("packet_identifiers_bench runs tiny", () => {
  assertEquals(packetIdentifiersWorkload(3, 10)(), 3);
});

Deno.test("outbound_bench runs tiny", async () => {
  for (const kind of ["contiguous", "scattered", "copies"] as const) {
    const run = outboundWorkload(kind, 5);
    assertEquals([await run(), await run()], [400, 400]);
  }
});

Deno.test("store_bench runs tiny", async () => {
  await using workload = await StoreWorkload.open({ sessions: 2 });
  assertEquals(await commitOnce(workload, 3), 3);
  assertEquals(await passBy(workload, 3), 3);
  assertEquals(await fanOutOnce(workload, 3), 6);
  workload.put(5);
  await workload.commit();
  assertEquals(await readBack(workload), 5);
  assertEquals(await workload.restart(), 5);
});

function* files(folder: URL): Generator<URL> {
  for (const entry of Deno.readDirSync(folder)) {
    const url = new URL(entry.name + (entry.isDirectory ? "/" : ""), folder);
    if (entry.isDirectory) yield* files(url);
    else if (entry.name.endsWith(".ts")) yield url;
  }
}

Deno.test("every bench is run tiny by some test", () => {
  const tests = [...files(new URL("./", import.meta.url))].map((url) => Deno.readTextFileSync(url)).join("\n");
  const bench = new URL("../bench/", import.meta.url);
  const forgotten = [...files(bench)].map((url) => url.href.slice(bench.href.length))
    .filter((path) => path.endsWith("_bench.ts") && !tests.includes(`bench/${path}"`));
  assertEquals(forgotten, []);
});
