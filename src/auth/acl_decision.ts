/** May this Client do that, and which rule says so? For people who ask why; the broker asks `AclAuthorizer`, which goes by
 * the same rules and remembers. The order is told in docs/access.md. Room: pure. @module */

import type { AclRule } from "./account_records.ts";
import type { Accounts } from "./accounts.ts";
import { patternText } from "./acl_pattern.ts";
import { accountProblem, AclIndex, type Outcome } from "./acl_rights.ts";
import type { AclRequest } from "./acl_rule_table.ts";
import type { Grant, Identity } from "./authorizer.ts";

export { ACL_REQUESTS, type AclRequest } from "./acl_rule_table.ts";

export interface AclDecision {
  readonly allowed: boolean;
  /** What decided. "default": no rule speaks of it. "account": the user is disabled, or was removed. "unknown": the rights
   * that a token brings could decide, and its Client was not here since the broker started; only when it is to receive. */
  readonly by: "rule" | "grant" | "default" | "account" | "unknown";
  /** By "rule". */
  readonly rule?: AclRule;
  /** By "grant". */
  readonly grant?: Grant;
  /** By "rule" and "grant": the Topic Filter with this Client's names in it. "<any>" stands for one or more levels of any
   * text, where a name cannot stand in a rule that forbids. */
  readonly topicFilter?: string;
  /** One sentence: 'refused by rule 3: deny everyone subscribe secret/#'. */
  readonly text: string;
}

/** Whether `identity` may do this, and why. Bans, and who may use which Client Identifier, are another question: see
 * `connectRefusal`.
 * @param topic "subscribe": a valid Topic Filter without `$share/name/`; else a valid Topic Name. */
export function decide(accounts: Accounts, identity: Identity, request: AclRequest, topic: string): AclDecision {
  const outcome = new AclIndex(accounts).rightsOf(identity).decide(request, topic);
  const { allowed, kind: by, rule } = outcome;
  const text = `${allowed ? "allowed" : "refused"}${reasonOf(outcome, accounts, identity)}`;
  if (rule === undefined) return { allowed, by, text };
  const topicFilter = patternText(rule.pattern);
  if (by === "grant") return { allowed, by, grant: rule.source as Grant, topicFilter, text };
  return { allowed, by, rule: rule.source as AclRule, topicFilter, text };
}

/** "allow user greenhouse publish a/#" */
export function describeRule(rule: AclRule): string {
  const subject = rule.subjectName === "" ? rule.subjectKind : `${rule.subjectKind} ${rule.subjectName}`;
  return `${rule.effect} ${subject} ${rule.action} ${rule.topicFilter}`;
}

function reasonOf({ kind, rule, allowed }: Outcome, accounts: Accounts, identity: Identity): string {
  switch (kind) {
    case "rule": {
      const source = rule!.source as AclRule;
      return ` by rule ${source.number}: ${describeRule(source)}${here(source.topicFilter, rule!.pattern)}`;
    }
    case "grant": {
      const { action, topicFilter } = rule!.source as Grant;
      return ` by the token: ${action} ${topicFilter}${here(topicFilter, rule!.pattern)}`;
    }
    case "account":
      return `: ${accountProblem(accounts, identity)}`;
    case "unknown":
      return ": the message is kept until the client is back, and its token says what it may have";
    case "default":
      return allowed ? ": there are no users, and no rule forbids it" : ": no rule allows it";
  }
}

/** What the variables of a filter became. */
function here(topicFilter: string, pattern: string): string {
  return topicFilter === pattern ? "" : ` (here ${patternText(pattern)})`;
}
