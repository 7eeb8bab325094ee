/** What a client that nobody here wrote must do in a test: publish one message, or subscribe and hand over what comes.
 * Each of mqtt_js.ts, mosquitto.ts and paho.ts drives one such client. @module */

import { deadline } from "@std/async/deadline";
import type { ProtocolVersion, QoS } from "../../src/packet/mod.ts";
import { ProcessOutput } from "../support/process_output.ts";

/** An Application Message as these clients show it. */
export interface Message {
  readonly topicName: string;
  readonly payload: Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
  /** MQTT 5.0 only. */
  readonly properties: MessageProperties;
}
export interface MessageProperties {
  readonly contentType?: string;
  readonly responseTopic?: string;
  readonly correlationData?: string;
  readonly messageExpiryInterval?: number;
  readonly userProperties?: readonly (readonly [string, string])[];
}

export interface SubscriberOptions {
  readonly version: ProtocolVersion;
  readonly clientId: string;
  readonly topicFilters: readonly string[];
  readonly qos: QoS;
  /** Default true. Before 5.0: Clean Session. */
  readonly cleanStart?: boolean;
  /** Unit: seconds. MQTT 5.0 only. */
  readonly sessionExpiryInterval?: number;
  readonly will?: Message;
}

export interface Subscriber extends AsyncDisposable {
  /** The next message. @throws when the connection ends before one comes. */
  next(): Promise<Message>;
  /** Ends the Network Connection without DISCONNECT. */
  kill(): Promise<void>;
}

export interface ClientProgram {
  readonly name: string;
  /** Why it cannot run here, with what to do; undefined = it can. */
  readonly missing: string | undefined;
  /** Connects, publishes, awaits the acknowledgement, disconnects. */
  publish(url: URL, version: ProtocolVersion, message: Message): Promise<void>;
  /** @returns when the subscription is acknowledged. */
  subscribe(url: URL, options: SubscriberOptions): Promise<Subscriber>;
}

/** How long a test waits for what must come. Only ever reached when a test fails. */
const PATIENCE_MS = 30_000;

export function patiently<T>(promise: Promise<T>): Promise<T> {
  return deadline(promise, PATIENCE_MS);
}

/** A client as a process that writes lines. It is ended by its own id, whatever happens to the test. */
export class ClientProcess implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #output: ProcessOutput;
  readonly #complaints: ProcessOutput;
  readonly #waiting: string[] = [];
  #read = 0;

  constructor(command: string, args: readonly string[]) {
    this.#process = new Deno.Command(command, {
      args: [...args],
      env: { PYTHONUNBUFFERED: "1", PYTHONIOENCODING: "utf-8" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#output = new ProcessOutput(this.#process.stdout);
    this.#complaints = new ProcessOutput(this.#process.stderr);
  }

  /** Runs a client to its end. @throws with its complaints when it fails. */
  static async run(command: string, args: readonly string[], input: Uint8Array): Promise<string> {
    const process = new Deno.Command(command, {
      args: [...args],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
      signal: AbortSignal.timeout(PATIENCE_MS),
    }).spawn();
    const writer = process.stdin.getWriter();
    // A client that ends early closes its input: its exit code says why.
    const written = writer.write(input.slice()).then(() => writer.close()).catch(() => {});
    const { success, stdout, stderr } = await process.output();
    await written;
    if (!success) throw new Error(`${command} ${args.join(" ")} failed: ${new TextDecoder().decode(stderr)}`);
    return new TextDecoder().decode(stdout);
  }

  async nextLine(): Promise<string> {
    for (;;) {
      const line = this.#waiting.shift();
      if (line !== undefined) return line;
      // Asked for before the look at the text, so that nothing that comes in between is missed.
      const { changed, isEnded } = this.#output;
      const { lines, next } = this.#output.linesFrom(this.#read);
      this.#read = next;
      this.#waiting.push(...lines);
      if (lines.length > 0) continue;
      if (isEnded) throw new Error(`the client ended: ${this.#complaints.text || this.#output.text}`);
      await changed;
    }
  }

  async kill(): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await this.#process.status;
    await Promise.all([this.#output.ended, this.#complaints.ended]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}
