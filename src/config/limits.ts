/** Every bound of the house in one place, with its unit, its range, its default and why. Nothing in Quetzal grows
 * without one of these. Data only: no schema library is loaded by those who need the numbers. Room: pure.
 * In: nothing. Out: `Limits` (what the rooms are given), `DEFAULT_LIMITS`, and the table that the configuration's
 * schema, the environment variables and the help are made from. @module */

const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;
const UINT16_MAX = 0xFFFF;
const UINT32_MAX = 0xFFFFFFFF;
/** The largest Control Packet that can exist: type byte, four bytes of Remaining Length, 268,435,455 bytes. §2.1.4 */
const PACKET_SIZE_MAX = 268_435_460;
/** Far beyond any machine, and still exact in a double. */
const COUNT_MAX = 1e9;
const BYTES_MAX = 1024 * GiB;

/** What a full queue does with one message more: refuse the new one, or make room by losing the oldest. */
export const QUEUE_POLICIES = ["drop-newest", "drop-oldest"] as const;
export type QueuePolicy = typeof QUEUE_POLICIES[number];

/** One bound: integers from `min` to `max`, both allowed. `about` is for people: what it bounds. */
export interface LimitRule {
  readonly defaultValue: number;
  readonly min: number;
  readonly max: number;
  readonly unit: string;
  readonly about: string;
}

function rule(defaultValue: number, min: number, max: number, unit: string, about: string): LimitRule {
  return { defaultValue, min, max, unit, about };
}

/** The bounds that are numbers. The docstring of each says why its default is what it is. */
export const LIMIT_RULES = {
  /** At 7.5 KB plus a read buffer each, 10,000 idle connections cost about 100 MB; more is a decision. */
  connectionsMax: rule(10_000, 1, COUNT_MAX, "connections", "Network Connections at once; further ones are closed"),
  /** Long enough for a modem that resends a lost SYN twice; short enough that half-open floods drain. */
  connectTimeoutMs: rule(10_000, 100, 3_600_000, "ms", "from the Network Connection to a whole CONNECT"),
  /** A DISCONNECT needs one round trip at most; who does not read by then does not want it. */
  closeTimeoutMs: rule(1000, 0, 60_000, "ms", "for writing what waits before a connection is closed"),
  /** A CONNECT carries an id, a name, a password and perhaps a certificate or token and a Will; strangers get no more. */
  connectPacketSizeMax: rule(64 * KiB, 128, PACKET_SIZE_MAX, "bytes", "a packet before CONNECT is accepted"),
  /** 16 MiB carries a camera frame or a firmware image. Each connection can make the broker hold one such packet, so
   * the format's own 256 MiB is opt-in. */
  maximumPacketSize: rule(
    16 * MiB,
    128,
    PACKET_SIZE_MAX,
    "bytes",
    "a packet from a client (Maximum Packet Size, §3.2.2.3.6)",
  ),
  /** Real topic trees have fewer than 20; each level costs a node and a step of every match. */
  topicLevelsMax: rule(128, 1, UINT16_MAX + 1, "levels", "levels of a Topic Name or Topic Filter"),
  /** What the format allows (§1.5.4); a lower number saves memory where all topics are short. */
  topicBytesMax: rule(UINT16_MAX, 1, UINT16_MAX, "bytes", "a Topic Name or Topic Filter in UTF-8"),
  /** A gateway that subscribes for a building has hundreds; each costs 600 to 800 bytes, its place in the index included,
   * for as long as its session. */
  subscriptionsPerSessionMax: rule(10_000, 1, COUNT_MAX, "subscriptions", "subscriptions of one session"),
  /** The same by weight: 100 characters for each of the 10,000. */
  subscriptionCharsPerSessionMax: rule(
    1_000_000,
    1,
    COUNT_MAX,
    "characters",
    "Topic Filters of one session, all together",
  ),
  /** One SUBSCRIBE is handled in one turn; 1,000 filters take about a millisecond. */
  filtersPerSubscribeMax: rule(1000, 1, COUNT_MAX, "filters", "Topic Filters in one SUBSCRIBE or UNSUBSCRIBE"),
  /** Nobody sends more than a handful; each is two strings that every receiver gets. */
  userPropertiesMax: rule(1000, 0, COUNT_MAX, "properties", "User Properties in one packet"),
  /** Hides a round trip of 10 ms at 100,000 messages a second; each open QoS 2 exchange costs a Packet Identifier. */
  receiveMaximum: rule(
    1024,
    1,
    UINT16_MAX,
    "messages",
    "QoS 1 and 2 messages that one client may have open (Receive Maximum, §3.2.2.3.3)",
  ),
  /** Clients that name no Receive Maximum ask for 65,535. What a session that persists has in flight is remembered until it
   * is acknowledged, and repeated after a new connection; bytes are bounded by `queuedBytesMax`. What waits in the outbound
   * buffer, and not this, keeps a Client that reads slowly from being sent more than it takes. */
  outgoingInFlightMax: rule(
    UINT16_MAX,
    1,
    UINT16_MAX,
    "messages",
    "unacknowledged messages towards one client, whatever Receive Maximum it asks for",
  ),
  /** A device that is offline over a weekend and gets a message every two seconds. */
  queuedMessagesMax: rule(100_000, 0, COUNT_MAX, "messages", "messages that wait for one session"),
  /** The same queue by weight: 640 bytes each when the queue is full. */
  queuedBytesMax: rule(64 * MiB, 0, BYTES_MAX, "bytes", "messages that wait for one session"),
  /** 1,200 messages of 256 bytes: what a client takes while more is read back from the disk. A hundred clients that drain
   * a million messages at once make the broker take 750 MB; with half of this 500 MB, and they are a tenth slower. When
   * `queuedBytesTotalMax` is reached, each session keeps 64 KiB at most. A store without a disk cannot be read back: then
   * all of a queue is in memory. */
  queuedInMemoryBytesMax: rule(
    512 * KiB,
    0,
    BYTES_MAX,
    "bytes",
    "messages that wait for one session in memory; those behind them wait on the disk alone",
  ),
  /** Many sessions whose clients are away must not take the machine: a million messages of a kilobyte. */
  queuedBytesTotalMax: rule(GiB, 0, BYTES_MAX, "bytes", "messages that wait for all sessions together, in memory"),
  /** What a disk that makes 100 MB/s writes in half a second; beyond it publishers wait for the disk. */
  storeWaitingBytesMax: rule(
    64 * MiB,
    0,
    BYTES_MAX,
    "bytes",
    "changes that wait for the disk, from which publishers that add to them are not read from",
  ),
  /** Two of the largest packets, or what a 100 Mbit/s link drains in under three seconds. */
  outboundBytesMax: rule(
    32 * MiB,
    4 * KiB,
    BYTES_MAX,
    "bytes",
    "bytes that wait to be written to one connection; beyond it QoS 0 is dropped",
  ),
  /** Four reads of a socket: full speed needs no more, and what is beyond it is a receiver falling behind. */
  outboundMarkBytes: rule(
    256 * KiB,
    1,
    BYTES_MAX,
    "bytes",
    "bytes that wait to be written to one connection from which its publishers wait",
  ),
  /** Many slow readers together must not take the machine either. */
  outboundBytesTotalMax: rule(GiB, 64 * KiB, BYTES_MAX, "bytes", "bytes that wait to be written to all connections"),
  /** Enough for a hiccup of a good network, short enough that a stalled reader is not felt by the others. */
  backpressureMsMax: rule(100, 0, 60_000, "ms", "how long publishers wait for a subscriber that takes nothing"),
  /** After this long without being slow a subscriber may hold its publishers again. */
  backpressureForgiveMs: rule(
    10_000,
    0,
    3_600_000,
    "ms",
    "after which a subscriber that was too slow is trusted again",
  ),
  /** One per topic: a million sensors. */
  retainedMessagesMax: rule(1_000_000, 0, COUNT_MAX, "messages", "retained messages"),
  /** A kilobyte for each of the million. */
  retainedBytesMax: rule(GiB, 0, BYTES_MAX, "bytes", "retained messages, topics and payloads"),
  /** Sessions cost memory for as long as their Session Expiry Interval, and anybody who connects can leave one behind. */
  sessionsOfflineMax: rule(100_000, 0, COUNT_MAX, "sessions", "sessions kept while their client is not connected"),
  /** No cap: 0xFFFFFFFF means "does not expire" (§3.1.2.11.2). */
  sessionExpiryIntervalMaxS: rule(
    UINT32_MAX,
    0,
    UINT32_MAX,
    "s",
    "Session Expiry Interval granted at most; 4294967295 = no cap",
  ),
  /** A device publishes to a few topics; each alias holds a topic string for as long as the connection. */
  topicAliasMaximum: rule(
    64,
    0,
    UINT16_MAX,
    "aliases",
    "Topic Aliases that a client may set (Topic Alias Maximum, §3.2.2.3.8)",
  ),
  /** The same towards the client: the aliases save bytes while few topics make most of the traffic. */
  topicAliasOutgoingMax: rule(64, 0, UINT16_MAX, "aliases", "Topic Aliases used towards a client, whatever it allows"),
  /** 0: each client keeps the Keep Alive that it asked for. */
  keepAliveMaxS: rule(
    0,
    0,
    UINT16_MAX,
    "s",
    "Keep Alive that clients are held to (Server Keep Alive, §3.2.2.3.14); 0 = as they ask",
  ),
  /** At least 23, which every server must allow [MQTT-3.1.3-5]; ids appear in logs, topics and every index. */
  clientIdBytesMax: rule(1024, 23, UINT16_MAX, "bytes", "a Client Identifier in UTF-8"),
  /** As many as are known by their bytes in the whole process (packet/known_topics.ts); a larger number keeps no more. */
  matchCacheEntriesMax: rule(4096, 0, COUNT_MAX, "topics", "topics whose subscribers are remembered"),
  /** One reference each, eight bytes: 8 MiB in all. */
  matchCacheWeightMax: rule(1_048_576, 0, COUNT_MAX, "subscribers", "subscribers remembered over all those topics"),
  /** Each takes a core for about a tenth of a second, and the dispatcher needs one for itself. */
  passwordChecksAtOnceMax: rule(1, 1, 64, "checks", "passwords that are checked at the same time, each on a core"),
  /** At a tenth of a second each, who stands behind them would wait longer than for a CONNECT. */
  passwordChecksWaitingMax: rule(1000, 0, COUNT_MAX, "checks", "passwords that wait for being checked"),
  /** About 200 bytes each. */
  verdictsRememberedMax: rule(20_000, 0, COUNT_MAX, "verdicts", "verdicts on passwords that are remembered"),
  /** A device that reconnects every few minutes costs no check. A change of its account is obeyed at once anyway. */
  verdictRememberedS: rule(3600, 0, 86_400, "s", "how long a verdict on a password is remembered"),
  /** A person mistypes a few times; a device with an old password tries once a second or so. */
  loginFailuresMax: rule(
    10,
    0,
    COUNT_MAX,
    "logins",
    "failed logins of one address within loginFailuresS before it is banned for a while; 0 = no bans",
  ),
  loginFailuresS: rule(60, 1, 86_400, "s", "how long a failed login is held against its address"),
  loginBanS: rule(60, 1, 31_536_000, "s", "how long an address with too many failed logins is banned"),
  /** About 100 bytes each. */
  loginAddressesMax: rule(10_000, 1, COUNT_MAX, "addresses", "addresses whose failed logins are counted"),
  /** "Within a second" is what a person sees as at once. A look costs 0.1 ms. */
  accountsPollMs: rule(250, 50, 60_000, "ms", "between two looks whether accounts were changed by another program"),
  /** About 300 bytes each on the disk; the one that is gone longest leaves first. */
  clientsRegisteredMax: rule(100_000, 0, COUNT_MAX, "clients", "clients in the register; 0 = no register"),
  /** A TLS handshake costs memory before anybody is known. That one address has a quarter only keeps one who stalls on
   * purpose from keeping others out; behind a proxy, name it in `proxyProtocolFrom`. */
  handshakesMax: rule(
    1000,
    1,
    COUNT_MAX,
    "connections",
    "connections of a listener in the middle of a handshake; a quarter of them from one address",
  ),
  /** As for CONNECT. */
  handshakeTimeoutMs: rule(10_000, 100, 3_600_000, "ms", "for the handshakes of TLS, WebSocket and PROXY protocol"),
  /** With the system's default of 128 SYNs are dropped at 3,000 arrivals a second; with 4,096 there is room for 30,000. */
  tcpBacklog: rule(4096, 1, UINT16_MAX, "connections", "arrivals that the system holds until they are accepted"),
} as const satisfies Record<string, LimitRule>;

type NumberLimits = { readonly [Name in keyof typeof LIMIT_RULES]: number };

/** The bounds in force, as the rooms get them. */
export interface Limits extends NumberLimits {
  /** Refusing the newest is the default: what was promised first is kept, and a flood harms only itself. */
  readonly queuePolicy: QueuePolicy;
}

function defaults(): Limits {
  const values = {} as { -readonly [Name in keyof NumberLimits]: number };
  for (const name of Object.keys(LIMIT_RULES) as (keyof NumberLimits)[]) values[name] = LIMIT_RULES[name].defaultValue;
  return { ...values, queuePolicy: "drop-newest" };
}

export const DEFAULT_LIMITS: Limits = Object.freeze(defaults());
