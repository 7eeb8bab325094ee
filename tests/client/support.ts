/** Clients for tests: the real one over memory instead of sockets, with a clock that the test moves; and a Server that does
 * just what a test says. @module */

import { assertEquals } from "@std/assert";
import { deadline } from "@std/async/deadline";
import type { NewAlarm } from "../../src/client/alarm.ts";
import type { Client, ClientOptions, ClientState } from "../../src/client/client.ts";
import { connectOver } from "../../src/client/connect.ts";
import type { OpenStream } from "../../src/client/open_stream.ts";
import {
  ApplicationMessage,
  ByteWriter,
  type ConnackPacket,
  type ConnectPacket,
  type ControlPacket,
  Decoder,
  encodePacket,
  PacketType,
  type Properties,
  type ProtocolVersion,
  type QoS,
  type ReasonCode,
} from "../../src/packet/mod.ts";
import { memoryPair, type MemoryStream } from "../../src/transport/memory.ts";
import { FakeClock } from "../support/fake_clock.ts";
import type { TestBroker } from "../support/test_broker.ts";

/** How long a test waits for what must come. Only ever reached when a test fails. */
export const PATIENCE_MS = 5_000;

/** A clock, and the alarms that go by it. */
export class TestTime {
  readonly #alarms = new Set<{ atMs: number; ring: () => void }>();

  constructor(readonly clock: FakeClock = new FakeClock()) {}

  readonly newAlarm: NewAlarm = (ring) => {
    const alarm = { atMs: Infinity, ring };
    this.#alarms.add(alarm);
    return { set: (atMs) => alarm.atMs = atMs };
  };

  /** Of all alarms that are set. */
  get nextMs(): number {
    return Math.min(Infinity, ...[...this.#alarms].map(({ atMs }) => atMs));
  }

  /** Rings all alarms, due or not: as timers of a machine do that are not exact. */
  ringAll(): void {
    for (const alarm of this.#alarms) {
      alarm.atMs = Infinity;
      alarm.ring();
    }
  }

  /** Rings what is due on the way, each at its time, with what follows from it in memory done in between. */
  async advance(ms: number): Promise<void> {
    const endMs = this.clock.monotonicMs() + ms;
    for (;;) {
      await settle();
      const nowMs = this.clock.monotonicMs();
      const dueMs = Math.max(nowMs, this.nextMs);
      if (dueMs > endMs) break;
      this.clock.advance(dueMs - nowMs);
      for (const alarm of this.#alarms) {
        if (alarm.atMs > dueMs) continue;
        alarm.atMs = Infinity;
        alarm.ring();
      }
    }
    this.clock.advance(endMs - this.clock.monotonicMs());
    await settle();
  }
}

/** Everything that goes on in memory alone has come to rest. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 4; i++) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** A client that is connected, and what was seen of it. */
export interface TestConnection {
  readonly client: Client;
  readonly time: TestTime;
  readonly states: ClientState[];
  /** "sent 1", "received 2": Control Packet types in order. */
  readonly packets: string[];
}

/** Opens a client over the streams of `open`. */
export async function connectThrough(
  open: OpenStream,
  options: ClientOptions = {},
  time = new TestTime(),
): Promise<TestConnection> {
  const states: ClientState[] = [];
  const packets: string[] = [];
  const client = await connectOver("memory:", {
    observer: {
      state: (state) => void states.push(state),
      packet: (direction, { type }) => void packets.push(`${direction} ${type}`),
    },
    ...options,
  }, { open, clock: time.clock, newAlarm: time.newAlarm, random: () => 0.5 });
  return { client, time, states, packets };
}

/** A client of a whole broker; they share a clock. */
export function connectTo(broker: TestBroker, options: ClientOptions = {}): Promise<TestConnection> {
  return connectThrough(() => new Promise((resolve) => resolve(broker.open())), options, new TestTime(broker.clock));
}

/** What a Server's end of a connection sees and says. */
export class ServerSide {
  readonly #decoder = new Decoder({ sender: "client", connectPacketSizeMax: 2 ** 28 + 8, userPropertiesMax: Infinity });
  protocolVersion: ProtocolVersion = 5;

  constructor(readonly stream: MemoryStream) {
    this.#decoder.maximumPacketSize = 2 ** 28 + 8;
  }

  /** The next packet; undefined at the end of the connection. A PUBLISH is a view until the next call. */
  async receive(): Promise<ControlPacket | undefined> {
    for (;;) {
      const packet = this.#decoder.next();
      if (packet !== undefined) return packet;
      const count = await deadline(this.stream.read(this.#decoder.room()), PATIENCE_MS).catch((error) => {
        if (error instanceof DOMException) throw error;
        return null; // reset, or closed
      });
      if (count === null) {
        this.stream.close();
        return undefined;
      }
      this.#decoder.received(count);
    }
  }

  async expect<T extends PacketType>(type: T): Promise<Extract<ControlPacket, { type: T }>> {
    const packet = await this.receive();
    assertEquals(packet?.type, type, `expected packet type ${type}, got ${Deno.inspect(packet)}`);
    return packet as Extract<ControlPacket, { type: T }>;
  }

  /** CONNECT, answered. */
  async accept(connack: Partial<Omit<ConnackPacket, "type">> = {}): Promise<ConnectPacket> {
    const connect = await this.expect(PacketType.Connect);
    this.protocolVersion = connect.protocolVersion;
    await this.send({ type: PacketType.Connack, sessionPresent: false, reasonCode: 0, properties: {}, ...connack });
    return connect;
  }

  async send(packet: ControlPacket): Promise<void> {
    const writer = new ByteWriter();
    if (!encodePacket(writer, packet, this.protocolVersion, Infinity)) throw new Error("not encodable");
    await this.sendBytes(writer.written);
  }

  async sendBytes(bytes: Uint8Array | readonly number[]): Promise<void> {
    const all = new Uint8Array(bytes);
    for (let from = 0; from < all.length;) from += await this.stream.write(all.subarray(from));
  }

  acknowledge(type: 4 | 5 | 6 | 7, packetIdentifier: number, reasonCode: ReasonCode = 0, properties: Properties = {}) {
    return this.send({ type, packetIdentifier, reasonCode, properties });
  }

  publish(topicName: string, payload: string, options: {
    readonly qos?: QoS;
    readonly dup?: boolean;
    readonly packetIdentifier?: number;
    readonly topicAlias?: number;
    readonly subscriptionIdentifiers?: readonly number[];
    readonly properties?: Properties;
  } = {}): Promise<void> {
    const { qos = 0, dup = false, packetIdentifier = 0, topicAlias = 0, subscriptionIdentifiers, properties } = options;
    const bytes = new TextEncoder().encode(payload);
    const message = ApplicationMessage.create({ topicName: topicName || "x", payload: bytes, qos, properties });
    return this.send({ type: PacketType.Publish, dup, packetIdentifier, topicAlias, subscriptionIdentifiers, message });
  }

  /** DISCONNECT with this Reason Code, then the end. */
  async expectDisconnect(reasonCode: ReasonCode): Promise<void> {
    assertEquals((await this.expect(PacketType.Disconnect)).reasonCode, reasonCode);
    await this.expectClosed();
  }

  async expectClosed(): Promise<void> {
    assertEquals(await this.receive(), undefined);
  }
}

/** Answers each arrival as the test says. */
export class FakeServer {
  readonly #arrived: ServerSide[] = [];
  #wake: (() => void) | undefined;
  /** Set: nobody can come in. */
  refuses: Error | undefined;
  arrivals = 0;

  readonly open: OpenStream = () => {
    this.arrivals++;
    if (this.refuses !== undefined) return Promise.reject(this.refuses);
    const { client, server } = memoryPair();
    this.#arrived.push(new ServerSide(server));
    this.#wake?.();
    return Promise.resolve(client);
  };

  /** The next connection. */
  async next(): Promise<ServerSide> {
    while (this.#arrived.length === 0) {
      await deadline(new Promise<void>((resolve) => this.#wake = resolve), PATIENCE_MS);
    }
    return this.#arrived.shift()!;
  }

  /** The next connection, in as much time as the client takes for it. */
  async nextAfter(time: TestTime): Promise<ServerSide> {
    for (let steps = 0; this.#arrived.length === 0; steps++) {
      if (steps > 2000) throw new Error("the client does not come");
      await time.advance(50);
    }
    return this.#arrived.shift()!;
  }

  /** A client that this Server has let in. */
  async connect(
    options: ClientOptions = {},
    connack: Partial<Omit<ConnackPacket, "type">> = {},
  ): Promise<TestConnection & { readonly server: ServerSide; readonly connect: ConnectPacket }> {
    const connecting = connectThrough(this.open, options);
    const server = await this.next();
    const connect = await server.accept(connack);
    return { ...await connecting, server, connect };
  }
}

/** The promise rejects with an error of this class. */
export async function rejectsWith<E extends Error>(
  // deno-lint-ignore no-explicit-any
  errorClass: abstract new (...parameters: any[]) => E,
  promise: Promise<unknown>,
): Promise<E> {
  const outcome = await deadline(promise, PATIENCE_MS).then((value) => ({ value }), (error) => ({ error }));
  if (!("error" in outcome)) throw new Error(`resolved with ${Deno.inspect(outcome.value)}`);
  if (!(outcome.error instanceof errorClass)) throw outcome.error;
  return outcome.error;
}
