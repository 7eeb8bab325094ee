/** What the load generator is asked to do, and what it answers: JSON on its command line, JSON on its output. Types only.
 * @module */

/** What carries the bytes. */
export type Carrier = "tcp" | "tls" | "ws" | "wss";

export interface LoadJob {
  readonly port: number;
  /** Default: tcp. */
  readonly carrier?: Carrier;
  /** With TLS: the certificate that has signed the broker's, in PEM. */
  readonly caFile?: string;
  /** Accounts that the clients take turns with; left out: they are anonymous. */
  readonly userNames?: readonly string[];
  /** Of all these accounts. */
  readonly password?: string;
  /** Whose memory is looked at. */
  readonly brokerPid: number;
  /** Part of each Client Identifier, topic and payload: what another job left behind in the broker is foreign. */
  readonly nonce: number;
  /** Publishers; each has a topic of its own. */
  readonly pairs: number;
  /** Who takes which topic. pairs: as many subscribers, each that of its publisher; fanin: every subscriber takes all by
   * a wildcard; fanout: all publishers have the same topic, and every subscriber takes it. Default: pairs. */
  readonly pattern?: "pairs" | "fanin" | "fanout";
  /** With fanin and fanout; default: as many as publishers. */
  readonly subscribers?: number;
  /** 4 is 3.1.1, the default. */
  readonly protocolVersion?: 4 | 5;
  /** Further clients that are connected and silent. */
  readonly idle?: number;
  readonly qos: 0 | 1 | 2;
  readonly payloadBytes: number;
  /** Messages that a publisher may have unacknowledged; at QoS 0, on their way to its subscriber. */
  readonly window: number;
  /** Whether the sessions of the subscribers outlive their connections: Clean Session 0. */
  readonly isPersistent: boolean;
  /** What is sent before counts and latencies begin. */
  readonly warmUpSeconds: number;
  readonly seconds: number;
  /** Messages of each publisher, with which it ends before the time is over; left out: no such end. */
  readonly messagesMax?: number;
  /** Messages a second of all publishers together; left out: as fast as acknowledgements come. */
  readonly messagesPerSecond?: number;
  /** true: the subscribers are away until `messagesMax` of each publisher are acknowledged. */
  readonly isQueued: boolean;
  /** true: "measuring" on the output says that the warm-up is over, and the measured time ends when the input does,
   * after `seconds` at the latest. */
  readonly isHeld?: boolean;
}

/** What came of the deliveries, all of them. */
export interface Verdict {
  published: number;
  /** Published, and the broker never said that it took them; at QoS 0, they never came. */
  unacknowledged: number;
  delivered: number;
  lost: number;
  duplicated: number;
  disordered: number;
  /** Of another topic or job, or with other bytes than were sent. */
  foreign: number;
}

export interface Quantiles {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export interface LoadResult {
  readonly verdict: Verdict;
  readonly acknowledgedPerSecond: number;
  readonly deliveredPerSecond: number;
  /** From the moment a message was due to its delivery, in ms; only of messages that were paced. */
  readonly deliveryMs?: Quantiles;
  /** From the same moment to PUBACK. */
  readonly acknowledgementMs?: Quantiles;
  /** How late the generator itself was, each time that it looked at what was due; only of messages that were paced. Such
   * times are part of the latencies and say nothing of the broker. */
  readonly generatorLateMs?: Quantiles;
  /** Of the broker, in bytes; undefined where the system does not tell it in a file. */
  readonly rssStart?: number;
  /** When the last message was published; those that are queued all wait then. */
  readonly rssPublished?: number;
  readonly rssEnd?: number;
  /** Processor time by time passed: 1 is a whole core. A generator near 1 beside a broker that has time left would be the
   * limit itself; beside a broker that writes every packet alone it merely reads them as they come. */
  readonly generatorBusy: number;
  /** All threads; undefined where the system does not tell it in a file. */
  readonly brokerBusy?: number;
  /** Everything else on the machine; undefined likewise. */
  readonly othersBusy?: number;
  /** How long it was measured. */
  readonly seconds: number;
}
