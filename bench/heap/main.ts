/** `deno task bench:heap`: what each operation allocates. Exit code 1 when one that may allocate nothing does; 2 for a wrong
 * command line. @module */

import { parseArgs } from "node:util";
import { type Allocation, allocationOf } from "./allocation.ts";
import { HEAP_WORKLOADS } from "./workloads.ts";

/** Bytes for each operation that a whole run may leave, spread over its operations: a promise, a view, a boxed number for
 * some hundreds of them. The smallest object there is takes more, so one for each operation is always noticed. */
export const FREE_BYTES_MAX = 8;
/** How often something that should allocate nothing is looked at again. */
const LATE_COMPILERS_MAX = 3;

const HELP = `What each operation allocates on the heap of JavaScript, counted and not timed.

Usage: deno task bench:heap [OPTIONS]

  --filter TEXT    only those with this in their name
  --json           as JSON, one line
  --help           show this help

Example:
  deno task bench:heap --filter forward`;

export interface HeapFigure extends Allocation {
  readonly name: string;
  readonly operation: string;
  readonly isFree: boolean;
}

/** One after the other, since all share one heap. */
export async function heapFigures(filter = "", tell: (name: string) => void = () => {}): Promise<HeapFigure[]> {
  const figures: HeapFigure[] = [];
  for (const { name, operation, isFree, make } of HEAP_WORKLOADS) {
    if (!name.includes(filter)) continue;
    tell(name);
    const workload = { name, ...make() };
    let allocation = await allocationOf(workload);
    // The compilers work beside us: on a busy machine they need longer.
    for (let again = 0; isFree && allocation.heapBytes >= FREE_BYTES_MAX && again < LATE_COMPILERS_MAX; again++) {
      allocation = await allocationOf(workload);
    }
    figures.push({ name, operation, isFree, ...allocation });
  }
  return figures;
}

/** Of those that may allocate nothing, the ones that do. */
export function notFree(figures: readonly HeapFigure[]): HeapFigure[] {
  return figures.filter(({ isFree, heapBytes }) => isFree && heapBytes >= FREE_BYTES_MAX);
}

function tableOf(figures: readonly HeapFigure[]): string {
  const rows = figures.map(({ name, operation, heapBytes, bufferBytes, isFree }) =>
    `| ${name} | ${operation} | ${heapBytes.toFixed(1)} | ${bufferBytes.toFixed(1)} | ${isFree ? "0" : ""} |`
  );
  return ["| what | for each | heap, bytes | buffers, bytes | promised |", "| - | - | -: | -: | -: |", ...rows].join(
    "\n",
  );
}

async function main(args: string[]): Promise<number> {
  let values: { filter?: string; json?: boolean; help?: boolean };
  try {
    const options = { filter: { type: "string" }, json: { type: "boolean" }, help: { type: "boolean" } } as const;
    values = parseArgs({ args, options }).values;
  } catch (error) {
    console.error(`${(error as Error).message}\nSee --help.`);
    return 2;
  }
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const figures = await heapFigures(values.filter, (name) => console.error(name));
  if (figures.length === 0) {
    console.error(`--filter: nothing has "${values.filter}" in its name.`);
    return 2;
  }
  console.log(values.json ? JSON.stringify(figures) : tableOf(figures));
  const broken = notFree(figures);
  for (const { name, heapBytes } of broken) {
    console.error(`${name}: ${heapBytes.toFixed(1)} bytes, and it may take none`);
  }
  return broken.length === 0 ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
