/** The native load generator: found or compiled once for its source, then run as a process. It needs Linux and a C
 * compiler; where one is missing, the generator in TypeScript (bench/scenarios/load) is there. @module */

import { deadline } from "@std/async/deadline";
import { fileURLToPath as fromFileUrl } from "node:url";
import { pinned } from "../scenarios/pinned.ts";
import type { FlowResult, FlowShape, LoadPlace, StormResult, StormShape } from "./load_shape.ts";

const MAIN = new URL("mqttload.c", import.meta.url);
const PARTS = new URL("mqttload/", import.meta.url);
const COMPILERS = ["cc", "gcc", "clang"];
const FLAGS = ["-std=gnu11", "-O2", "-Wall"];
/** After the generator's own time-out: a process that is still there hangs. */
const PATIENCE_SECONDS = 20;

export class NativeGenerator {
  static readonly #running = new Set<Deno.ChildProcess>();

  /** @param core the only one it may use; undefined: all. */
  private constructor(readonly program: string, readonly core: number | undefined) {}

  /** @returns the generator, compiled if it was not yet.
   * @throws Error with the reason why there is none here. */
  static async prepare(core?: number): Promise<NativeGenerator> {
    if (Deno.build.os !== "linux") throw new Error(`the native generator is for Linux, and this is ${Deno.build.os}`);
    const program = `${await cacheFolder()}/mqttload-${await sourceHash()}`;
    if (!await exists(program)) await compile(program);
    return new NativeGenerator(program, core);
  }

  /** Nothing: it drives all. */
  cannotFlow(_shape: FlowShape): undefined {}

  async flow(place: LoadPlace, shape: FlowShape): Promise<FlowResult> {
    return await this.run<FlowResult>([...placeFlags(place), ...flowFlags(shape)], shape.timeoutSeconds);
  }

  async storm(place: LoadPlace, shape: StormShape): Promise<StormResult> {
    return await this.run<StormResult>([...placeFlags(place), ...stormFlags(shape)], shape.timeoutSeconds);
  }

  /** @param flags as `mqttload --help` lists them.
   * @throws when it gives no result: options that contradict each other, a broker that is not there. */
  async run<Result extends FlowResult | StormResult>(
    flags: readonly string[],
    timeoutSeconds = 60,
  ): Promise<Result> {
    const [program, ...args] = pinned([this.program, ...flags, "--timeout", String(timeoutSeconds)], this.core);
    const process = new Deno.Command(program, { args, stdin: "null", stdout: "piped", stderr: "piped" }).spawn();
    NativeGenerator.#running.add(process);
    try {
      const { stdout } = await deadline(process.output(), (timeoutSeconds + PATIENCE_SECONDS) * 1000);
      const result = JSON.parse(new TextDecoder().decode(stdout).trim()) as Result;
      // What could not even begin has nothing but a reason.
      if (!("seconds" in result)) throw new Error(`mqttload ${flags.join(" ")}: ${(result as Result).error}`);
      return result;
    } catch (error) {
      end(process);
      throw error;
    } finally {
      NativeGenerator.#running.delete(process);
    }
  }

  /** When the bench is interrupted. */
  static endAll(): void {
    for (const process of NativeGenerator.#running) end(process);
  }
}

function end(process: Deno.ChildProcess): void {
  try {
    process.kill("SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

function placeFlags({ port, host, pid, userName, password }: LoadPlace): string[] {
  return [
    ...valueFlag("port", port),
    ...valueFlag("host", host),
    ...valueFlag("pid", pid),
    ...valueFlag("user", userName),
    ...valueFlag("password", password),
  ];
}

function flowFlags(shape: FlowShape): string[] {
  return [
    ...valueFlag("version", shape.protocolVersion),
    ...valueFlag("pattern", shape.pattern),
    ...valueFlag("filters", shape.filters),
    ...valueFlag("pubs", shape.publishers),
    ...valueFlag("subs", shape.subscribers),
    ...valueFlag("qos", shape.qos),
    ...valueFlag("size", shape.payloadBytes),
    ...valueFlag("messages", shape.messages),
    ...valueFlag("duration", shape.seconds),
    ...valueFlag("warmup", shape.warmUpSeconds),
    ...valueFlag("rate", shape.messagesPerSecond),
    ...valueFlag("window", shape.window),
    ...valueFlag("inflight", shape.inFlight),
    ...valueFlag("drain", shape.quietSeconds),
    ...valueFlag("idle", shape.idle),
    ...valueFlag("rss-every", shape.rssEvery),
    ...switchFlag("idle-subscribed", shape.isIdleSubscribed),
    ...switchFlag("persist", shape.isQueued),
    ...switchFlag("retain", shape.isRetained),
    ...switchFlag("properties", shape.hasProperties),
    ...switchFlag("topic-aliases", shape.hasTopicAliases),
    ...switchFlag("subscription-identifiers", shape.hasSubscriptionIdentifiers),
  ];
}

function stormFlags(shape: StormShape): string[] {
  return [
    ...valueFlag("version", shape.protocolVersion),
    ...valueFlag("connect-only", shape.clients),
    ...valueFlag("connect-conc", shape.atOnce),
    ...valueFlag("hold", shape.holdSeconds),
    ...switchFlag("idle-subscribed", shape.isSubscribed),
  ];
}

function valueFlag(name: string, value: string | number | undefined): string[] {
  return value === undefined ? [] : [`--${name}`, String(value)];
}

function switchFlag(name: string, isOn: boolean | undefined): string[] {
  return isOn === true ? [`--${name}`] : [];
}

/** Of this user alone: what lies there is run. */
async function cacheFolder(): Promise<string> {
  const base = Deno.env.get("XDG_CACHE_HOME") || `${Deno.env.get("HOME") ?? ""}/.cache`;
  const folder = `${base}/quetzal-bench`;
  await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
  return folder;
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

async function sourceHash(): Promise<string> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(PARTS)) names.push(name);
  const urls = [MAIN, ...names.sort().map((name) => new URL(name, PARTS))];
  const texts = await Promise.all(urls.map((url) => Deno.readTextFile(url)));
  const bytes = new TextEncoder().encode([...FLAGS, ...texts].join("\0"));
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex().slice(0, 16);
}

/** Written beside its place first, so that two benches that begin at once do not run half a program. */
async function compile(program: string): Promise<void> {
  const draft = `${program}.${Deno.pid}`;
  const source = fromFileUrl(MAIN);
  const said: string[] = [];
  for (const compiler of COMPILERS) {
    const args = [...FLAGS, "-o", draft, source];
    try {
      const { success, stderr } = await new Deno.Command(compiler, { args, stdout: "null", stderr: "piped" }).output();
      if (success) return await Deno.rename(draft, program);
      said.push(`${compiler}: ${new TextDecoder().decode(stderr)}`);
    } catch {
      said.push(`${compiler} is not there`);
    }
  }
  throw new Error(`no C compiler makes the native generator: ${said.join("; ")}`);
}
