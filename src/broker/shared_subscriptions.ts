/** All Shared Subscriptions: who belongs to which, and what happens to a member's messages when it goes away.
 * Spec §4.8.2. @module */

import { OutgoingMessage, OutgoingState } from "../session/outgoing_message.ts";
import type { Broker } from "./broker.ts";
import type { ClientSession } from "./client_session.ts";
import { dropOutgoing, enqueue } from "./deliver.ts";
import type { ClientSubscription } from "./route.ts";
import { isReady, SharedGroup, type SharedSubscriptionStrategy } from "./shared_group.ts";

export type { SharedSubscriptionStrategy };

export class SharedSubscriptions {
  /** By full filter, `$share/name/filter`. */
  readonly #groups = new Map<string, SharedGroup>();

  constructor(readonly strategy: SharedSubscriptionStrategy, readonly random: () => number) {}

  get size(): number {
    return this.#groups.size;
  }

  get(fullFilter: string): SharedGroup | undefined {
    return this.#groups.get(fullFilter);
  }

  /** @returns the group if it is new: it has to be entered into the trie. */
  join(member: ClientSubscription): SharedGroup | undefined {
    const known = this.#groups.get(member.fullFilter);
    const group = known ??
      new SharedGroup(member.shareName!, member.topicFilter, this.strategy, this.random);
    group.add(member);
    if (known !== undefined) return undefined;
    this.#groups.set(member.fullFilter, group);
    return group;
  }

  /** @returns the group if nobody is left in it: it has to be taken out of the trie. */
  leave(member: ClientSubscription): SharedGroup | undefined {
    const group = this.#groups.get(member.fullFilter);
    if (group === undefined) return undefined;
    group.remove(member);
    if (group.size > 0) return undefined;
    this.#groups.delete(member.fullFilter);
    return group;
  }
}

/** A member went away: what came to it by a Shared Subscription goes to another member, if one is there. QoS 1 messages
 * that it has not acknowledged are sent again by the other one, as the specification allows; a QoS 2 message whose
 * delivery has begun stays, also when the session ends [MQTT-4.8.2-4], [MQTT-4.8.2-5].
 * @param isEnding the session ends: members that are away are good enough then. */
export function handOverShared(broker: Broker, session: ClientSession, isEnding: boolean): void {
  if (session.messageCount === 0) return;
  const heirs: Heirs = new Map();
  for (const outgoing of session.window.values()) {
    if (outgoing.sharedBy === undefined || !isToBeHandedOver(outgoing)) continue;
    if (!passOn(broker, session, outgoing, isEnding, heirs)) continue;
    session.window.remove(outgoing);
    dropOutgoing(broker, session, outgoing);
  }
  session.pending.filter((outgoing) => {
    if (outgoing.sharedBy === undefined || !passOn(broker, session, outgoing, isEnding, heirs)) return true;
    outgoing.end();
    dropOutgoing(broker, session, outgoing);
    return false;
  });
}

/** A QoS 1 message that is not acknowledged, or a QoS 2 message whose PUBLISH still waits for the store. */
function isToBeHandedOver(outgoing: OutgoingMessage): boolean {
  return outgoing.state === OutgoingState.AwaitingPuback ||
    (outgoing.state === OutgoingState.AwaitingPubrec && !outgoing.wasSent);
}

/** It can be sent the message now, or its queue takes it. */
function hasRoomFor(member: ClientSubscription, outgoing: OutgoingMessage): boolean {
  return isReady(member) || member.session.pending.hasRoomFor(outgoing.bytes);
}

/** Who got the last message of a group. As long as it is not a member that is ready, the choice stays: looking at all
 * members for each message would take their product. */
interface Heir {
  member: ClientSubscription | undefined;
  /** Nobody can take any message. */
  isNobody: boolean;
  /** Members that were looked at for messages which none of those that could take them may receive. */
  vainLooks: number;
}
type Heirs = Map<SharedGroup, Heir>;

/** Then what is left is taken for such messages, too: some 0.1 s. */
const VAIN_LOOKS_MAX = 100_000;

function passOn(
  broker: Broker,
  from: ClientSession,
  outgoing: OutgoingMessage,
  isEnding: boolean,
  heirs: Heirs,
): boolean {
  // To the other member this would be a new delivery, which an expired message must not begin [MQTT-3.3.2-5].
  if (outgoing.expiresAtMs <= broker.turn.wallMs) return false;
  const group = broker.shared.get(outgoing.sharedBy!.fullFilter);
  if (group === undefined) return false;
  let heir = heirs.get(group);
  if (heir === undefined) heirs.set(group, heir = { member: undefined, isNobody: false, vainLooks: 0 });
  if (heir.isNobody) return false;
  let { member } = heir;
  const { topicName } = outgoing.message;
  if (
    member === undefined || isReady(member) || !hasRoomFor(member, outgoing) ||
    !broker.mayReceive(member.session, topicName)
  ) {
    // A member that is full would drop what is safe here: it is good enough when this session ends.
    const fitting = (found: ClientSubscription | undefined) =>
      found !== undefined && (isEnding || (found.session.isConnected && hasRoomFor(found, outgoing)))
        ? found
        : undefined;
    const { qos } = outgoing.message;
    // At QoS 0 it would lose the guarantee that this message was taken with.
    member = heir.member = fitting(group.choose(qos, "", from, 1, topicName, broker.mayReceive));
    if (member === undefined) {
      heir.vainLooks += group.size;
      // What nobody may receive says nothing of the next one, whose topic may be another.
      heir.isNobody = heir.vainLooks > VAIN_LOOKS_MAX || fitting(group.fittest(qos, from, 1)) === undefined;
      return false;
    }
  }
  const { session } = member;
  const qos = Math.min(outgoing.message.qos, member.qos);
  const { message, expiresAtMs } = outgoing;
  const retain = member.retainAsPublished && message.retain;
  const identifiers = member.subscriptionIdentifiers;
  const passedOn = new OutgoingMessage(message, qos as 1 | 2, retain, identifiers, expiresAtMs, member);
  // At QoS 2 only when it is safe that this session has it no more, and its publisher's identifier is.
  passedOn.waitsForTicket = outgoing.waitsForTicket;
  if (outgoing.position !== 0) {
    dropOutgoing(broker, from, outgoing);
    passedOn.waitsForTicket = broker.store.ticket;
  }
  enqueue(broker, session, passedOn);
  return true;
}
