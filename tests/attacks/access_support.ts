/** A broker with accounts of its own, whose door tells it what the test wants about those who knock: their address, and
 * what TLS has verified. Everything behind the door is the real thing. @module */

import { assertEquals } from "@std/assert";
import type { AccountsStore, NewRule, NewUser } from "../../src/auth/accounts_store.ts";
import type { Credentials } from "../../src/auth/credentials.ts";
import { makeCredentials } from "../../src/auth/password.ts";
import { makeConfig, type PartialConfig } from "../../src/config/config.ts";
import { type ConnackPacket, PacketType, ReasonCode } from "../../src/packet/mod.ts";
import { type RunningServer, startServer } from "../../src/server.ts";
import type { ByteStream, PeerCertificate } from "../../src/transport/byte_stream.ts";
import type { Listener } from "../../src/transport/listener.ts";
import { memoryPair, type MemoryStream } from "../../src/transport/memory.ts";
import { AccountsFolder, LineLog, rule } from "../support/accounts.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { type ConnectOptions, TestClient } from "../support/test_client.ts";

export const utf8 = (text: string) => new TextEncoder().encode(text);
export const PASSWORD = utf8("open sesame");
/** How often a server looks at its deadlines. */
const TICK_MS = 50;
/** As often as it may be. */
const ACCOUNTS_POLL_MS = 50;

let credentials: Promise<Credentials> | undefined;
/** Of PASSWORD, as strong as a person's. The same for all users: to make them costs half a second. */
export function credentialsOfPassword(): Promise<Credentials> {
  return credentials ??= makeCredentials(PASSWORD);
}

/** What the broker sees of somebody who knocks. */
export interface Knock {
  /** Default: 192.0.2.1. */
  readonly host?: string;
  readonly certificate?: PeerCertificate;
}

class SeenStream implements ByteStream {
  readonly remoteHost: string;
  readonly remoteAddress: string;
  readonly peerCertificate: PeerCertificate | undefined;
  constructor(readonly inner: MemoryStream, { host = "192.0.2.1", certificate }: Knock) {
    this.remoteHost = host;
    this.remoteAddress = `${host}:50000`;
    this.peerCertificate = certificate;
  }
  read(into: Uint8Array): Promise<number | null> {
    return this.inner.read(into);
  }
  write(bytes: Uint8Array): Promise<number> {
    return this.inner.write(bytes);
  }
  endWriting(): void {
    this.inner.endWriting();
  }
  close(): void {
    this.inner.close();
  }
}

/** Each `knock` is an arrival. */
export class FrontDoor implements Listener {
  #onConnection: ((stream: ByteStream) => void) | undefined;
  #finish = () => {};

  constructor(readonly url = "mqtt://front-door", readonly isLoopback = false) {}

  knock(knock: Knock = {}): MemoryStream {
    const { client, server } = memoryPair();
    this.#onConnection!(new SeenStream(server, knock));
    return client;
  }

  serve(onConnection: (stream: ByteStream) => void): Promise<void> {
    this.#onConnection = onConnection;
    return new Promise((resolve) => this.#finish = resolve);
  }

  close(): void {
    this.#finish();
  }
}

export interface AccessOptions {
  /** A name stands for a user whose password is PASSWORD. */
  readonly users?: readonly (string | NewUser)[];
  readonly roles?: readonly string[];
  readonly rules?: readonly NewRule[];
  readonly config?: PartialConfig;
  /** Default: one that other machines can reach. */
  readonly door?: FrontDoor;
}

/** What a user says at CONNECT who is named as its client is. */
export function as(userName: string, options: ConnectOptions = {}): ConnectOptions {
  return { clientId: userName, userName, password: PASSWORD, ...options };
}

export const PERSISTENT = { cleanStart: false, properties: { sessionExpiryInterval: 1000 } } as const;

/** Who sees whether the broker has taken in a change. */
const WITNESS = "witness";
const WITNESS_CLIENT = { subjectKind: "client-id", subjectName: WITNESS } as const;

export class AccessBroker implements AsyncDisposable {
  /** All that were made here. */
  readonly clients: TestClient[] = [];
  readonly log = new LineLog();
  #server: RunningServer | undefined;
  #witness: TestClient | undefined;
  #changes = 0;

  private constructor(
    readonly folder: AccountsFolder,
    readonly store: AccountsStore,
    readonly clock: FakeClock,
    public door: FrontDoor,
    readonly config: PartialConfig,
  ) {}

  static async start(options: AccessOptions = {}): Promise<AccessBroker> {
    const { users = [], roles = [], rules = [], config = {}, door = new FrontDoor() } = options;
    const folder = new AccountsFolder();
    try {
      const store = await folder.open();
      const it = new AccessBroker(folder, store, new FakeClock(), door, config);
      for (const role of roles) await store.addRole(role);
      if (users.length > 0) await it.addUser(WITNESS);
      for (const user of users) await it.addUser(user);
      for (const each of rules) await store.addRule(each);
      // What everyone may does not hold for it: see `obeyed`. A rule for a user is asked before this one.
      if (users.length > 0) await store.addRule(rule("seen/#", { ...WITNESS_CLIENT, effect: "deny" }));
      await it.begin();
      return it;
    } catch (error) {
      folder[Symbol.dispose]();
      throw error;
    }
  }

  get server(): RunningServer {
    return this.#server!;
  }

  /** Starts it: for the first time, or after `end`. */
  async begin(): Promise<void> {
    const { limits, ...rest } = this.config;
    this.#server = await startServer(
      makeConfig({
        sysIntervalS: 0,
        durability: "off",
        dataDir: this.folder.folder.path,
        accounts: this.folder.place,
        limits: { accountsPollMs: ACCOUNTS_POLL_MS, ...limits },
        ...rest,
      }),
      this.log,
      { clock: this.clock, listeners: [this.door] },
    );
  }

  async end(): Promise<void> {
    for (const client of this.clients.splice(0)) client.stream.close();
    this.#witness = undefined;
    await this.#server?.stop();
    this.#server = undefined;
    this.door = new FrontDoor(this.door.url, this.door.isLoopback);
  }

  /** A name stands for a user whose password is PASSWORD. */
  async addUser(user: string | NewUser): Promise<void> {
    if (typeof user !== "string") await this.store.addUser(user);
    else await this.store.addUser({ name: user, credentials: await credentialsOfPassword() });
  }

  /** A client that has not sent CONNECT. */
  client(knock: Knock = {}): TestClient {
    const client = new TestClient(this.door.knock(knock));
    this.clients.push(client);
    return client;
  }

  /** A client with CONNACK 0x00 in hand. */
  async connect(options: ConnectOptions, knock: Knock = {}): Promise<TestClient> {
    const client = this.client(knock);
    await client.connect(options);
    return client;
  }

  /** Sends CONNECT. @returns CONNACK. */
  async answerTo(options: ConnectOptions, knock: Knock = {}): Promise<ConnackPacket> {
    const client = this.client(knock);
    await client.sendConnect(options);
    const connack = await client.expect(PacketType.Connack);
    if (connack.reasonCode === ReasonCode.Success) client.drop();
    else await client.expectClosed();
    return connack;
  }

  /** It is refused with this code, and hears why if its version can tell it. */
  async expectRefused(reasonCode: ReasonCode, options: ConnectOptions, knock: Knock = {}): Promise<void> {
    const connack = await this.answerTo(options, knock);
    assertEquals([connack.reasonCode, connack.sessionPresent], [reasonCode, false], Deno.inspect(options));
    assertEquals(typeof connack.properties.reasonString, (options.protocolVersion ?? 5) === 5 ? "string" : "undefined");
  }

  /** When this returns, the broker obeys every change that was made before the call. Needs users from the start on. */
  async obeyed(): Promise<void> {
    const topicFilter = `seen/${++this.#changes}`;
    const subject = { subjectKind: "user", subjectName: WITNESS } as const;
    const number = await this.store.addRule(rule(topicFilter, { ...subject, action: "subscribe" }));
    this.#witness ??= await this.connect(as(WITNESS), { host: "198.51.100.99" });
    while ((await this.#witness.subscribe(topicFilter)).reasonCodes[0] !== ReasonCode.Success) {
      await new Promise((resolve) => setTimeout(resolve)); // the broker's timers have their turn
    }
    await this.store.removeRule(number);
  }

  /** Lines of the log which this fits. */
  logged(pattern: RegExp): string[] {
    return this.log.lines.filter((line) => pattern.test(line));
  }

  /** Moves the clock, and waits until the server has looked at its deadlines since: timers run in the order in which
   * they are due. */
  async advance(ms: number): Promise<void> {
    this.clock.advance(ms);
    await new Promise((resolve) => setTimeout(resolve, TICK_MS + 10));
  }

  /** Ends the connection of `client` without DISCONNECT, and waits until the server has noticed. */
  async lose(client: TestClient): Promise<void> {
    const { connections } = this.server.snapshot();
    client.drop();
    while (this.server.snapshot().connections >= connections) await new Promise((resolve) => setTimeout(resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
    this.folder[Symbol.dispose]();
  }
}

/** PUBLISH of QoS 1. @returns the Reason Code of PUBACK. */
export function puback(client: TestClient, topicName: string, retain = false): Promise<ReasonCode> {
  return client.publishAcknowledged(topicName, "x", { qos: 1, retain });
}

/** SUBSCRIBE of one filter. @returns the Reason Code of SUBACK. */
export async function suback(client: TestClient, topicFilter: string): Promise<ReasonCode> {
  return (await client.subscribe(topicFilter, { qos: 1 })).reasonCodes[0];
}
