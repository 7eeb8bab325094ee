/** A link that comes and goes for 24 hours, in a time that the test moves: connections break at any byte in either direction,
 * and for minutes there is none. The broker is the real one. What was acknowledged to the publishing program has reached the
 * subscribing one, and at QoS 2 nothing has twice. A failure prints its seed. @module */

import { assertEquals } from "@std/assert";
import type { Client } from "../../src/client/client.ts";
import type { OpenStream } from "../../src/client/open_stream.ts";
import type { ProtocolVersion } from "../../src/packet/control_packet.ts";
import type { ByteStream } from "../../src/transport/byte_stream.ts";
import type { MemoryStream } from "../../src/transport/memory.ts";
import { SeededRandom } from "../simulation/random.ts";
import { TestBroker } from "../support/test_broker.ts";
import { connectThrough, settle, TestTime } from "./support.ts";

const HOURS = 24;
const STEP_MS_MAX = 10_000;

/** Breaks after so many bytes in both directions together. */
class FragileStream implements ByteStream {
  readonly remoteAddress = "memory:fragile";
  readonly remoteHost = "memory";

  constructor(readonly inner: MemoryStream, public bytesLeft: number) {}

  async read(into: Uint8Array): Promise<number | null> {
    const count = await this.inner.read(into);
    return count === null ? null : this.#take(count);
  }

  async write(bytes: Uint8Array): Promise<number> {
    const part = bytes.subarray(0, Math.max(1, Math.min(bytes.length, this.bytesLeft)));
    return this.#take(await this.inner.write(part));
  }

  endWriting(): void {
    this.inner.endWriting();
  }

  close(): void {
    this.inner.close();
  }

  /** What was written so far may arrive, or may not. */
  break(): void {
    this.inner.reset();
  }

  #take(count: number): number {
    this.bytesLeft -= count;
    if (this.bytesLeft > 0) return count;
    this.break();
    throw new Deno.errors.ConnectionReset("the link is gone");
  }
}

class Link {
  #stream: FragileStream | undefined;
  #isDown = false;
  breaks = 0;

  constructor(readonly broker: TestBroker, readonly random: SeededRandom) {}

  readonly open: OpenStream = () => {
    if (this.#isDown) return Promise.reject(new Error("no link"));
    // Most break in the middle of something.
    this.#stream = new FragileStream(this.broker.open(), 50 + this.random.below(3000));
    return Promise.resolve(this.#stream);
  };

  /** What happens to the link in one step. */
  step(): void {
    if (this.random.below(4) === 0) this.#isDown = !this.#isDown && this.random.below(2) === 0;
    if (this.random.below(5) !== 0 && !this.#isDown) return;
    this.breaks++;
    this.#stream?.break();
  }

  heal(): void {
    this.#isDown = false;
    if (this.#stream !== undefined) this.#stream.bytesLeft = Infinity;
  }
}

async function run(seed: number, hours: number, protocolVersion: ProtocolVersion): Promise<void> {
  await using broker = await TestBroker.start();
  const random = new SeededRandom(seed);
  const time = new TestTime(broker.clock);
  const options = (clientId: string) => ({
    clientId,
    protocolVersion,
    cleanStart: false,
    startOffline: true,
    keepAlive: 30,
    properties: { sessionExpiryInterval: 0xffff_ffff, receiveMaximum: 10 },
    reconnect: { delayMinMs: 250, delayMaxMs: 8000 },
  });
  const links = [new Link(broker, random), new Link(broker, random)];
  const { client: publisher } = await connectThrough(links[0].open, options("publisher"), time);
  const { client: subscriber } = await connectThrough(links[1].open, options("subscriber"), time);
  const received: string[] = [];
  const subscribing = subscriber.subscribe(["q1", "q2"], {
    qos: 2,
    onMessage: async (message) => {
      // A program that now and then takes its time.
      if (received.length % 7 === 0) await settle();
      received.push(message.text());
    },
  });
  links.forEach((link) => link.heal());
  while (subscriber.state !== "connected") await time.advance(100);
  await subscribing;

  const acknowledged: string[] = [];
  const failures: unknown[] = [];
  let count = 0;
  const endMs = time.clock.monotonicMs() + hours * 3_600_000;
  while (time.clock.monotonicMs() < endMs) {
    for (let burst = random.below(4); burst > 0; burst--) {
      const qos = random.below(2) === 0 ? 1 : 2;
      const text = `${qos} ${count++}`;
      publisher.publish(`q${qos}`, text, { qos }).then(() => acknowledged.push(text), (error) => failures.push(error));
    }
    links.forEach((link) => link.step());
    await time.advance(random.below(STEP_MS_MAX));
  }
  await finish(publisher, links, time);
  await settle();

  assertEquals(failures, []);
  assertEquals(acknowledged.length, count, "every message is acknowledged in the end");
  for (let patience = 0; new Set(received).size < count && patience < 1000; patience++) {
    links.forEach((link) => link.heal());
    await time.advance(100);
  }
  const distinct = new Set(received);
  const missing = acknowledged.filter((text) => !distinct.has(text));
  assertEquals(missing, [], "acknowledged, and lost");
  const ofQoS2 = received.filter((text) => text.startsWith("2"));
  assertEquals(ofQoS2.length, new Set(ofQoS2).size, "twice at QoS 2");
  const numbers = ofQoS2.map((text) => Number(text.slice(2)));
  assertEquals(numbers, numbers.toSorted((a, b) => a - b), "the order of QoS 2");
  const firsts = [...new Set(received.filter((text) => text.startsWith("1")))].map((text) => Number(text.slice(2)));
  assertEquals(firsts, firsts.toSorted((a, b) => a - b), "the order of QoS 1");
  assertEquals(links.every(({ breaks }) => breaks > hours * 20), true, "the links did break");
  publisher.drop();
  subscriber.drop();
}

/** The links are good at last, until nothing is left to send. */
async function finish(publisher: Client, links: Link[], time: TestTime): Promise<void> {
  for (let steps = 0; publisher.outboxLength > 0; steps++) {
    if (steps > 2000) throw new Error(`${publisher.outboxLength} are left`);
    links.forEach((link) => link.heal());
    await time.advance(100);
  }
}

async function runNamed(seed: number, hours: number, protocolVersion: ProtocolVersion = 5): Promise<void> {
  try {
    await run(seed, hours, protocolVersion);
  } catch (error) {
    throw new Error(`seed ${seed}`, { cause: error });
  }
}

Deno.test("a link that flaps for 24 hours: nothing acknowledged is lost, and nothing comes twice at QoS 2", async () => {
  await runNamed(1, HOURS);
});

Deno.test("the same for shorter times, with other chances and in 3.1.1", async () => {
  const seed = Math.floor(Math.random() * 1e9);
  for (let i = 0; i < 6; i++) await runNamed(seed + i, 1, i % 2 === 0 ? 5 : 4);
});
