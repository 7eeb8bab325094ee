/** Clients that connect all at once, or one after the other in a few rows, each with its own connection, CONNECT and wait
 * for CONNACK; and what they were answered, how late. @module */

import { delay } from "@std/async/delay";
import { cpuUsage } from "node:process";
import { type Carried, openCarrier } from "./carrier.ts";
import { connectFrame, DISCONNECT, First, type Login, subscribeFrame } from "./frames.ts";
import type { LoadJob, Quantiles } from "./job.ts";
import { Latencies } from "./latencies.ts";

export interface StormJob extends Pick<LoadJob, "port" | "carrier" | "caFile"> {
  /** How many, unless `seconds` ends it before. */
  readonly clients: number;
  /** Of them, how many are under way at a time. */
  readonly atOnceMax: number;
  readonly seconds?: number;
  /** Their ids are this and a number. */
  readonly clientIdPrefix: string;
  readonly cleanSession: boolean;
  /** Only 5.0 hears the Reason Code. */
  readonly protocolVersion: 4 | 5;
  /** Accounts that they take turns with; left out: they are anonymous. */
  readonly userNames?: readonly string[];
  readonly password?: string;
  /** true: each has a user name and a password that nobody else has, made from these. */
  readonly isEachDifferent?: boolean;
  /** Who is refused, or not answered, comes again after this time, in ms; left out: nobody does. */
  readonly retryMs?: number;
  /** true: each subscribes to a topic of its own, and is answered that, too. */
  readonly isSubscribed?: boolean;
  /** true: who was let in stays until the input ends; false: it leaves at once. */
  readonly isKept: boolean;
}

export interface StormResult {
  /** By Reason Code, as "0x00". */
  readonly answers: Readonly<Record<string, number>>;
  /** Of them, those who were let in and heard Session Present. */
  readonly sessionsPresent: number;
  /** The connection ended without CONNACK, or could not be made. */
  readonly unanswered: number;
  /** From the beginning to the last CONNACK. */
  readonly lastMs: number;
  /** From the beginning of each connection to its CONNACK. */
  readonly answerMs: Quantiles | undefined;
  readonly answersPerSecond: number;
  /** Processor time by time passed; 1 is a whole core. */
  readonly generatorBusy: number;
}

const ANSWER_BYTES_MAX = 1024;

export class Storm {
  readonly #answers: Record<string, number> = {};
  readonly #latencies = new Latencies();
  readonly #kept: Carried[] = [];
  #sessionsPresent = 0;
  #unanswered = 0;
  #answered = 0;
  #begun = 0;
  #lastMs = 0;
  #startMs = 0;

  constructor(readonly job: StormJob) {}

  async result(): Promise<StormResult> {
    this.#startMs = performance.now();
    const cpu = cpuUsage();
    await Promise.all(Array.from({ length: this.job.atOnceMax }, () => this.#row()));
    const { user, system } = cpuUsage(cpu);
    const passedMs = performance.now() - this.#startMs;
    return {
      answers: this.#answers,
      sessionsPresent: this.#sessionsPresent,
      unanswered: this.#unanswered,
      lastMs: this.#lastMs,
      answerMs: this.#latencies.quantiles(),
      answersPerSecond: this.#answered / passedMs * 1000,
      generatorBusy: (user + system) / 1000 / passedMs,
    };
  }

  /** Without DISCONNECT: as when the power fails where they are. */
  endKept(): void {
    for (const carried of this.#kept) carried.close();
  }

  async #row(): Promise<void> {
    const { clients, seconds = Infinity } = this.job;
    while (this.#begun < clients && performance.now() - this.#startMs < seconds * 1000) {
      const index = this.#begun++;
      while (!await this.#letIn(index) && this.job.retryMs !== undefined) await delay(this.job.retryMs);
    }
  }

  /** One attempt. @returns whether it was let in. */
  async #letIn(index: number): Promise<boolean> {
    const { clientIdPrefix, cleanSession, protocolVersion, isKept } = this.job;
    const beginMs = performance.now();
    let carried: Carried | undefined;
    let isIn = false;
    try {
      carried = await openCarrier(this.job);
      await writeAll(
        carried,
        connectFrame(`${clientIdPrefix}-${index}`, cleanSession, this.#login(index), protocolVersion),
      );
      const answer = new Uint8Array(ANSWER_BYTES_MAX);
      const isAnswered = await readConnack(carried, answer);
      if (!isAnswered) {
        this.#unanswered++;
      } else {
        const nowMs = performance.now();
        this.#lastMs = nowMs - this.#startMs;
        this.#latencies.add(nowMs - beginMs);
        this.#answered++;
        // What follows the Remaining Length, of one byte or two.
        const at = answer[1] < 0x80 ? 2 : 3;
        const reasonCode = answer[at + 1];
        const name = `0x${reasonCode.toString(16).padStart(2, "0").toUpperCase()}`;
        this.#answers[name] = (this.#answers[name] ?? 0) + 1;
        if (reasonCode === 0) {
          isIn = true;
          if (this.job.isSubscribed) await this.#subscribe(carried, index);
          if ((answer[at] & 1) === 1) this.#sessionsPresent++;
          if (isKept) {
            this.#kept.push(carried);
            return true;
          }
          await writeAll(carried, DISCONNECT);
        }
      }
    } catch {
      // Reset, refused, or a handshake that failed.
      this.#unanswered++;
    }
    try {
      carried?.close();
    } catch {
      // It is closed already.
    }
    return isIn;
  }

  async #subscribe(carried: Carried, index: number): Promise<void> {
    const { clientIdPrefix, protocolVersion } = this.job;
    await writeAll(carried, subscribeFrame(1, `bench/${clientIdPrefix}/${index}`, 0, protocolVersion));
    // No more than a few bytes, in one read.
    const answer = new Uint8Array(ANSWER_BYTES_MAX);
    if (await carried.read(answer) === null || answer[0] !== First.Suback) throw new Error("no SUBACK");
  }

  #login(index: number): Login | undefined {
    const { userNames, password = "", isEachDifferent } = this.job;
    if (userNames === undefined) return undefined;
    const userName = userNames[index % userNames.length];
    return isEachDifferent
      ? { userName: `${userName}-${index}`, password: `${password}-${index}` }
      : { userName, password };
  }
}

/** @returns false when the connection ended before enough of it was there. */
async function readConnack(carried: Carried, into: Uint8Array): Promise<boolean> {
  for (let filled = 0; filled < 5;) {
    const count = await carried.read(into.subarray(filled));
    if (count === null) return false;
    filled += count;
    if (into[0] !== First.Connack) throw new Error(`got a packet that begins with 0x${into[0].toString(16)}`);
    // 3.1.1: four bytes are all.
    if (filled >= 4 && into[1] === 2) return true;
  }
  return true;
}

async function writeAll(carried: Carried, bytes: Uint8Array): Promise<void> {
  for (let from = 0; from < bytes.length;) from += await carried.write(bytes.subarray(from));
}
