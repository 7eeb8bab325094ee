/** The loop of arrivals when there is no end of them. @module */

import { assert, assertEquals } from "@std/assert";
import { type Acceptor, SocketListener } from "../../src/transport/socket.ts";
import { memoryPair } from "../../src/transport/memory.ts";

const ARRIVALS = 100;

/** All of them wait already; behind them nobody comes. */
class Flood implements Acceptor<{ close(): void }> {
  accepted = 0;
  readonly #closed = Promise.withResolvers<never>();

  constructor() {
    // Nobody need be waiting when it is closed.
    this.#closed.promise.catch(() => {});
  }

  accept(): Promise<{ close(): void }> {
    if (this.accepted === ARRIVALS) return this.#closed.promise;
    this.accepted++;
    return Promise.resolve({ close() {} });
  }

  close(): void {
    this.#closed.reject(new Error("closed"));
  }
}

Deno.test("SocketListener.serve() gives everybody else a turn while arrivals wait, and takes them all", async () => {
  const flood = new Flood();
  const stream = memoryPair().server;
  const door = { url: "mqtt://flood", isLoopback: true, acceptor: flood, streamOf: () => stream };
  const listener = new SocketListener(door);
  let arrived = 0;
  let arrivedAtFirstTurn = 0;
  setTimeout(() => arrivedAtFirstTurn = arrived, 0);
  const all = Promise.withResolvers<void>();
  const serving = listener.serve(() => ++arrived === ARRIVALS && all.resolve(), (error) => all.reject(error));
  await all.promise;
  assert(arrivedAtFirstTurn > 0 && arrivedAtFirstTurn <= 16, String(arrivedAtFirstTurn));
  listener.close();
  await serving;
  assertEquals(arrived, ARRIVALS);
});

Deno.test("SocketListener.close() ends a flood in the middle", async () => {
  const flood = new Flood();
  const stream = memoryPair().server;
  const door = { url: "mqtt://flood", isLoopback: true, acceptor: flood, streamOf: () => stream };
  const listener = new SocketListener(door);
  const serving = listener.serve(() => {}, () => {});
  await new Promise((resolve) => setTimeout(resolve, 0));
  listener.close();
  await serving;
  assert(flood.accepted < ARRIVALS, String(flood.accepted));
});

/** The queue of a port that somebody has filled with connections that he reset, before one who means it. */
class ResetQueue extends Flood {
  override accept(): Promise<{ close(): void }> {
    if (++this.accepted > ARRIVALS) return this.accepted === ARRIVALS + 1 ? Promise.resolve({ close() {} }) : never();
    const kinds = [Deno.errors.NotConnected, Deno.errors.ConnectionAborted, Deno.errors.ConnectionReset];
    return Promise.reject(
      new kinds[this.accepted % kinds.length]("Transport endpoint is not connected (os error 107)"),
    );
  }
}

function never(): Promise<never> {
  return new Promise(() => {});
}

Deno.test("SocketListener: peers that reset their connections in the queue hold up nobody behind them", async () => {
  const pauses: number[] = [];
  const { setTimeout: realTimeout } = globalThis;
  const acceptor = new ResetQueue();
  const stream = memoryPair().server;
  const listener = new SocketListener({ url: "mqtt://flood", isLoopback: true, acceptor, streamOf: () => stream });
  const errors: unknown[] = [];
  const arrived = Promise.withResolvers<void>();
  globalThis.setTimeout = ((run: () => void, ms: number) => {
    pauses.push(ms);
    return realTimeout(run, ms);
  }) as typeof setTimeout;
  try {
    listener.serve(() => arrived.resolve(), (error) => errors.push(error));
    await arrived.promise;
  } finally {
    globalThis.setTimeout = realTimeout;
  }
  listener.close();
  assertEquals([errors, new Set(pauses)], [[], new Set([0])]);
});
