/** Everything the dispatcher owns, in one place: the handlers get it as their first argument. @module */

import type { Authenticator } from "../auth/authenticator.ts";
import type { Authorizer } from "../auth/authorizer.ts";
import type { ClientJournal } from "../auth/client_journal.ts";
import { ByteBudget } from "../base/byte_budget.ts";
import type { Clock } from "../base/clock.ts";
import { TimerWheel } from "../base/timer_wheel.ts";
import type { Limits } from "../config/limits.ts";
import type { Traffic } from "../connection/traffic.ts";
import type { Store } from "../persistence/store.ts";
import type { SessionLimits } from "../session/session.ts";
import { KNOWN_TOPICS_MAX } from "../packet/known_topics.ts";
import { MatchCache } from "../topic/match_cache.ts";
import { SubscriptionTrie } from "../topic/subscription_trie.ts";
import type { BrokerLog } from "./broker_log.ts";
import type { ClientSession } from "./client_session.ts";
import { CommitGate } from "./commit_gate.ts";
import type { Connection } from "./connection.ts";
import { Doors } from "./door.ts";
import type { BrokerEvent } from "./event.ts";
import { ReadingPlaces, READINGS_MAX } from "./reading_places.ts";
import { RetainedMessages } from "./retained_messages.ts";
import { RetainedWalks } from "./retained_walk.ts";
import type { ClientSubscription, Route } from "./route.ts";
import type { BrokerSettings, DoorSettings } from "./settings.ts";
import type { SharedGroup } from "./shared_group.ts";
import { SharedSubscriptions } from "./shared_subscriptions.ts";
import { Statistics } from "./statistics.ts";
import { type Scheduler, Turn } from "../base/turn.ts";

/** What a broker is made of; everything that waits or varies is given to it. */
export interface BrokerParts {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  /** 0 ≤ x < 1: Assigned Client Identifiers, the "random" strategy. */
  readonly random: () => number;
  readonly limits: Limits;
  readonly settings: BrokerSettings;
  readonly store: Store;
  readonly authenticator: Authenticator;
  readonly authorizer: Authorizer;
  /** Hears of Clients that come and go; undefined = nobody listens. */
  readonly journal?: ClientJournal;
  /** What is particular to a listener, by its url; what is not in it is as `settings` and `limits` say. */
  readonly doors?: ReadonlyMap<string, DoorSettings>;
  readonly traffic: Traffic;
  readonly log: BrokerLog;
}

export class Broker {
  readonly limits: Limits;
  readonly settings: BrokerSettings;
  readonly store: Store;
  readonly authenticator: Authenticator;
  readonly authorizer: Authorizer;
  readonly journal: ClientJournal | undefined;
  readonly doors: Doors;
  readonly traffic: Traffic;
  readonly log: BrokerLog;
  readonly random: () => number;
  readonly turn: Turn;
  readonly wheel: TimerWheel;
  readonly gate: CommitGate;
  readonly statistics = new Statistics();
  /** Every Network Connection that is not closed. */
  readonly connections = new Set<Connection>();
  /** By Client Identifier [MQTT-3.1.3-2]. */
  readonly sessions = new Map<string, ClientSession>();
  /** Client Identifiers of sessions that persisted and were deleted, with the store's ticket of that: after a crash before
   * it is safe, they would be back. */
  readonly deletedSessions = new Map<string, number>();
  readonly sessionLimits: SessionLimits;
  /** What waits in all sessions' queues in memory together. */
  readonly queueBudget: ByteBudget;
  /** Sessions whose Client is connected. */
  connectedCount = 0;
  readonly subscriptions = new SubscriptionTrie<ClientSubscription | SharedGroup>();
  subscriptionCount = 0;
  readonly shared: SharedSubscriptions;
  readonly matchCache: MatchCache<Route>;
  readonly retained: RetainedMessages;
  readonly retainedWalks = new RetainedWalks(this);
  readonly readingPlaces = new ReadingPlaces(READINGS_MAX);
  /** Publishers that wait for the disk. */
  readonly heldByStore = new Set<Connection>();
  /** While the disk was in trouble, a session with a Will Message was kept from the store. */
  hasUntoldWills = false;
  isShuttingDown = false;
  /** May the Client of this session receive what is published under this Topic Name? */
  readonly mayReceive = (session: ClientSession, topicName: string): boolean =>
    this.authorizer.mayReceive(session.identity, topicName);

  /** @param post puts an event into the inbox. @param postLater does so in a turn after `delayMs`. */
  constructor(
    parts: BrokerParts,
    readonly post: (event: BrokerEvent) => void,
    readonly postLater: (event: BrokerEvent, delayMs: number) => void,
  ) {
    this.limits = parts.limits;
    this.settings = parts.settings;
    this.store = parts.store;
    this.authenticator = parts.authenticator;
    this.authorizer = parts.authorizer;
    this.journal = parts.journal;
    const { connectionsMax, maximumPacketSize, keepAliveMaxS } = parts.limits;
    const { protocolVersions } = parts.settings;
    const usual = { protocolVersions, connectionsMax, maximumPacketSize, keepAliveMaxS };
    this.doors = new Doors(parts.doors ?? new Map(), usual);
    this.traffic = parts.traffic;
    this.log = parts.log;
    this.random = parts.random;
    this.turn = new Turn(parts.clock, parts.scheduler, () => this.store.endTurn());
    this.wheel = new TimerWheel(this.turn.monotonicMs);
    this.gate = new CommitGate(parts.store);
    this.sessionLimits = parts.store.canRead ? parts.limits : { ...parts.limits, queuedInMemoryBytesMax: Infinity };
    this.queueBudget = new ByteBudget(parts.limits.queuedBytesTotalMax);
    this.shared = new SharedSubscriptions(parts.settings.sharedSubscriptionStrategy, parts.random);
    this.matchCache = new MatchCache(
      KNOWN_TOPICS_MAX,
      parts.limits.matchCacheEntriesMax,
      parts.limits.matchCacheWeightMax,
      this.subscriptions,
    );
    this.retained = new RetainedMessages(
      parts.limits.retainedMessagesMax,
      parts.limits.retainedBytesMax,
      this.wheel,
      (topicName) => this.store.deleteRetained(topicName),
    );
  }
}
