/** The disk refuses: it is full, may not be written, or a file may not grow. Nothing is acknowledged that is not safe,
 * what needs no disk goes on, and the store recovers by itself. The program itself, on a small disk. @module */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { deadline } from "@std/async/deadline";
import type { QoS } from "../../src/packet/mod.ts";
import { BrokerProcess, freePort } from "../crash/broker_process.ts";
import { type Publishable, RawClient } from "../crash/raw_client.ts";
import { Program } from "../support/program.ts";
import { TemporaryFolder } from "../support/store_files.ts";
import { canMount, SmallDisk } from "./small_disk.ts";

const PATIENCE_MS = 30_000;
const QUOTA_EXCEEDED = 0x97;
const PAYLOAD_BYTES = 2000;
const TROUBLE = "$SYS/broker/store/trouble";
const IN_TROUBLE = /^\$SYS\/broker\/store\/trouble (?!ok)/;
const WINDOW = 200;

interface Answer {
  readonly reasonCode: number;
  readonly reasonString: string | undefined;
}

/** A client whose acknowledgements and deliveries can be waited for. */
class Peer {
  readonly client: RawClient;
  readonly #answers = new Map<Publishable, (answer: Answer) => void>();
  /** "topic text", the text cut off at the first blank. */
  readonly received: string[] = [];
  #news = Promise.withResolvers<void>();
  /** Of the broker's DISCONNECT, if there was one. */
  #disconnectReason: number | undefined;

  constructor(readonly port: number, clientId: string, version: 4 | 5, sessionExpiryInterval: number) {
    this.client = new RawClient({ clientId, protocolVersion: version, sessionExpiryInterval });
    this.client.onAcknowledged = (message, reasonCode, { reasonString }) =>
      this.#answers.get(message)?.({ reasonCode, reasonString });
    this.client.onDisconnected = (reasonCode) => this.#disconnectReason = reasonCode;
    this.client.onDelivery = ({ topicName, payload }) => {
      this.received.push(`${topicName} ${new TextDecoder().decode(payload).split(" ")[0]}`);
      this.#news.resolve();
      this.#news = Promise.withResolvers();
    };
  }

  async connect(): Promise<number> {
    const result = await deadline(this.client.connect(this.port), PATIENCE_MS);
    assert(result !== undefined, "the broker closed the connection");
    return result.reasonCode;
  }

  async subscribe(topicFilter: string, qos: QoS): Promise<void> {
    assertEquals(await deadline(this.client.subscribe([{ topicFilter, qos }]), PATIENCE_MS), [qos]);
  }

  /** @returns the answer when it comes. */
  publish(topicName: string, text: string, qos: QoS, retain = false): Promise<Answer> {
    const payload = new TextEncoder().encode(`${text} `.padEnd(PAYLOAD_BYTES, "x"));
    const message = { topicName, payload, qos, retain };
    const answer = new Promise<Answer>((resolve) => this.#answers.set(message, resolve));
    this.client.publish(message);
    return answer;
  }

  async got(what: string | RegExp): Promise<void> {
    const is = (line: string) => typeof what === "string" ? line === what : what.test(line);
    while (!this.received.some(is)) await deadline(this.#news.promise, PATIENCE_MS);
  }

  /** Everything that was sent before was handled. */
  async ping(): Promise<void> {
    const isAnswered = await deadline(this.client.ping(), PATIENCE_MS);
    assert(isAnswered, `the connection ended, with the Reason Code ${this.#disconnectReason}`);
  }
}

/** A broker with a session that is away, and whose messages have to be kept. */
class World implements AsyncDisposable {
  readonly port = freePort(Math.random);
  broker!: BrokerProcess;
  /** Lives as long as its connection: what is for it needs no disk. */
  readonly live = new Peer(this.port, "live", 5, 0);
  readonly modern = new Peer(this.port, "modern", 5, 0);
  readonly old = new Peer(this.port, "old", 4, 0);
  readonly acknowledged: string[] = [];
  /** Messages for the session that is away, whose publishers wait. */
  readonly unanswered = new Set<Promise<void>>();
  #number = 0;

  constructor(readonly dataDir: string) {}

  /** @param shell commands that limit it. */
  async start(shell?: string): Promise<void> {
    this.broker = new BrokerProcess({
      dataDir: this.dataDir,
      port: this.port,
      durability: "full",
      shell,
    });
    await this.broker.listening();
  }

  async begin(shell?: string): Promise<void> {
    await this.start(shell);
    const keeper = new Peer(this.port, "keeper", 5, 3600);
    assertEquals(await keeper.connect(), 0);
    await keeper.subscribe("kept/#", 2);
    await keeper.client.disconnect();
    for (const peer of [this.live, this.modern, this.old]) assertEquals(await peer.connect(), 0);
    await this.live.subscribe("live/#", 1);
    await this.live.subscribe(TROUBLE, 0);
  }

  /** For the session that is away, one after the other. @returns the first refusal. */
  async publishUntilRefused(): Promise<Answer> {
    let refusal: Answer | undefined;
    while (refusal === undefined) {
      const answered = this.#publishKept(this.modern, "kept/modern", 1, (answer) => refusal = answer);
      // The one in the middle of which the disk became full waits: it is not refused, and must not hold the others.
      await Promise.race([answered, this.modern.ping()]);
      // A slow disk is another matter: nobody may have more open than the Receive Maximum.
      if (this.unanswered.size >= WINDOW) await Promise.race([...this.unanswered, this.live.got(IN_TROUBLE)]);
      assert(this.acknowledged.length < 10_000, "the disk does not become full");
    }
    return refusal;
  }

  /** @returns when it is acknowledged or refused. */
  #publishKept(peer: Peer, topicName: string, qos: QoS, refused: (answer: Answer) => void): Promise<void> {
    const text = `m${++this.#number}`;
    const answered = peer.publish(topicName, text, qos).then((answer) => {
      this.unanswered.delete(answered);
      if (answer.reasonCode === 0) this.acknowledged.push(`${topicName} ${text}`);
      else refused(answer);
    });
    this.unanswered.add(answered);
    return answered;
  }

  /** Goes through what must be refused and what must go on. */
  async checkTrouble(refusal: Answer): Promise<void> {
    const { modern, old, live } = this;
    assertEquals(refusal.reasonCode, QUOTA_EXCEEDED);
    assertMatch(refusal.reasonString ?? "", /store|room/);
    for (const [qos, retain] of [[1, false], [2, false], [1, true]] as const) {
      const answer = await deadline(modern.publish("kept/refused", "never", qos, retain), PATIENCE_MS);
      assertEquals(answer.reasonCode, QUOTA_EXCEEDED, `QoS ${qos}, RETAIN ${retain}`);
    }
    // 3.1.1 has no word for it: the answer waits.
    const waiting = this.unanswered.size;
    void this.#publishKept(old, "kept/old", 1, () => {});
    await old.ping();
    await old.ping();
    assertEquals(this.unanswered.size, waiting + 1, "a 3.1.1 publisher got PUBACK for what is not on the disk");

    modern.publish("live/0", "a", 0);
    assertEquals((await deadline(modern.publish("live/1", "b", 1), PATIENCE_MS)).reasonCode, 0);
    await live.got("live/0 a");
    await live.got("live/1 b");
    await live.got(IN_TROUBLE);
    const newcomer = new Peer(this.port, "newcomer", 5, 0);
    assertEquals(await newcomer.connect(), 0);
    await newcomer.subscribe("live/#", 1);
    await newcomer.client.disconnect();
    assertEquals(await new Peer(this.port, "persistent newcomer", 5, 3600).connect(), QUOTA_EXCEEDED);

    await this.broker.logged(/The store cannot be written to/);
    for (let i = 0; i < 100; i++) await modern.publish("kept/refused", "never", 1);
    assertEquals(this.broker.said.match(/The store cannot be written to/g)?.length, 1, this.broker.said);
  }

  /** What was not acknowledged is acknowledged now. */
  async checkRecovery(): Promise<void> {
    await this.live.got(`${TROUBLE} ok`);
    await deadline(Promise.all(this.unanswered), PATIENCE_MS);
    const refused = (answer: Answer) => assertEquals(answer.reasonCode, 0, "refused although the trouble is over");
    for (const peer of [this.modern, this.old]) {
      for (const qos of [1, 2] as const) {
        await deadline(this.#publishKept(peer, "kept/again", qos, refused), PATIENCE_MS);
      }
    }
    await this.broker.logged(/The store can be written to again/);
  }

  /** After a crash all that was acknowledged is there. */
  async checkRestart(): Promise<void> {
    await this.start();
    const keeper = new Peer(this.port, "keeper", 5, 3600);
    assertEquals(await keeper.connect(), 0);
    for (const line of this.acknowledged) await keeper.got(line);
    assertEquals(keeper.received.filter((line) => line.startsWith("kept/refused")), []);
    await keeper.client.drop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.broker?.kill();
    for (const { client } of [this.live, this.modern, this.old]) await client.drop();
  }
}

Deno.test("a full disk refuses what needs it, and nothing else; what was acknowledged is there after it", async () => {
  if (!canMount()) return;
  await using disk = await SmallDisk.mount(4);
  await using world = new World(disk.path);
  await world.begin();
  disk.fill(512 * 1024);
  const refusal = await world.publishUntilRefused();
  assert(world.acknowledged.length > 10, "the disk was full from the beginning");
  await world.checkTrouble(refusal);
  disk.empty();
  await world.checkRecovery();
  await world.broker.kill();
  await world.checkRestart();
});

Deno.test("a crash while the disk is full loses nothing that was acknowledged", async () => {
  if (!canMount()) return;
  await using disk = await SmallDisk.mount(4);
  await using world = new World(disk.path);
  await world.begin();
  disk.fill(512 * 1024);
  await world.publishUntilRefused();
  await world.broker.kill();
  disk.empty();
  await world.checkRestart();
});

Deno.test("a disk that only the log fills, with what is out of date, is not full", async () => {
  if (!canMount()) return;
  await using disk = await SmallDisk.mount(4);
  await using world = new World(disk.path);
  await world.begin();
  const steady = new Peer(world.port, "steady", 5, 3600);
  assertEquals(await steady.connect(), 0);
  await steady.subscribe("steady", 1);
  // Each writes a page of the log at least; what was acknowledged by its receiver is out of date.
  for (let i = 0; i < 2_000; i++) {
    const { reasonCode } = await deadline(world.modern.publish("steady", `m${i}`, 2), PATIENCE_MS);
    assertEquals(reasonCode, 0, `message ${i}`);
  }
  await steady.got("steady m1999");
  assert(!world.broker.said.includes("The store cannot be written to"), world.broker.said);
  await steady.client.drop();
});

Deno.test("a file that may not grow any more is an I/O error, and treated like a full disk", async () => {
  if (!canMount()) return;
  using folder = new TemporaryFolder();
  // In blocks of 512 bytes (dash) or 1,024 (bash).
  await using world = new World(folder.path);
  await world.begin('trap "" XFSZ; ulimit -S -f 1024');
  const refusal = await world.publishUntilRefused();
  await world.checkTrouble(refusal);
  const limit = ["--fsize=unlimited", "--pid", String(world.broker.pid)];
  const { success } = await new Deno.Command("prlimit", { args: limit }).output();
  assert(success, "prlimit");
  await world.checkRecovery();
  await world.broker.kill();
  await world.checkRestart();
});

Deno.test("a data folder that may not be written is an error that ends the program", async () => {
  if (!canMount()) return;
  await using disk = await SmallDisk.mount(4);
  for (const isNew of [true, false]) {
    if (!isNew) {
      // A store that was written to before.
      await disk.makeWritable();
      await using world = new World(disk.path);
      await world.start();
    }
    await disk.makeReadOnly();
    const { code, complaints } = await Program.run(["--port", "0", "--data-dir", disk.path]);
    assertEquals(code, 1, complaints);
    assertMatch(complaints, /quetzal: the data folder .* cannot be used: .*--durability off/);
    assert(!complaints.includes("    at "), complaints);
  }
});
