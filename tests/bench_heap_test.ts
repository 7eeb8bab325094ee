/** What allocates nothing for each message must go on doing so: counted by `deno task bench:heap`, in a process of its own,
 * since the engine's flags and what it has compiled are shared by a whole process. @module */

import { assert, assertEquals } from "@std/assert";
import { DECODE_WORKLOADS } from "../bench/packet/publish_workload.ts";
import { allocationOf } from "../bench/heap/allocation.ts";
import { forwardWorkload } from "../bench/heap/forward_workload.ts";
import { FREE_BYTES_MAX, type HeapFigure, notFree } from "../bench/heap/main.ts";

async function heapBench(filter: string): Promise<{ code: number; figures: HeapFigure[] }> {
  const main = new URL("../bench/heap/main.ts", import.meta.url);
  const args = ["run", "-A", main.href, "--json", "--filter", filter];
  const { code, stdout } = await new Deno.Command(Deno.execPath(), { args, stdin: "null", stderr: "inherit" }).output();
  return { code, figures: JSON.parse(new TextDecoder().decode(stdout)) };
}

Deno.test("a message at QoS 0 to a known topic is forwarded without any object of its own", async () => {
  const { code, figures } = await heapBench("forward");
  assertEquals([code, figures.length], [0, 4]);
  for (const { name, heapBytes } of figures) assert(heapBytes < FREE_BYTES_MAX, `${name}: ${heapBytes} bytes`);
});

Deno.test("bench:heap says so when something is not as free as it should be", async () => {
  const { figures } = await heapBench("encode, PUBACK");
  assertEquals(notFree(figures), []);
  const worse = figures.map((figure) => ({ ...figure, heapBytes: figure.heapBytes + FREE_BYTES_MAX }));
  assertEquals(notFree(worse), worse);
  assertEquals(notFree(worse.map((figure) => ({ ...figure, isFree: false }))), []);
});

Deno.test("forward workload: every message is written for every subscriber", async () => {
  const workload = DECODE_WORKLOADS["64 B, QoS 0, 5.0, one topic"];
  const { operations, run } = forwardWorkload(workload, 3, 1000);
  const frameBytes = 2 + 2 + workload.topics[0].length + 1 + workload.payloadBytes;
  assertEquals([operations, await run(), await run()], [36, 36 * frameBytes, 36 * frameBytes]);
});

Deno.test("bench:heap sees an object for each operation, and a buffer for each", async () => {
  const kept: unknown[] = new Array(100);
  const objects = await allocationOf({
    name: "objects",
    operations: 100,
    run: () => {
      for (let i = 0; i < kept.length; i++) kept[i] = { i };
    },
  }, 1000);
  assert(objects.heapBytes >= FREE_BYTES_MAX, `${objects.heapBytes} bytes`);
  const buffers = await allocationOf({
    name: "buffers",
    operations: 100,
    run: () => {
      for (let i = 0; i < kept.length; i++) kept[i] = new Uint8Array(64);
    },
  }, 1000);
  assert(buffers.bufferBytes >= 64, `${buffers.bufferBytes} bytes`);
});
