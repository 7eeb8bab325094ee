/** Quetzal as a library: a broker inside a Deno program.
 *
 * ```ts
 * import { makeConfig, startServer } from "@quetzal/quetzal";
 *
 * // Keeps its data in dataDir; with durability: "off" in memory alone.
 * const server = await startServer(makeConfig({ port: 0, dataDir: "./broker-data" }));
 * console.log(server.urls); // ["mqtt://127.0.0.1:49152"]
 * await server.stop();
 * ```
 * @module */

export { AccountsError, AccountsStore } from "./auth/accounts_store.ts";
export type { AclRule, BanRecord, ClientRecord, RoleRecord, UserRecord } from "./auth/account_records.ts";
export { AllowAll, AnonymousAuthenticator } from "./auth/allow_anonymous.ts";
export type {
  AuthenticationExchange,
  AuthenticationStep,
  AuthenticationVerdict,
  Authenticator,
  ConnectAttempt,
} from "./auth/authenticator.ts";
export type { Authorizer, ConnectRefusal, Grant, Identity } from "./auth/authorizer.ts";
export { makeCredentials } from "./auth/password.ts";
export type { Clock } from "./base/clock.ts";
export { configureLog, getLog, type Log } from "./base/log.ts";
export type { BrokerSnapshot } from "./broker/snapshot.ts";
export { type Config, ConfigError, makeConfig, type PartialConfig } from "./config/config.ts";
export type { PacketObserver } from "./connection/packet_observer.ts";
export { DataFolderError } from "./persistence/data_folder.ts";
export { MemoryStore } from "./persistence/memory_store.ts";
export { SqliteStore, type SqliteStoreOptions } from "./persistence/sqlite_store.ts";
export type {
  OutgoingRecord,
  QueuedRun,
  SessionRecord,
  Store,
  StoreVisitor,
  SubscriptionRecord,
} from "./persistence/store.ts";
export { ListenError } from "./open_listeners.ts";
export { type LoadedReport, type RunningServer, type ServerParts, StartRefusedError, startServer } from "./server.ts";
export type { ByteStream, PeerCertificate } from "./transport/byte_stream.ts";
export type { Listener } from "./transport/listener.ts";
export { memoryPair } from "./transport/memory.ts";
