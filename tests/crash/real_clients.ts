/** Clients of others beside our own: MQTT.js as publisher and subscriber, mosquitto_pub and mosquitto_sub where they are
 * installed. What they take for acknowledged has to come as well. Their topics are under `u/`: how they order what they
 * repeat is their own business. @module */

import { Buffer } from "node:buffer";
import mqtt, { type MqttClient } from "mqtt";
import { sleep, type World } from "./actors.ts";
import type { PublishedMessage, Receiver } from "./ledger.ts";

const FILTER = "u/#";
const WINDOW = 10;

export class RealClients {
  #js: MqttClient | undefined;
  #jsUnfinished = 0;
  #mosquittoSub: Deno.ChildProcess | undefined;
  #mosquittoUnfinished = 0;

  constructor(readonly world: World) {}

  /** @param also what runs beside the caller. */
  async start(also: (task: Promise<void>) => void): Promise<void> {
    await this.#startJs();
    also(this.#publishByJs());
    if (!(await hasMosquitto())) return;
    await this.#startMosquittoSub(also);
    also(this.#publishByMosquitto());
  }

  /** What they wait for. */
  open(): string[] {
    const open: string[] = [];
    if (this.#jsUnfinished > 0) open.push(`MQTT.js has ${this.#jsUnfinished} unfinished`);
    if (this.#mosquittoUnfinished > 0) open.push(`mosquitto_pub has ${this.#mosquittoUnfinished} unfinished`);
    return open;
  }

  async end(): Promise<void> {
    await this.#js?.endAsync(true);
    if (this.#mosquittoSub === undefined) return;
    try {
      this.#mosquittoSub.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await this.#mosquittoSub.status;
  }

  async #startJs(): Promise<void> {
    const { port, ledger } = this.world;
    const receiver = ledger.receiver("mqtt-js");
    const client = this.#js = mqtt.connect(`mqtt://127.0.0.1:${port}`, {
      clientId: "mqtt-js",
      protocolVersion: 4,
      clean: false,
      reconnectPeriod: 50,
      keepalive: 0,
      resubscribe: false,
    });
    let isFirst = true;
    client.on("message", (topicName, payload, { qos }) => receiver.delivered(topicName, payload, qos));
    client.on("error", () => {}); // the broker is away
    client.on("connect", ({ sessionPresent }) => {
      if (!isFirst && !sessionPresent) ledger.violate("lost session", "mqtt-js: Session Present is 0");
      isFirst = false;
    });
    const span = receiver.subscribing(FILTER, 1);
    await client.subscribeAsync(FILTER, { qos: 1 });
    span.definiteAt = ledger.tick();
  }

  async #publishByJs(): Promise<void> {
    const { world } = this;
    const { random, ledger } = world;
    while (!world.isOver) {
      await sleep(5 + random.below(20));
      if (!world.isLoaded || !this.#js!.connected || this.#jsUnfinished >= WINDOW) continue;
      const message = this.#newMessage("u/mqtt-js", random.pick([1, 2] as const));
      this.#jsUnfinished++;
      this.#js!.publish(message.topicName, Buffer.from(message.payload), { qos: message.qos }, (error) => {
        this.#jsUnfinished--;
        if (!error) ledger.acknowledge(message);
      });
    }
  }

  async #startMosquittoSub(also: (task: Promise<void>) => void): Promise<void> {
    const { port, ledger } = this.world;
    const receiver = ledger.receiver("mosquitto_sub");
    const span = receiver.subscribing(FILTER, 1);
    const process = this.#mosquittoSub = new Deno.Command("mosquitto_sub", {
      args: [
        ...["-h", "127.0.0.1", "-p", String(port), "-i", "mosquitto_sub", "--disable-clean-session"],
        ...["-q", "1", "-t", FILTER, "-F", "%t %q %x"],
      ],
      stdout: "piped",
      stderr: "null",
    }).spawn();
    also(readLines(process.stdout, (line) => deliver(receiver, line)));
    // It says nothing of SUBACK: what it gets shows that it has subscribed.
    const probe = ledger.message("u/probe", 1, "mqtt-js", 0);
    ledger.sent(probe);
    while (!receiver.has(probe.number)) {
      await this.#js!.publishAsync(probe.topicName, Buffer.from(probe.payload), { qos: 1 });
      await sleep(50);
    }
    span.definiteAt = ledger.tick();
  }

  /** One process for each message: it ends with 0 when PUBACK is there. */
  async #publishByMosquitto(): Promise<void> {
    const { world } = this;
    const port = String(world.port);
    while (!world.isOver) {
      await sleep(50 + world.random.below(100));
      if (!world.isLoaded) continue;
      const message = this.#newMessage("u/mosquitto_pub", 1);
      this.#mosquittoUnfinished++;
      const process = new Deno.Command("mosquitto_pub", {
        args: ["-h", "127.0.0.1", "-p", port, "-q", "1", "-t", message.topicName, "-s"],
        stdin: "piped",
        stdout: "null",
        stderr: "null",
      }).spawn();
      try {
        const writer = process.stdin.getWriter();
        await writer.write(message.payload as Uint8Array<ArrayBuffer>);
        await writer.close();
      } catch {
        // It found no broker, and ended.
      }
      // The end of the run must not wait for one that waits for a broker.
      while (!world.isOver && !(await Promise.race([process.status.then(() => true), sleep(100)])));
      if (world.isOver) tryToKill(process);
      const { success } = await process.status;
      this.#mosquittoUnfinished--;
      if (success) world.ledger.acknowledge(message);
    }
  }

  #newMessage(topicName: string, qos: 1 | 2): PublishedMessage {
    const { ledger, random } = this.world;
    const message = ledger.message(topicName, qos, topicName, random.below(100));
    ledger.sent(message);
    return message;
  }
}

function deliver(receiver: Receiver, line: string): void {
  const [topicName, qos, hex] = line.split(" ");
  const payload = Uint8Array.from(hex.match(/../g) ?? [], (byte) => parseInt(byte, 16));
  receiver.delivered(topicName, payload, Number(qos) as 1 | 2);
}

async function readLines(stream: ReadableStream<Uint8Array<ArrayBuffer>>, take: (line: string) => void): Promise<void> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) take(line);
  }
}

async function hasMosquitto(): Promise<boolean> {
  try {
    for (const name of ["mosquitto_pub", "mosquitto_sub"]) {
      await new Deno.Command(name, { args: ["--help"], stdout: "null", stderr: "null" }).output();
    }
    return true;
  } catch {
    return false;
  }
}

function tryToKill(process: Deno.ChildProcess): void {
  try {
    process.kill("SIGKILL");
  } catch {
    // It has ended by itself.
  }
}
