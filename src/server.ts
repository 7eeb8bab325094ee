/** Plugs the rooms together: the only file that sees all of them. In: a configuration. Out: a running broker.
 * Room: wiring and life cycle; decides nothing about the protocol. @module */

import { AllowAll, AnonymousAuthenticator } from "./auth/allow_anonymous.ts";
import type { Authenticator } from "./auth/authenticator.ts";
import type { Authorizer } from "./auth/authorizer.ts";
import { type Clock, systemClock } from "./base/clock.ts";
import { getLog, type Log } from "./base/log.ts";
import { BrokerLog } from "./broker/broker_log.ts";
import { Dispatcher } from "./broker/dispatcher.ts";
import type { LoadReport } from "./broker/load_store.ts";
import type { BrokerSnapshot } from "./broker/snapshot.ts";
import type { Config } from "./config/config.ts";
import { VERSION } from "./config/version.ts";
import { DebugObserver } from "./connection/debug_observer.ts";
import type { PacketObserver } from "./connection/packet_observer.ts";
import { ReadGate } from "./connection/read_gate.ts";
import { readConnection } from "./connection/reader.ts";
import { Traffic } from "./connection/traffic.ts";
import { PacketWriter } from "./connection/writer.ts";
import { WriteTurn } from "./connection/write_turn.ts";
import { Decoder } from "./packet/decoder.ts";
import { PublishFrameEncoder } from "./packet/publish_frame.ts";
import { MemoryStore } from "./persistence/memory_store.ts";
import { SqliteStore } from "./persistence/sqlite_store.ts";
import type { Store } from "./persistence/store.ts";
import type { ByteStream } from "./transport/byte_stream.ts";
import type { Listener } from "./transport/listener.ts";
import { listenTcp } from "./transport/tcp.ts";

/** How often deadlines are looked at: they ring at most this late. */
const TICK_MS = 50;

export interface LoadedReport extends LoadReport {
  /** Opening the store, looking whether it is damaged, and taking in what it holds. */
  readonly durationMs: number;
}

export interface RunningServer {
  /** Where it listens: "mqtt://127.0.0.1:1883". */
  readonly urls: string[];
  /** What the owner should know of the data folder, a line each; [] = nothing. */
  readonly notices: readonly string[];
  /** What came back from the store. */
  readonly loaded: LoadedReport;
  /** Resolves when the server has ended. */
  readonly finished: Promise<void>;
  /** DISCONNECT 0x8B to the 5.0 clients, then the end of every connection and listener. May be called again. */
  stop(): Promise<void>;
  /** How the broker stands, for embedding programs and tests. */
  snapshot(): BrokerSnapshot;
}

/** What an embedding program may put in the place of the usual. */
export interface ServerParts {
  /** Default: by `config.durability`, a MemoryStore or an SqliteStore in `config.dataDir`. */
  readonly store?: Store;
  /** Begin with an empty store although a damaged one was set aside in `config.dataDir`. Default: false. */
  readonly newStore?: boolean;
  /** Default: one TCP listener on `config.host` and `config.port`. */
  readonly listeners?: readonly Listener[];
  /** Default: anonymous clients are let in where the configuration allows them. */
  readonly authenticator?: Authenticator;
  /** Default: everything is allowed to those who are in. */
  readonly authorizer?: Authorizer;
  /** Default: the clock of the machine. */
  readonly clock?: Clock;
  /** Sees every packet. Default: the debug log, when its level is on. */
  readonly observer?: PacketObserver;
}

/** Starts a broker.
 * @param log where its lines go. Default: the log of the room "broker", silent until `configureLog`.
 * @throws Deno.errors.AddrInUse and the like, when it cannot listen; DataFolderError when the store cannot be opened. */
export async function startServer(
  config: Config,
  log: Log = getLog("broker"),
  parts: ServerParts = {},
): Promise<RunningServer> {
  const { limits } = config;
  /** Where only this machine can knock: anonymous clients are let in there by default. */
  const loopbackUrls = new Set<string>();
  const clock = parts.clock ?? systemClock;
  // First the port, which another broker may have: then nothing is made in the data folder. Clients that come meanwhile
  // wait until they are accepted.
  const listeners = parts.listeners ??
    [listenTcp({ host: config.host, port: config.port, tcpBacklog: limits.tcpBacklog })];
  const startedMs = performance.now();
  let store: Store;
  try {
    store = parts.store ?? await openStore(config, clock, parts.newStore);
  } catch (error) {
    for (const listener of listeners) listener.close();
    throw error;
  }
  const traffic = new Traffic();
  const dispatcher = new Dispatcher({
    clock,
    scheduler: { endOfTurn: queueMicrotask },
    random: secureRandom,
    limits,
    settings: {
      protocolVersions: config.protocolVersions,
      sharedSubscriptionStrategy: config.sharedSubscriptionStrategy,
      sysIntervalS: config.sysIntervalS,
      checkPayloadFormat: config.checkPayloadFormat,
      version: `quetzal version ${VERSION}`,
      ...config.features,
    },
    store,
    authenticator: parts.authenticator ??
      new AnonymousAuthenticator((attempt) => config.allowAnonymous ?? loopbackUrls.has(attempt.listenerUrl)),
    authorizer: parts.authorizer ?? new AllowAll(),
    traffic,
    log: new BrokerLog(log, () => clock.monotonicMs()),
  }, (callback, delayMs) => setTimeout(callback, delayMs));
  let loaded: LoadedReport;
  try {
    loaded = { ...await dispatcher.load(), durationMs: performance.now() - startedMs };
  } catch (error) {
    for (const listener of listeners) listener.close();
    await store.close(); // it may hold a lock, or a thread that keeps the process alive
    throw error;
  }

  const context = {
    limits,
    writeTurn: new WriteTurn(limits.outboundBytesTotalMax),
    traffic,
    frames: new PublishFrameEncoder(),
    observer: parts.observer ?? (log.isEnabled("debug") ? new DebugObserver(log) : undefined),
  };
  /** Every Network Connection that has not ended, those included that the broker has let go and that still linger. */
  const open = new Set<Promise<void>>();
  const onConnection = (stream: ByteStream, listenerUrl: string) => {
    // Refused ones may linger for closeTimeoutMs: a flood of them must not use up the file descriptors.
    if (open.size >= limits.connectionsMax * 2) return stream.close();
    const serving = serveConnection(stream, listenerUrl, dispatcher, context)
      .catch((error) => log.error(`Internal error at a connection. ${error instanceof Error ? error.stack : error}`))
      .finally(() => open.delete(serving));
    open.add(serving);
  };

  for (const listener of listeners) if (listener.isLoopback) loopbackUrls.add(listener.url);
  const serving = listeners.map((listener) =>
    listener.serve(
      (stream) => onConnection(stream, listener.url),
      (error) => log.warning(`A connection to ${listener.url} could not be accepted: ${(error as Error).message}`),
    )
  );
  const ticking = setInterval(() => dispatcher.tick(), TICK_MS);

  const finished = Promise.withResolvers<void>();
  let stopping: Promise<void> | undefined;
  const stop = async () => {
    for (const listener of listeners) listener.close();
    dispatcher.shutDown();
    await Promise.all(open);
    await Promise.all(serving);
    clearInterval(ticking);
    await store.close();
    if (store.trouble !== undefined) {
      log.error(
        `Ended while the store could not be written to: ${store.trouble}. What nobody had been told of is lost.`,
      );
    }
    finished.resolve();
  };
  return {
    urls: listeners.map((listener) => listener.url),
    notices: store instanceof SqliteStore ? store.notices : [],
    loaded,
    finished: finished.promise,
    stop: () => stopping ??= stop(),
    snapshot: () => dispatcher.snapshot(),
  };
}

function openStore(config: Config, clock: Clock, newStore = false): Promise<Store> {
  const { durability, dataDir } = config;
  if (durability === "off") return Promise.resolve(new MemoryStore());
  return SqliteStore.open(dataDir, { durability, clock, newStore });
}

type ConnectionContext = ConstructorParameters<typeof PacketWriter>[3];

/** One Network Connection from its arrival to its end: its reader pushes packets onto the dispatcher. */
async function serveConnection(
  stream: ByteStream,
  listenerUrl: string,
  dispatcher: Dispatcher,
  context: ConnectionContext & { limits: Config["limits"] },
): Promise<void> {
  const writer = new PacketWriter(stream, listenerUrl, new ReadGate(), context);
  const decoder = new Decoder({
    sender: "client",
    connectPacketSizeMax: context.limits.connectPacketSizeMax,
    userPropertiesMax: context.limits.userPropertiesMax,
  });
  const connection = dispatcher.open(writer);
  await readConnection(stream, decoder, writer, {
    received: (packet) => dispatcher.received(connection, packet),
    broke: (error, connectVersion) => dispatcher.broke(connection, error, connectVersion),
    failed: (error) => dispatcher.failed(connection, error),
    ended: (cause) => dispatcher.ended(connection, cause),
  }, context);
}

const randomWords = new Uint32Array(256);
let randomNext = randomWords.length;

/** As Math.random, and not to be predicted: Assigned Client Identifiers are made of it. */
function secureRandom(): number {
  if (randomNext === randomWords.length) {
    crypto.getRandomValues(randomWords);
    randomNext = 0;
  }
  return randomWords[randomNext++] / 0x1_0000_0000;
}
