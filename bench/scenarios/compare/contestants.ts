/** Who takes part: Quetzal and its variants, and the peers that are installed, each a process with an empty store; all of
 * them with queues that need not drop anything, and without Nagle's algorithm. @module */

import type { LoadPlace } from "../../native/load_shape.ts";
import { benchAccounts, PASSWORD, userNames, writeQuetzalAccounts } from "../access/accounts.ts";
import { type BrokerCommand, BrokerProcess, findMosquitto, freePort } from "../broker_process.ts";
import type { Protocol } from "./rows.ts";

export interface Contestant {
  readonly id: string;
  readonly title: string;
  readonly version: string;
  readonly isOurs: boolean;
  readonly protocols: readonly Protocol[];
  /** Has it already been running, and will it go on? */
  readonly isForeign: boolean;
  /** Only these; left out: all that it can speak. */
  readonly rowIds?: readonly string[];
  start(core: number | undefined): Promise<Running>;
}

export interface Running extends AsyncDisposable {
  readonly place: LoadPlace;
  /** From the start of the process until it listened; undefined of one that ran already. */
  readonly startMs: number | undefined;
}

const HOST = "127.0.0.1";
const ALL: readonly Protocol[] = ["3.1.1", "5.0", "5.0+"];
const RULES = 300;
const ACCOUNTS = 10;
/** Rows in which the runtime needs more than the broker. */
const RELAY_ROWS = ["thousand", "latency-0", "latency-1", "latency-idle", "connects", "idle-memory", "start"];
const RELAY_MAIN = new URL("relay_main.ts", import.meta.url);
const AEDES_MAIN = new URL("aedes_main.ts", import.meta.url);
const PROJECT = new URL("../../../deno.json", import.meta.url);

/** The first one is what the peers are compared with; all log at `info`. */
export function quetzals(): Contestant[] {
  const variant = (
    id: string,
    title: string,
    durability: string,
    hasRules: boolean,
    protocols: readonly Protocol[] = ["3.1.1"],
  ): Contestant => ({
    ...{ id, title, version: projectVersion(), isOurs: true, isForeign: false, protocols },
    start: (core) => startQuetzal(durability, hasRules, core),
  });
  return [
    variant("quetzal", "Quetzal", "off", false, ALL),
    variant("quetzal-rules", `Quetzal, ${ACCOUNTS} accounts and ${RULES} rules`, "off", true),
    variant("quetzal-full", "Quetzal, durability full", "full", false),
  ];
}

/** Each that is there; `missing` says which are not. */
export function peers(flashmq: string | undefined): { found: Contestant[]; missing: string[] } {
  const found: Contestant[] = [];
  const missing: string[] = [];
  const mosquitto = findMosquitto();
  if (mosquitto === undefined) missing.push("Mosquitto is not installed");
  else {
    found.push({
      ...{ id: "mosquitto", title: "Mosquitto", version: mosquitto.version, isOurs: false, isForeign: false },
      ...{ protocols: ALL, start: (core) => startMosquitto(mosquitto.program, core) },
    });
  }
  if (flashmq !== undefined) {
    found.push({
      ...{ id: "flashmq", title: "FlashMQ", version: flashmqVersion(flashmq), isOurs: false, isForeign: false },
      ...{ protocols: ALL, start: (core) => startFlashmq(flashmq, core) },
    });
  }
  found.push({
    ...{ id: "aedes", title: "Aedes", version: aedesVersion(), isOurs: false, isForeign: false, protocols: ["3.1.1"] },
    start: (core) => startDeno(AEDES_MAIN, core),
  });
  return { found, missing };
}

/** What of a row is Deno's own: a relay that is no broker. */
export function denoAlone(): Contestant {
  return {
    ...{ id: "deno", title: "Deno alone", version: Deno.version.deno, isOurs: false, isForeign: false },
    ...{ protocols: ["3.1.1"], rowIds: RELAY_ROWS, start: (core) => startDeno(RELAY_MAIN, core) },
  };
}

/** @param text NAME=HOST:PORT:PID, of a broker that somebody else started and pinned; PID 0: unknown.
 * @throws RangeError when it is not of this form. */
export function foreignPeer(text: string): Contestant {
  const match = /^([\w.-]+)=([\d.]+):(\d+):(\d+)$/.exec(text);
  if (match === null) throw new RangeError(`--peer: "${text}" is not NAME=HOST:PORT:PID, with HOST an IPv4 address`);
  const [, name, host, port, pid] = match;
  const place: LoadPlace = { host, port: Number(port), pid: Number(pid) || undefined };
  return {
    ...{ id: name, title: name, version: "", isOurs: false, isForeign: true, protocols: ALL },
    start: () => Promise.resolve({ place, startMs: undefined, [Symbol.asyncDispose]: () => Promise.resolve() }),
  };
}

async function launch(
  folder: string,
  command: BrokerCommand,
  core: number | undefined,
  login: Pick<LoadPlace, "userName" | "password"> = {},
): Promise<Running> {
  const process = await BrokerProcess.launch(folder, asService(command, folder), core);
  const { port, pid, startMs } = process;
  return { place: { port, pid, ...login }, startMs, [Symbol.asyncDispose]: () => process[Symbol.asyncDispose]() };
}

/** As its owner would run it. Thousands of connections are as many open files, and most systems allow 1,024 unless asked.
 * The log goes into a file: to read it here takes a fifth of a storm of connects, on the same cores. The process id stays. */
function asService(command: BrokerCommand, folder: string): BrokerCommand {
  if (Deno.build.os === "windows") return command;
  const logFile = command.saysOn === 0 ? `${folder}/log` : undefined;
  const env = { ...command.env, ...(logFile !== undefined && { LOG_FILE: logFile }) };
  const script = 'ulimit -n "$(ulimit -Hn)" 2>/dev/null; exec "$0" "$@"' +
    (logFile === undefined ? "" : ' 2>"$LOG_FILE"');
  return { ...command, env, logFile, program: "sh", args: ["-c", script, command.program, ...command.args] };
}

async function folder(): Promise<string> {
  return await Deno.makeTempDir({ prefix: "quetzal-bench-" });
}

async function startQuetzal(durability: string, hasRules: boolean, core: number | undefined): Promise<Running> {
  const dir = await folder();
  const names = userNames("line", ACCOUNTS);
  if (hasRules) await writeQuetzalAccounts(`${dir}/data`, benchAccounts(names, RULES));
  const port = freePort();
  const args = ["run", "-A", "--no-check", "main.ts", "--port", String(port), "--data-dir", `${dir}/data`];
  args.push("--durability", durability, "--set", "limits.connectionsMax=20000");
  const command = { program: Deno.execPath(), args, ready: /listening on mqtt:/, saysOn: 0, port } as const;
  return await launch(dir, command, core, hasRules ? { userName: names[0], password: PASSWORD } : {});
}

async function startMosquitto(program: string, core: number | undefined): Promise<Running> {
  const dir = await folder();
  const port = freePort();
  const lines = [
    // Started by root it would become another user, who may not read in this folder; otherwise `user` says nothing.
    ...[`listener ${port} ${HOST}`, "allow_anonymous true", "user root", "persistence false"],
    ...["max_queued_messages 0", "max_inflight_messages 1000", "set_tcp_nodelay true"],
    ...["log_dest stderr", "log_type error", "log_type information", "connection_messages false"],
  ];
  await Deno.writeTextFile(`${dir}/mosquitto.conf`, lines.join("\n") + "\n");
  const args = ["-c", `${dir}/mosquitto.conf`];
  return await launch(dir, { program, args, ready: /^\d+: mosquitto .* running$/m, saysOn: 1, port }, core);
}

async function startFlashmq(program: string, core: number | undefined): Promise<Running> {
  const dir = await folder();
  const port = freePort();
  const lines = [
    ...["thread_count 1", "allow_anonymous true", "max_qos_msg_pending_per_client 65535"],
    ...["max_qos_bytes_pending_per_client 1073741824", "client_max_write_buffer_size 134217728"],
    ...["log_level error", `storage_dir ${dir}`, "listen {", "protocol mqtt", `port ${port}`, "tcp_nodelay true"],
    ...["inet_protocol ip4", `inet4_bind_address ${HOST}`, "}"],
  ];
  await Deno.writeTextFile(`${dir}/flashmq.conf`, lines.join("\n") + "\n");
  // At this level it says nothing, not even that it listens.
  return await launch(dir, { program, args: ["-c", `${dir}/flashmq.conf`], ready: undefined, saysOn: 0, port }, core);
}

async function startDeno(main: URL, core: number | undefined): Promise<Running> {
  const args = ["run", "-A", "--no-check", main.href];
  const ready = /^listening on (\d+)$/m;
  return await launch(await folder(), { program: Deno.execPath(), args, ready, saysOn: 0 }, core);
}

export function projectVersion(): string {
  return JSON.parse(Deno.readTextFileSync(PROJECT)).version;
}

function aedesVersion(): string {
  return JSON.parse(Deno.readTextFileSync(PROJECT)).imports.aedes.split("@").at(-1);
}

/** @throws RangeError when there is no such program. */
function flashmqVersion(program: string): string {
  try {
    const { stdout } = new Deno.Command(program, { args: ["--version"], stdin: "null", stderr: "null" }).outputSync();
    return /(\d+\.\d+\.\d+)/.exec(new TextDecoder().decode(stdout))?.[1] ?? "";
  } catch {
    throw new RangeError(`--flashmq: "${program}" does not run`);
  }
}
