/** Contract: the client as a program sees it. Types only; `connect.ts` makes one. Names are those of the specification.
 *
 * ```ts
 * await using client = await connect("mqtt://localhost:1883", { clientId: "greenhouse" });
 * await client.publish("greenhouse/temperature", "21.5", { qos: 1, retain: true });
 * await using readings = await client.subscribe("greenhouse/#", { qos: 1 });
 * for await (const message of readings) console.log(message.topicName, message.text());
 * ```
 * @module */

import type { ProtocolVersion, QoS } from "../packet/control_packet.ts";
import type { Properties, UserProperty } from "../packet/property.ts";
import type { ReasonCode } from "../packet/reason_code.ts";
import type { Store } from "../persistence/store.ts";
import type { AuthenticationMethod } from "./authentication_method.ts";
import type { ClientObserver } from "./client_observer.ts";

/** What may go with a message of either direction. §3.3.2.3 */
export type MessageProperties = Pick<
  Properties,
  | "payloadFormatIndicator"
  | "messageExpiryInterval"
  | "contentType"
  | "responseTopic"
  | "correlationData"
  | "userProperties"
>;

export interface WillOptions {
  readonly topicName: string;
  readonly payload?: string | Uint8Array;
  /** Default 0. */
  readonly qos?: QoS;
  /** Default false. */
  readonly retain?: boolean;
  readonly properties?: MessageProperties & Pick<Properties, "willDelayInterval">;
}

/** Paths of PEM files; in the place of a file, its text. */
export interface ClientTls {
  /** Who signs the Server's certificate, in the place of the authorities that Deno knows: those of DENO_TLS_CA_STORE
   * ("mozilla", "system" or both) and of DENO_CERT. */
  readonly ca?: { readonly file: string } | { readonly text: string };
  /** The Client's own certificate and key. */
  readonly cert?: { readonly file: string } | { readonly text: string };
  readonly key?: { readonly file: string } | { readonly text: string };
  /** false: any certificate will do; only for tests. Default true. */
  readonly verify?: boolean;
  /** Default: the host of the URL. */
  readonly serverName?: string;
}

export interface ReconnectOptions {
  /** Before the first attempt; doubles with each, up to `delayMaxMs`, and is scattered at random between half and all of
   * it; begins anew after a connection that lasted, and got what waited for it through. Default 250 and 30,000. */
  readonly delayMinMs?: number;
  readonly delayMaxMs?: number;
}

export interface ClientOptions {
  /** Default: the Server assigns one (5.0), or one is made at random (3.x). A session that is to survive needs one. */
  readonly clientId?: string;
  /** Default 5; a Server that does not know it is asked again with 4, unless `fallback` is false. One that is named here is
   * not changed. */
  readonly protocolVersion?: ProtocolVersion;
  readonly fallback?: boolean;
  /** Of the first connection; later ones resume what is there (in 3.x, where it also says what the session is: of all). Default
   * true; with an `outbox` false. */
  readonly cleanStart?: boolean;
  /** Seconds, 0 = off. Default 60. */
  readonly keepAlive?: number;
  readonly userName?: string;
  readonly password?: string | Uint8Array;
  readonly will?: WillOptions;
  /** Of CONNECT. `receiveMaximum`, default 100, is also how many messages of QoS 1 and 2 may wait unread. */
  readonly properties?: Pick<
    Properties,
    | "sessionExpiryInterval"
    | "receiveMaximum"
    | "maximumPacketSize"
    | "topicAliasMaximum"
    | "requestResponseInformation"
    | "requestProblemInformation"
    | "userProperties"
  >;
  readonly authentication?: AuthenticationMethod;
  readonly tls?: ClientTls;
  /** Header fields of the WebSocket handshake besides its own. */
  readonly webSocketHeaders?: Readonly<Record<string, string>>;
  /** false: the client ends with its connection. Default: it comes back by itself. */
  readonly reconnect?: ReconnectOptions | false;
  /** true: `connect` resolves at once, and a first connection that fails is tried again as later ones are: publishes of QoS 1
   * and 2 wait for it in the outbox. Default false: `connect` rejects with why it failed. Needs `reconnect`. */
  readonly startOffline?: boolean;
  /** From the Network Connection to CONNACK. Default 10,000. */
  readonly connectTimeoutMs?: number;
  /** How long a packet may wait for its acknowledgement before the connection is given up. Default 30,000; 0 = for ever. */
  readonly acknowledgementTimeoutMs?: number;
  /** Where publishes of QoS 1 and 2 and the session wait for the Server: memory (default), or a store that survives the
   * process. It holds the sessions of one client; closing it is the caller's. What becomes of messages that an
   * earlier process left is told to `observer.lost`, if they are given up. Needs a `clientId` and a
   * `sessionExpiryInterval` (5.0) or `cleanStart: false` (3.x). */
  readonly outbox?: Store;
  /** What waits in the outbox, and beside it at QoS 0 to be written; a publish beyond rejects with `OutboxFullError`. Default
   * 100,000 messages, 64 MiB. */
  readonly outboxMessagesMax?: number;
  readonly outboxBytesMax?: number;
  /** Bytes of QoS 0 messages that wait to be written; `publish` waits beyond. Default 1 MiB. */
  readonly outboundBytesMax?: number;
  /** Sees states and packets. */
  readonly observer?: ClientObserver;
  /** Ends the client, also while it connects. */
  readonly signal?: AbortSignal;
}

export interface PublishOptions {
  /** Default 0. */
  readonly qos?: QoS;
  /** Default false. */
  readonly retain?: boolean;
  readonly properties?: MessageProperties;
  /** Gives up waiting; a message of QoS 1 or 2 that was begun is finished all the same. */
  readonly signal?: AbortSignal;
}

export interface PublishResult {
  /** Success or NoMatchingSubscribers; of QoS 0 always Success: it is on its way. */
  readonly reasonCode: ReasonCode;
  readonly reasonString: string | undefined;
  readonly userProperties: readonly UserProperty[];
}

export interface SubscribeOptions {
  /** Default 0. */
  readonly qos?: QoS;
  readonly noLocal?: boolean;
  readonly retainAsPublished?: boolean;
  readonly retainHandling?: 0 | 1 | 2;
  readonly userProperties?: readonly UserProperty[];
  /** Called for each message, in order, in the place of iterating; the next one waits until a returned promise resolves. */
  readonly onMessage?: (message: Message) => void | Promise<void>;
  /** Ends the subscription. */
  readonly signal?: AbortSignal;
}

/** A message as it came. */
export interface Message {
  readonly topicName: string;
  /** The caller's to keep. Small ones share an ArrayBuffer: copy one before you transfer its `buffer`. */
  readonly payload: Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly dup: boolean;
  /** 0 at QoS 0; for tools that show it. */
  readonly packetIdentifier: number;
  readonly properties: MessageProperties & Pick<Properties, "subscriptionIdentifiers">;
  /** The payload as UTF-8 text; what is none becomes U+FFFD. */
  text(): string;
  /** @throws SyntaxError */
  json(): unknown;
}

/** Messages that match; each is acknowledged (QoS 1 and 2) when the next one is asked for, or the loop ends. One that is not
 * read makes the Server wait, by its Receive Maximum. At QoS 0 the connection is not read on; only while an answer is awaited,
 * which comes the same way, it is, and messages beyond some 2 MiB are dropped. Several subscriptions that match one message
 * each get it. Disposing it unsubscribes. It survives reconnects. */
export interface Subscription extends AsyncIterable<Message>, AsyncDisposable {
  readonly topicFilters: readonly string[];
  /** One for each filter: the QoS that was granted. Refused ones: the promise of `subscribe` rejects if all are. */
  readonly reasonCodes: readonly ReasonCode[];
  /** Ends the loop; resolves when UNSUBACK has come. Without a connection at once: the next one tells the Server. May be
   * called again. */
  unsubscribe(): Promise<void>;
}

export interface RequestOptions extends PublishOptions {
  /** Default 10,000. @throws RequestTimeoutError */
  readonly timeoutMs?: number;
}

export interface DisconnectOptions {
  /** NormalDisconnection (default), or DisconnectWithWillMessage. 5.0 only. */
  readonly reasonCode?: ReasonCode;
  readonly sessionExpiryInterval?: number;
  readonly reasonString?: string;
}

/** connecting: for the first time, or again. waiting: until the next attempt. closed: for good. */
export type ClientState = "connecting" | "connected" | "waiting" | "closed";

export interface Client extends AsyncDisposable {
  readonly state: ClientState;
  /** As assigned by the Server, where it did. */
  readonly clientId: string;
  readonly protocolVersion: ProtocolVersion;
  /** What the last CONNACK said; limits that it leaves out have their defaults. */
  readonly server: ServerLimits;
  /** Resolves when the client has ended because it was asked to; rejects with what ended it otherwise. */
  readonly closed: Promise<void>;

  /** Resolves when the QoS is fulfilled: 0, handed to the connection (waits while too much waits; while there is no connection
   * it rejects with `NotConnectedError`); 1 and 2, acknowledged, over as many connections as that takes.
   * @throws PublishRefusedError with the Reason Code; OutboxFullError; ClientClosedError. */
  publish(topicName: string, payload: string | Uint8Array, options?: PublishOptions): Promise<PublishResult>;
  /** Resolves with SUBACK. @throws SubscribeRefusedError when no filter was granted. */
  subscribe(topicFilters: string | readonly string[], options?: SubscribeOptions): Promise<Subscription>;
  /** UNSUBSCRIBE for filters that an earlier process left in the session: what a `Subscription` of this client holds, that
   * ends. Waits for a connection; resolves with UNSUBACK, one Reason Code for each (3.x: always Success).
   * @throws TypeError for a filter that a `Subscription` holds; ClientClosedError. */
  unsubscribe(topicFilters: string | readonly string[]): Promise<readonly ReasonCode[]>;
  /** Publishes with a Response Topic of its own and Correlation Data; resolves with the first answer. §4.10 */
  request(topicName: string, payload: string | Uint8Array, options?: RequestOptions): Promise<Message>;
  /** Runs the Authentication Method again. §4.12.1 */
  reauthenticate(): Promise<void>;
  /** DISCONNECT, and the end. Publishes of QoS 1 and 2 that wait stay in the outbox. */
  disconnect(options?: DisconnectOptions): Promise<void>;
  /** Cuts the Network Connection without DISCONNECT, so that the Server sends the Will Message, and ends. */
  drop(): void;
  /** Messages of QoS 1 and 2 that are not acknowledged yet. */
  readonly outboxLength: number;
}

export interface ServerLimits {
  readonly sessionPresent: boolean;
  readonly receiveMaximum: number;
  readonly maximumQoS: QoS;
  readonly retainAvailable: boolean;
  readonly maximumPacketSize: number;
  readonly topicAliasMaximum: number;
  readonly wildcardSubscriptionAvailable: boolean;
  readonly subscriptionIdentifierAvailable: boolean;
  readonly sharedSubscriptionAvailable: boolean;
  /** Seconds in force. */
  readonly keepAlive: number;
  readonly sessionExpiryInterval: number;
  readonly responseInformation: string | undefined;
  readonly serverReference: string | undefined;
  readonly reasonString: string | undefined;
  readonly userProperties: readonly UserProperty[];
}
