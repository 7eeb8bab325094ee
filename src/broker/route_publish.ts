/** One Application Message to all who subscribed to its topic. The hot path of the house. Spec §3.3.4, §4.5. @module */

import { type ApplicationMessage, NEVER_EXPIRES } from "../packet/application_message.ts";
import type { QoS } from "../packet/control_packet.ts";
import { OutgoingMessage } from "../session/outgoing_message.ts";
import { holdPublisher, isBehind } from "./back_pressure.ts";
import type { Broker } from "./broker.ts";
import type { ClientSession } from "./client_session.ts";
import type { Connection } from "./connection.ts";
import { enqueue, remainingExpiry, sendUnkept } from "./deliver.ts";
import { mayReceiveBy } from "./rights.ts";
import { type ClientSubscription, letPass, type Route, type RouteEntry } from "./route.ts";

/** Only what is delivered later asks whether it is still wanted. */
const NO_SUBSCRIPTIONS: readonly ClientSubscription[] = [];

/** Delivers or queues `message` by `route`, which must not be used after that: it may be another message's.
 * @param publisher undefined for Will Messages and the Server's own: nobody is there to wait.
 * @param origin whose subscriptions with No Local are left out; undefined = nobody's.
 * @param waitsForTicket of a QoS 2 message: the store's ticket before which nobody may be sent it. 0 = none.
 * @returns how many sessions it was for: 0 becomes No matching subscribers. */
export function routePublish(
  broker: Broker,
  message: ApplicationMessage,
  route: Route,
  publisher: Connection | undefined,
  origin: ClientSession | undefined,
  waitsForTicket = 0,
): number {
  let receivers = 0;
  const later = waitsForTicket > broker.store.safe ? [] as LaterDelivery[] : undefined;
  const entries = route.entries;
  for (let i = 0; i < route.count; i++) {
    let entry: RouteEntry | undefined = entries[i];
    if (entry.hasNoLocal && entry.session === origin) {
      entry = entry.withoutNoLocal();
      if (entry === undefined) continue;
    }
    if (entry.judgedIdentity !== entry.session.identity || !entry.mayReceive) {
      if (!mayReceiveBy(broker, entry, message)) continue;
    }
    receivers++;
    const qos = entry.qos < message.qos ? entry.qos : message.qos;
    deliverTo(
      broker,
      message,
      publisher,
      entry.session,
      qos,
      entry.retainAsPublished && message.retain,
      entry.subscriptionIdentifiers,
      undefined,
      waitsForTicket,
      later,
      later === undefined ? NO_SUBSCRIPTIONS : entry.subscriptions,
    );
  }
  const groups = route.groups;
  for (let i = 0; i < groups.length; i++) {
    const member = groups[i].choose(
      message.qos,
      origin?.clientId ?? "",
      undefined,
      0,
      message.topicName,
      broker.mayReceive,
    );
    if (member === undefined) continue;
    receivers++;
    deliverTo(
      broker,
      message,
      publisher,
      member.session,
      member.qos < message.qos ? member.qos : message.qos,
      member.retainAsPublished && message.retain,
      member.subscriptionIdentifiers,
      member,
      waitsForTicket,
      later,
      later === undefined ? NO_SUBSCRIPTIONS : [member],
    );
  }
  if (later !== undefined && later.length > 0) deliverLater(broker, message.owned(), later, waitsForTicket);
  if (route.number === 0) letPass(route);
  return receivers;
}

/** A QoS 2 message that somebody gets at QoS 0: sent now, it could come a second time, since after a crash its publisher
 * repeats it. */
interface LaterDelivery {
  readonly session: ClientSession;
  readonly retain: boolean;
  readonly subscriptionIdentifiers: readonly number[] | undefined;
  /** Wanted as long as the session has one of these. */
  readonly subscriptions: readonly ClientSubscription[];
}

function deliverLater(broker: Broker, message: ApplicationMessage, later: LaterDelivery[], ticket: number): void {
  broker.gate.hold(ticket, () => {
    const expiresAtMs = expiryOf(message);
    if (expiresAtMs <= broker.turn.wallMs) return;
    const expirySeconds = remainingExpiry(expiresAtMs, broker.turn.wallMs);
    for (const { session, retain, subscriptionIdentifiers, subscriptions } of later) {
      const isWanted = session.isConnected && broker.mayReceive(session, message.topicName) &&
        subscriptions.some((subscription) => session.subscriptionTo(subscription.fullFilter) !== undefined);
      if (isWanted) {
        session.connection!.sink.deliver(message, 0, retain, false, 0, subscriptionIdentifiers, expirySeconds);
      }
    }
  }, message.bytes);
}

/** Milliseconds of the wall clock at which the Message Expiry Interval has passed; Infinity = never. */
export function expiryOf(message: ApplicationMessage): number {
  const interval = message.messageExpiryInterval;
  return interval === NEVER_EXPIRES ? Infinity : message.receivedAtMs + interval * 1000;
}

function deliverTo(
  broker: Broker,
  message: ApplicationMessage,
  publisher: Connection | undefined,
  session: ClientSession,
  qos: QoS,
  retain: boolean,
  subscriptionIdentifiers: readonly number[] | undefined,
  sharedBy: OutgoingMessage["sharedBy"],
  waitsForTicket: number,
  later: LaterDelivery[] | undefined,
  subscriptions: readonly ClientSubscription[],
): void {
  const connection = session.connection;
  if (qos === 0) {
    if (connection === undefined || !connection.isConnected) return;
    const sink = connection.sink;
    if (later !== undefined) {
      later.push({ session, retain, subscriptionIdentifiers, subscriptions });
      return;
    }
    sink.deliver(message, 0, retain, false, 0, subscriptionIdentifiers, message.messageExpiryInterval);
    if (publisher !== undefined && sink.congested) holdPublisher(broker, publisher, connection);
    return;
  }
  const isSent = sharedBy === undefined && later === undefined &&
    sendUnkept(session, message, qos, retain, subscriptionIdentifiers, message.messageExpiryInterval);
  if (!isSent) keep(broker, message, session, qos, retain, subscriptionIdentifiers, sharedBy, waitsForTicket);
  if (publisher !== undefined && connection !== undefined && connection.isConnected && isBehind(connection)) {
    holdPublisher(broker, publisher, connection);
  }
}

function keep(
  broker: Broker,
  message: ApplicationMessage,
  session: ClientSession,
  qos: 1 | 2,
  retain: boolean,
  subscriptionIdentifiers: readonly number[] | undefined,
  sharedBy: OutgoingMessage["sharedBy"],
  waitsForTicket: number,
): void {
  const leased = message.leased();
  const outgoing = new OutgoingMessage(leased, qos, retain, subscriptionIdentifiers, expiryOf(message), sharedBy);
  outgoing.waitsForTicket = waitsForTicket;
  enqueue(broker, session, outgoing);
}
