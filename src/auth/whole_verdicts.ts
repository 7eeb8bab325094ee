/** Verdicts on whole filters, of one Client: where a topic was decided by a rule whose filter is decided by it throughout, no
 * other topic of that filter has to be judged, nor remembered. So ever new topics below "plant/7/#" cost one comparison each.
 * A few filters are all that most Clients ever use. Room: pure. @module */

import { topicMatchesFilter } from "../topic/topic_filter.ts";
import { hasAnyLevels } from "./acl_pattern.ts";
import type { Outcome, Rights } from "./acl_rights.ts";
import type { AclRequest } from "./acl_rule_table.ts";

/** Of one Client; more are not noted. Each that is costs a comparison of each topic that is judged. */
const FILTERS_MAX = 8;

interface Whole {
  readonly request: AclRequest;
  readonly topicFilter: string;
  /** It was met once: whoever says one thing and goes is not worth a look at all rules. */
  isNew: boolean;
  /** Of every topic that the filter matches; undefined: answers differ, or are not known. */
  answer: boolean | undefined;
}

export class WholeVerdicts {
  readonly #wholes: Whole[] = [];

  /** The verdict on a Topic Name, if it is known of a whole filter that matches it. */
  answerOn(request: AclRequest, topicName: string): boolean | undefined {
    return this.#find(request, topicName)?.answer;
  }

  /** A filter that matches the Topic Name, and all of whose topics are allowed. */
  allowedFilter(request: AclRequest, topicName: string): string | undefined {
    const whole = this.#find(request, topicName);
    return whole?.answer === true ? whole.topicFilter : undefined;
  }

  /** Takes in what decided a topic of which nothing was known. */
  learn(rights: Rights, request: AclRequest, { rule }: Outcome): void {
    if (rule === undefined || hasAnyLevels(rule.pattern)) return;
    for (const whole of this.#wholes) {
      if (whole.request !== request || whole.topicFilter !== rule.pattern) continue;
      if (whole.isNew) whole.answer = rights.decideAll(request, rule.pattern);
      whole.isNew = false;
      return;
    }
    if (this.#wholes.length === FILTERS_MAX) return;
    this.#wholes.push({ request, topicFilter: rule.pattern, isNew: true, answer: undefined });
  }

  #find(request: AclRequest, topicName: string): Whole | undefined {
    for (const whole of this.#wholes) {
      if (whole.answer === undefined || whole.request !== request) continue;
      if (topicMatchesFilter(topicName, whole.topicFilter)) return whole;
    }
    return undefined;
  }
}
