/** How many bytes of heap an operation allocates: counted, not timed, so that it is the same on every machine.
 *
 * The engine says how much of its heap is in use. Between two collections that only grows, by exactly what was allocated.
 * A round allocates far less than the young generation holds, so few rounds see a collection; and one that does has less in
 * use afterwards than before, and is thrown away. @module */

export interface Allocation {
  /** Objects, strings, boxed numbers, closures, promises: bytes of the JavaScript heap for one operation. */
  readonly heapBytes: number;
  /** Bytes of new ArrayBuffers for one operation: they lie outside of that heap. */
  readonly bufferBytes: number;
}

/** What is run again and again. */
export interface HeapWorkload {
  readonly name: string;
  /** Of one run. */
  readonly operations: number;
  readonly run: () => unknown;
}

/** Until the compilers have had their last word on the code. */
const WARM_UP_OPERATIONS = 1_000_000;
const ROUNDS = 15;
/** Far less than the young generation. */
const ROUND_BYTES_MAX = 256 * 1024;
const ROUND_RUNS_MAX = 64;

/** @param warmUpOperations what is done before anything counts.
 * @returns the median of some rounds. @throws when the collector comes into nearly every round. */
export async function allocationOf(
  { operations, run }: HeapWorkload,
  warmUpOperations = WARM_UP_OPERATIONS,
): Promise<Allocation> {
  for (let done = 0; done < warmUpOperations; done += operations) await run();
  let runs = 1;
  const heap: number[] = [];
  const buffers: number[] = [];
  for (let round = 0; heap.length < ROUNDS; round++) {
    if (round > 10 * ROUNDS) throw new Error("the heap is collected within one round, again and again");
    const before = Deno.memoryUsage();
    for (let i = 0; i < runs; i++) await run();
    const after = Deno.memoryUsage();
    const grown = after.heapUsed - before.heapUsed;
    if (grown < 0 || after.external < before.external) continue;
    if (heap.length === 0 && runs < ROUND_RUNS_MAX && grown * 2 < ROUND_BYTES_MAX) {
      // More runs make the cost of looking smaller.
      runs *= 2;
      continue;
    }
    heap.push(grown / runs / operations);
    buffers.push((after.external - before.external) / runs / operations);
  }
  return { heapBytes: median(heap), bufferBytes: median(buffers) };
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}
