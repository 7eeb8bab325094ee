/** Rules of one effect, compiled, and which of them is the first that speaks of a topic. A few are gone through; many stand
 * in a tree, once that pays. Room: pure. @module */

import type { AclAction, AclRule } from "./account_records.ts";
import {
  hasAnyLevels,
  patternCovers,
  patternMatches,
  patternMayOverlap,
  type PatternTemplate,
  type PatternValues,
} from "./acl_pattern.ts";
import type { Grant } from "./authorizer.ts";
import { RuleTree } from "./rule_tree.ts";

/** What somebody wants to do. "publish" is not retained, "retain" is; "subscribe" is about a Topic Filter, all others
 * about a Topic Name. */
export const ACL_REQUESTS = ["publish", "retain", "subscribe", "receive"] as const;
export type AclRequest = typeof ACL_REQUESTS[number];

/** A rule or a grant, as it is for one Client. */
export interface CompiledRule {
  readonly source: AclRule | Grant;
  readonly action: AclAction;
  readonly pattern: string;
  /** The smaller one goes first. */
  readonly order: number;
}

/** "allow publish" includes retained messages, "deny publish" forbids them, too; so one answer serves both effects. */
function isAbout(action: AclAction, request: AclRequest): boolean {
  switch (action) {
    case "all":
      return true;
    case "publish":
      return request === "publish" || request === "retain";
    case "retain":
      return request === "retain";
    case "subscribe":
      return request === "subscribe" || request === "receive";
  }
}

/** Going through so many is as fast as a tree. */
const SCANNED_MAX = 16;
/** Building a tree costs about as much as going through all rules so many times; tables of a Client that does only one
 * thing never need one. */
const SCANS_BEFORE_TREE = 32;

/** What a level of a filter may be that is no level of any rule: a control character. */
const SOME_LEVEL = "\u0001";

/** How many of the topics that a filter matches rules speak of. */
export const Reach = { None: 0, Some: 1, All: 2 } as const;
export type Reach = typeof Reach[keyof typeof Reach];

/** Rules of one effect. */
export interface Rules {
  readonly size: number;
  /** Of those that are about `request`. None and All are certain, Some is not: several rules may speak of all together.
   * Goes through all of them.
   * @param values of the Client, for rules with variables. */
  reach(request: AclRequest, topicFilter: string, values: PatternValues): Reach;
  /** The first rule that is about `request` and matches the Topic Name, or covers the Topic Filter of "subscribe". */
  find(request: AclRequest, topic: string, values: PatternValues): CompiledRule | undefined;
}

/** A rule whose filter holds variables. */
export interface TemplateRule {
  readonly rule: AclRule;
  readonly template: PatternTemplate;
}

/** Rules with variables, the same objects for all Clients, and filled in where a topic may be meant only: copies for each of
 * ten thousand Clients would take the broker's memory, and seconds after each change. */
export class TemplateTable implements Rules {
  /** By number. */
  readonly #templates: TemplateRule[] = [];
  #scans = 0;
  #tree: RuleTree<TemplateRule> | undefined;

  get size(): number {
    return this.#templates.length;
  }

  /** In order, and all of them before the first `find`. */
  add(template: TemplateRule): void {
    this.#templates.push(template);
  }

  reach(request: AclRequest, topicFilter: string, values: PatternValues): Reach {
    let reach: Reach = Reach.None;
    for (const { rule, template } of this.#templates) {
      if (!isAbout(rule.action, request) || !template.mayOverlap(topicFilter)) continue;
      for (const pattern of template.patterns(rule.effect, values)) {
        if (patternCovers(pattern, topicFilter)) return Reach.All;
        if (patternMayOverlap(pattern, topicFilter)) reach = Reach.Some;
      }
    }
    return reach;
  }

  find(request: AclRequest, topic: string, values: PatternValues): CompiledRule | undefined {
    let first: CompiledRule | undefined;
    this.#visit(nameWithin(request, topic), ({ rule, template }) => {
      if (first !== undefined && first.order <= rule.number) return;
      if (!topic.startsWith(template.beginning) || !isAbout(rule.action, request)) return;
      for (const pattern of template.patterns(rule.effect, values)) {
        const compiled = { source: rule, action: rule.action, pattern, order: rule.number };
        if (!holds(compiled, request, topic)) continue;
        first = compiled;
        return;
      }
    });
    return first;
  }

  /** Those that may be meant, and perhaps others, in no order. */
  #visit(topicName: string, visit: (template: TemplateRule) => void): void {
    if (this.#tree === undefined) {
      const isScanned = this.#templates.length <= SCANNED_MAX || ++this.#scans <= SCANS_BEFORE_TREE;
      if (isScanned) return this.#templates.forEach(visit);
      this.#plant();
    }
    this.#tree!.match(topicName, visit);
  }

  #plant(): void {
    this.#tree = new RuleTree();
    for (const rule of this.#templates) this.#tree.insert(rule.template.outline(rule.rule.effect), rule);
  }
}

export class RuleTable implements Rules {
  /** By order, as added. */
  readonly #rules: CompiledRule[] = [];
  #scans = 0;
  #tree: RuleTree<CompiledRule> | undefined;
  /** With a tree: those that are no Topic Filters. */
  #others: CompiledRule[] = [];

  get size(): number {
    return this.#rules.length;
  }

  reach(request: AclRequest, topicFilter: string): Reach {
    let reach: Reach = Reach.None;
    for (const { action, pattern } of this.#rules) {
      if (!isAbout(action, request) || !patternMayOverlap(pattern, topicFilter)) continue;
      if (patternCovers(pattern, topicFilter)) return Reach.All;
      reach = Reach.Some;
    }
    return reach;
  }

  /** In order, and all of them before the first `find`. */
  add(rule: CompiledRule): void {
    this.#rules.push(rule);
  }

  find(request: AclRequest, topic: string): CompiledRule | undefined {
    if (this.#tree === undefined) {
      if (this.#rules.length <= SCANNED_MAX || ++this.#scans <= SCANS_BEFORE_TREE) {
        return this.#rules.find((rule) => holds(rule, request, topic));
      }
      this.#plant();
    }
    let first = this.#others.find((rule) => holds(rule, request, topic));
    this.#tree!.match(nameWithin(request, topic), (rule) => {
      if (first !== undefined && first.order <= rule.order) return;
      if (holds(rule, request, topic)) first = rule;
    });
    return first;
  }

  #plant(): void {
    this.#others = this.#rules.filter((rule) => hasAnyLevels(rule.pattern));
    this.#tree = new RuleTree();
    for (const rule of this.#rules) if (!hasAnyLevels(rule.pattern)) this.#tree.insert(rule.pattern, rule);
  }
}

function holds({ action, pattern }: CompiledRule, request: AclRequest, topic: string): boolean {
  if (!isAbout(action, request)) return false;
  return request === "subscribe" ? patternCovers(pattern, topic) : patternMatches(pattern, topic);
}

/** A Topic Name that the filter of a subscription matches: whatever covers a filter matches each name that the filter does,
 * so also this one. */
function nameWithin(request: AclRequest, topic: string): string {
  return request === "subscribe" ? topic.replaceAll("+", SOME_LEVEL).replace("#", SOME_LEVEL) : topic;
}
