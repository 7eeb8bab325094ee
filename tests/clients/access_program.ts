/** A broker with accounts, as its owner makes them, and doors for real clients; and clients that are run to their end, for
 * tests that ask how they ended. @module */

import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { runCommandLine } from "../../src/cli/run.ts";
import type { ProtocolVersion } from "../../src/packet/mod.ts";
import { HAS_OPENSSL } from "../support/certificates.ts";
import { Program } from "../support/program.ts";
import { TemporaryFolder } from "../support/store_files.ts";
import { patiently } from "./client_program.ts";

/** Who may come in everywhere here, and may publish to and receive `site/sensor-1/#`. */
export const USER = { userName: "sensor-1", password: "correct horse" } as const;
export const WRONG = { userName: "sensor-1", password: "battery staple" } as const;
export const UNKNOWN = { userName: "sensor-2", password: "correct horse" } as const;

/** A topic of `USER`. */
export const OWN = "site/sensor-1/temperature";

/** Of CONNACK: refused for the user name or password, and for having none. */
export const REFUSED: Readonly<Record<ProtocolVersion, { readonly wrong: number; readonly nobody: number }>> = {
  3: { wrong: 4, nobody: 5 },
  4: { wrong: 4, nobody: 5 },
  5: { wrong: 0x86, nobody: 0x87 },
};

/** Where all programs are installed: there none may be missing. */
const ALL_ARE_HERE = Deno.env.get("CI") === "true";

/** What a test with certificates needs. */
export const OPENSSL = { missing: HAS_OPENSSL ? undefined : "there is no openssl: apt-get install openssl" };

/** @param needed programs without which it is skipped: the name says so. Where CI=true promises that all are there, it fails. */
export function accessTest(
  name: string,
  needed: readonly { readonly missing: string | undefined }[],
  fn: (t: Deno.TestContext) => Promise<void>,
): void {
  const missing = needed.find((program) => program.missing !== undefined)?.missing;
  Deno.test({
    name: missing === undefined ? name : `${name} (skipped: ${missing})`,
    ignore: missing !== undefined && !ALL_ARE_HERE,
    fn: async (t) => {
      assert(missing === undefined, `CI=true, and ${missing}`);
      await fn(t);
    },
  });
}

/** A data folder. */
export class AccessFolder implements Disposable {
  readonly folder = new TemporaryFolder();

  /** With `USER`, its rights, and nobody else. */
  static async make(): Promise<AccessFolder> {
    const made = new AccessFolder();
    await made.quetzal("acl allow --everyone all site/%u/#");
    await made.quetzal(`user add ${USER.userName} --password-stdin`, `${USER.password}\n`);
    return made;
  }

  /** A command, its words between single spaces, with what it gets on standard input. @returns what it printed. */
  async quetzal(line: string, input = ""): Promise<string> {
    const printed: string[] = [];
    const complaints: string[] = [];
    const code = await runCommandLine([...line.split(" "), "--data-dir", this.folder.path], {
      print: (text) => printed.push(text),
      complain: (text) => complaints.push(text),
      input: () => new Blob([input]).stream(),
      environment: {},
    });
    assertEquals(code, 0, complaints.join("\n"));
    return printed.join("\n");
  }

  /** A broker on this folder. */
  async start(args: readonly string[] = [], environment: Record<string, string> = {}): Promise<AccessProgram> {
    const doors = ["--durability", "full", "--data-dir", this.folder.path, "--log-level", "info"];
    return new AccessProgram(await Program.start([...doors, ...args], { environment }));
  }

  [Symbol.dispose](): void {
    this.folder[Symbol.dispose]();
  }
}

export class AccessProgram implements AsyncDisposable {
  constructor(readonly program: Program) {}

  /** @param count which of the doors with this scheme, from 0 on. */
  async url(scheme: string, count = 0): Promise<URL> {
    const line = `listening on (${scheme}:\\S+)`;
    const [text] = await patiently(this.program.printed.until(new RegExp(`(?:${line}[^]*?){${count + 1}}$`, "m")));
    return new URL([...text.matchAll(new RegExp(line, "g"))][count][1]);
  }

  logged(pattern: RegExp): Promise<RegExpExecArray> {
    return this.program.logged(pattern);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.program[Symbol.asyncDispose]();
  }
}

export interface Outcome {
  readonly code: number;
  readonly printed: string;
  readonly complaints: string;
}

/** Runs a client to its end, whatever that is. */
export async function outcomeOf(command: string, args: readonly string[], input = ""): Promise<Outcome> {
  const process = new Deno.Command(command, {
    args: [...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = process.stdin.getWriter();
  // One that ends early closes its input: its exit code says why.
  const written = writer.write(new TextEncoder().encode(input)).then(() => writer.close()).catch(() => {});
  try {
    const { code, stdout, stderr } = await patiently(process.output());
    await written;
    const decoder = new TextDecoder();
    return { code, printed: decoder.decode(stdout), complaints: decoder.decode(stderr) };
  } catch (error) {
    process.kill("SIGKILL");
    throw error;
  }
}

export interface Login {
  readonly userName: string;
  readonly password: string;
}

export function loginArgs({ userName, password }: Login): string[] {
  return ["-u", userName, "-P", password];
}

/** What is retained stays until it is asked for: nobody waits for anybody. */
export async function keepAndFetch(connection: readonly string[], text: string): Promise<void> {
  const kept = await outcomeOf("mosquitto_pub", [...connection, "-t", OWN, "-q", "1", "-r", "-m", text]);
  assertEquals(kept, { code: 0, printed: "", complaints: "" });
  const fetched = await outcomeOf("mosquitto_sub", [...connection, "-t", OWN, "-q", "1", "-C", "1"]);
  assertEquals(fetched, { code: 0, printed: `${text}\n`, complaints: "" });
}

export function publish(connection: readonly string[], topicName = OWN): Promise<Outcome> {
  return outcomeOf("mosquitto_pub", [...connection, "-t", topicName, "-q", "1", "-m", "x"]);
}

/** What Paho says of one visit: see paho_access.py. */
export interface PahoVisit {
  /** Reason Code of CONNACK, or Return code before 5.0. null: there was none. */
  readonly connack: number | null;
  /** Of SUBACK. */
  readonly suback?: readonly number[];
  /** What came back of what it published, as text. */
  readonly received?: string;
  /** The kind of error, when there was no Network Connection. */
  readonly error?: string;
}

export interface PahoOptions {
  readonly version: ProtocolVersion;
  readonly userName?: string;
  readonly password?: string;
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  /** Subscribed to, all of them; the first one is published to. */
  readonly topics: readonly string[];
}

const PAHO_SCRIPT = fileURLToPath(new URL("paho_access.py", import.meta.url));

/** @param interpreter a Python that has Paho. */
export async function visitWithPaho(interpreter: string, url: URL, options: PahoOptions): Promise<PahoVisit> {
  const request = { host: url.hostname, port: Number(url.port), ...options };
  const { code, printed, complaints } = await outcomeOf(
    interpreter,
    ["-W", "ignore", PAHO_SCRIPT],
    JSON.stringify(request),
  );
  assertEquals(code, 0, complaints);
  return JSON.parse(printed);
}
