/** What the scenarios of `deno task bench:access` are given, what they answer, and how large they are. @module */

import type { DuelJob } from "../load/duel.ts";
import type { Column, Table } from "./table.ts";

export interface AccessContext {
  readonly size: AccessSize;
  /** The one core that brokers have; undefined: all. */
  readonly brokerCore: number | undefined;
  /** That of the load generators. */
  readonly loadCore: number | undefined;
  /** Where Mosquitto is; undefined: there is none. */
  readonly mosquitto: string | undefined;
  readonly tell: (line: string) => void;
}

export interface AccessScenario {
  readonly id: string;
  readonly title: string;
  run(context: AccessContext): Promise<AccessResult>;
}

export interface AccessResult {
  readonly tables: readonly Table[];
  /** What was lost, and which limits were missed; [] = all is well. */
  readonly problems: readonly string[];
  readonly deliveriesVerified: number;
  /** Everything that was measured, for `--json`. */
  readonly runs: readonly unknown[];
}

export interface AccessSize {
  readonly pairs: number;
  readonly warmUpSeconds: number;
  readonly seconds: number;
  /** Of each publisher, after which a run ends before its time; left out: it never does. */
  readonly messagesMax?: number;
  /** How often the brokers are started anew. */
  readonly generations: number;
  readonly duel: Pick<DuelJob, "rounds" | "warmUpRounds" | "rampMs" | "sliceMs">;
  readonly accounts: number;
  readonly rules: number;
  /** Clients that share these accounts. */
  readonly sharingClients: number;
  /** Clients with an account each. */
  readonly ownAccounts: number;
  readonly wrongLogins: number;
  readonly wrongLoginsAtOnceMax: number;
  /** Who has nothing to do with it. They are watched for `calmSeconds` while nothing else happens. */
  readonly others: {
    readonly pairs: number;
    readonly messagesPerSecond: number;
    readonly warmUpSeconds: number;
    readonly calmSeconds: number;
  };
  readonly handshakes: { readonly clients: number; readonly atOnceMax: number; readonly seconds: number };
  /** Limits are judged; a tiny run is too short for that. */
  readonly isJudged: boolean;
}

export const ACCESS_SIZE: AccessSize = {
  pairs: 100,
  warmUpSeconds: 1,
  seconds: 2,
  // Two processes of the same broker differ by up to 16 %: more starts say more than more rounds.
  generations: 6,
  duel: { rounds: 16, warmUpRounds: 4, rampMs: 50, sliceMs: 250 },
  accounts: 10,
  rules: 1000,
  sharingClients: 5000,
  ownAccounts: 500,
  wrongLogins: 10_000,
  wrongLoginsAtOnceMax: 5000,
  others: { pairs: 10, messagesPerSecond: 1000, warmUpSeconds: 1, calmSeconds: 4 },
  handshakes: { clients: 1e9, atOnceMax: 50, seconds: 3 },
  isJudged: true,
};

export const QUETZAL = { id: "quetzal", title: "Quetzal" } as const satisfies Column;
export const MOSQUITTO = { id: "mosquitto", title: "Mosquitto" } as const satisfies Column;
