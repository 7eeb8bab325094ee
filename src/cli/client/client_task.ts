/** What commands that connect have in common: options → a connected client → the end with DISCONNECT, Ctrl+C and failures
 * on the way. @module */

import { escapeControls } from "../../base/log.ts";
import type { Client, ClientOptions, DisconnectOptions } from "../../client/client.ts";
import type { ClientObserver } from "../../client/client_observer.ts";
import { parseServerUrl } from "../../client/client_url.ts";
import { connect } from "../../client/mod.ts";
import { UsageError } from "../arguments.ts";
import { brief, requireBytes } from "./packet_text.ts";
import { invariant } from "../../base/assert.ts";
import type { Terminal } from "../terminal.ts";
import { requireCertificates } from "./certificate_check.ts";
import { failureOf } from "./client_failure.ts";
import type { GivenClientOptions } from "./client_option.ts";
import { ClientOutput, OutputClosedError } from "./client_output.ts";
import { type GivenConnection, readConnection } from "./connection_options.ts";
import { findPassword } from "./connection_password.ts";
import { clientOptionsOf } from "./connection_settings.ts";
import { flagOf, lastOf } from "./given_values.ts";
import { allObservers, observersOf } from "./packet_observers.ts";
import { ProfileStore } from "./profile_store.ts";
import { StopRequest } from "./stop_request.ts";

export interface ConnectedTask {
  readonly client: Client;
  readonly stop: StopRequest;
}

export interface TaskOptions {
  /** What the options do not say. */
  readonly defaults?: ClientOptions;
  readonly observers?: readonly ClientObserver[];
  /** Cuts the connection in the end, and sends no DISCONNECT. */
  readonly drops?: boolean;
}

export class ClientTask {
  readonly output: ClientOutput;
  readonly connection: GivenConnection;

  /** @throws UsageError; CommandError for a profile, or a certificate. */
  constructor(readonly given: GivenClientOptions, readonly terminal: Terminal) {
    this.output = new ClientOutput(terminal);
    const profileName = lastOf(given, "profile");
    this.connection = readConnection(
      given,
      profileName === undefined ? {} : new ProfileStore(terminal).load(profileName),
    );
    requireUrl(this.url);
    const { tls } = this.connection.settings;
    if (tls !== undefined) requireCertificates(tls);
  }

  get url(): string {
    const { url } = this.connection.settings;
    invariant(url !== undefined, "the address is settled");
    return url;
  }

  /** What went wrong, for people. Some of it may be a Reason String, by which a broker would command the terminal. */
  complain(text: string): void {
    if (!flagOf(this.given, "quiet")) this.terminal.complain(`quetzal: ${escapeControls(text)}`);
  }

  /** Connects, works, disconnects. @returns the exit code: that of `work`, or of what failed. */
  async run(
    { defaults = {}, observers = [], drops = false }: TaskOptions,
    work: (task: ConnectedTask) => Promise<number>,
  ): Promise<number> {
    const { settings, properties } = this.connection;
    const password = await this.#password();
    using stop = new StopRequest();
    const connecting = new AbortController();
    const giveUp = () => connecting.abort();
    stop.signal.addEventListener("abort", giveUp);
    try {
      const client = await connect(this.url, {
        ...defaults,
        ...clientOptionsOf(settings, password, properties),
        observer: allObservers([
          this.#tellStates(),
          ...observersOf(this.given, settings, this.output, this.terminal),
          ...observers,
        ]),
        signal: connecting.signal,
      });
      // From now on Ctrl+C is for the work to hear, so that DISCONNECT is sent.
      stop.signal.removeEventListener("abort", giveUp);
      const code = await this.#work(client, stop, work, drops);
      await this.output.written();
      return code;
    } catch (error) {
      return this.#failed(error, stop);
    }
  }

  async #password(): Promise<string | undefined> {
    const password = await findPassword(this.given, this.connection, this.terminal);
    const { userName, protocolVersion } = this.connection.settings;
    if (password !== undefined && userName === undefined && (protocolVersion === 3 || protocolVersion === 4)) {
      throw new UsageError("a password without a user name needs MQTT 5.0; name the user with -u");
    }
    if (password !== undefined) requireBytes("the password", new TextEncoder().encode(password));
    return password;
  }

  /** Whoever watches is told that nothing comes for a while, and when it does again. */
  #tellStates(): ClientObserver {
    let isLost = false;
    return {
      state: (state, cause) => {
        if (state === "waiting" && !isLost) this.complain(`${cause}; trying again`);
        else if (state === "connected" && isLost) this.complain("connected again");
        isLost = state === "waiting" || (isLost && state === "connecting");
      },
      lost: ({ topicName }, why) =>
        this.complain(`a message to ${brief(topicName)} from before is given up: ${why.message}`),
    };
  }

  async #work(
    client: Client,
    stop: StopRequest,
    work: (task: ConnectedTask) => Promise<number>,
    drops: boolean,
  ): Promise<number> {
    // A client that has ended for good leaves its commands waiting.
    const lost = new Promise<never>((_, reject) => client.closed.catch(reject));
    try {
      return await Promise.race([work({ client, stop }), lost]);
    } finally {
      const { sessionExpiryInterval } = this.connection.properties.disconnect;
      const options: DisconnectOptions = sessionExpiryInterval === undefined ? {} : { sessionExpiryInterval };
      if (drops) client.drop();
      else await client.disconnect(options);
    }
  }

  #failed(error: unknown, stop: StopRequest): number {
    if (error instanceof OutputClosedError) return 0;
    // Ctrl+C while it connects.
    if (stop.signal.aborted) return 0;
    const failure = failureOf(error, this.connection.settings.protocolVersion);
    if (failure === undefined) throw error;
    this.complain(failure.text);
    return failure.code;
  }
}

/** @throws UsageError when the library would not take it. */
function requireUrl(url: string): void {
  try {
    parseServerUrl(url);
  } catch (error) {
    if (error instanceof TypeError) throw new UsageError(`${url}: ${error.message}`);
    throw error;
  }
}
