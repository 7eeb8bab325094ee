/** What each Client may do, by the accounts of the broker: bans, users, claims of Client Identifiers, and rules. Rights are
 * worked out once for each identity and kept as long as it lives or until the accounts change; a verdict on a topic is kept,
 * too, so that the second time is a look-up. Room: pure. @module */

import { CacheGauge } from "../base/cache_gauge.ts";
import { levelHash } from "../topic/level_hash.ts";
import type { Clock } from "../base/clock.ts";
import type { QoS } from "../packet/control_packet.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import { hasWildcard } from "../topic/topic_filter.ts";
import { isServerTopic } from "../topic/topic_name.ts";
import type { Accounts, AccountsSource } from "./accounts.ts";
import { accountProblem, AclIndex, type Rights } from "./acl_rights.ts";
import type { Authorizer, ConnectRefusal, Identity } from "./authorizer.ts";
import { BanList } from "./ban_list.ts";
import { ClientIdClaims } from "./client_id_claims.ts";
import { WholeVerdicts } from "./whole_verdicts.ts";

export interface AclAuthorizerParts {
  readonly source: AccountsSource;
  /** For bans that run out. */
  readonly clock: Pick<Clock, "wallMs">;
}

export interface AclAuthorizerOptions {
  /** Topics of one identity on which a verdict is remembered; beyond, all of them are forgotten. A gateway's worth, and
   * no more than a hostile Client with ever new topics may cost: so a long one counts as several. Default 1,024. */
  readonly verdictsPerIdentityMax?: number;
  /** The same of all identities together; some 25 MB, and with the longest topics 60. Default 262,144. */
  readonly verdictsMax?: number;
}

const VERDICTS_PER_IDENTITY_MAX = 1_024;
const VERDICTS_MAX = 262_144;

/** Of a Topic Name: each such part of it takes about as much memory as an entry of a Map. */
const CHARS_COUNTED_AS_ONE = 128;

/** Of one topic, in one number: each request has a bit for "known" and one for "allowed". */
const KNOWN = { publish: 1, retain: 2, receive: 4 } as const;
const ALLOWED_SHIFT = 3;

/** Of one identity. Made with the first topic that is judged: many Clients never get so far. */
class Verdicts {
  readonly wholes = new WholeVerdicts();
  readonly byTopic = new Map<string, number>();
  /** A Client with ever new topics is judged anew each time: to remember that would cost more, and help nobody. */
  readonly gauge: CacheGauge;
  /** Of `byTopic`, long topics counted as several. */
  count = 0;

  constructor(verdictsMax: number) {
    this.gauge = new CacheGauge(verdictsMax);
  }
}

interface Judged {
  readonly rights: Rights;
  verdicts: Verdicts | undefined;
}

/** The one answer to everything, or what is to be asked for each topic. */
type Remembered = boolean | Judged;

export class AclAuthorizer implements Authorizer {
  onChange: (() => void) | undefined = undefined;
  readonly #source: AccountsSource;
  readonly #clock: Pick<Clock, "wallMs">;
  readonly #verdictsPerIdentityMax: number;
  readonly #verdictsMax: number;
  readonly #unwatch: () => void;
  /** All that follows is of these. */
  #accounts: Accounts;
  #index: AclIndex | undefined;
  #bans: BanList | undefined;
  #claims: ClientIdClaims | undefined;
  #remembered = new WeakMap<Identity, Remembered>();
  #verdictCount = 0;

  constructor({ source, clock }: AclAuthorizerParts, options: AclAuthorizerOptions = {}) {
    this.#source = source;
    this.#clock = clock;
    this.#verdictsPerIdentityMax = options.verdictsPerIdentityMax ?? VERDICTS_PER_IDENTITY_MAX;
    this.#verdictsMax = options.verdictsMax ?? VERDICTS_MAX;
    this.#accounts = source.accounts;
    this.#unwatch = source.watch(() => {
      this.#renew();
      this.onChange?.();
    });
  }

  /** Remembered, long topics counted as several; also those of identities that are gone, until all are forgotten. */
  get verdictCount(): number {
    return this.#verdictCount;
  }

  /** Hears of no change any more. */
  close(): void {
    this.#unwatch();
  }

  connectRefusal(identity: Identity): ConnectRefusal | undefined {
    this.#renew();
    const { userName, clientId, credential } = identity;
    this.#claims ??= new ClientIdClaims(this.#accounts.users.values());
    const ofOthers = this.#claims.isOfOthers(clientId, userName) ? { isClientIdOfOthers: true } : undefined;
    this.#bans ??= new BanList(this.#accounts.bans);
    const ban = this.#bans.find(identity, this.#clock.wallMs());
    if (ban !== undefined) {
      const until = ban.untilMs === undefined ? "" : ` until ${new Date(ban.untilMs).toISOString()}`;
      return { reasonCode: ReasonCode.Banned, why: `this ${BAN_NAMES[ban.kind]} is banned${until}`, ...ofOthers };
    }
    const user = userName === undefined ? undefined : this.#accounts.users.get(userName);
    let why = accountProblem(this.#accounts, identity);
    if (why === undefined && credential !== undefined && user?.credential !== credential) {
      why = "the user's password was changed";
    }
    why ??= this.#claims.refusal(clientId, userName);
    return why === undefined ? undefined : { reasonCode: ReasonCode.NotAuthorized, why, ...ofOthers };
  }

  mayPublish(identity: Identity, topicName: string, _qos: QoS, retain: boolean): boolean {
    return this.#may(identity, retain ? "retain" : "publish", topicName);
  }

  publishableFilter(identity: Identity, topicName: string): string | undefined {
    const remembered = this.#rememberedOf(identity);
    if (typeof remembered !== "boolean") return remembered.verdicts?.wholes.allowedFilter("publish", topicName);
    return remembered && !isServerTopic(topicName) ? "#" : undefined;
  }

  /** Asked once for each subscription: not remembered. */
  maySubscribe(identity: Identity, topicFilter: string): boolean {
    const remembered = this.#rememberedOf(identity);
    if (typeof remembered === "boolean") return remembered;
    return remembered.rights.decide("subscribe", topicFilter).allowed;
  }

  /** A Client that was not here since the broker started may bring grants, as in a token: what only they could allow is
   * kept for it, and asked again when it is back. */
  mayReceive(identity: Identity, topicName: string): boolean {
    return this.#may(identity, "receive", topicName);
  }

  /** The broker remembers it. What is about a single topic costs no more than that topic does. */
  mayReceiveAll(identity: Identity, topicFilter: string): boolean | undefined {
    const remembered = this.#rememberedOf(identity);
    if (typeof remembered === "boolean") return remembered;
    if (!hasWildcard(topicFilter)) return remembered.rights.decide("receive", topicFilter).allowed;
    return remembered.rights.decideAll("receive", topicFilter);
  }

  #may(identity: Identity, request: keyof typeof KNOWN, topicName: string): boolean {
    const remembered = this.#rememberedOf(identity);
    if (typeof remembered === "boolean") return remembered;
    const { rights } = remembered;
    const verdicts = remembered.verdicts ??= new Verdicts(this.#verdictsPerIdentityMax);
    const { wholes, gauge, byTopic } = verdicts;
    const answer = wholes.answerOn(request, topicName);
    if (answer !== undefined) return answer;
    const looks = !gauge.isMiniature || gauge.samples(levelHash(topicName, 0, topicName.length));
    const bit = KNOWN[request];
    const known = looks ? byTopic.get(topicName) ?? 0 : 0;
    if ((known & bit) !== 0) {
      gauge.hit();
      return (known & (bit << ALLOWED_SHIFT)) !== 0;
    }
    const outcome = rights.decide(request, topicName);
    wholes.learn(rights, request, outcome);
    if (looks) this.#remember(verdicts, topicName, known | bit | (outcome.allowed ? bit << ALLOWED_SHIFT : 0));
    return outcome.allowed;
  }

  #remember(verdicts: Verdicts, topicName: string, verdict: number): void {
    const { byTopic, gauge } = verdicts;
    if (!byTopic.has(topicName)) {
      const count = 1 + Math.floor(topicName.length / CHARS_COUNTED_AS_ONE);
      const countMax = this.#verdictsPerIdentityMax / gauge.divisor;
      if (count > countMax) return;
      if (verdicts.count + count > countMax) {
        gauge.lost(byTopic.size);
        this.#verdictCount -= verdicts.count;
        byTopic.clear();
        verdicts.count = 0;
      }
      // Some belong to identities that are gone: nobody counts them down. So now and then all are forgotten.
      if (this.#verdictCount + count > this.#verdictsMax) {
        this.#forget();
        return;
      }
      verdicts.count += count;
      this.#verdictCount += count;
    }
    byTopic.set(topicName, verdict);
  }

  #rememberedOf(identity: Identity): Remembered {
    this.#renew();
    let remembered = this.#remembered.get(identity);
    if (remembered === undefined) {
      this.#index ??= new AclIndex(this.#accounts);
      const rights = this.#index.rightsOf(identity);
      remembered = rights.constant ?? { rights, verdicts: undefined };
      this.#remembered.set(identity, remembered);
    }
    return remembered;
  }

  /** Others who watch may ask before we have heard of a change: so it is looked at each time. */
  #renew(): void {
    const { accounts } = this.#source;
    if (accounts === this.#accounts) return;
    const isSameVersion = accounts.version === this.#accounts.version;
    this.#accounts = accounts;
    // Somebody's credentials are hashed better: nobody's rights are others. When all log in for the first time after an
    // import, this would be the end of all verdicts some hundred times a second.
    if (isSameVersion) return;
    this.#index = undefined;
    this.#bans = undefined;
    this.#claims = undefined;
    this.#forget();
  }

  #forget(): void {
    this.#remembered = new WeakMap();
    this.#verdictCount = 0;
  }
}

const BAN_NAMES = { address: "address", user: "user", "client-id": "Client Identifier" } as const;
