/** Cost of a delivery, and of a byte, against the size of the payload. @module */

import type { Curve } from "../curve.ts";
import { onePair, Stage } from "../stage.ts";

/** That are on their way: what a socket and the broker's mark take without anybody waiting. */
const WINDOW_BYTES = 2 * 1024 * 1024;
const QOS: Readonly<Record<string, 0 | 1>> = { "QoS 0": 0, "QoS 1": 1 };

export const PAYLOAD: Curve = {
  id: "payload",
  title: "Payload size",
  x: "bytes of payload",
  about: "One publisher, one subscriber. Small messages share reads and writes; from some KiB on it is the bytes " +
    "that count.",
  series: Object.keys(QOS),
  points: [16, 256, 4096, 65_536, 1_048_576, 10_485_760],
  tinyPoint: 1000,
  charts: [
    { id: "cost", title: "Cost of a delivery by its payload", figure: "cpuUs", y: "broker CPU, µs", isLog: true },
    { id: "bytes", title: "Payload through one core", figure: "bytesPerSecond", y: "bytes/s", isLog: true },
  ],
  async measure(setting) {
    const { series, x } = setting;
    await using stage = await Stage.start(setting);
    const window = Math.max(2, Math.min(4000, Math.floor(WINDOW_BYTES / x)));
    const plan = onePair(["bench/payload"], ["bench/payload"], { qos: QOS[series], payloadBytes: x, window });
    const figures = await stage.flowFigures(plan);
    const bytesPerSecond = x * figures.deliveriesPerSecond!;
    return { figures: { ...figures, bytesPerSecond }, verified: stage.verified, problems: stage.problems };
  },
};
