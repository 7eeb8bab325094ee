/** The rules of all accounts, by whom they are about, and the rights of one Client that follow from them. Rules are read
 * once for each change of the accounts; what holds variables is put together when it may be meant. The order in which they
 * are asked is told in docs/access.md, for those who write rules. Room: pure. @module */

import { ACL_SUBJECT_KINDS, type AclRule, type AclSubjectKind } from "./account_records.ts";
import type { Accounts } from "./accounts.ts";
import { PatternTemplate, type PatternValues } from "./acl_pattern.ts";
import { type AclRequest, type CompiledRule, Reach, type Rules, RuleTable, TemplateTable } from "./acl_rule_table.ts";
import type { Grant, Identity } from "./authorizer.ts";
import { NetworkTable } from "../base/networks.ts";

/** Why the account of a Client may do nothing at all; undefined = it may. A user without a record may: it came in by a
 * certificate or a token. */
export function accountProblem(accounts: Accounts, identity: Identity): string | undefined {
  if (identity.userName === undefined) return undefined;
  const user = accounts.users.get(identity.userName);
  if (user?.isDisabled) return "the user is disabled";
  // A password that was kept here, and is not any more.
  if (user === undefined && identity.credential !== undefined) return "the user was removed";
  return undefined;
}

/** "rule" and "grant": by `rule`. "default": nothing speaks of it. "account": see `accountProblem`. "unknown": grants could
 * decide, and the Client that brings them is not here. */
export interface Outcome {
  readonly allowed: boolean;
  readonly kind: "rule" | "grant" | "default" | "account" | "unknown";
  readonly rule: CompiledRule | undefined;
}

/** What is said of one subject: of "user greenhouse", or of "everyone". */
class SubjectRules {
  /** Without variables: the same for all whom they are about. */
  readonly deny = new RuleTable();
  readonly allow = new RuleTable();
  readonly templates = { deny: new TemplateTable(), allow: new TemplateTable() } as const;

  add(rule: AclRule): void {
    const template = new PatternTemplate(rule.topicFilter);
    if (!template.isConstant) {
      this.templates[rule.effect].add({ rule, template });
      return;
    }
    for (const pattern of template.patterns(rule.effect, NO_VALUES)) {
      this[rule.effect].add({ source: rule, action: rule.action, pattern, order: rule.number });
    }
  }
}

/** In this order they are asked. */
const EFFECTS = ["deny", "allow"] as const;
const NO_VALUES: PatternValues = { userName: undefined, clientId: "", roles: [] };

export class AclIndex {
  readonly #accounts: Accounts;
  readonly #byName: Record<"user" | "client-id" | "role", Map<string, SubjectRules>>;
  readonly #addresses = new NetworkTable<SubjectRules>();
  readonly #anonymous = new SubjectRules();
  readonly #everyone = new SubjectRules();
  /** By user; undefined = anonymous. */
  readonly #charters = new Map<string | undefined, Charter>();

  constructor(accounts: Accounts) {
    this.#accounts = accounts;
    this.#byName = { user: new Map(), "client-id": new Map(), role: new Map() };
    const addresses = new Map<string, SubjectRules>();
    for (const rule of accounts.rules) {
      switch (rule.subjectKind) {
        case "anonymous":
          this.#anonymous.add(rule);
          break;
        case "everyone":
          this.#everyone.add(rule);
          break;
        case "address":
          subjectIn(addresses, rule.subjectName).add(rule);
          break;
        default:
          subjectIn(this.#byName[rule.subjectKind], rule.subjectName).add(rule);
      }
    }
    for (const [name, rules] of addresses) this.#addresses.add(name, rules);
  }

  rightsOf(identity: Identity): Rights {
    const { userName, clientId } = identity;
    const charter = this.#charterOf(identity);
    return new Rights(charter, { userName, clientId, roles: charter.roles });
  }

  /** One for all Clients of a user of whom nothing is said beside that: most of them. */
  #charterOf(identity: Identity): Charter {
    const { userName, clientId, remoteHost, grants, isRestored } = identity;
    const isKnown = userName === undefined || this.#accounts.users.has(userName);
    const isOrdinary = isKnown && grants === undefined && !isRestored && !this.#byName["client-id"].has(clientId) &&
      this.#addresses.at(remoteHost).length === 0;
    if (!isOrdinary) return this.#makeCharter(identity);
    let charter = this.#charters.get(userName);
    if (charter === undefined) this.#charters.set(userName, charter = this.#makeCharter(identity));
    return charter;
  }

  #makeCharter(identity: Identity): Charter {
    const { userName, clientId } = identity;
    const user = userName === undefined ? undefined : this.#accounts.users.get(userName);
    const roles = user === undefined ? [] : [...new Set(user.roles)].filter((role) => this.#accounts.roles.has(role));
    const values = { userName, clientId, roles };
    const stages: Stage[] = [];
    let stagesBeforeGrants = 0;
    for (const kind of ACL_SUBJECT_KINDS) {
      const stage = stageOf(this.#rulesFor(kind, identity, roles));
      if (stage !== undefined) stages.push(stage);
      // What a token says of its bearer is asked after what the owner says of this very user.
      if (kind !== "user") continue;
      stagesBeforeGrants = stages.length;
      const grants = stageOfGrants(identity.grants ?? [], values);
      if (grants !== undefined) stages.push(grants);
    }
    return {
      ...{ roles, stages, stagesBeforeGrants, size: sizeOf(stages) },
      isBarred: accountProblem(this.#accounts, identity) !== undefined,
      // Somebody has listed what this one may do: that is all, also while there are no accounts.
      isClosed: this.#accounts.isClosed || identity.grants !== undefined,
      isRestored: identity.isRestored ?? false,
    };
  }

  #rulesFor(kind: AclSubjectKind, identity: Identity, roles: readonly string[]): SubjectRules[] {
    switch (kind) {
      case "user":
        return present(identity.userName === undefined ? undefined : this.#byName.user.get(identity.userName));
      case "client-id":
        return present(this.#byName["client-id"].get(identity.clientId));
      case "role":
        return roles.flatMap((role) => present(this.#byName.role.get(role)));
      case "address":
        return this.#addresses.at(identity.remoteHost);
      case "anonymous":
        return identity.userName === undefined ? [this.#anonymous] : [];
      case "everyone":
        return [this.#everyone];
    }
  }
}

function subjectIn(subjects: Map<string, SubjectRules>, name: string): SubjectRules {
  let rules = subjects.get(name);
  if (rules === undefined) subjects.set(name, rules = new SubjectRules());
  return rules;
}

function present(rules: SubjectRules | undefined): SubjectRules[] {
  return rules === undefined ? [] : [rules];
}

/** Rules that are asked together. */
interface Stage {
  readonly deny: readonly Rules[];
  readonly allow: readonly Rules[];
  readonly kind: "rule" | "grant";
}

/** What is said of a Client, the same for all of whom the same is said. */
interface Charter {
  readonly roles: readonly string[];
  /** In the order in which they are asked. */
  readonly stages: readonly Stage[];
  readonly stagesBeforeGrants: number;
  /** Rules in all stages. */
  readonly size: number;
  readonly isBarred: boolean;
  readonly isClosed: boolean;
  readonly isRestored: boolean;
}

/** @returns undefined when nothing is said. */
function stageOf(subjects: readonly SubjectRules[]): Stage | undefined {
  const [deny, allow] = [rulesOf("deny", subjects), rulesOf("allow", subjects)];
  return deny.length + allow.length === 0 ? undefined : { deny, allow, kind: "rule" };
}

function rulesOf(effect: AclRule["effect"], subjects: readonly SubjectRules[]): Rules[] {
  const rules: Rules[] = [];
  for (const subject of subjects) {
    const templates = subject.templates[effect];
    if (templates.size > 0) rules.push(templates);
    if (subject[effect].size > 0) rules.push(subject[effect]);
  }
  return rules;
}

function stageOfGrants(grants: readonly Grant[], values: PatternValues): Stage | undefined {
  const table = new RuleTable();
  for (const [order, grant] of grants.entries()) {
    for (const pattern of new PatternTemplate(grant.topicFilter).patterns("allow", values)) {
      table.add({ source: grant, action: grant.action, pattern, order });
    }
  }
  return table.size === 0 ? undefined : { deny: [], allow: [table], kind: "grant" };
}

/** Going through so many takes a tenth of a millisecond. */
const RULES_WEIGHED_MAX = 1_000;

/** What one Client may do, as long as the accounts do not change. */
export class Rights {
  /** The answer to everything, when there is but one. */
  readonly constant: boolean | undefined;
  readonly #charter: Charter;
  readonly #values: PatternValues;

  constructor(charter: Charter, values: PatternValues) {
    this.#charter = charter;
    this.#values = values;
    if (charter.isBarred) this.constant = false;
    else if (charter.stages.length === 0 && !charter.isRestored) this.constant = !charter.isClosed;
  }

  /** `topic` is a Topic Filter without $share for "subscribe", else a Topic Name. */
  decide(request: AclRequest, topic: string): Outcome {
    const { stages, isBarred, isClosed, isRestored } = this.#charter;
    if (isBarred) return { allowed: false, kind: "account", rule: undefined };
    const isUnknown = isRestored && request === "receive";
    const end = this.#stagesFor(isUnknown);
    for (let index = 0; index < end; index++) {
      const { deny, allow, kind } = stages[index];
      const forbids = firstOf(deny, request, topic, this.#values);
      if (forbids !== undefined) return { allowed: false, kind, rule: forbids };
      const allows = firstOf(allow, request, topic, this.#values);
      if (allows !== undefined) return { allowed: true, kind, rule: allows };
    }
    if (isUnknown) return { allowed: true, kind: "unknown", rule: undefined };
    return { allowed: !isClosed, kind: "default", rule: undefined };
  }

  /** The one answer that `decide` gives on each Topic Name that `topicFilter` matches; undefined: answers differ, or may.
   * In the same order: what rules say that reach some of those topics must be what the first rule says that reaches all of
   * them, or what holds when no rule does. */
  decideAll(request: AclRequest, topicFilter: string): boolean | undefined {
    if (this.constant !== undefined) return this.constant;
    if (this.#charter.size > RULES_WEIGHED_MAX) return undefined;
    const { stages, isClosed, isRestored } = this.#charter;
    const isUnknown = isRestored && request === "receive";
    const end = this.#stagesFor(isUnknown);
    let answer: boolean | undefined;
    for (let index = 0; index < end; index++) {
      for (const effect of EFFECTS) {
        const reach = reachOf(stages[index][effect], request, topicFilter, this.#values);
        if (reach === Reach.None) continue;
        const allowed = effect === "allow";
        if (answer === !allowed) return undefined;
        answer = allowed;
        if (reach === Reach.All) return answer;
      }
    }
    const rest = isUnknown || !isClosed;
    return answer === !rest ? undefined : rest;
  }

  /** How many stages are asked. A message is kept for a Client that was not here since a restart, unless what is asked before
   * its grants forbids it: it is asked again when the Client is back, with them. */
  #stagesFor(isUnknown: boolean): number {
    return isUnknown ? this.#charter.stagesBeforeGrants : this.#charter.stages.length;
  }
}

function sizeOf(stages: readonly Stage[]): number {
  let size = 0;
  for (const stage of stages) {
    for (const effect of EFFECTS) for (const table of stage[effect]) size += table.size;
  }
  return size;
}

/** @returns the most that one of them says. */
function reachOf(tables: readonly Rules[], request: AclRequest, topicFilter: string, values: PatternValues): Reach {
  let reach: Reach = Reach.None;
  for (const table of tables) {
    const further = table.reach(request, topicFilter, values);
    if (further > reach) reach = further;
  }
  return reach;
}

function firstOf(
  tables: readonly Rules[],
  request: AclRequest,
  topic: string,
  values: PatternValues,
): CompiledRule | undefined {
  let first: CompiledRule | undefined;
  for (const table of tables) {
    const rule = table.find(request, topic, values);
    if (rule !== undefined && (first === undefined || rule.order < first.order)) first = rule;
  }
  return first;
}
