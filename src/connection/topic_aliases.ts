/** Topic Aliases of one Network Connection, one table for each direction. Spec §3.3.2.3.4.
 * They end with the connection [MQTT-3.3.2-7], so they live here and not in the session. @module */

import { ProtocolError } from "../packet/errors.ts";
import { type KnownTopic, knownTopics } from "../packet/known_topics.ts";
import type { PublishPacket } from "../packet/publish.ts";
import { ReasonCode } from "../packet/reason_code.ts";

/** What the Client's aliases stand for. Made with the first one: many Clients have none. */
export class IncomingTopicAliases {
  readonly #topicNames: string[] = [];
  readonly #knownTopics: (KnownTopic | undefined)[] = [];

  /** @param maximum the Topic Alias Maximum that CONNACK announced; 0 = no aliases. */
  constructor(readonly maximum: number) {}

  /** Puts the Topic Name into a PUBLISH that has only an alias, and remembers the pair of one that has both.
   * @throws ProtocolError 0x94 for an alias above the maximum, 0x82 for one that stands for nothing. */
  resolve(packet: PublishPacket): void {
    const alias = packet.topicAlias;
    if (alias > this.maximum) {
      throw new ProtocolError(
        "MQTT-3.3.2-9",
        `Topic Alias ${alias} is above the maximum of ${this.maximum}`,
        ReasonCode.TopicAliasInvalid,
      );
    }
    const { message } = packet;
    if (message.topicName !== "") {
      this.#topicNames[alias] = message.topicName;
      this.#knownTopics[alias] = message.knownTopic;
      return;
    }
    const topicName = this.#topicNames[alias];
    if (topicName === undefined) {
      throw new ProtocolError("§3.3.2.3.4", `Topic Alias ${alias} has not been set on this connection`);
    }
    const known = this.#knownTopics[alias];
    message.setTopic(known !== undefined && knownTopics.keeps(known) ? known : undefined, topicName);
  }
}

/** The aliases that the Server assigns: first come, first served, for the life of the connection. A topic that comes
 * later goes without: moving an alias would send the Topic Name again each time, and gain nothing. */
export class OutgoingTopicAliases {
  readonly #aliases = new Map<string, number>();
  /** What was asked for last, and its alias: most often it is that one again. */
  #lastTopicName = "";
  #lastAlias = 0;
  /** true: the alias of the last `find` is new to the Client, and the PUBLISH must carry the Topic Name too. */
  isNew = false;

  /** @param maximum the Client's Topic Alias Maximum, or less [MQTT-3.1.2-26]. */
  constructor(readonly maximum: number) {}

  /** @returns 0 when this topic has none, and gets none. */
  find(topicName: string): number {
    if (topicName === this.#lastTopicName) {
      this.isNew = false;
      return this.#lastAlias;
    }
    const alias = this.#aliases.get(topicName);
    if (alias !== undefined) {
      this.isNew = false;
      this.#lastTopicName = topicName;
      this.#lastAlias = alias;
      return alias;
    }
    // The alias costs three bytes: a shorter topic is cheaper as it is.
    if (this.#aliases.size >= this.maximum || topicName.length <= 3) return 0;
    this.isNew = true;
    return this.#aliases.size + 1;
  }

  /** The PUBLISH with the new alias was written: from now on the Client knows it. */
  assign(topicName: string): void {
    this.#aliases.set(topicName, this.#aliases.size + 1);
  }
}
