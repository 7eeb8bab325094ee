/** `acl explain`: may this client do that, and which rule says so? The broker's own judgement. @module */

import { addressBytes } from "../auth/account_names.ts";
import type { Accounts } from "../auth/accounts.ts";
import { AclAuthorizer } from "../auth/acl_authorizer.ts";
import { decide } from "../auth/acl_decision.ts";
import { BanList } from "../auth/ban_list.ts";
import type { Identity } from "../auth/authorizer.ts";
import { parseSharedFilter } from "../topic/shared_filter.ts";
import { isValidTopicFilter } from "../topic/topic_filter.ts";
import { isValidTopicName } from "../topic/topic_name.ts";
import { type AccountTask, oneOf } from "./account_task.ts";
import type { Answer } from "./answer.ts";
import { ExitCode, UsageError } from "./arguments.ts";

const REQUESTS = ["publish", "subscribe", "retain"] as const;

export async function explain(task: AccountTask): Promise<Answer> {
  const request = oneOf(task.operands[0], REQUESTS);
  const topic = request === "subscribe" ? judgedFilter(task.operands[1]) : topicName(task.operands[1]);
  const address = task.value("address");
  if (address !== undefined && addressBytes(address) === undefined) {
    throw new UsageError(`--address ${address}: this is no IP address; write one such as 192.0.2.7 or 2001:db8::7`);
  }
  const identity = {
    clientId: task.value("client-id") ?? "",
    userName: task.value("user"),
    remoteHost: address ?? "",
  };
  const accounts = await task.present();
  const { allowed, by, rule = null, topicFilter = null, text } = decide(accounts, identity, request, topic);
  const warnings = [...task.missing];
  if (identity.userName !== undefined && accounts.isClosed && !accounts.users.has(identity.userName)) {
    warnings.push(`there is no user "${identity.userName}" here; only a token or a certificate could let it in`);
  }
  if (task.value("client-id") === undefined) {
    const ban = new BanList(accounts.bans).find(identity, task.nowMs);
    if (ban !== undefined) warnings.push(`the ${ban.kind} ${ban.name} is banned: such a client cannot connect`);
  }
  const answer = { json: { allowed, by, rule, topicFilter, text }, warnings };
  const refusal = task.value("client-id") === undefined ? undefined : connectRefusal(accounts, identity, task.nowMs);
  if (refusal !== undefined) {
    const first = `refused: it may not connect, since ${refusal}`;
    return {
      ...answer,
      lines: [first, `if it could: ${text}`],
      json: { ...answer.json, allowed: false, by: "connect", text: first },
      code: ExitCode.Failed,
    };
  }
  return { ...answer, lines: [text], code: allowed ? ExitCode.Ok : ExitCode.Failed };
}

/** Bans, and whose Client Identifier it is. */
function connectRefusal(accounts: Accounts, identity: Identity, nowMs: number): string | undefined {
  const source = { accounts, watch: () => () => {}, upgradeCredentials: () => Promise.resolve() };
  return new AclAuthorizer({ source, clock: { wallMs: () => nowMs } }).connectRefusal(identity)?.why;
}

function topicName(topic: string): string {
  if (isValidTopicName(topic)) return topic;
  throw new UsageError(
    `"${topic}" is no Topic Name: it is not empty, and has no + and no # (a filter is for subscribe)`,
  );
}

/** A shared subscription is judged by the filter behind `$share/NAME/`. */
function judgedFilter(filter: string): string {
  const shared = parseSharedFilter(filter);
  if (shared === "invalid" || !isValidTopicFilter(filter)) {
    throw new UsageError(`"${filter}" is no Topic Filter: + is a whole level, and # the last one, as in a/+/b/#`);
  }
  return shared?.topicFilter ?? filter;
}
