/** Plugs the rooms together: the only file that sees all of them. In: a configuration. Out: a running broker.
 * Room: wiring and life cycle; decides nothing about the protocol. @module */

import type { Authenticator } from "./auth/authenticator.ts";
import type { Authorizer } from "./auth/authorizer.ts";
import { largeBuffers } from "./base/buffer_pool.ts";
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
import { Traffic } from "./connection/traffic.ts";
import { WriteTurn } from "./connection/write_turn.ts";
import { ForgetfulStore } from "./persistence/forgetful_store.ts";
import { SqliteStore } from "./persistence/sqlite_store.ts";
import type { Store } from "./persistence/store.ts";
import type { StoreThread } from "./persistence/thread_handle.ts";
import { AddressPlaces, placeKey } from "./transport/address_places.ts";
import type { ByteStream } from "./transport/byte_stream.ts";
import { ErrorReports } from "./transport/error_reports.ts";
import { type Access, hasAccounts, openAccess } from "./open_access.ts";
import { type ConnectionService, ServedConnection } from "./serve_connection.ts";
import { type OpenListener, openListeners, resolveListeners, startObjection } from "./open_listeners.ts";
import type { Listener } from "./transport/listener.ts";

/** How often deadlines are looked at: they ring at most this late. */
const TICK_MS = 50;
/** Large buffers that nobody has needed for so long are let go. */
const TRIM_MS = 1000;

export interface LoadedReport extends LoadReport {
  /** Opening the store, looking whether it is damaged, and taking in what it holds. */
  readonly durationMs: number;
}

export interface RunningServer {
  /** Where it listens: "mqtt://127.0.0.1:1883". */
  readonly urls: string[];
  /** What the owner should know of the data folder, a line each; [] = nothing. */
  readonly notices: readonly string[];
  /** There are users, or have been: who is not known stays out. */
  readonly hasAccounts: boolean;
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
  /** Default: by `config.durability`, a ForgetfulStore or an SqliteStore in `config.dataDir`. */
  readonly store?: Store;
  /** Begin with an empty store although a damaged one was set aside in `config.dataDir`. Default: false. */
  readonly newStore?: boolean;
  /** One that was begun earlier, to save time; whoever began it ends it if the server does not start. */
  readonly storeThread?: StoreThread;
  /** Default: those of the configuration. What comes through others is judged as through the first of those. */
  readonly listeners?: readonly Listener[];
  /** Default: by the accounts, and by what the configuration says of each listener. */
  readonly authenticator?: Authenticator;
  /** Default: by the rules of the accounts. */
  readonly authorizer?: Authorizer;
  /** Default: the clock of the machine. */
  readonly clock?: Clock;
  /** Sees every packet. Default: the debug log, when its level is on. */
  readonly observer?: PacketObserver;
}

/** The broker must not start as it was configured; the message says what to do. */
export class StartRefusedError extends Error {
  override readonly name = "StartRefusedError";
}

/** Starts a broker.
 * @param log where its lines go. Default: the log of the room "broker", silent until `configureLog`.
 * @throws ListenError when it cannot listen; DataFolderError when the store cannot be opened; AccountsError and JwtKeyError
 * when it cannot know who may come in; StartRefusedError when everybody could. */
export async function startServer(
  config: Config,
  log: Log = getLog("broker"),
  parts: ServerParts = {},
): Promise<RunningServer> {
  const { limits } = config;
  const clock = parts.clock ?? systemClock;
  if (parts.listeners === undefined && parts.authenticator === undefined) await requireAccounts(config);
  // First the port, which another broker may have: then nothing is made in the data folder. Clients that come meanwhile
  // wait until they are accepted.
  const doors = parts.listeners?.map((listener) => asConfigured(listener, config)) ??
    await openListeners(resolveListeners(config), config, log);
  const listeners = doors.map(({ listener }) => listener);
  const startedMs = performance.now();
  let store: Store | undefined;
  let access: Access | undefined;
  const giveUp = async () => {
    for (const listener of listeners) listener.close();
    await access?.close();
    await store?.close(); // it may hold a lock, or a thread that keeps the process alive
  };
  try {
    // Both at the same time: each waits for a thread of its own. But if the folder is another broker's, not even begun.
    const opening = parts.store ?? openStore(config, clock, parts);
    // Who says both by itself needs no accounts.
    const needsAccess = parts.authenticator === undefined || parts.authorizer === undefined;
    const [storeOpened, accessOpened] = await Promise.allSettled([
      opening,
      needsAccess ? openAccess(doors, config, clock, log) : undefined,
    ]);
    // The other one has to be closed when one of them fails.
    if (accessOpened.status === "fulfilled") access = accessOpened.value;
    if (storeOpened.status === "rejected") throw storeOpened.reason;
    store = storeOpened.value;
    if (accessOpened.status === "rejected") throw accessOpened.reason;
  } catch (error) {
    await giveUp();
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
    authenticator: parts.authenticator ?? access!.authenticator,
    authorizer: parts.authorizer ?? access!.authorizer,
    journal: access?.journal,
    doors: new Map(doors.map(({ listener, config }) => [listener.url, config])),
    traffic,
    log: new BrokerLog(log, () => clock.monotonicMs()),
  }, (callback, delayMs) => setTimeout(callback, delayMs));
  let loaded: LoadedReport;
  try {
    loaded = { ...await dispatcher.load(), durationMs: performance.now() - startedMs };
  } catch (error) {
    await giveUp();
    throw error;
  }

  const context = {
    limits,
    writeTurn: new WriteTurn(limits.outboundBytesTotalMax),
    traffic,
    observer: parts.observer ?? (log.isEnabled("debug") ? new DebugObserver(log) : undefined),
  };
  /** Every Network Connection that has not ended, those included that the broker has let go and that still linger. */
  const open = new Set<ServedConnection>();
  let onAllEnded: (() => void) | undefined;
  /** Of those that have sent no packet yet: who opens connections and says nothing must not have all of them. */
  const silent = new AddressPlaces(limits.connectionsMax);
  const service: ConnectionService = {
    dispatcher,
    context,
    decoderOptions: {
      sender: "client",
      connectPacketSizeMax: limits.connectPacketSizeMax,
      userPropertiesMax: limits.userPropertiesMax,
    },
    onSpoken: (key) => silent.leave(key),
    onEnded: (served) => {
      open.delete(served);
      if (open.size === 0) onAllEnded?.();
    },
  };
  const onBug = (error: unknown) =>
    log.error(`Internal error at a connection. ${error instanceof Error ? error.stack : error}`);
  const reports = new ErrorReports(() => clock.monotonicMs());
  let stopping: Promise<void> | undefined;
  const onConnection = (stream: ByteStream, listenerUrl: string) => {
    // Its handshake was done in the moment in which the listener was closed.
    if (stopping !== undefined) return stream.close();
    // Refused ones may linger for closeTimeoutMs: a flood of them must not use up the file descriptors.
    if (open.size >= limits.connectionsMax * 2) return stream.close();
    const key = placeKey(stream.remoteHost);
    if (!silent.hasRoom(key)) {
      stream.close();
      const why = `${silent.ofOneMax} connections from ${key} wait for their first packet, ` +
        "and one address may have a quarter of limits.connectionsMax";
      return reports.add(new Error(why), (error) => onAcceptError(error, listenerUrl));
    }
    silent.take(key);
    try {
      const served = new ServedConnection(stream, listenerUrl, service, key);
      open.add(served);
      served.begin();
    } catch (error) {
      // We have a bug; the others still arrive.
      silent.leave(key);
      stream.close();
      onBug(error);
    }
  };

  const onAcceptError = (error: unknown, listenerUrl: string) =>
    log.warning(`A connection to ${listenerUrl} could not be accepted: ${(error as Error).message}`);

  const serving = listeners.map((listener) =>
    listener.serve(
      (stream) => onConnection(stream, listener.url),
      (error) => onAcceptError(error, listener.url),
    )
  );
  const ticking = setInterval(() => dispatcher.tick(), TICK_MS);
  const trimming = setInterval(() => {
    largeBuffers.trim();
    context.writeTurn.buffers.trim();
  }, TRIM_MS);

  const finished = Promise.withResolvers<void>();
  const stop = async () => {
    for (const listener of listeners) listener.close();
    dispatcher.shutDown();
    if (open.size > 0) await new Promise<void>((resolve) => onAllEnded = resolve);
    await Promise.all(serving);
    clearInterval(ticking);
    clearInterval(trimming);
    await access?.close();
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
    notices: [...(store instanceof SqliteStore ? store.notices : []), ...(access?.notices ?? [])],
    hasAccounts: access?.hasAccounts ?? false,
    loaded,
    finished: finished.promise,
    stop: () => stopping ??= stop(),
    snapshot: () => dispatcher.snapshot(),
  };
}

/** Where other machines can knock, somebody must tell one Client from the other. @throws StartRefusedError */
async function requireAccounts(config: Config): Promise<void> {
  const { dataDir } = config;
  const listeners = resolveListeners(config);
  // Accounts are looked up only where it matters.
  const objection = startObjection(listeners, { hasAccounts: false, dataDir });
  if (objection !== undefined && !await hasAccounts(config)) throw new StartRefusedError(objection);
}

/** A listener of an embedding program, which the configuration does not know. */
function asConfigured(listener: Listener, config: Config): OpenListener {
  return { listener, config: resolveListeners({ ...config, listeners: undefined, mqtt: true })[0] };
}

/** @throws at once when the data folder cannot be had. */
function openStore(config: Config, clock: Clock, { newStore, storeThread }: ServerParts): Promise<Store> {
  const { durability, dataDir } = config;
  if (durability === "off") return Promise.resolve(new ForgetfulStore());
  return SqliteStore.open(dataDir, { durability, clock, newStore, thread: storeThread });
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
