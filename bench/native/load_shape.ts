/** What a load generator is asked to send: one shape for the native one and for that in TypeScript. Types only.
 * @module */

/** Which broker, where. */
export interface LoadPlace {
  readonly port: number;
  /** Default: 127.0.0.1. */
  readonly host?: string;
  /** Whose processor time and memory is looked at; left out: nobody's. */
  readonly pid?: number;
  readonly userName?: string;
  readonly password?: string;
}

interface CommonShape {
  /** 4 is MQTT 3.1.1. Default: 4. */
  readonly protocolVersion?: 4 | 5;
  /** For all of it; default: 60. */
  readonly timeoutSeconds?: number;
}

/** Messages from publishers to subscribers. */
export interface FlowShape extends CommonShape {
  /** pairs: publisher i to subscriber i; fanin: each publisher has a topic, every subscriber takes all by a wildcard;
   * fanout: one topic, every subscriber takes it. Default: pairs. */
  readonly pattern?: "pairs" | "fanin" | "fanout";
  /** Instead of a pattern: so many different filters with `+` and `#`, spread over the subscribers; each topic matches
   * four of them. Filters and subscribers are multiples of four. */
  readonly filters?: number;
  readonly publishers?: number;
  readonly subscribers?: number;
  readonly qos?: 0 | 1 | 2;
  /** Default: 64; 24 at least. */
  readonly payloadBytes?: number;
  /** Of all publishers together: the end, unless `seconds` comes first. */
  readonly messages?: number;
  /** Default: 3, without `messages`. */
  readonly seconds?: number;
  /** Not counted. Default: 0. */
  readonly warmUpSeconds?: number;
  /** Messages a second of all publishers together; left out: flat out. */
  readonly messagesPerSecond?: number;
  /** Deliveries that may be outstanding over the whole run. Default: 10,000. */
  readonly window?: number;
  /** PUBLISH packets that a publisher may have unacknowledged. Default: 100. */
  readonly inFlight?: number;
  /** Nothing came for so long: what is missing is lost. Default: 3 at QoS 0, otherwise 15. */
  readonly quietSeconds?: number;
  /** Further clients that are connected and silent. */
  readonly idle?: number;
  /** Each of them with a session that persists and a subscription. */
  readonly isIdleSubscribed?: boolean;
  /** The subscribers are away until all `messages` wait for them; the drain is timed. */
  readonly isQueued?: boolean;
  readonly isRetained?: boolean;
  /** MQTT 5.0: four properties with each message, which must come unaltered. */
  readonly hasProperties?: boolean;
  /** MQTT 5.0: on both ways, where the other side takes them. */
  readonly hasTopicAliases?: boolean;
  /** MQTT 5.0 */
  readonly hasSubscriptionIdentifiers?: boolean;
  /** The broker's memory after each so many deliveries. */
  readonly rssEvery?: number;
}

/** Clients that connect as quickly as the broker lets them, and stay. */
export interface StormShape extends CommonShape {
  readonly clients: number;
  /** Under way at once. Default: 128. */
  readonly atOnce?: number;
  /** How long they stay before memory is looked at. Default: 1. */
  readonly holdSeconds?: number;
  /** Each with a session that persists and a subscription. */
  readonly isSubscribed?: boolean;
}

/** Shares of a core, by the system's clock ticks; 0 where it does not tell. */
export interface MachineUse {
  readonly generatorBusy: number;
  /** All threads of the broker. */
  readonly brokerBusy: number;
  /** Everything else on the machine. */
  readonly othersBusy: number;
}

export interface FlowResult extends MachineUse {
  /** Nothing that the QoS promises is missing, and nothing came that should not. */
  readonly isFine: boolean;
  /** Why not, if it is known; else empty. */
  readonly error: string;
  readonly grantedQos: number;
  readonly sent: number;
  readonly expected: number;
  readonly delivered: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly disordered: number;
  readonly corrupt: number;
  readonly misrouted: number;
  readonly foreign: number;
  readonly unacknowledged: number;
  readonly refused: number;
  readonly protocolErrors: number;
  readonly wrongQos: number;
  /** Properties that did not come as they were sent; Subscription Identifiers and Topic Aliases of others. */
  readonly wrongProperties: number;
  /** PUBLISH packets without a Topic Name, to the broker and from it. */
  readonly aliasesSent: number;
  readonly aliasesReceived: number;
  readonly disconnects: number;
  /** Windows that were opened again although messages of QoS 0 were missing. */
  readonly stalls: number;
  readonly isTimedOut: boolean;
  /** From the end of the warm-up to the last delivery; of a queue, the drain. */
  readonly seconds: number;
  readonly measured: number;
  readonly deliveredPerSecond: number;
  readonly megabytesPerSecond: number;
  readonly subscribeSeconds: number;
  readonly queueSeconds: number;
  readonly drainSeconds: number;
  /** From the moment a message was encoded, or due if the broker held it up, to the read that returned it. */
  readonly p50Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  readonly maxUs: number;
  readonly meanUs: number;
  /** How late the generator itself was; of paced messages. */
  readonly sendLagP99Us: number;
  readonly brokerUsPerMessage: number;
  /** Of the broker, in bytes; 0 where unknown. */
  readonly rssBefore: number;
  readonly rssConnected: number;
  readonly rssPeak: number;
  readonly rssSamples: readonly number[];
}

export interface StormResult extends MachineUse {
  readonly isFine: boolean;
  readonly error: string;
  readonly connects: number;
  readonly failed: number;
  /** Closed by the broker while they stayed. */
  readonly dropped: number;
  readonly seconds: number;
  readonly connectsPerSecond: number;
  /** From connecting to CONNACK, or to SUBACK. */
  readonly p50Us: number;
  readonly p99Us: number;
  readonly maxUs: number;
  readonly brokerUsPerConnect: number;
  readonly rssBefore: number;
  readonly rssAfter: number;
  readonly rssPerConnection: number;
}
