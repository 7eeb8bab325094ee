/** Do the files grow? Lets messages pass through a store, and says how large its files are meanwhile.
 * As a program: `deno task test:file-size --messages 10000000`. @module */

import { parseArgs } from "@std/cli/parse-args";
import { StoreWorkload } from "../../bench/persistence/store_workload.ts";

const SESSIONS = 100;
/** Written by one commit. */
const BATCH = 10_000;
/** Stay in each queue. */
const WAITING = 100;

export interface FileSizes {
  /** Bytes of both files after each tenth of the messages. */
  readonly tenths: readonly number[];
  /** Bytes of the payloads that the file had to hold at the same time. */
  readonly payloadBytes: number;
}

/** @param messages of 256 bytes, at QoS 1, all of them written to the disk before they are acknowledged. */
export async function passThrough(messages: number, progress: (passed: number) => void = () => {}): Promise<FileSizes> {
  await using workload = await StoreWorkload.open({ sessions: SESSIONS });
  const tenths: number[] = [];
  for (let passed = 0; passed < messages;) {
    workload.put(BATCH);
    await workload.commit();
    workload.acknowledge(WAITING);
    passed += BATCH;
    progress(passed);
    if (passed >= (tenths.length + 1) * messages / 10) tenths.push(workload.fileBytes);
  }
  return { tenths, payloadBytes: (BATCH + SESSIONS * WAITING) * 256 };
}

if (import.meta.main) {
  const { messages } = parseArgs(Deno.args, { string: ["messages"], default: { messages: "10000000" } });
  const total = Number(messages);
  if (!Number.isInteger(total) || total < BATCH) {
    console.error(`--messages: a whole number from ${BATCH} on`);
    Deno.exit(2);
  }
  const startedMs = performance.now();
  const showsProgress = Deno.stderr.isTerminal();
  const { tenths, payloadBytes } = await passThrough(total, (passed) => {
    if (showsProgress) Deno.stderr.writeSync(new TextEncoder().encode(`\r${passed} of ${total}`));
  });
  const mib = (bytes: number) => (bytes / 1024 / 1024).toFixed(1);
  const seconds = (performance.now() - startedMs) / 1000;
  console.log(
    `${total} messages in ${seconds.toFixed(0)} s; payloads that wait at the same time: ${mib(payloadBytes)} MiB`,
  );
  console.log(`MiB of the files after each tenth: ${tenths.map(mib).join(" ")}`);
}
