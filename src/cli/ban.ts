/** `ban add`, `ban list`, `ban remove`: who is kept out. @module */

import { BAN_KINDS, type BanKind, type BanRecord } from "../auth/account_records.ts";
import { banProblem } from "../auth/account_names.ts";
import { type AccountAction, type AccountTask, normalNetwork } from "./account_task.ts";
import { type Answer, subjectText, table, timeText } from "./answer.ts";
import { UsageError } from "./arguments.ts";

export const BAN_ACTIONS = {
  "ban add": addBan,
  "ban list": listBans,
  "ban remove": removeBan,
} satisfies Record<string, AccountAction>;

const UNITS_MS: Readonly<Record<string, number>> = { s: 1000, min: 60_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
/** Ten years: whoever means longer means for good. */
const DURATION_MS_MAX = 3650 * 86_400_000;

async function addBan(task: AccountTask): Promise<Answer> {
  const [kind, name] = banned(task);
  const duration = task.value("for");
  const untilMs = duration === undefined ? undefined : task.nowMs + parseDuration(duration);
  const ban = { kind, name, untilMs, reason: task.value("reason") ?? "" };
  await task.accounts.addBan(ban);
  return { lines: [`banned: ${banText(ban)}`], json: { ...ban, untilMs: untilMs ?? null } };
}

async function listBans({ accounts, nowMs }: AccountTask): Promise<Answer> {
  const bans = (await accounts.bans()).filter((ban) => (ban.untilMs ?? Infinity) > nowMs);
  const rows = bans.map(({ kind, name, untilMs, reason, createdAtMs }) => [
    subjectText(kind, name),
    untilText(untilMs),
    timeText(createdAtMs),
    reason,
  ]);
  return {
    lines: table(["WHO", "UNTIL", "SINCE", "REASON"], rows, "nobody is banned"),
    json: bans.map((ban) => ({ ...ban, untilMs: ban.untilMs ?? null })),
  };
}

async function removeBan(task: AccountTask): Promise<Answer> {
  const [kind, name] = banned(task);
  await task.accounts.removeBan(kind, name);
  return { lines: [`lifted the ban of the ${kind} ${name}`], json: { kind, name } };
}

function banned(task: AccountTask): [kind: BanKind, name: string] {
  const given = BAN_KINDS.flatMap((kind) => {
    const name = task.value(kind);
    return name === undefined ? [] : [[kind, name] as const];
  });
  if (given.length !== 1) {
    throw new UsageError(
      `exactly one of ${BAN_KINDS.map((kind) => `--${kind}`).join(", ")} says whom it is about; ` +
        (given.length === 0 ? "none was given" : `${given.length} were given`),
    );
  }
  const [[kind, written]] = given;
  const name = kind === "address" ? normalNetwork(written) : written;
  const problem = banProblem(kind, name);
  if (problem !== undefined) throw new UsageError(`--${kind} ${written}: ${problem}`);
  return [kind, name];
}

/** "90min" → milliseconds. @throws UsageError */
export function parseDuration(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)\s*([a-z]+)$/i.exec(text) ?? [];
  const unitMs = unit === undefined ? undefined : UNITS_MS[unit.toLowerCase()];
  const ms = Math.round(Number(number) * (unitMs ?? NaN));
  if (!(ms > 0)) throw new UsageError(`--for ${text}: write a number with s, min, h or d, as in --for 90min`);
  if (ms > DURATION_MS_MAX) throw new UsageError(`--for ${text}: at most ten years; leave --for out to ban for good`);
  return ms;
}

/** "address 192.0.2.7 until 2026-01-31T12:00:00Z: too many attempts" */
export function banText({ kind, name, untilMs, reason }: Omit<BanRecord, "createdAtMs">): string {
  return `${subjectText(kind, name)} ${untilMs === undefined ? "" : "until "}${untilText(untilMs)}` +
    (reason === "" ? "" : `: ${reason}`);
}

function untilText(untilMs: number | undefined): string {
  return untilMs === undefined ? "until it is lifted" : timeText(untilMs);
}
