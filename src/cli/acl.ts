/** `acl allow`, `acl deny`, `acl list`, `acl remove`: what clients may do. @module */

import { ACL_ACTIONS as RULE_ACTIONS, ACL_SUBJECT_KINDS, type AclRule } from "../auth/account_records.ts";
import { subjectProblem } from "../auth/account_names.ts";
import { describeRule } from "../auth/acl_decision.ts";
import { writtenFilterProblem } from "../auth/rule_filter.ts";
import { type AccountAction, type AccountTask, normalNetwork, oneOf } from "./account_task.ts";
import { explain } from "./acl_explain.ts";
import { type Answer, CommandError, subjectText, table } from "./answer.ts";
import { UsageError } from "./arguments.ts";

export const ACL_ACTIONS = {
  "acl allow": (task) => addRule(task, "allow"),
  "acl deny": (task) => addRule(task, "deny"),
  "acl list": listRules,
  "acl remove": removeRules,
  "acl explain": explain,
} satisfies Record<string, AccountAction>;

async function addRule(task: AccountTask, effect: AclRule["effect"]): Promise<Answer> {
  const [subjectKind, subjectName] = subjectOf(task);
  const [action, topicFilter] = task.operands;
  const problem = writtenFilterProblem(topicFilter);
  if (problem !== undefined) throw new UsageError(`"${topicFilter}": ${problem}`);
  const wanted = { effect, subjectKind, subjectName, action: oneOf(action, RULE_ACTIONS), topicFilter };
  const known = await task.accounts.rules();
  const number = await task.accounts.addRule(wanted);
  const rule = { number, ...wanted };
  const isNew = known.every((other) => other.number !== number);
  const warnings: string[] = [];
  if (subjectKind === "user" && await task.accounts.user(subjectName) === undefined) {
    warnings.push(`there is no user "${subjectName}" yet; the rule holds as soon as there is`);
  }
  return {
    lines: [`${isNew ? "added rule" : "this is rule"} ${number}${isNew ? "" : " already"}: ${describeRule(rule)}`],
    json: rule,
    warnings,
  };
}

function subjectOf(task: AccountTask): [kind: AclRule["subjectKind"], name: string] {
  const given = ACL_SUBJECT_KINDS.flatMap((kind) => {
    const name = task.has(kind) ? "" : task.value(kind);
    return name === undefined ? [] : [[kind, name] as const];
  });
  if (given.length !== 1) {
    throw new UsageError(
      `exactly one of ${ACL_SUBJECT_KINDS.map((kind) => `--${kind}`).join(", ")} says whom the rule is for; ` +
        (given.length === 0 ? "none was given" : `${given.length} were given: add a rule for each`),
    );
  }
  const [[kind, written]] = given;
  const name = kind === "address" ? normalNetwork(written) : written;
  const problem = subjectProblem(kind, name);
  if (problem !== undefined) throw new UsageError(`--${kind} ${written}: ${problem}`);
  return [kind, name];
}

async function listRules({ accounts }: AccountTask): Promise<Answer> {
  const rules = (await accounts.rules()).toSorted(inOrder);
  const rows = rules.map(({ number, effect, subjectKind, subjectName, action, topicFilter }) => [
    String(number),
    effect,
    subjectText(subjectKind, subjectName),
    action,
    topicFilter,
  ]);
  return { lines: table(["NUMBER", "EFFECT", "WHO", "ACTION", "FILTER"], rows, "there are no rules"), json: rules };
}

/** A client has one of these: rules for others stand between, or together. Of roles and networks it may have several, whose
 * rules are asked together. */
const ONE_FOR_EACH_CLIENT: readonly AclRule["subjectKind"][] = ["user", "client-id"];

/** In which they are asked: the most particular subject first, what denies before what allows, then by number. */
function inOrder(a: AclRule, b: AclRule): number {
  const ofKind = ACL_SUBJECT_KINDS.indexOf(a.subjectKind) - ACL_SUBJECT_KINDS.indexOf(b.subjectKind);
  const ofName = ONE_FOR_EACH_CLIENT.includes(a.subjectKind) ? a.subjectName.localeCompare(b.subjectName, "en") : 0;
  return ofKind || ofName || Number(a.effect === "allow") - Number(b.effect === "allow") || a.number - b.number;
}

async function removeRules(task: AccountTask): Promise<Answer> {
  const numbers = [...new Set(task.operands.map(ruleNumber))];
  const rules = await task.accounts.rules();
  const removed = numbers.map((number) => {
    const rule = rules.find((other) => other.number === number);
    if (rule === undefined) {
      throw new CommandError(`there is no rule ${number}; acl list shows them; nothing was removed`);
    }
    return rule;
  });
  // A program that ends in between leaves less allowed than before, never more.
  for (const rule of removed.toSorted(inOrderOfRemoval)) await task.accounts.removeRule(rule.number);
  return { lines: removed.map((rule) => `removed rule ${rule.number}: ${describeRule(rule)}`), json: removed };
}

function inOrderOfRemoval(a: AclRule, b: AclRule): number {
  return Number(a.effect === "deny") - Number(b.effect === "deny");
}

function ruleNumber(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new UsageError(`"${text}" is no number of a rule; acl list shows them`);
  return Number(text);
}
