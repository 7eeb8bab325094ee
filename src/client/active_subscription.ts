/** A subscription of the program, as the engine keeps it: from SUBSCRIBE on until it is ended, over all connections. @module */

import type { SubscriptionRequest } from "../packet/control_packet.ts";
import type { UserProperty } from "../packet/property.ts";
import type { ReasonCode } from "../packet/reason_code.ts";
import { topicMatchesFilter } from "../topic/topic_filter.ts";
import type { MessageQueue } from "./message_queue.ts";

/** One Topic Filter of it. */
export interface FilterEntry {
  readonly request: SubscriptionRequest;
  /** Without `$share/name/`: what topics are matched with. */
  readonly topicFilter: string;
}

export class ActiveSubscription {
  /** Those that were granted; until SUBACK, all. */
  filters: readonly FilterEntry[];
  reasonCodes: readonly ReasonCode[] = [];
  /** SUBACK has come. */
  isGranted = false;
  isEnded = false;

  constructor(
    readonly requested: readonly FilterEntry[],
    readonly userProperties: readonly UserProperty[] | undefined,
    /** Of all SUBSCRIBE packets that it sends. */
    readonly identifier: number,
    readonly queue: MessageQueue,
  ) {
    this.filters = requested;
  }

  matches(topicName: string): boolean {
    return this.filters.some(({ topicFilter }) => topicMatchesFilter(topicName, topicFilter));
  }
}
