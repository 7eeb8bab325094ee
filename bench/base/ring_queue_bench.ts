/** RingQueue beside Array.shift(): bursts in, bursts out. @module */

import { RingQueue } from "../../src/base/ring_queue.ts";

/** @returns one run: `bursts` times `burstLength` items in and out; it returns the sum of what came out. */
export function ringQueueWorkload(burstLength: number, bursts: number): () => number {
  const queue = new RingQueue<number>();
  return () => {
    let sum = 0;
    for (let burst = 0; burst < bursts; burst++) {
      for (let item = 0; item < burstLength; item++) queue.push(item);
      while (queue.length > 0) sum += queue.shift()!;
    }
    return sum;
  };
}

/** The same with an array. */
export function arrayQueueWorkload(burstLength: number, bursts: number): () => number {
  const queue: number[] = [];
  return () => {
    let sum = 0;
    for (let burst = 0; burst < bursts; burst++) {
      for (let item = 0; item < burstLength; item++) queue.push(item);
      while (queue.length > 0) sum += queue.shift()!;
    }
    return sum;
  };
}

for (const burstLength of [10, 1_000, 100_000]) {
  const group = `100,000 items in bursts of ${burstLength.toLocaleString("en")}`;
  const ring = ringQueueWorkload(burstLength, 100_000 / burstLength);
  Deno.bench("RingQueue", { group, baseline: true }, () => void ring());
  if (burstLength > 10_000) continue;
  const array = arrayQueueWorkload(burstLength, 100_000 / burstLength);
  Deno.bench("Array", { group }, () => void array());
}
