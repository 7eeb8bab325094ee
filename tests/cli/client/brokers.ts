/** Brokers as processes, ours and Eclipse Mosquitto, for tests that hold our commands against Mosquitto's clients. What is not
 * installed is said in the test's name, and fails where CI=true promises that all is there. @module */

import { assert } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { BrokerProcess, findMosquitto } from "../../../bench/scenarios/broker_process.ts";
import { mosquitto } from "../../clients/mosquitto.ts";
import { Program } from "../../support/program.ts";

const ALL_ARE_HERE = Deno.env.get("CI") === "true";
/** Only ever reached when a test fails. */
const PATIENCE_MS = 30_000;
const MISSING = mosquitto.missing ??
  (findMosquitto() === undefined ? "there is no mosquitto: apt-get install mosquitto" : undefined);

/** Runs `fn` with a new broker of each kind, and Mosquitto's clients at hand. @param fn gets the broker's port. */
export function besideMosquitto(name: string, fn: (port: string, broker: string) => Promise<void>): void {
  const run = (broker: string, start: () => Promise<{ port: number } & AsyncDisposable>) =>
    Deno.test({
      name: `${name}, with ${broker}${MISSING === undefined ? "" : ` (skipped: ${MISSING})`}`,
      ignore: MISSING !== undefined && !ALL_ARE_HERE,
      fn: async () => {
        assert(MISSING === undefined, `CI=true, and ${MISSING}`);
        await using started = await start();
        await fn(String(started.port), broker);
      },
    });
  run("Quetzal", async () => {
    const program = await Program.start();
    return { port: Number(program.url.port), [Symbol.asyncDispose]: () => program[Symbol.asyncDispose]() };
  });
  run("Mosquitto", () => BrokerProcess.start("mosquitto"));
}

export interface Output {
  readonly code: number;
  readonly bytes: Uint8Array;
  readonly complaints: string;
}

/** Runs a program of Mosquitto to its end. */
export async function runMosquitto(command: string, args: readonly string[], input = ""): Promise<Output> {
  const process = new Deno.Command(command, { args: [...args], stdin: "piped", stdout: "piped", stderr: "piped" })
    .spawn();
  const writer = process.stdin.getWriter();
  // A program that ends early closes its input.
  const written = writer.write(new TextEncoder().encode(input)).then(() => writer.close()).catch(() => {});
  try {
    const { code, stdout, stderr } = await deadline(process.output(), PATIENCE_MS);
    return { code, bytes: stdout, complaints: new TextDecoder().decode(stderr) };
  } finally {
    await written;
    try {
      process.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
  }
}
