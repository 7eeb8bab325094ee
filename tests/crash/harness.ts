/** The run: a broker process under load is killed with SIGKILL and started again, over and over, and all promises are
 * looked at after each restart and whenever everything has come to rest.
 * In: options. Out: figures, and every violation. @module */

import { deadline } from "@std/async/deadline";
import { SeededRandom } from "../simulation/random.ts";
import { type Actor, cast, sleep, STALL_MS, type World } from "./actors.ts";
import { BrokerProcess, freePort } from "./broker_process.ts";
import { ExpiringSessions, SHORT_EXPIRY_S } from "./expiring_sessions.ts";
import { Ledger, type Violation } from "./ledger.ts";
import { RealClients } from "./real_clients.ts";
import { Retainer } from "./retained.ts";
import { Wills } from "./wills.ts";

export interface CrashOptions {
  readonly kills: number;
  readonly seed: number;
  /** A life under load ends after 0.05 to so many seconds. */
  readonly secondsPerLife: number;
  readonly durability: string;
  /** MQTT.js and Mosquitto's clients take part. */
  readonly realClients: boolean;
  /** See `World`. Long enough for a machine that has other things to do, and for a delayed will. Default: 15 s. */
  readonly quietMs?: number;
  /** It is waited for everything after so many kills. Default: 10. */
  readonly killsPerRest?: number;
  readonly print?: (line: string) => void;
}

export interface CrashResult {
  readonly seed: number;
  readonly durability: string;
  kills: number;
  seconds: number;
  published: number;
  acknowledged: number;
  delivered: number;
  lost: number;
  repeatedQoS1: number;
  repeatedQoS2: number;
  retainedChecks: number;
  willsDecided: number;
  sessionsExpired: number;
  sessionsKept: number;
  restartMsMedian: number;
  restartMsMax: number;
  violations: readonly Violation[];
  /** The end of what the last broker process said, when something was violated. */
  brokerSaid: string | undefined;
  /** Kept when something was violated. */
  dataDir: string | undefined;
}

/** Clients with a will that begin with a life. */
const WILLS_FIRST = 12;
const WILLS_LATER = 3;
const SAID_CHARACTERS = 2_000;
const LIFE_MS_MIN = 50;
/** A start takes about as long: within it the process is killed now and then. */
const START_MS = 400;

export async function crash(options: CrashOptions): Promise<CrashResult> {
  const run = new CrashRun(options, await Deno.makeTempDir({ prefix: "quetzal-crash-" }));
  try {
    return await run.run();
  } finally {
    await run.end();
  }
}

class CrashRun {
  readonly #random: SeededRandom;
  readonly #ledger = new Ledger();
  readonly #world: World;
  readonly #wills: Wills;
  readonly #expiring: ExpiringSessions;
  readonly #retainer: Retainer;
  readonly #cast: ReturnType<typeof cast>;
  readonly #realClients: RealClients;
  readonly #tasks: Promise<void>[] = [];
  readonly #restartsMs: number[] = [];
  readonly #startedMs = performance.now();
  #broker: BrokerProcess | undefined;
  #kills = 0;
  #lost = 0;
  #failure: unknown;

  constructor(readonly options: CrashOptions, readonly dataDir: string) {
    this.#random = new SeededRandom(options.seed);
    this.#world = {
      // The free port of the moment says nothing about the run: it does not take from the seed.
      port: freePort(Math.random),
      random: this.#random,
      ledger: this.#ledger,
      quietMs: options.quietMs ?? 15_000,
      isOver: false,
      isLoaded: true,
      isDraining: false,
    };
    this.#wills = new Wills(this.#world);
    this.#expiring = new ExpiringSessions(this.#world);
    this.#retainer = new Retainer(this.#world);
    this.#cast = cast(this.#world);
    this.#realClients = new RealClients(this.#world);
  }

  async run(): Promise<CrashResult> {
    const { kills, killsPerRest = 10 } = this.options;
    await this.#start();
    const { publishers, subscribers } = this.#cast;
    const begun = Promise.all([this.#retainer.start(), ...subscribers.map((subscriber) => subscriber.start())]);
    await this.#within(begun, "the subscribers");
    if (this.options.realClients && this.#isSound) {
      await this.#within(this.#realClients.start((task) => this.#also(task)), "the clients of others");
    }
    for (const actor of [...publishers, ...subscribers, this.#retainer]) this.#also(actor.run());
    let nextRest = killsPerRest;
    while (this.#kills < kills && this.#isSound) {
      await this.#liveAndDie();
      await this.#startAgain();
      const isEnd = this.#kills >= kills || !this.#isSound;
      if (isEnd || this.#kills >= nextRest) {
        await this.#rest();
        nextRest = this.#kills + killsPerRest;
      }
      this.#report();
    }
    return await this.#result();
  }

  get #isSound(): boolean {
    if (this.#failure !== undefined) throw this.#failure;
    return this.#ledger.violations.length === 0;
  }

  /** Runs beside the others; what it throws ends the run. */
  #also(task: Promise<void>): void {
    this.#tasks.push(task.catch((error) => {
      this.#failure ??= error;
    }));
  }

  #spawn(): BrokerProcess {
    const { durability } = this.options;
    this.#wills.starting();
    return this.#broker = new BrokerProcess({ dataDir: this.dataDir, port: this.#world.port, durability });
  }

  /** What hangs is a violation, whatever ends it later. */
  async #within(task: Promise<unknown>, who: string): Promise<void> {
    try {
      await deadline(task, STALL_MS);
    } catch (error) {
      if (!(error instanceof DOMException && error.name === "TimeoutError")) throw error;
      this.#ledger.violate("stall", `${who} have no answer after ${STALL_MS / 1000} s`);
    }
  }

  async #start(): Promise<number> {
    return await this.#spawn().listening();
  }

  async #kill(): Promise<void> {
    // First: whatever a client sees from now on may be the end.
    this.#ledger.life++;
    this.#kills++;
    this.#retainer.crashed();
    await this.#broker!.kill();
  }

  async #liveAndDie(): Promise<void> {
    const isFirst = this.#kills === 0;
    const begun = Promise.all([this.#wills.begin(isFirst ? WILLS_FIRST : WILLS_LATER), this.#expiring.begin()]);
    this.#also(begun.then(() => {}));
    // However short the run is, it has seen each of them once.
    if (isFirst) await this.#within(begun, "the first clients");
    const lifeMsMax = this.options.secondsPerLife * 1000;
    await sleep(LIFE_MS_MIN + this.#random.next() * (lifeMsMax - LIFE_MS_MIN));
    await this.#kill();
  }

  async #startAgain(): Promise<void> {
    const random = this.#random;
    // Long enough for short sessions to run out.
    if (this.#kills === 1 || random.chance(0.1)) await sleep(SHORT_EXPIRY_S * 1000 + 100);
    if (random.chance(0.2)) {
      // In the middle of its start.
      this.#spawn();
      await sleep(random.next() * START_MS);
      await this.#kill();
    }
    if (random.chance(0.15)) {
      // In quick succession: it had just begun to listen.
      await this.#start();
      await sleep(random.next() * 100);
      await this.#kill();
    }
    this.#restartsMs.push(await this.#start());
    await this.#within(
      Promise.all([this.#retainer.check(), this.#expiring.check()]),
      "the clients that look what is there",
    );
  }

  /** No new messages, everybody is there: all that is owed must come. */
  async #rest(): Promise<void> {
    const world = this.#world;
    const ledger = this.#ledger;
    world.isLoaded = false;
    world.isDraining = true;
    let progress = -1;
    let quietSinceMs = 0;
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      const open = this.#open(1);
      if (open.length === 0) break;
      if (ledger.progress !== progress) {
        progress = ledger.progress;
        quietSinceMs = performance.now();
      } else if (performance.now() - quietSinceMs > world.quietMs) {
        await this.#giveUp();
        break;
      }
      await sleep(20);
    }
    this.#wills.settle();
    ledger.settle();
    world.isDraining = false;
    world.isLoaded = true;
  }

  /** What has not come to its end, up to about `max` texts. */
  #open(max: number): string[] {
    const { publishers, subscribers } = this.#cast;
    const open: string[] = [];
    for (const { client, clientId } of [...publishers, this.#retainer]) {
      if (!client.isConnected || client.unfinished > 0) open.push(`${clientId} has ${client.unfinished} unfinished`);
    }
    for (const { client, clientId } of subscribers) {
      if (!client.isConnected || client.unreleased > 0) open.push(`${clientId} has ${client.unreleased} unreleased`);
    }
    if (open.length < max) open.push(...this.#realClients.open(), ...this.#wills.missing());
    if (open.length < max) open.push(...this.#ledger.missing(max - open.length));
    return open;
  }

  /** Nothing comes any more. Does the broker answer? Then what is open is lost. */
  async #giveUp(): Promise<void> {
    const { publishers, subscribers } = this.#cast;
    const ledger = this.#ledger;
    for (const actor of [...publishers, ...subscribers, this.#retainer] as Actor[]) {
      try {
        if (await deadline(actor.client.ping(), STALL_MS)) continue;
        ledger.violate("stall", `${actor.clientId} is not connected`);
      } catch {
        ledger.violate("stall", `${actor.clientId} has no answer to PINGREQ after ${STALL_MS / 1000} s`);
      }
    }
    for (const what of this.#open(Infinity)) {
      this.#lost++;
      if (this.#lost > 100) continue; // more tell no more
      const isStuck = what.includes(" unfinished") || what.includes(" unreleased");
      ledger.violate(isStuck ? "stall" : what.includes(" the will ") ? "wrong will" : "lost message", what);
    }
  }

  #report(): void {
    const { published, acknowledged, delivered, violations } = this.#ledger;
    const restartMs = Math.round(this.#restartsMs.at(-1)!);
    this.options.print?.(
      `${this.#kills}/${this.options.kills} kills, ${published} published, ${acknowledged} acknowledged, ` +
        `${delivered} delivered, restart ${restartMs} ms, ${violations.length} violations`,
    );
  }

  async #result(): Promise<CrashResult> {
    const { published, acknowledged, delivered, repeatedQoS1, repeatedQoS2, violations } = this.#ledger;
    const sorted = [...this.#restartsMs].sort((a, b) => a - b);
    const isSound = this.#isSound;
    await this.end();
    if (isSound) await Deno.remove(this.dataDir, { recursive: true });
    return {
      seed: this.options.seed,
      durability: this.options.durability,
      kills: this.#kills,
      seconds: Math.round((performance.now() - this.#startedMs) / 1000),
      published,
      acknowledged,
      delivered,
      lost: this.#lost,
      repeatedQoS1,
      repeatedQoS2,
      retainedChecks: this.#retainer.checks,
      willsDecided: this.#wills.demanded,
      sessionsExpired: this.#expiring.expired,
      sessionsKept: this.#expiring.kept,
      restartMsMedian: Math.round(sorted[sorted.length >>> 1]),
      restartMsMax: Math.round(sorted.at(-1)!),
      violations,
      brokerSaid: isSound ? undefined : this.#broker!.said.slice(-SAID_CHARACTERS),
      dataDir: isSound ? undefined : this.dataDir,
    };
  }

  /** No client and no process stays behind. May be called again. */
  async end(): Promise<void> {
    this.#world.isOver = true;
    await this.#broker?.kill();
    await this.#realClients.end();
    await Promise.all(this.#tasks);
    await this.#wills.end();
  }
}
