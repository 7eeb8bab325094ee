/** The store on the disk of this machine: what a group commit costs, and what comes back. `n` is messages; 256 bytes.
 * @module */

import { StoreWorkload, type StoreWorkloadOptions } from "./store_workload.ts";

const KEPT_BYTES = 64 * 1024;

/** One commit of `messages` messages, and one in which they are acknowledged. @returns the messages that were written. */
export async function commitOnce(workload: StoreWorkload, messages: number): Promise<number> {
  workload.put(messages);
  await workload.commit();
  workload.acknowledge();
  await workload.commit();
  return messages;
}

/** Messages that their receivers acknowledge before the disk is asked. @returns the messages. */
export async function passBy(workload: StoreWorkload, messages: number): Promise<number> {
  workload.put(messages);
  workload.acknowledge();
  await workload.commit();
  return messages;
}

/** As `commitOnce`, for messages that all sessions get. */
export async function fanOutOnce(workload: StoreWorkload, messages: number): Promise<number> {
  workload.putFanOut(messages);
  await workload.commit();
  workload.acknowledge();
  await workload.commit();
  return messages * workload.options.sessions;
}

/** @returns the messages that were read. */
export function readBack(workload: StoreWorkload): Promise<number> {
  return workload.readBack(KEPT_BYTES);
}

/** @returns a workload whose files go when the benches are over. */
async function workloadOf(options: StoreWorkloadOptions): Promise<StoreWorkload> {
  const workload = await StoreWorkload.open(options);
  addEventListener("unload", () => Deno.removeSync(workload.path, { recursive: true }));
  return workload;
}

if (Deno.mainModule.endsWith("_bench.ts")) {
  for (const durability of ["full", "normal"] as const) {
    const workload = await workloadOf({ sessions: 100, durability });
    for (const messages of [1, 10, 100, 1000, 10_000]) {
      Deno.bench(`${durability}: ${messages} written, then acknowledged`, { group: `commit ${messages}` }, async () => {
        await commitOnce(workload, messages);
      });
    }
  }
  const busy = await workloadOf({ sessions: 100 });
  Deno.bench("full: 1000 acknowledged before they are written", { group: "commit 1000" }, async () => {
    await passBy(busy, 1000);
  });
  Deno.bench("full: 10 to each of 100 sessions, then acknowledged", { group: "commit 1000" }, async () => {
    await fanOutOnce(busy, 10);
  });

  const full = await workloadOf({ sessions: 100 });
  for (let i = 0; i < 10; i++) {
    full.put(10_000);
    await full.commit();
  }
  Deno.bench("100,000 read back by 100 sessions", { group: "restart" }, async () => {
    await readBack(full);
  });
  Deno.bench("100,000 found at a restart", { group: "restart" }, async () => {
    await full.restart();
  });
}
