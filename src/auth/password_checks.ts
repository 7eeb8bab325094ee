/** Who asks whether a password is right waits here. A check costs a core for a tenth of a second, so there are few at
 * once, each verdict is remembered, equal questions are asked once, and addresses take turns:
 *
 *     ask → remembered? ──────────────────────────────────────────────→ answer
 *             │ no
 *             ├→ asked already: wait with the others
 *             └→ queue of its address → (in turn, at most passwordChecksAtOnceMax) → verifyPassword → remembered, answer
 *
 * When too many wait, the address that has the most of them waiting loses its last one. @module */

import type { Clock } from "../base/clock.ts";
import type { Credentials } from "./credentials.ts";
import { dummyCredentials, isOutdated, type PasswordStrength, PRESENT_STRENGTH, verifyPassword } from "./password.ts";
import { type VerdictLimits, VerdictMemory } from "./verdict_memory.ts";

/** Of `Limits`. */
export interface PasswordCheckLimits extends VerdictLimits {
  readonly passwordChecksAtOnceMax: number;
  readonly passwordChecksWaitingMax: number;
}

export interface PasswordQuestion {
  readonly userName: string;
  /** undefined: there is nothing that a password could fit. It takes as long to find out. */
  readonly credentials: Credentials | undefined;
  readonly password: Uint8Array;
  /** Those of one address stand in one queue. */
  readonly address: string;
}

/** "refused": `refuse` was called for its address. "failed": it could not be checked; `error` says why. */
export type PasswordAnswer =
  | { readonly kind: "right" | "wrong" | "busy" | "refused" }
  | { readonly kind: "failed"; readonly error: unknown };

type Answer = (answer: PasswordAnswer) => void;

interface Asker {
  readonly address: string;
  readonly answer: Answer;
}

interface Check {
  readonly key: string;
  readonly question: PasswordQuestion;
  readonly askers: Set<Asker>;
  /** false: it waits, in the queue of each address that asks. */
  isRunning: boolean;
}

/** Then everybody else has a turn: thousands may have asked the same, and each answer is a CONNACK at least. */
const ANSWERS_IN_A_ROW_MAX = 16;

export class PasswordChecks {
  readonly #limits: PasswordCheckLimits;
  readonly #memory: VerdictMemory;
  /** Which of the right ones came from which address. */
  readonly #known: VerdictMemory;
  readonly #strength: PasswordStrength;
  readonly #dummy: Credentials;
  /** Waiting or running, by key. */
  readonly #checks = new Map<string, Check>();
  /** By address, none empty; the first address is the next one. */
  readonly #queues = new Map<string, Check[]>();
  /** By name; done when nobody waits. */
  readonly #chores = new Map<string, () => Promise<void>>();
  #running = 0;

  constructor(limits: PasswordCheckLimits, clock: Clock, strength: PasswordStrength = PRESENT_STRENGTH) {
    this.#limits = limits;
    this.#memory = new VerdictMemory(limits, clock);
    this.#known = new VerdictMemory(limits, clock);
    this.#strength = strength;
    this.#dummy = dummyCredentials(strength);
  }

  /** Checks that wait for their turn. */
  get waiting(): number {
    return this.#checks.size - this.#runningChecks;
  }
  #runningChecks = 0;

  /** @returns undefined = it would have to be checked. */
  remembered(question: PasswordQuestion): boolean | undefined {
    return this.#memory.recall(this.#keyOf(question));
  }

  /** Was this password right before, for a Client of the same address? */
  isKnown(question: PasswordQuestion): boolean {
    return this.#known.recall(this.#knownKeyOf(this.#keyOf(question), question.address)) === true;
  }

  /** For whoever knows the verdict: credentials were made from this password. */
  remember(question: PasswordQuestion, isRight: boolean): void {
    const key = this.#keyOf(question);
    this.#memory.remember(key, isRight);
    if (isRight) this.#known.remember(this.#knownKeyOf(key, question.address), true);
  }

  /** Answers exactly once, now or later. @returns what to call when nobody wants the answer any more; it comes all the
   * same if the check runs already: who asks and leaves at once has asked. */
  ask(question: PasswordQuestion, answer: Answer): () => void {
    const key = this.#keyOf(question);
    const remembered = this.#memory.recall(key);
    if (remembered !== undefined) {
      this.#tell(key, { address: question.address, answer }, { kind: remembered ? "right" : "wrong" });
      return () => {};
    }
    const asker = { address: question.address, answer };
    let check = this.#checks.get(key);
    if (check === undefined) {
      if (!this.#makeRoom(question.address)) {
        answer({ kind: "busy" });
        return () => {};
      }
      check = { key, question, askers: new Set(), isRunning: false };
      this.#checks.set(key, check);
    }
    check.askers.add(asker);
    if (!check.isRunning) this.#enqueue(check, asker.address);
    this.#start();
    return () => this.#leave(check, asker);
  }

  /** Answers "refused" to all of an address that wait; what somebody else asked, too, goes on. */
  refuse(address: string): void {
    const refused: Asker[] = [];
    for (const check of [...this.#queues.get(address) ?? []]) {
      for (const asker of [...check.askers]) {
        if (asker.address !== address) continue;
        this.#leave(check, asker);
        refused.push(asker);
      }
    }
    inTurns(refused, ({ answer }) => answer({ kind: "refused" }));
  }

  /** Does `chore` when there is a place and nobody waits for a check. One of a name at a time, and no more than may wait;
   * what is not taken is not done. It must not reject. */
  whenIdle(name: string, chore: () => Promise<void>): void {
    if (this.#chores.has(name) || this.#chores.size >= this.#limits.passwordChecksWaitingMax) return;
    this.#chores.set(name, chore);
    this.#start();
  }

  #keyOf({ userName, credentials, password }: PasswordQuestion): string {
    // The keys of the record are part of it: when it is replaced, no old verdict is found.
    if (credentials === undefined) return this.#memory.keyOf("none", userName, password);
    if (credentials.kind !== "scram") {
      return this.#memory.keyOf(credentials.kind, userName, credentials.salt, credentials.hash, password);
    }
    return this.#memory.keyOf("scram", userName, credentials.sha256.salt, credentials.sha256.storedKey, password);
  }

  /** @returns false when this address has to come again later. */
  #makeRoom(address: string): boolean {
    if (this.#running < this.#limits.passwordChecksAtOnceMax && this.waiting === 0) return true;
    if (this.waiting < this.#limits.passwordChecksWaitingMax) return true;
    let longest: Check[] = [];
    let owner = address;
    for (const [other, queue] of this.#queues) {
      if (queue.length > longest.length) [owner, longest] = [other, queue];
    }
    const own = this.#queues.get(address)?.length ?? 0;
    if (longest.length <= own + 1) return false;
    const last = longest[longest.length - 1];
    for (const asker of [...last.askers]) {
      if (asker.address === owner) this.#dismiss(last, asker, { kind: "busy" });
    }
    return this.waiting < this.#limits.passwordChecksWaitingMax;
  }

  #enqueue(check: Check, address: string): void {
    const queue = this.#queues.get(address);
    if (queue === undefined) this.#queues.set(address, [check]);
    else if (!queue.includes(check)) queue.push(check);
  }

  #unqueue(check: Check, address: string): void {
    const queue = this.#queues.get(address);
    const at = queue?.indexOf(check) ?? -1;
    if (at < 0) return;
    queue!.splice(at, 1);
    if (queue!.length === 0) this.#queues.delete(address);
  }

  #leave(check: Check, asker: Asker): void {
    if (check.isRunning || !check.askers.delete(asker)) return;
    for (const other of check.askers) if (other.address === asker.address) return;
    this.#unqueue(check, asker.address);
    if (check.askers.size === 0) this.#checks.delete(check.key);
  }

  #dismiss(check: Check, asker: Asker, answer: PasswordAnswer): void {
    this.#leave(check, asker);
    asker.answer(answer);
  }

  #start(): void {
    while (this.#running < this.#limits.passwordChecksAtOnceMax) {
      const work = this.#nextCheck() ?? this.#nextChore();
      if (work === undefined) return;
      this.#running++;
      work().finally(() => {
        this.#running--;
        this.#start();
      });
    }
  }

  #nextCheck(): (() => Promise<void>) | undefined {
    const next = this.#queues.entries().next().value;
    if (next === undefined) return undefined;
    const [address, [check]] = next;
    check.isRunning = true;
    this.#runningChecks++;
    for (const asker of check.askers) this.#unqueue(check, asker.address);
    // The next address has its turn.
    const rest = this.#queues.get(address);
    if (rest !== undefined) {
      this.#queues.delete(address);
      this.#queues.set(address, rest);
    }
    return () => this.#run(check);
  }

  #nextChore(): (() => Promise<void>) | undefined {
    const next = this.#chores.entries().next().value;
    if (next === undefined) return undefined;
    this.#chores.delete(next[0]);
    return next[1];
  }

  async #run(check: Check): Promise<void> {
    const answer = await this.#verify(check.question);
    this.#checks.delete(check.key);
    this.#runningChecks--;
    if (answer.kind !== "failed") this.#memory.remember(check.key, answer.kind === "right");
    await inTurns(check.askers, (asker) => this.#tell(check.key, asker, answer));
  }

  #tell(key: string, asker: Asker, answer: PasswordAnswer): void {
    if (answer.kind === "right") this.#known.remember(this.#knownKeyOf(key, asker.address), true);
    asker.answer(answer);
  }

  /** The key tells nothing, and the address is no secret. */
  #knownKeyOf(key: string, address: string): string {
    return `${key} ${address}`;
  }

  async #verify({ credentials, password }: PasswordQuestion): Promise<PasswordAnswer> {
    try {
      if (credentials !== undefined && await verifyPassword(credentials, password)) return { kind: "right" };
      // A record of an older and faster kind is not to be known by its time from a user that does not exist.
      const isSlow = credentials !== undefined && !isOutdated(credentials, this.#strength);
      if (!isSlow) await verifyPassword(this.#dummy, password);
      return { kind: "wrong" };
    } catch (error) {
      return { kind: "failed", error };
    }
  }
}

/** A few at once, the others in later turns of the event loop. */
async function inTurns(askers: Iterable<Asker>, tell: (asker: Asker) => void): Promise<void> {
  let inARow = 0;
  for (const asker of askers) {
    if (inARow++ === ANSWERS_IN_A_ROW_MAX) {
      inARow = 1;
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    tell(asker);
  }
}
