/** What a Client may do, asked of the authorizer and remembered where it is asked for each message; and what is done when
 * the answer may have changed. @module */

import type { Identity } from "../auth/authorizer.ts";
import { Timer } from "../base/timer_wheel.ts";
import type { ApplicationMessage } from "../packet/application_message.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import { topicMatchesFilter } from "../topic/topic_filter.ts";
import type { Broker } from "./broker.ts";
import type { ClientSession } from "./client_session.ts";
import type { Connection } from "./connection.ts";
import { ConnectionState } from "./connection.ts";
import { closeWith, refuseAccepted } from "./connections.ts";
import type { ClientSubscription, Route, RouteEntry } from "./route.ts";

/** Routes that a connection remembers to be allowed to publish by, at most. A device has fewer topics. */
const PERMITTED_ROUTES_MAX = 256;

/** No leading wildcard matches topics that begin with it. */
const DOLLAR = 0x24;

/** Of a judgement: what it says, below the version of the rights that it holds for. */
const Judged = { Never: 0, Always: 1, ByTopic: 2 } as const;

/** May this Client publish this message? A "yes" is remembered with the route, whose number is never used again: when rights
 * change, all routes are made anew. */
export function mayPublish(
  broker: Broker,
  connection: Connection,
  message: ApplicationMessage,
  route: Route,
): boolean {
  const permit = route.number * 4 + message.qos;
  // One topic after the other is the rule; then this is all that rights cost.
  if (permit === connection.lastPermit && !message.retain) return true;
  return askMayPublish(broker, connection, message, permit);
}

function askMayPublish(broker: Broker, connection: Connection, message: ApplicationMessage, permit: number): boolean {
  const { qos, retain } = message;
  // To retain is a right of its own, and rare.
  if (retain) return broker.authorizer.mayPublish(connection.identity!, message.topicName, qos, true);
  // A route that is used once: nothing is remembered of it.
  if (permit < 4) return mayPublishOnce(broker, connection, message);
  const permits = connection.permits ??= new Set();
  if (!permits.has(permit)) {
    if (!broker.authorizer.mayPublish(connection.identity!, message.topicName, qos, false)) return false;
    if (permits.size >= PERMITTED_ROUTES_MAX) permits.clear();
    permits.add(permit);
  }
  connection.lastPermit = permit;
  return true;
}

/** A topic that is new is mostly one of those that may be published to altogether. */
function mayPublishOnce(broker: Broker, connection: Connection, message: ApplicationMessage): boolean {
  const { publishableFilter } = connection;
  // Known without the Topic Name, which may not have been made a string of yet.
  if (publishableFilter === "#" && message.topicEnd > message.topicStart) {
    if (message.buffer[message.topicStart] !== DOLLAR) return true;
  }
  const { topicName, qos } = message;
  if (publishableFilter !== undefined && topicMatchesFilter(topicName, publishableFilter)) return true;
  const { authorizer } = broker;
  const identity = connection.identity!;
  if (!authorizer.mayPublish(identity, topicName, qos, false)) return false;
  connection.publishableFilter = authorizer.publishableFilter?.(identity, topicName) ?? publishableFilter;
  return true;
}

/** What was found out about its right to publish does not hold any more. */
export function forgetPermits(connection: Connection): void {
  connection.lastPermit = -1;
  connection.permits = undefined;
  connection.publishableFilter = undefined;
}

/** May the Client of this entry's session receive what goes by its route? Judged once for the Client as it came in:
 * another connection of the session is another Identity. */
export function mayReceiveBy(broker: Broker, entry: RouteEntry, message: ApplicationMessage): boolean {
  const { identity } = entry.session;
  if (entry.judgedIdentity !== identity) {
    entry.mayReceive = judgeEntry(broker, entry, message);
    entry.judgedIdentity = identity;
  }
  return entry.mayReceive;
}

/** What was judged last of all that waited; the versions of all sessions of the process are different ones. */
let judgedVersion = 0;
let judgedTopicName = "";
let mayReceiveJudged = false;

/** May the Client of this session receive what waits for it? A queue is mostly of one topic, and the last answer is
 * remembered. */
export function mayReceiveQueued(broker: Broker, session: ClientSession, topicName: string): boolean {
  if (judgedVersion === session.rightsVersion && judgedTopicName === topicName) return mayReceiveJudged;
  mayReceiveJudged = broker.mayReceive(session, topicName);
  judgedVersion = session.rightsVersion;
  judgedTopicName = topicName;
  return mayReceiveJudged;
}

/** What is known of one of its subscriptions is known of every topic that this one matches. */
function judgeEntry(broker: Broker, entry: RouteEntry, message: ApplicationMessage): boolean {
  const answer = receivesAll(broker, entry.first) ?? receivesAllByOthers(broker, entry);
  return answer ?? broker.mayReceive(entry.session, message.topicName);
}

function receivesAllByOthers(broker: Broker, entry: RouteEntry): boolean | undefined {
  for (const subscription of entry.subscriptions) {
    const answer = receivesAll(broker, subscription);
    if (answer !== undefined) return answer;
  }
}

/** Whether all that this subscription brings may be received (true), nothing of it (false), or whether each topic is to be
 * judged. So a topic that is new costs nothing where rights do not part the subscription. */
export function receivesAll(broker: Broker, subscription: ClientSubscription): boolean | undefined {
  const version = subscription.session.rightsVersion * 4;
  if (subscription.judgement < version) subscription.judgement = version + judge(broker, subscription);
  const judged = subscription.judgement - version;
  return judged === Judged.ByTopic ? undefined : judged === Judged.Always;
}

function judge(broker: Broker, { session, topicFilter }: ClientSubscription): number {
  const answer = broker.authorizer.mayReceiveAll?.(session.identity, topicFilter);
  return answer === undefined ? Judged.ByTopic : answer ? Judged.Always : Judged.Never;
}

/** Any answer of the authorizer may have changed: what was remembered is forgotten, and who may not be connected any more is
 * not. Subscriptions stay: what they may not receive any more is withheld, and comes again if the right does.
 * @param failed hears of a connection on which we have a bug; the others are looked at all the same. */
export function handleRightsChanged(broker: Broker, failed: (connection: Connection, error: unknown) => void): void {
  broker.matchCache.clear();
  for (const session of broker.sessions.values()) session.renewRights();
  for (const connection of [...broker.connections]) {
    forgetPermits(connection);
    try {
      endIfRefused(broker, connection);
    } catch (error) {
      failed(connection, error);
    }
  }
}

function endIfRefused(broker: Broker, connection: Connection): void {
  if (connection.identity === undefined) return;
  const { identity, sink } = connection;
  const refusal = broker.authorizer.connectRefusal(identity) ??
    broker.authenticator.presentRefusal?.(identity, sink.listenerUrl);
  if (refusal === undefined) return;
  const { reasonCode, why } = refusal;
  if (connection.state !== ConnectionState.Connected) return refuseAccepted(broker, connection, reasonCode, why);
  // CONNACK says "banned", for which DISCONNECT has no Reason Code [MQTT-3.14.2-1].
  const said = reasonCode === ReasonCode.Banned ? ReasonCode.AdministrativeAction : reasonCode;
  closeWith(broker, connection, said, why);
}

/** A proof that ends, such as a token, ends its connection; a new one by re-authentication takes its place.
 * @param validUntilMs milliseconds of the wall clock; undefined = for ever. */
export function watchValidity(broker: Broker, connection: Connection, validUntilMs: number | undefined): void {
  stopWatchingValidity(broker, connection);
  if (validUntilMs === undefined || validUntilMs === Infinity) return;
  const delayMs = Math.max(0, validUntilMs - broker.turn.wallMs);
  connection.validityTimer = new Timer(() => {
    closeWith(broker, connection, ReasonCode.NotAuthorized, "what it authenticated with is no longer valid");
  });
  broker.wheel.schedule(connection.validityTimer, broker.turn.monotonicMs + delayMs);
}

export function stopWatchingValidity(broker: Broker, connection: Connection): void {
  if (connection.validityTimer !== undefined) broker.wheel.cancel(connection.validityTimer);
  connection.validityTimer = undefined;
}

/** Of a session that came back from the store: what its Client will bring is not known yet. */
export function restoredIdentity(clientId: string, userName: string | undefined, remoteHost: string): Identity {
  return { clientId, userName, remoteHost, isRestored: true };
}
