/** Whether two pieces of accounts are the same, and whether a new rule is fit to be one. Room: pure. @module */

import type { AclRule } from "./account_records.ts";
import { subjectProblem } from "./account_names.ts";
import { aclFilterProblem } from "./acl_pattern.ts";
import type { Credentials } from "./credentials.ts";

/** The store gives the number. */
export type NewRule = Omit<AclRule, "number">;

/** @returns what to tell a person; undefined: it is well. */
export function ruleProblem(rule: NewRule): string | undefined {
  return subjectProblem(rule.subjectKind, rule.subjectName) ?? aclFilterProblem(rule.topicFilter);
}

/** The number does not count. */
export function isSameRule(one: NewRule, other: NewRule): boolean {
  return ruleText(one) === ruleText(other);
}

/** One text for all that two same rules share. */
export function ruleText(rule: NewRule): string {
  return JSON.stringify([rule.effect, rule.subjectKind, rule.subjectName, rule.action, rule.topicFilter]);
}

/** Of the same kind, with the same numbers and bytes: made in one go. The same password hashed twice is not the same. */
export function isSameCredentials(one: Credentials | undefined, other: Credentials | undefined): boolean {
  return isSameValue(one, other);
}

function isSameValue(one: unknown, other: unknown): boolean {
  if (one instanceof Uint8Array && other instanceof Uint8Array) return one.toHex() === other.toHex();
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) return one === other;
  const names = Object.keys(one);
  return names.length === Object.keys(other).length &&
    names.every((name) => isSameValue(one[name as never], other[name as never]));
}
