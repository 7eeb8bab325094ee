/** What is kept of accounts: users, roles, rules, bans, and the register of clients. Types only: the shapes that
 * `accounts_store.ts` writes and everybody else reads. Times are milliseconds of the wall clock. @module */

import type { Credentials } from "./credentials.ts";

export interface UserRecord {
  /** 1 to 65,535 bytes; no control characters. */
  readonly name: string;
  readonly isDisabled: boolean;
  /** Names of roles; one that does not exist (any more) means nothing. */
  readonly roles: readonly string[];
  /** Client Identifiers that this user may use, and nobody else; `*` stands for any characters, `%u` for the name.
   * [] = any that no other user has claimed. */
  readonly clientIds: readonly string[];
  /** undefined: no password; the user comes in by a certificate or a token only. */
  readonly credentials: Credentials | undefined;
  /** Grows with each password that a person sets, not when it is hashed anew. */
  readonly credential: number;
  readonly createdAtMs: number;
  readonly changedAtMs: number;
}

export interface RoleRecord {
  readonly name: string;
  readonly createdAtMs: number;
}

/** "publish" includes retained messages, "subscribe" includes receiving; "retain" is publishing retained ones alone; "all"
 * is all of them. */
export const ACL_ACTIONS = ["publish", "subscribe", "retain", "all"] as const;
export type AclAction = typeof ACL_ACTIONS[number];

/** In the order in which they are asked: the most particular first. */
export const ACL_SUBJECT_KINDS = ["user", "client-id", "role", "address", "anonymous", "everyone"] as const;
export type AclSubjectKind = typeof ACL_SUBJECT_KINDS[number];

export interface AclRule {
  /** Names it to people; given once, in order. */
  readonly number: number;
  readonly effect: "allow" | "deny";
  readonly subjectKind: AclSubjectKind;
  /** "" for "anonymous" and "everyone". For "address": an address, or a network as "10.0.0.0/8". */
  readonly subjectName: string;
  readonly action: AclAction;
  /** May hold %u, %c, ${role}. Never with $share/. */
  readonly topicFilter: string;
}

export const BAN_KINDS = ["address", "user", "client-id"] as const;
export type BanKind = typeof BAN_KINDS[number];

export interface BanRecord {
  readonly kind: BanKind;
  /** For "address": an address, or a network as "10.0.0.0/8". */
  readonly name: string;
  /** undefined = until it is lifted. */
  readonly untilMs: number | undefined;
  /** "" = none was given. */
  readonly reason: string;
  readonly createdAtMs: number;
}

/** One Client in the register: what the owner of a broker asks about a device. */
export interface ClientRecord {
  readonly clientId: string;
  readonly userName: string | undefined;
  readonly protocolVersion: 3 | 4 | 5;
  /** Seconds in force, 0 = off. */
  readonly keepAlive: number;
  readonly remoteAddress: string;
  readonly listenerUrl: string;
  readonly isConnected: boolean;
  readonly firstConnectedAtMs: number;
  readonly connectedAtMs: number;
  readonly connectCount: number;
  /** undefined = it never left. */
  readonly disconnectedAtMs: number | undefined;
  /** The Reason Code of its last end, and what the log says of it. */
  readonly disconnectReasonCode: number | undefined;
  readonly disconnectReason: string;
  /** The last packet that it sent: "PUBLISH", "PINGREQ", …, and when. */
  readonly lastAction: string;
  readonly lastActionAtMs: number;
}
