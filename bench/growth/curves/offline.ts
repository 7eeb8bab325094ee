/** What sessions cost whose clients are away: each message that is queued for one, one that is queued for all, and the
 * deliveries of others beside them. @module */

import type { Curve } from "../curve.ts";
import { Flow, inGroups } from "../load/flow.ts";
import { RawClient } from "../load/raw_client.ts";
import { onePair, Stage } from "../stage.ts";

const OTHERS = "a delivery to others, QoS 0";
const ONE = "a message that is queued for one of them, QoS 1";
const ALL = "each queued copy of a message for all of them, QoS 1";
/** So many messages for each session, and not fewer than so many altogether. */
const SHARE = 5;
const MESSAGES_MIN = 20_000;
const AT_ONCE = 50;

export const OFFLINE: Curve = {
  id: "offline",
  title: "Sessions that are offline",
  x: "sessions whose clients are away",
  about: "Sessions whose clients are away, each with messages in its queue, in memory: what a message for one of " +
    "them costs, what each copy of a message for all of them costs, and what others pay.",
  series: [OTHERS, ONE, ALL],
  points: [1, 100, 1000, 10_000, 100_000],
  tinyPoint: 5,
  charts: [{ id: "", title: "Cost by the number of sessions that are away", figure: "cpuUs", y: "broker CPU, µs" }],
  async measure(setting) {
    const { series, x, isTiny } = setting;
    await using stage = await Stage.start(setting, { sessionsOfflineMax: 1_000_000 });
    const before = stage.rssBytes;
    await inGroups(Array.from({ length: x }, (_, index) => index), AT_ONCE, async (index) => {
      const client = new RawClient(`away-${index}`);
      await client.connect(stage.port, false);
      await client.subscribe([`away/${index}`, "all"], 1);
      await client.disconnect();
    });
    // Each has its share already when others are looked at.
    const messages = isTiny ? SHARE * x : Math.max(MESSAGES_MIN, SHARE * x);
    const own = Array.from({ length: x }, (_, index) => `away/${index}`);
    if (series === OTHERS) await queue(stage, own, SHARE * x, 1);
    const figures = series === OTHERS
      ? await stage.flowFigures(onePair(["bench/pair"], ["bench/pair"]))
      : await (series === ONE ? queue(stage, own, messages, 1) : queue(stage, ["all"], Math.ceil(messages / x), x));
    const sessionBytes = stage.rssBytes === undefined || x < 1000 ? undefined : (stage.rssBytes - before!) / x;
    return { figures: { ...figures, sessionBytes }, verified: stage.verified, problems: stage.problems };
  },
};

/** Publishes, and waits until all are acknowledged. */
async function queue(stage: Stage, topics: readonly string[], messagesMax: number, copies: number) {
  const plan = onePair(topics, [], { qos: 1, window: 1000, messagesMax });
  const flow = await Flow.open(stage.port, {
    ...plan,
    publishers: [{ ...plan.publishers[0], receivers: 0 }],
    subscribers: [],
  });
  const mark = stage.mark();
  flow.start();
  await flow.untilPublished();
  await stage.finish(flow);
  stage.verified += messagesMax;
  const brokerUs = stage.brokerUs(mark);
  return { cpuUs: brokerUs === undefined ? undefined : brokerUs / (messagesMax * copies), rssBytes: stage.rssBytes };
}
